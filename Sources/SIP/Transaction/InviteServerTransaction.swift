import NIOCore

/// INVITE server transaction: RFC 3261 §17.2.1 with RFC 6026 §7.1.
///
/// ```
///              | INVITE to the user; 100 by itself after 200 ms of silence
///              v
///         Proceeding  <- INVITE again: last 1xx again. User's 1xx: sent
///              |
///    300-699   |   2xx
///    sent      |   sent
///   .----------+-------------.
///   v                        v
/// Completed (G UDP, H)    Accepted (L)  <- INVITE again: absorbed. 2xx of the user: sent. ACK: to the user
///   | INVITE, G: sent again  |
///   | ACK          H: timed  | L
///   v                   out  |
/// Confirmed (I) -> Terminated <--'
/// ```
/// A 2xx is repeated by its user (`SuccessRetransmission`), or by the user agent behind a proxy, not here.
struct InviteServerTransaction: Sendable {
    enum State: Sendable {
        case proceeding(last: Response?, trying: NIODeadline?)
        case completed(response: Response, retransmit: NIODeadline?, interval: TimeAmount, timeout: NIODeadline)
        case confirmed(until: NIODeadline)
        case accepted(until: NIODeadline)
        case terminated
    }

    let id: TransactionID
    let key: ServerKey
    let flow: Flow
    private let request: Request
    private(set) var state: State

    init(
        id: TransactionID, key: ServerKey, request: Request, flow: Flow, now: NIODeadline, timers: TransactionTimers,
        into actions: inout TransactionLayer.ActionQueue
    ) {
        self.id = id
        self.key = key
        self.request = request
        self.flow = flow
        state = .proceeding(last: nil, trying: now + timers.trying)
        actions.append(.request(request, id, flow))
    }

    var nextDeadline: NIODeadline? {
        switch state {
        case .proceeding(_, let trying): trying
        case .completed(_, let retransmit, _, let timeout): retransmit.map { min($0, timeout) } ?? timeout
        case .confirmed(let until), .accepted(let until): until
        case .terminated: nil
        }
    }

    /// The INVITE once more.
    mutating func receiveRetransmission(into actions: inout TransactionLayer.ActionQueue) {
        switch state {
        case .proceeding(let last?, _): actions.append(.transmit(.response(last), flow))
        case .completed(let response, _, _, _): actions.append(.transmit(.response(response), flow))
        case .proceeding, .confirmed, .accepted, .terminated: break
        }
    }

    mutating func receiveACK(
        _ ack: Request, now: NIODeadline, timers: TransactionTimers, into actions: inout TransactionLayer.ActionQueue
    ) {
        switch state {
        case .completed:
            let until = timers.i(flow)
            if until == .zero {
                terminate(into: &actions)
            } else {
                state = .confirmed(until: now + until)
            }
        // RFC 6026 §7.1: an ACK to the 2xx that came with the branch of the INVITE is its user's.
        case .accepted: actions.append(.request(ack, id, flow))
        case .proceeding, .confirmed, .terminated: break
        }
    }

    mutating func respond(
        _ response: Response, now: NIODeadline, timers: TransactionTimers,
        into actions: inout TransactionLayer.ActionQueue
    ) {
        switch state {
        case .proceeding:
            actions.append(.transmit(.response(response), flow))
            if response.status < 200 {
                state = .proceeding(last: response, trying: nil)
            } else if response.status < 300 {
                state = .accepted(until: now + timers.timeout)
            } else {
                state = .completed(
                    response: response, retransmit: flow.isReliable ? nil : now + timers.t1, interval: timers.t1,
                    timeout: now + timers.timeout)
            }
        case .accepted where (200..<300).contains(response.status):
            actions.append(.transmit(.response(response), flow))
        case .accepted, .completed, .confirmed, .terminated: break
        }
    }

    mutating func timersDue(
        now: NIODeadline, timers: TransactionTimers, into actions: inout TransactionLayer.ActionQueue
    ) {
        switch state {
        case .proceeding(let last, let trying?) where trying <= now:
            if last == nil {
                respond(
                    .make(100, nil, to: request, toTag: nil), now: now, timers: timers, into: &actions)
            }
        case .completed(_, _, _, let timeout) where timeout <= now:
            actions.append(.timedOut(id))
            terminate(into: &actions)
        case .completed(let response, let retransmit?, let interval, let timeout) where retransmit <= now:
            actions.append(.transmit(.response(response), flow))
            let interval = timers.next(interval)
            state = .completed(
                response: response, retransmit: now + interval, interval: interval, timeout: timeout)
        case .confirmed(let until) where until <= now, .accepted(let until) where until <= now:
            terminate(into: &actions)
        case .proceeding, .completed, .confirmed, .accepted, .terminated: break
        }
    }

    /// RFC 6026 §7.1: the user is told, and the machine stays to absorb retransmissions. Over a connection that is gone none can come: it ends.
    mutating func transportFailed(into actions: inout TransactionLayer.ActionQueue) {
        switch state {
        case .proceeding, .completed, .accepted: actions.append(.failed(id))
        case .confirmed, .terminated: break
        }
        if flow.isReliable { terminate(into: &actions) }
    }

    /// Ends without an answer. The same request once more is a new transaction.
    mutating func drop(into actions: inout TransactionLayer.ActionQueue) { terminate(into: &actions) }

    private mutating func terminate(into actions: inout TransactionLayer.ActionQueue) {
        if case .terminated = state { return }
        state = .terminated
        actions.append(.terminated(id))
    }
}
