import NIOCore

/// Server transaction of every method but INVITE and ACK: RFC 3261 §17.2.2.
///
/// ```
///            | request to the user
///            v
///         Trying        <- request again: absorbed
///            | 1xx sent
///            v
///       Proceeding      <- request again: last 1xx again
///            | 200-699 sent (from Trying as well)
///            v
///       Completed (J: 64·T1, 0 over TCP) <- request again: response again -> Terminated
/// ```
struct NonInviteServerTransaction: Sendable {
    enum State: Sendable {
        /// The bound is ours: a user that never answers leaves nothing behind.
        case trying(until: NIODeadline)
        case proceeding(last: Response, until: NIODeadline)
        case completed(response: Response, until: NIODeadline)
        case terminated
    }

    let id: TransactionID
    let key: ServerKey
    let flow: Flow
    private(set) var state: State

    init(id: TransactionID, key: ServerKey, flow: Flow, now: NIODeadline, timers: TransactionTimers) {
        self.id = id
        self.key = key
        self.flow = flow
        state = .trying(until: now + timers.unanswered)
    }

    var nextDeadline: NIODeadline? {
        switch state {
        case .trying(let until), .proceeding(_, let until), .completed(_, let until): until
        case .terminated: nil
        }
    }

    mutating func receiveRetransmission(into actions: inout TransactionLayer.ActionQueue) {
        switch state {
        case .proceeding(let response, _), .completed(let response, _):
            actions.append(.transmit(.response(response), flow))
        case .trying, .terminated: break
        }
    }

    mutating func respond(
        _ response: Response, now: NIODeadline, timers: TransactionTimers,
        into actions: inout TransactionLayer.ActionQueue
    ) {
        switch state {
        case .trying(let until), .proceeding(_, let until):
            actions.append(.transmit(.response(response), flow))
            if response.status < 200 {
                state = .proceeding(last: response, until: until)
            } else {
                let until = timers.j(flow)
                if until == .zero {
                    terminate(into: &actions)
                } else {
                    state = .completed(response: response, until: now + until)
                }
            }
        case .completed, .terminated: break
        }
    }

    mutating func timersDue(now: NIODeadline, into actions: inout TransactionLayer.ActionQueue) {
        switch state {
        case .trying(let until) where until <= now, .proceeding(_, let until) where until <= now:
            actions.append(.timedOut(id))
            terminate(into: &actions)
        case .completed(_, let until) where until <= now: terminate(into: &actions)
        case .trying, .proceeding, .completed, .terminated: break
        }
    }

    /// RFC 3261 §17.2.4.
    mutating func transportFailed(into actions: inout TransactionLayer.ActionQueue) {
        switch state {
        case .trying, .proceeding: actions.append(.failed(id))
        case .completed, .terminated: break
        }
        terminate(into: &actions)
    }

    /// Ends without an answer. The same request once more is a new transaction.
    mutating func drop(into actions: inout TransactionLayer.ActionQueue) { terminate(into: &actions) }

    private mutating func terminate(into actions: inout TransactionLayer.ActionQueue) {
        if case .terminated = state { return }
        state = .terminated
        actions.append(.terminated(id))
    }
}
