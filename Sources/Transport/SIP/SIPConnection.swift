import NIOCore
import NIOSSL
import NIOTLS
import Observability
import SDP
import SIP
import WireSyntax

/// One TCP or TLS connection of a SIP endpoint: octets into messages, keep-alives answered, time and memory limited. The last handler of its pipeline.
final class SIPConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What a new flow must have in common with an open connection to use it. The server's name belongs to it: who proved one name did not prove another.
    struct Target: Hashable {
        let name: String
        let transport: Flow.Transport
        let remote: Endpoint
        let serverName: String?
    }

    private enum State {
        /// TCP or TLS is being set up.
        case opening
        case open(Flow)
        case closed
    }

    let name: String
    let transport: Flow.Transport
    /// Of a connection that we opened.
    private let target: Target?
    private let ready: EventLoopPromise<Flow>?
    private let ownFingerprint: String?
    private let hello: HelloReader?
    private let endpoint: SIPEndpoint
    let number: UInt64
    /// The source address under which an accepted connection is counted.
    var countedSource: IPAddress?

    private var state = State.opening
    private var channel: (any Channel)?
    private var local: Endpoint?
    private var remote: Endpoint?
    private var decoder = StreamDecoder()
    private var timer: DeadlineRegistration?
    private var lastActivity: NIODeadline
    /// When the message that has begun must be whole.
    private var messageDeadline: NIODeadline?
    /// Until an accepted connection has brought a message: a ping is none.
    private var owesMessage: Bool
    private var received = 0
    private var sent = 0
    private var reason: String?

    init(
        _ endpoint: SIPEndpoint, number: UInt64, name: String, transport: Flow.Transport, target: Target?,
        ready: EventLoopPromise<Flow>?, hello: HelloReader?, ownFingerprint: String?
    ) {
        self.endpoint = endpoint
        self.number = number
        self.name = name
        self.transport = transport
        self.target = target
        self.ready = ready
        self.hello = hello
        self.ownFingerprint = ownFingerprint
        lastActivity = endpoint.eventLoop.now
        owesMessage = target == nil
    }

    // MARK: From the endpoint

    /// Accepted, and no message has come by it yet: it gives way where there are too many.
    var givesWay: Bool { owesMessage }

    /// RFC 5626 §4.4.1.
    func ping() { _ = write(ByteBuffer(string: "\r\n\r\n")) }

    /// - Returns: false if nothing can be sent.
    func write(_ octets: ByteBuffer) -> Bool {
        guard case .open = state, let channel else { return false }
        guard channel.isWritable else {
            close("the peer does not read")
            return false
        }
        sent += octets.readableBytes
        lastActivity = endpoint.eventLoop.now
        channel.writeAndFlush(octets, promise: nil)
        return true
    }

    func close(_ why: String) {
        reason = reason ?? why
        channel?.close(promise: nil)
    }

    // MARK: From the channel

    func handlerAdded(context: ChannelHandlerContext) {
        channel = context.channel
        timer = endpoint.deadlines.register { [weak self] now in self?.timeIsOut(now) }
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) { begin(context) }

    private func begin(_ context: ChannelHandlerContext) {
        guard local == nil else { return }
        guard let local = context.channel.localEndpoint, let remote = context.channel.remoteEndpoint else {
            return context.close(promise: nil)
        }
        self.local = local
        self.remote = remote
        messageDeadline = endpoint.eventLoop.now + endpoint.limits.messageTime
        setTimer()
        endpoint.emitConnection(target == nil ? .accepted : .connected, local: "\(local)", remote: remote, name)
        if transport == .tcp { open() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? TLSUserEvent else { return context.fireUserInboundEventTriggered(event) }
        switch event {
        case .handshakeCompleted:
            emitHandshake(context, accepted: true, reason: nil)
            open()
        case .shutdownCompleted: close("closed by the peer")
        }
    }

    private func open() {
        guard case .opening = state, let local, let remote else { return }
        let flow = Flow(transport: transport, local: local, remote: remote, connection: number)
        state = .open(flow)
        // A connection that we opened may stay silent; one that was accepted owes us a message.
        if target != nil { messageDeadline = nil }
        ready?.succeed(flow)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .open(let flow) = state else { return }
        let octets = unwrapInboundIn(data)
        received += octets.readableBytes
        lastActivity = endpoint.eventLoop.now
        decoder.feed(octets)
        var hasFinished = false
        do {
            while case .open = state, let item = try decoder.next() {
                switch item {
                case .keepAlivePing:
                    // RFC 5626 §3.5.1: a ping (double CRLF) is answered with a pong (one CRLF).
                    _ = write(ByteBuffer(string: "\r\n"))
                case .keepAlivePong: endpoint.received(pong: flow)
                case .message(let message):
                    hasFinished = true
                    owesMessage = false
                    endpoint.receive(message, over: flow)
                case .malformed(let malformed):
                    hasFinished = true
                    endpoint.refuse(malformed, over: flow)
                }
            }
        } catch {
            // Where the next message begins can't be known (RFC 3261 §18.3): an answer, and the end.
            endpoint.refuse(error, over: flow)
            close("unreadable: \(error.error)")
            return
        }
        if owesMessage {
            // What it owes is due when it was due at first, whatever else it sends.
        } else if !decoder.isMidMessage {
            messageDeadline = nil
        } else if messageDeadline == nil || hasFinished {
            messageDeadline = lastActivity + endpoint.limits.messageTime
        }
        setTimer()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .opening = state, transport == .tls { emitHandshake(context, accepted: false, reason: "\(error)") }
        close("\(error)")
    }

    func channelInactive(context: ChannelHandlerContext) { end() }

    /// Also the end of a connection that never came about, of which no other call tells.
    func handlerRemoved(context: ChannelHandlerContext) { end() }

    private func end() {
        let former = state
        if case .closed = former { return }
        state = .closed
        timer?.cancel()
        timer = nil
        channel = nil
        let why = reason ?? "closed by the peer"
        if let local, let remote {
            endpoint.emitConnection(
                .closed, local: "\(local)", remote: remote, name, why, received: received, sent: sent)
        }
        var flow: Flow?
        if case .open(let open) = former { flow = open }
        endpoint.forget(self, target: target, flow: flow)
        // A connection that was never made fails by the error of connecting.
        if local != nil { ready?.fail(SIPTransportError.closed(why)) }
    }

    // MARK: Time

    private func setTimer() { timer?.set(min(messageDeadline ?? .distantFuture, lastActivity + endpoint.limits.idle)) }

    /// The timer is not moved with every octet: it looks again when it fires.
    private func timeIsOut(_ now: NIODeadline) {
        if let messageDeadline, messageDeadline <= now { return close("no whole message in time") }
        if lastActivity + endpoint.limits.idle <= now { return close("idle") }
        setTimer()
    }

    private func emitHandshake(_ context: ChannelHandlerContext, accepted: Bool, reason: String?) {
        guard endpoint.events.isEnabled, let local, let remote else { return }
        let engine = try? context.pipeline.syncOperations.handler(type: NIOSSLHandler.self)
        let certificate = (engine?.peerCertificate).flatMap { try? $0.toDERBytes() }
        endpoint.events.emit(
            .tls(
                FlowEvent.Handshake(
                    role: target == nil ? .server : .client, accepted: accepted, local: "\(local)",
                    remote: "\(remote)", leg: name, version: hello?.parameters.version,
                    cipher: hello?.parameters.cipher, clientRandom: hello?.parameters.clientRandom,
                    peerFingerprint: certificate.flatMap {
                        CertificateDigest.fingerprint(of: $0, hash: .sha256)?.description
                    }, ownFingerprint: ownFingerprint, reason: reason)))
    }
}
