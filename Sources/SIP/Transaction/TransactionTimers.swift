import NIOCore

/// The timers of RFC 3261 §17 (Table 4 in Appendix A) and of RFC 6026 §7, all derived from T1, T2 and T4.
///
/// | timer | value            | meaning                                                  |
/// |-------|------------------|----------------------------------------------------------|
/// | A     | T1, doubling     | INVITE request retransmission, UDP only                  |
/// | B     | 64·T1            | INVITE client times out                                  |
/// | D     | ≥ 32 s, 0 TCP    | how long response retransmissions get an ACK             |
/// | E     | T1, up to T2     | other request retransmission, UDP only                   |
/// | F     | 64·T1            | other client times out                                   |
/// | G     | T1, up to T2     | INVITE response retransmission, UDP only                 |
/// | H     | 64·T1            | wait for the ACK                                         |
/// | I     | T4, 0 TCP        | how long ACK retransmissions are absorbed                |
/// | J     | 64·T1, 0 TCP     | how long request retransmissions are answered            |
/// | K     | T4, 0 TCP        | how long response retransmissions are absorbed           |
/// | L, M  | 64·T1            | Accepted: 2xx retransmissions, server and client         |
public struct TransactionTimers: Hashable, Sendable {
    /// Round-trip time estimate.
    public var t1: TimeAmount
    /// Longest interval between retransmissions.
    public var t2: TimeAmount
    /// Longest life of a message in the network.
    public var t4: TimeAmount
    /// RFC 3261 §17.2.1: a 100 goes out by itself if the user has said nothing for this long.
    public var trying: TimeAmount
    /// (ours) A server transaction other than INVITE that its user never answers is given up after this.
    public var unanswered: TimeAmount

    public init(
        t1: TimeAmount = .milliseconds(500), t2: TimeAmount = .seconds(4), t4: TimeAmount = .seconds(5),
        trying: TimeAmount = .milliseconds(200), unanswered: TimeAmount = .seconds(64)
    ) {
        self.t1 = t1
        self.t2 = t2
        self.t4 = t4
        self.trying = trying
        self.unanswered = unanswered
    }

    /// Timers B, F, H, L, M, and J over UDP.
    public var timeout: TimeAmount { t1 * 64 }

    /// Timer D: at least 32 s over UDP, because the server's T1 is not known; nothing over a connection.
    func d(_ flow: Flow) -> TimeAmount { flow.isReliable ? .zero : max(.seconds(32), timeout) }
    func i(_ flow: Flow) -> TimeAmount { flow.isReliable ? .zero : t4 }
    func j(_ flow: Flow) -> TimeAmount { flow.isReliable ? .zero : timeout }
    func k(_ flow: Flow) -> TimeAmount { flow.isReliable ? .zero : t4 }
    /// The interval that follows: doubled, never above T2.
    func next(_ interval: TimeAmount) -> TimeAmount { min(interval * 2, t2) }
}

/// How much a transaction layer keeps.
public struct TransactionLimits: Hashable, Sendable {
    /// Server transactions at a time. A request beyond it gets 503 with Retry-After, without state.
    public var serverTransactions: Int
    /// Client transactions at a time. A request beyond it fails at once.
    public var clientTransactions: Int
    /// Retry-After of that 503, seconds.
    public var retryAfter: Int

    public init(serverTransactions: Int = 20_000, clientTransactions: Int = 20_000, retryAfter: Int = 10) {
        self.serverTransactions = serverTransactions
        self.clientTransactions = clientTransactions
        self.retryAfter = retryAfter
    }
}
