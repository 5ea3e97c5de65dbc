import NIOCore
import NIOEmbedded
import Observability
import SIP
import WireSyntax

@testable import Transport

/// A SIP endpoint on an embedded loop: one UDP "socket" named mw, and TCP connections made of embedded channels.
final class SIPHarness: SIPUser {
    static let local = Endpoint(.v4(0x7F01_0001), 5060)
    static let peer = Endpoint(.v4(0x7F02_0002), 40_000)

    let loop = EmbeddedEventLoop()
    let events = RecordedEvents()
    let endpoint: SIPEndpoint
    let socket: EmbeddedChannel
    /// What the user was told, one line each.
    var log: [String] = []
    var requests: [(request: Request, transaction: TransactionID?, flow: Flow)] = []
    var responses: [Response] = []
    /// Connections that the endpoint opened, and whether the peers take any.
    var dialled: [(local: Endpoint?, remote: Endpoint, channel: EmbeddedChannel)] = []
    var takesConnections = false
    /// Connections wait for `connectHeld`.
    var holdsConnections = false
    private var heldConnections: [() -> Void] = []
    var onRequest: ((Request, TransactionID?, Flow) -> Void)?

    init(limits: SIPEndpointLimits = SIPEndpointLimits()) {
        var counter: UInt64 = 1000
        endpoint = SIPEndpoint(eventLoop: loop, events: events, limits: limits) {
            counter += 1
            return counter
        }
        socket = EmbeddedChannel(loop: loop)
        endpoint.sockets.append(SIPSocket(name: "mw", transport: .udp, local: Self.local, channel: socket))
        endpoint.user = self
        endpoint.connector = { [weak self] _, local, remote, _, initializer in
            guard let self else { return EmbeddedEventLoop().makeFailedFuture(ChannelError.connectPending) }
            return self.dial(local, remote, initializer)
        }
    }

    private func dial(
        _ local: Endpoint?, _ remote: Endpoint, _ initializer: @escaping (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        let promise = loop.makePromise(of: (any Channel).self)
        let go = { [self] in
            guard takesConnections else { return promise.fail(ChannelError.connectPending) }
            let channel = EmbeddedChannel(loop: loop)
            channel.localAddress = SocketAddress(Endpoint(local?.address ?? Self.local.address, local?.port ?? 49_000))
            channel.remoteAddress = SocketAddress(remote)
            dialled.append((local, remote, channel))
            initializer(channel).flatMap { channel.connect(to: SocketAddress(remote)) }.map { channel }
                .cascade(to: promise)
        }
        if holdsConnections { heldConnections.append(go) } else { go() }
        return promise.futureResult
    }

    func connectHeld() {
        for go in heldConnections { go() }
        heldConnections = []
        loop.run()
    }

    func receive(_ text: String, from remote: Endpoint = SIPHarness.peer) {
        endpoint.receive(
            datagram: ByteBuffer(string: text), over: Flow(transport: .udp, local: Self.local, remote: remote))
        loop.run()
    }

    /// Datagrams that were sent since the last call.
    func sent() throws -> [(to: Endpoint?, text: String)] {
        var sent: [(Endpoint?, String)] = []
        while let envelope = try socket.readOutbound(as: AddressedEnvelope<ByteBuffer>.self) {
            sent.append((Endpoint(envelope.remoteAddress), String(buffer: envelope.data)))
        }
        return sent
    }

    func accept(from remote: Endpoint = SIPHarness.peer) throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(loop: loop)
        channel.localAddress = SocketAddress(Self.local)
        channel.remoteAddress = SocketAddress(remote)
        try endpoint.accept(channel, name: "gm", transport: .tcp, tls: nil)
        try channel.connect(to: SocketAddress(remote)).wait()
        loop.run()
        return channel
    }

    // MARK: SIPUser

    func sipEndpoint(
        _ endpoint: SIPEndpoint, received request: Request, transaction: TransactionID?, over flow: Flow,
        listener: String
    ) {
        log.append("\(request.method) \(listener)")
        requests.append((request, transaction, flow))
        onRequest?(request, transaction, flow)
    }

    func sipEndpoint(
        _ endpoint: SIPEndpoint, cancel request: Request, transaction: TransactionID, of invite: TransactionID?,
        over flow: Flow
    ) { log.append("cancel") }

    func sipEndpoint(
        _ endpoint: SIPEndpoint, received response: Response, transaction: TransactionID?, over flow: Flow
    ) {
        log.append("\(response.status)\(transaction == nil ? " stray" : "")")
        responses.append(response)
    }

    func sipEndpoint(_ endpoint: SIPEndpoint, failed transaction: TransactionID, timedOut: Bool) {
        log.append(timedOut ? "timed out" : "failed")
    }

    func sipEndpoint(_ endpoint: SIPEndpoint, closed flow: Flow) { log.append("closed") }

    // MARK: Messages

    static func text(_ lines: String..., body: String = "") -> String {
        (lines + ["Content-Length: \(body.utf8.count)", "", body]).joined(separator: "\r\n")
    }

    static func options(
        via: String = "SIP/2.0/UDP 127.2.0.2:40000;branch=z9hG4bKone;rport", callID: String = "c1",
        extra: String = "Max-Forwards: 70"
    ) -> String {
        text(
            "OPTIONS sip:x@ims.lab SIP/2.0", "Via: \(via)", "From: <sip:a@ims.lab>;tag=1", "To: <sip:x@ims.lab>",
            "Call-ID: \(callID)", "CSeq: 7 OPTIONS", extra)
    }

    static func request(_ method: Method = .options) throws -> Request {
        var headers = Headers()
        headers.append(.maxForwards, "70")
        headers.append(.from, "<sip:a@ims.lab>;tag=1")
        headers.append(.to, "<sip:x@ims.lab>")
        headers.append(.callID, "c1")
        headers.append(.cSeq, "7 \(method.rawValue)")
        return Request(method: method, uri: try URI("sip:x@ims.lab"), headers: headers, body: ByteBuffer())
    }
}
