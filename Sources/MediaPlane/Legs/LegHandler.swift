import MSRP
import NIOCore
import NIOSSL
import Transport
import WireSyntax

/// The gateway's end of one connection: the last handler of its pipeline. Pauses and resumes reading, and passes octets to the leg on the other side.
///
/// ```
///   held ──▶ handshaking ──▶ up ──▶ draining
///     └────▶ firstRequest ───┘
/// ```
/// `read` is let through to the socket only where somebody takes what comes: not while a connection is held, not while the other leg is missing, not
/// writable, or the mode says inactive. So at most one read's worth waits here, and the peer's window does the rest.
// Confined to the channel's event loop, which is the context's.
final class LegHandler: ChannelDuplexHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Stage { case held, handshaking, firstRequest, up, draining }

    /// A flush into TLS makes the engine's buffer as large as itself, and it stays so (performance.md).
    static let largestFlushIntoTLS = 64 * 1024

    let id: ConnectionID
    let termination: String
    let isTLS: Bool
    let isOutgoing: Bool
    private(set) var local: Endpoint?
    private(set) var remote: Endpoint?
    private(set) var octetsReceived = 0
    private(set) var octetsSent = 0
    /// Said in the event stream, so that its end is said too.
    var isAnnounced = false
    /// Counted among the pending connections of the plane.
    var isPending = false
    var pinned: PinnedHandshake?
    /// Why it is going to close.
    var reason: String?

    var stage = Stage.held {
        didSet {
            // It has done its work, and would keep the buffer that it read from.
            if oldValue == .firstRequest, stage != oldValue { firstRequest = MSRPDecoder() }
            readIfPossible()
        }
    }
    /// Strong until the channel is gone: the context hears of the end also after it was released.
    private var owner: (any LegOwner)?
    private var context: ChannelHandlerContext?
    private weak var partner: LegHandler?
    private var mayForward = false
    private var relay: AwareDirection?
    private var firstRequest = MSRPDecoder()
    private var inbox: [ByteBuffer] = []
    private var isReadWanted = false
    private var isInputClosed = false
    private var isOutputClosed = false
    private var isClosed = false
    private var needsFlush = false

    init(_ id: ConnectionID, termination: String, isTLS: Bool, isOutgoing: Bool, owner: any LegOwner) {
        self.id = id
        self.termination = termination
        self.isTLS = isTLS
        self.isOutgoing = isOutgoing
        self.owner = owner
    }

    var channel: (any Channel)? { context?.channel }

    // MARK: Commands of the context

    /// At once: what was not sent is lost.
    func close(_ reason: String? = nil) {
        if self.reason == nil { self.reason = reason }
        isClosed = true
        part()
        context?.close(promise: nil)
    }

    /// After what was given to it has been sent; what still comes is dropped.
    func finish(_ reason: String? = nil) {
        if self.reason == nil { self.reason = reason }
        part()
        inbox = []
        stage = .draining
        closeOutput()
    }

    /// The other leg goes on without this one: a chunk that it was being given is given up.
    private func part() {
        guard let partner else { return }
        if let end = relay?.abort(), !end.isEmpty {
            partner.send(end)
            flushPartner()
        }
        partner.partner = nil
        self.partner = nil
    }

    /// Connects the two legs, or parts them (nil). `relay` is set in aware mode only, and continues where it stood.
    func couple(
        to other: LegHandler?, mayForward: Bool,
        relay make: (AwareDirection?, _ isNewConnection: Bool) -> AwareDirection?
    ) {
        let isNew = other !== partner
        partner = other
        self.mayForward = mayForward
        relay = make(relay, isNew)
    }

    /// After both directions are coupled: delivers what waits.
    func deliverWaiting() {
        guard canForward else { return }
        let waiting = inbox
        inbox = []
        for buffer in waiting { forward(buffer) }
        flushPartner()
        flushSelf()
        if isInputClosed { endOfInput() }
        readIfPossible()
    }

    /// Writes octets of the gateway's own: an answer to a first request.
    func answer(_ buffer: ByteBuffer) {
        send([buffer])
        context?.flush()
    }

    // MARK: Reading

    private var canForward: Bool { stage == .up && partner != nil && mayForward }

    private var mayRead: Bool {
        switch stage {
        case .held: false
        case .handshaking, .firstRequest, .draining: true
        // A peer whose requests are answered 481 and that reads no answers gets no more of them either.
        case .up: canForward && inbox.isEmpty && partner?.isWritable == true && (relay == nil || isWritable)
        }
    }

    private var isWritable: Bool { context?.channel.isWritable ?? false }

    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { isReadWanted = true }
    }

    func readIfPossible() {
        guard isReadWanted, mayRead, let context else { return }
        isReadWanted = false
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        octetsReceived += buffer.readableBytes
        switch stage {
        case .up where canForward && inbox.isEmpty: forward(buffer)
        case .firstRequest:
            inbox.append(buffer)
            readFirstRequest(buffer)
        case .draining: break
        case .up, .held, .handshaking: inbox.append(buffer)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flushPartner()
        flushSelf()
    }

    private func flushSelf() {
        guard needsFlush else { return }
        needsFlush = false
        context?.flush()
    }

    private func flushPartner() {
        guard let partner, partner.needsFlush else { return }
        partner.needsFlush = false
        partner.context?.flush()
    }

    private func readFirstRequest(_ buffer: ByteBuffer) {
        firstRequest.feed(buffer)
        do {
            guard let event = try firstRequest.next() else { return }
            owner?.firstRequest(event, on: self)
        } catch {
            owner?.firstRequest(nil, on: self)
        }
    }

    // MARK: Passing on

    private func forward(_ buffer: ByteBuffer) {
        guard let partner else { return inbox.append(buffer) }
        guard relay != nil else { return partner.send([buffer]) }
        do {
            let output = try relay?.feed(buffer) ?? []
            partner.send(output)
        } catch {
            partner.send(relay?.takeCollected() ?? [])
            flushPartner()
            close("not MSRP: \(error)")
            return
        }
        if let transactions = relay?.takeOtherTransactions(), !transactions.isEmpty {
            partner.relay?.expectOther(transactions)
        }
        for answer in relay?.takeAnswers() ?? [] where partner.relay?.insert(answer) == false {
            return close("too many requests of other sessions")
        }
        if let answers = partner.relay?.takeInserted(), !answers.isEmpty { send(answers) }
        if let passed = relay?.takePassed(), !passed.isEmpty { owner?.passed(passed, from: self, to: partner) }
    }

    /// Writes without flushing, except where TLS would otherwise grow a buffer that it keeps.
    private func send(_ buffers: [ByteBuffer]) {
        guard let context, !isOutputClosed else { return }
        var unflushed = 0
        for var buffer in buffers {
            octetsSent += buffer.readableBytes
            while isTLS, unflushed + buffer.readableBytes > LegHandler.largestFlushIntoTLS,
                let slice = buffer.readSlice(length: LegHandler.largestFlushIntoTLS - unflushed)
            {
                context.write(wrapOutboundOut(slice), promise: nil)
                context.flush()
                unflushed = 0
            }
            unflushed += buffer.readableBytes
            if buffer.readableBytes > 0 { context.write(wrapOutboundOut(buffer), promise: nil) }
        }
        needsFlush = true
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            partner?.readIfPossible()
            readIfPossible()
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Beginning and end

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if isClosed { context.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        owner = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        learnEndpoints()
        if !isOutgoing { owner?.accepted(self) }
        context.fireChannelActive()
    }

    /// NIO says that a connection stands before the channel becomes active.
    func learnEndpoints() {
        local = local ?? channel?.localEndpoint
        remote = remote ?? channel?.remoteEndpoint
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let outcome as HandshakeOutcome: owner?.handshakeEnded(outcome, on: self)
        case ChannelEvent.inputClosed: inputClosed(context)
        default: break
        }
    }

    private func inputClosed(_ context: ChannelHandlerContext) {
        isInputClosed = true
        guard stage == .up else {
            if stage != .handshaking { close("the peer closed the connection") }
            return
        }
        if self.reason == nil { reason = "the peer closed the connection" }
        if isOutputClosed { return close() }
        if canForward, inbox.isEmpty { endOfInput() }
    }

    /// Everything that the peer sent has been passed on: its end goes the same way. Only now does the time run that a leg may stay half closed.
    private func endOfInput() {
        flushPartner()
        partner?.closeOutput()
        owner?.halfClosed(self)
    }

    private func closeOutput() {
        guard let context, !isOutputClosed else { return }
        isOutputClosed = true
        // An empty write ends when everything before it has been written; closing earlier would lose it.
        let written = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
        written.futureResult.assumeIsolated().whenComplete { [self] _ in
            guard let context = self.context else { return }
            if isInputClosed { return close() }
            context.close(mode: .output, promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A peer that ends TLS without close_notify: MSRP knows by itself where its messages end.
        if let error = error as? NIOSSLError, case .uncleanShutdown = error { return }
        close(String("\(error)".prefix(160)))
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosed = true
        part()
        owner?.closed(self)
        context.fireChannelInactive()
    }
}

/// What a leg tells its context.
protocol LegOwner: AnyObject {
    func accepted(_ leg: LegHandler)
    func handshakeEnded(_ outcome: HandshakeOutcome, on leg: LegHandler)
    /// The head of the first request; nil: not MSRP.
    func firstRequest(_ event: MSRPDecoder.Event?, on leg: LegHandler)
    func halfClosed(_ leg: LegHandler)
    func closed(_ leg: LegHandler)
    func passed(_ messages: [PassedMessage], from: LegHandler, to: LegHandler)
}
