import NIOCore
import SIP

/// One provisional response that is sent reliably, by a UAS (RFC 3262 §3): repeated after T1, then each time after twice as long, until its PRACK comes; after
/// 64·T1 without one the INVITE is refused.
struct ReliableProvisional: Hashable, Sendable {
    enum Due: Hashable, Sendable { case retransmit, gaveUp }

    static let optionTag = "100rel"
    /// RFC 3262 §3: the first RSeq is chosen below 2^31.
    static let highestFirst: UInt32 = 1 << 30

    let response: Response
    let number: UInt32
    private var interval: TimeAmount
    private var retransmit: NIODeadline
    private let timeout: NIODeadline

    init(_ response: Response, number: UInt32, now: NIODeadline, timers: TransactionTimers = TransactionTimers()) {
        var response = response
        response.headers.append(.require, Self.optionTag)
        response.headers.append(.rSeq, "\(number)")
        self.response = response
        self.number = number
        interval = timers.t1
        retransmit = now + timers.t1
        timeout = now + timers.timeout
    }

    var nextDeadline: NIODeadline { min(retransmit, timeout) }

    mutating func timersDue(now: NIODeadline) -> Due? {
        if timeout <= now { return .gaveUp }
        guard retransmit <= now else { return nil }
        interval = interval * 2
        retransmit = now + interval
        return .retransmit
    }
}

/// RAck (RFC 3262 §7.2): which provisional response to which request a PRACK acknowledges.
struct ResponseAcknowledgement: Hashable, Sendable, CustomStringConvertible {
    var number: UInt32
    var sequence: UInt32
    var method: SIP.Method

    init(number: UInt32, sequence: UInt32, method: SIP.Method = .invite) {
        self.number = number
        self.sequence = sequence
        self.method = method
    }

    init?(_ text: String?) {
        let parts = (text ?? "").split(whereSeparator: \.isWhitespace)
        guard parts.count == 3, let number = UInt32(parts[0]), let sequence = UInt32(parts[1]) else { return nil }
        self.init(number: number, sequence: sequence, method: SIP.Method(rawValue: String(parts[2])))
    }

    var description: String { "\(number) \(sequence) \(method)" }
}
