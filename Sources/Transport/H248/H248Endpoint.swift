import H248
import NIOCore
import Observability
import WireSyntax

/// Binds H.248 transactions to a UDP socket (RFC 3525 Annex D.1), for both ends of Iq. No function does it again.
///
///     UDP socket ─▶ configured peer? ─▶ TransactionEngine ─▶ H248User (agent of a gateway, controller)
///                        │ no: no answer, counted
///
/// Each message that a configured peer sends or gets is a flow event, a foreign one a refusal (not more often than `eventRate`).
// Confined to `eventLoop`: entry points check it, so that sharing the reference between threads is safe.
package final class H248Endpoint: @unchecked Sendable {
    /// Events about foreign or unreadable messages: so many at once, and so many a second. All are counted.
    static let eventBurst = 32
    static let eventRate = 8

    package let eventLoop: any EventLoop
    /// Weak: the user owns the endpoint. What arrives between `bind` and the first user waits for it: a request that were dropped here would be taken for one
    /// that is being executed.
    package weak var user: (any H248User)? {
        didSet {
            eventLoop.preconditionInEventLoop()
            guard user != nil else { return }
            hasHadUser = true
            scheduleDelivery()
        }
    }
    private var hasHadUser = false
    /// Where the socket is bound; nil before `bind`.
    package private(set) var local: Endpoint?

    private let settings: EngineSettings
    private let name: String
    private let foreignKind: String
    private let events: any FlowEventSink
    private let capture: Capture?
    private let seed: UInt64
    private var engine: TransactionEngine
    private var channel: (any Channel)?
    private var timer: DeadlineRegistration?
    private var deliveries = CircularBuffer<TransactionEngine.Action>()
    private var isDeliveryScheduled = false
    private var refusalEvents = TokenBucket(burst: eventBurst, rate: eventRate)

    /// - Parameters:
    ///   - settings: its `identifier` is replaced by the bound address where it is an address with port 0 or without one.
    ///   - name: of the socket in events: `iq`.
    ///   - foreignKind: what an unknown sender is to us: `foreignController` at a gateway, `foreignGateway` at a controller.
    ///   - seed: from a good random source.
    package init(
        eventLoop: any EventLoop, settings: EngineSettings, name: String = "iq", foreignKind: String,
        events: any FlowEventSink = NoEvents(), capture: Capture? = nil, deadlines: DeadlineDriver? = nil,
        seed: UInt64 = UInt64.random(in: .min ... .max)
    ) {
        var settings = settings
        settings.reportsTraffic = events.isEnabled
        self.eventLoop = eventLoop
        self.settings = settings
        self.name = name
        self.foreignKind = foreignKind
        self.events = events
        self.capture = capture
        self.seed = seed
        engine = TransactionEngine(settings: settings, seed: seed)
        timer = (deadlines ?? DeadlineDriver(eventLoop: eventLoop)).register { [weak self] now in
            guard let self else { return }
            self.engine.timersDue(now: now)
            self.pump()
        }
    }

    /// Binds the socket; port 0 lets the kernel choose.
    package func bind(at address: Endpoint) -> EventLoopFuture<Endpoint> {
        Sockets.datagrams(on: eventLoop, at: address) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(H248DatagramHandler(self))
            }
        }.map { channel in
            // NIO: a bound UDP channel has a local address.
            let local = channel.localEndpoint ?? address
            self.begin(at: local, channel: channel)
            self.events.emit(.listening(.init(name: self.name, transport: "udp", local: "\(local)")))
            return local
        }
    }

    /// The bound address is what the engine calls itself.
    func begin(at local: Endpoint, channel: (any Channel)?) {
        self.channel = channel
        self.local = local
        guard case .address(let address, let port) = settings.identifier, (port ?? 0) == 0 else { return }
        var settings = settings
        settings.identifier = .address(address.isUnspecified ? local.address : address, port: local.port)
        engine = TransactionEngine(settings: settings, seed: seed)
    }

    /// Closes the socket; nothing is reported any more.
    package func stop() -> EventLoopFuture<Void> {
        eventLoop.flatSubmit {
            self.timer?.cancel()
            self.timer = nil
            self.user = nil
            guard let channel = self.channel else { return self.eventLoop.makeSucceededVoidFuture() }
            self.channel = nil
            return channel.close().recover { _ in }
        }
    }

    // MARK: For the user

    /// Sends a request, repeats it until it is answered, and reports its reply or `timedOut`, never before this call has returned.
    ///
    /// - Returns: nil when too many are unanswered, or the message does not fit a datagram.
    package func send(_ actions: [ActionRequest], to peer: Endpoint) -> OutgoingTransaction? {
        eventLoop.preconditionInEventLoop()
        let transaction = engine.send(actions, to: peer, now: eventLoop.now)
        pump()
        return transaction
    }

    package func reply(_ body: TransactionReply.Body, to transaction: IncomingTransaction) {
        eventLoop.preconditionInEventLoop()
        engine.reply(body, to: transaction, now: eventLoop.now)
        pump()
    }

    /// Stops repeating a request; its reply is dropped.
    package func forget(_ transaction: OutgoingTransaction) {
        eventLoop.preconditionInEventLoop()
        engine.forget(transaction)
        pump()
    }

    /// See `TransactionEngine.restarted`.
    package func restarted(_ peer: Endpoint, except transaction: IncomingTransaction?) {
        eventLoop.preconditionInEventLoop()
        engine.restarted(peer, except: transaction)
        pump()
    }

    /// The version that ServiceChange settled.
    package func setVersion(_ version: UInt8?, for peer: Endpoint) {
        eventLoop.preconditionInEventLoop()
        engine.setVersion(version, for: peer)
    }

    package func version(for peer: Endpoint) -> UInt8 { engine.version(for: peer) }

    /// The peers that are heard.
    package var policy: PeerPolicy { settings.policy }
    package var identifier: MessageIdentifier { engine.settings.identifier }
    /// Messages of somebody else, dropped without an answer.
    package var refusedMessages: Int { engine.refusedMessages }
    package var malformedMessages: Int { engine.malformedMessages }
    package var outstanding: Int { engine.outstanding }

    // MARK: Between the engine, the socket and the user

    func receive(_ datagram: ByteBuffer, from remote: Endpoint) {
        if let local { capture?.datagram(from: remote, to: local, datagram) }
        engine.receive(datagram, from: remote, now: eventLoop.now)
        pump()
    }

    private func pump() {
        while let action = engine.nextAction() {
            switch action {
            case .transmit(let octets, let peer): transmit(octets, to: peer)
            case .sent(let message, let peer, let isRepetition):
                emit(message, .sent, peer, isRepetition: isRepetition)
            case .received(let message, let peer): emit(message, .received, peer, isRepetition: false)
            case .refused(let source, let reason, let count): refuse(source, foreignKind, reason, count)
            case .malformed(let failure, let source):
                refuse(source, "malformed", failure.description, engine.malformedMessages)
            case .request, .reply, .timedOut, .abandoned, .peerError: deliveries.append(action)
            }
        }
        timer?.set(engine.nextDeadline)
        scheduleDelivery()
    }

    private func scheduleDelivery() {
        guard hasHadUser, !deliveries.isEmpty, !isDeliveryScheduled else { return }
        isDeliveryScheduled = true
        eventLoop.execute { self.deliver() }
    }

    private func deliver() {
        isDeliveryScheduled = false
        while let action = deliveries.popFirst() {
            guard let user else { continue }
            switch action {
            case .request(let request, let transaction, let version):
                user.h248Endpoint(self, received: request, as: transaction, version: version)
            case .reply(let body, let transaction): user.h248Endpoint(self, received: body, to: transaction)
            case .timedOut(let transaction): user.h248Endpoint(self, timedOut: transaction)
            case .abandoned(let transaction): user.h248Endpoint(self, abandoned: transaction)
            case .peerError(let error, let peer): user.h248Endpoint(self, received: error, from: peer)
            case .transmit, .sent, .received, .refused, .malformed: break
            }
        }
    }

    private func transmit(_ octets: ByteBuffer, to peer: Endpoint) {
        guard let channel, let local else { return }
        capture?.datagram(from: local, to: peer, octets)
        channel.writeAndFlush(AddressedEnvelope(remoteAddress: SocketAddress(peer), data: octets), promise: nil)
    }

    private func emit(_ message: Message, _ direction: FlowEvent.Direction, _ peer: Endpoint, isRepetition: Bool) {
        let trace = message.trace
        events.emit(
            .h248(
                FlowEvent.GatewayMessage(
                    direction: direction, transport: "udp", local: local.map { "\($0)" } ?? "", remote: "\(peer)",
                    summary: isRepetition ? trace.summary + " (repeated)" : trace.summary,
                    transaction: trace.transaction, context: trace.context, terminations: trace.terminations,
                    lines: trace.lines)))
    }

    private func refuse(_ source: Endpoint, _ kind: String, _ reason: String, _ count: Int) {
        guard events.isEnabled, refusalEvents.take(now: eventLoop.now) else { return }
        events.emit(
            .refused(
                .init(kind: kind, remote: "\(source)", local: local.map { "\($0)" }, reason: reason, count: count)))
    }
}

/// Datagrams in.
private final class H248DatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let endpoint: H248Endpoint

    init(_ endpoint: H248Endpoint) { self.endpoint = endpoint }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard let remote = Endpoint(envelope.remoteAddress), remote.port != 0 else { return }
        endpoint.receive(envelope.data, from: remote)
    }

    /// A socket error (an ICMP message, for one) concerns one peer; the socket stays.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
