import NIOCore
import WireSyntax

/// Timers of RFC 3525 Annex D.1.
public struct TransactionTimers: Hashable, Sendable {
    /// First estimate of the delay of a reply; measured from then on.
    public var initialDelay = TimeAmount.milliseconds(250)
    /// Between two transmissions, at least and at most (D.1.3 suggests 4 s).
    public var minimumRetransmission = TimeAmount.milliseconds(150)
    public var maximumRetransmission = TimeAmount.seconds(4)
    /// T-MAX (D.1.5): from the first transmission, or the last TransactionPending, to the end of trying.
    public var maximum = TimeAmount.seconds(20)
    /// Between repetitions once a TransactionPending has arrived (D.1.4).
    public var pendingRetransmission = TimeAmount.seconds(2)
    /// LONG-TIMER (D.1.1): how long replies are kept. Larger than `maximum`.
    public var long = TimeAmount.seconds(30)
    /// normalMGExecutionTime / normalMGCExecutionTime: a request that takes longer gets a TransactionPending unasked.
    public var normalExecution = TimeAmount.milliseconds(500)
    /// ProvisionalResponseTimerValue: between two TransactionPendings.
    public var provisionalResponse = TimeAmount.seconds(4)

    public init() {}
}

public struct EngineLimits: Hashable, Sendable {
    /// Transactions, replies and acknowledgements in a message: TS 29.334 allows 10; more get error 413.
    public var itemsPerMessage = 10
    /// MGOriginatedPendingLimit: a request answered with this many TransactionPendings gets error 506.
    public var pendings = 16
    /// Requests of one peer that are being executed; further ones get error 510.
    public var executing = 1024
    /// Replies kept for one peer; a request beyond gets error 510 until LONG-TIMER frees one.
    public var replies = 65_536
    /// Own requests without a reply, over all peers.
    public var outstanding = 16_384
    /// Octets of a datagram that is sent (UDP payload limit).
    public var datagram = 65_507

    public init() {}
}

public struct EngineSettings: Sendable {
    /// Stands in the header of each message.
    public var identifier: MessageIdentifier
    public var policy: PeerPolicy
    /// Header version until one is negotiated.
    public var version: UInt8
    /// Header versions that are understood; others get error 406.
    public var versions: ClosedRange<UInt8> = 1...3
    public var form: TokenForm
    public var timers: TransactionTimers
    public var limits: EngineLimits
    public var decoding: DecodingLimits
    /// Whether `.sent` and `.received` are wanted, for flow events.
    public var reportsTraffic: Bool

    public init(
        identifier: MessageIdentifier, peers: [Peer], version: UInt8 = 2, form: TokenForm = .long,
        timers: TransactionTimers = TransactionTimers(), limits: EngineLimits = EngineLimits(),
        decoding: DecodingLimits = DecodingLimits(), reportsTraffic: Bool = false
    ) {
        self.identifier = identifier
        policy = PeerPolicy(peers: peers)
        self.version = version
        self.form = form
        self.timers = timers
        self.limits = limits
        self.decoding = decoding
        self.reportsTraffic = reportsTraffic
    }
}
