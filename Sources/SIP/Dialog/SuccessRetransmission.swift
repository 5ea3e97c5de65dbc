import NIOCore

/// RFC 3261 §13.3.1.4 (RFC 6026 §8.1): a 2xx to an INVITE is repeated by the user agent server until the ACK comes, over every transport: after T1, then
/// doubled up to T2. Without an ACK after 64·T1 it gives up; the dialog is confirmed all the same and is ended with a BYE.
///
/// ```
///   200 ->   |T1| 200 ->   |2 T1| 200 ->   |4 T1| … |T2| 200 ->   64·T1: gaveUp
/// ```
public struct SuccessRetransmission: Hashable, Sendable {
    public enum Action: Hashable, Sendable {
        /// Send the same 2xx again.
        case retransmit
        case gaveUp
    }

    private var retransmit: NIODeadline?
    private var interval: TimeAmount
    private let timeout: NIODeadline
    private let timers: TransactionTimers
    private var pending: Action?

    /// The 2xx has just been sent once.
    public init(now: NIODeadline, timers: TransactionTimers = TransactionTimers()) {
        self.timers = timers
        interval = timers.t1
        retransmit = now + timers.t1
        timeout = now + timers.timeout
    }

    /// nil once acknowledged or given up.
    public var nextDeadline: NIODeadline? { retransmit.map { min($0, timeout) } }

    public var isActive: Bool { retransmit != nil }

    /// The ACK has come.
    public mutating func acknowledged() {
        retransmit = nil
        pending = nil
    }

    public mutating func timersDue(now: NIODeadline) {
        guard let due = retransmit else { return }
        if timeout <= now {
            retransmit = nil
            pending = .gaveUp
        } else if due <= now {
            interval = timers.next(interval)
            retransmit = now + interval
            pending = .retransmit
        }
    }

    public mutating func nextAction() -> Action? {
        defer { pending = nil }
        return pending
    }
}
