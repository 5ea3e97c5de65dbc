import NIOCore

/// INVITE client transaction: RFC 3261 §17.1.1 with RFC 6026 §8.4, and the CANCEL of RFC 3261 §9.1.
///
/// ```
///              | INVITE sent: timer A (UDP), timer B
///              v
///          Calling ---- A: sent again, doubled ----.      B: timed out
///              |  ^________________________________'      ---------------> Terminated
///              | 1xx to the user (a CANCEL asked for meanwhile goes out now)
///              v
///         Proceeding  <- 1xx to the user.   Cancelled and 64·T1 without a final response: timed out -> Terminated
///              |
///    300-699   |   2xx
///  ACK sent    |   to the user
///   .----------+-------------.
///   v                        v
/// Completed (D)          Accepted (M)  <- every 2xx to the user, nothing else
///   | 300-699: ACK again     |
///   | D                      | M
///   '------> Terminated <----'
/// ```
struct InviteClientTransaction: Sendable {
    /// A CANCEL that is asked for: its own transaction, and headers that it carries beside those of RFC 3261 §9.1 (Reason).
    struct Cancellation: Sendable {
        let id: TransactionID
        let headers: Headers
    }

    enum State: Sendable {
        case calling(
            retransmit: NIODeadline?, interval: TimeAmount, timeout: NIODeadline, cancellation: Cancellation?)
        case proceeding(cancelledUntil: NIODeadline?)
        case completed(ack: Request, until: NIODeadline)
        case accepted(until: NIODeadline)
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
        state = .calling(
            retransmit: flow.isReliable ? nil : now + timers.t1, interval: timers.t1, timeout: now + timers.timeout,
            cancellation: nil)
        actions.append(.transmit(.request(request), flow))
    }

    var nextDeadline: NIODeadline? {
        switch state {
        case .calling(let retransmit, _, let timeout, _): retransmit.map { min($0, timeout) } ?? timeout
        case .proceeding(let until): until
        case .completed(_, let until), .accepted(let until): until
        case .terminated: nil
        }
    }

    /// Returns the CANCEL to send now, if one was waiting for this response.
    mutating func receive(
        _ response: Response, now: NIODeadline, timers: TransactionTimers,
        into actions: inout TransactionLayer.ActionQueue
    ) -> Cancellation? {
        var due: Cancellation?
        switch state {
        case .calling(_, _, _, let cancellation):
            due = response.status < 200 ? cancellation : nil
            fallthrough
        case .proceeding:
            actions.append(.response(response, id, flow))
            if response.status < 200 {
                if case .calling = state {
                    state = .proceeding(cancelledUntil: due == nil ? nil : now + timers.timeout)
                }
            } else if response.status < 300 {
                state = .accepted(until: now + timers.timeout)
            } else {
                let ack = request.acknowledgement(of: response)
                actions.append(.transmit(.request(ack), flow))
                let until = timers.d(flow)
                if until == .zero {
                    terminate(into: &actions)
                } else {
                    state = .completed(ack: ack, until: now + until)
                }
            }
        case .completed(let ack, _):
            if response.status >= 300 { actions.append(.transmit(.request(ack), flow)) }
        case .accepted:
            if (200..<300).contains(response.status) { actions.append(.response(response, id, flow)) }
        case .terminated: break
        }
        return due
    }

    /// RFC 3261 §9.1: a CANCEL goes out only after a provisional response. Returns true if it is to be sent now; false if it waits for one, or if
    /// there is nothing left to cancel.
    mutating func cancel(_ cancellation: Cancellation, now: NIODeadline, timers: TransactionTimers) -> Bool {
        switch state {
        case .calling(let retransmit, let interval, let timeout, nil):
            state = .calling(
                retransmit: retransmit, interval: interval, timeout: timeout, cancellation: cancellation)
            return false
        case .proceeding(nil):
            state = .proceeding(cancelledUntil: now + timers.timeout)
            return true
        case .calling, .proceeding, .completed, .accepted, .terminated: return false
        }
    }

    mutating func timersDue(
        now: NIODeadline, timers: TransactionTimers, into actions: inout TransactionLayer.ActionQueue
    ) {
        switch state {
        case .calling(let retransmit, let interval, let timeout, let cancellation):
            if timeout <= now {
                actions.append(.timedOut(id))
                terminate(into: &actions)
            } else if let retransmit, retransmit <= now {
                actions.append(.transmit(.request(request), flow))
                // §17.1.1.2: timer A doubles without a ceiling.
                state = .calling(
                    retransmit: now + interval * 2, interval: interval * 2, timeout: timeout,
                    cancellation: cancellation)
            }
        case .proceeding(let until?) where until <= now:
            actions.append(.timedOut(id))
            terminate(into: &actions)
        case .completed(_, let until) where until <= now, .accepted(let until) where until <= now:
            terminate(into: &actions)
        case .proceeding, .completed, .accepted, .terminated: break
        }
    }

    /// RFC 3261 §17.1.4.
    mutating func transportFailed(into actions: inout TransactionLayer.ActionQueue) {
        switch state {
        case .calling, .proceeding: actions.append(.failed(id))
        case .completed, .accepted, .terminated: break
        }
        terminate(into: &actions)
    }

    private mutating func terminate(into actions: inout TransactionLayer.ActionQueue) {
        if case .terminated = state { return }
        state = .terminated
        actions.append(.terminated(id))
    }
}
