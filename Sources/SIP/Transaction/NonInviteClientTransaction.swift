import NIOCore

/// Client transaction of every method but INVITE and ACK: RFC 3261 §17.1.2.
///
/// ```
///            | request sent: timer E (UDP), timer F
///            v
///         Trying ------ E: sent again, doubled up to T2 --.     F: timed out
///            | 1xx    ^___________________________________'     ------------> Terminated
///            v
///       Proceeding ---- E: sent again after T2 -----------.     F: timed out
///            |        ^___________________________________'     ------------> Terminated
///            | 200-699 to the user (from Trying as well)
///            v
///       Completed (K: T4, 0 over TCP), retransmissions absorbed -> Terminated
/// ```
struct NonInviteClientTransaction: Sendable {
    enum State: Sendable {
        case trying(retransmit: NIODeadline?, interval: TimeAmount, timeout: NIODeadline)
        case proceeding(retransmit: NIODeadline?, timeout: NIODeadline)
        case completed(until: NIODeadline)
        case terminated
    }

    let id: TransactionID
    let request: Request
    let flow: Flow
    private(set) var state: State

    init(
        id: TransactionID, request: Request, flow: Flow, now: NIODeadline, timers: TransactionTimers,
        into actions: inout TransactionLayer.ActionQueue
    ) {
        self.id = id
        self.request = request
        self.flow = flow
        state = .trying(
            retransmit: flow.isReliable ? nil : now + timers.t1, interval: timers.t1, timeout: now + timers.timeout)
        actions.append(.transmit(.request(request), flow))
    }

    var nextDeadline: NIODeadline? {
        switch state {
        case .trying(let retransmit, _, let timeout), .proceeding(let retransmit, let timeout):
            retransmit.map { min($0, timeout) } ?? timeout
        case .completed(let until): until
        case .terminated: nil
        }
    }

    mutating func receive(
        _ response: Response, now: NIODeadline, timers: TransactionTimers,
        into actions: inout TransactionLayer.ActionQueue
    ) {
        switch state {
        case .trying(let retransmit, _, let timeout), .proceeding(let retransmit, let timeout):
            actions.append(.response(response, id, flow))
            if response.status < 200 {
                state = .proceeding(retransmit: retransmit, timeout: timeout)
            } else {
                let until = timers.k(flow)
                if until == .zero {
                    terminate(into: &actions)
                } else {
                    state = .completed(until: now + until)
                }
            }
        case .completed, .terminated: break
        }
    }

    mutating func timersDue(
        now: NIODeadline, timers: TransactionTimers, into actions: inout TransactionLayer.ActionQueue
    ) {
        switch state {
        case .trying(_, _, let timeout) where timeout <= now, .proceeding(_, let timeout) where timeout <= now:
            actions.append(.timedOut(id))
            terminate(into: &actions)
        case .trying(let retransmit?, let interval, let timeout) where retransmit <= now:
            actions.append(.transmit(.request(request), flow))
            let interval = timers.next(interval)
            state = .trying(retransmit: now + interval, interval: interval, timeout: timeout)
        case .proceeding(let retransmit?, let timeout) where retransmit <= now:
            actions.append(.transmit(.request(request), flow))
            state = .proceeding(retransmit: now + timers.t2, timeout: timeout)
        case .completed(let until) where until <= now: terminate(into: &actions)
        case .trying, .proceeding, .completed, .terminated: break
        }
    }

    /// RFC 3261 §17.1.4.
    mutating func transportFailed(into actions: inout TransactionLayer.ActionQueue) {
        switch state {
        case .trying, .proceeding: actions.append(.failed(id))
        case .completed, .terminated: break
        }
        terminate(into: &actions)
    }

    private mutating func terminate(into actions: inout TransactionLayer.ActionQueue) {
        if case .terminated = state { return }
        state = .terminated
        actions.append(.terminated(id))
    }
}
