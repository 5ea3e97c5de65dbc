import MediaSecurity
import NIOCore
import NIOPosix
import SDP
import Synchronization
import Transport
import WireSyntax

/// A peer of the gateway in tests: a TCP connection, with or without TLS, that remembers what it got and can be waited for.
// Confined to its event loop; the functions for tests hop there.
final class SocketPeer: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    struct WaitFailure: Error, CustomStringConvertible {
        var description: String
    }

    /// How long a test waits for what must happen.
    static let patience = TimeAmount.seconds(10)

    private(set) var channel: (any Channel)!
    private var received = ByteBuffer()
    private var waiters: [(condition: (SocketPeer) -> Bool, promise: EventLoopPromise<Void>)] = []
    private var isClosed = false
    private var outcome: HandshakeOutcome?

    // MARK: Making

    static func connect(
        to endpoint: Endpoint, from source: String, tls: PinnedTLS? = nil, expecting: [Fingerprint] = []
    ) async throws -> SocketPeer {
        let peer = SocketPeer()
        guard let address = IPAddress(source) else { throw WaitFailure(description: "bad address \(source)") }
        _ = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in peer.setUp(channel, .client, tls, expecting) }
            .bind(to: SocketAddress(Endpoint(address, 0)))
            .connect(to: SocketAddress(endpoint)).get()
        return peer
    }

    fileprivate func setUp(
        _ channel: any Channel, _ role: HandshakeRole, _ tls: PinnedTLS?, _ expecting: [Fingerprint]
    ) -> EventLoopFuture<Void> {
        self.channel = channel
        return channel.eventLoop.makeCompletedFuture {
            if let tls {
                _ = try tls.install(
                    on: channel, role: role, verifier: FingerprintPolicy.standard.verifier(expecting: expecting))
            }
            try channel.pipeline.syncOperations.addHandler(self)
        }
    }

    // MARK: For tests

    func send(_ text: String) { send(ByteBuffer(string: text)) }
    func send(_ buffer: ByteBuffer) { channel.writeAndFlush(buffer, promise: nil) }
    func close() { channel.close(promise: nil) }
    func closeOutput() { channel.close(mode: .output, promise: nil) }

    var text: String {
        get async throws { try await channel.eventLoop.submit { String(buffer: self.received) }.get() }
    }

    func waitFor(_ text: String) async throws {
        try await wait("\"\(text)\"") { String(buffer: $0.received).contains(text) }
    }
    func waitForBytes(_ count: Int) async throws -> ByteBuffer {
        try await wait("\(count) octets") { $0.received.readableBytes >= count }
        return try await channel.eventLoop.submit { self.received }.get()
    }
    func waitForClose() async throws { try await wait("the end") { $0.isClosed } }
    func waitForHandshake() async throws -> HandshakeOutcome {
        try await wait("a handshake") { $0.outcome != nil }
        return try await channel.eventLoop.submit { self.outcome! }.get()
    }

    private func wait(_ what: String, _ condition: @escaping @Sendable (SocketPeer) -> Bool) async throws {
        try await channel.eventLoop.flatSubmit { () -> EventLoopFuture<Void> in
            if condition(self) { return self.channel.eventLoop.makeSucceededVoidFuture() }
            let promise = self.channel.eventLoop.makePromise(of: Void.self)
            self.waiters.append((condition, promise))
            self.channel.eventLoop.scheduleTask(in: SocketPeer.patience) {
                promise.fail(
                    WaitFailure(
                        description: "\(what) did not come; got \(String(buffer: self.received).prefix(300)), "
                            + "closed: \(self.isClosed), handshake: \(String(describing: self.outcome))"))
            }
            return promise.futureResult
        }.get()
    }

    private func check() {
        let done = waiters.filter { $0.condition(self) }
        waiters.removeAll { $0.condition(self) }
        for waiter in done { waiter.promise.succeed() }
    }

    // MARK: Channel

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.writeImmutableBuffer(unwrapInboundIn(data))
        check()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let outcome = event as? HandshakeOutcome { self.outcome = outcome }
        if case ChannelEvent.inputClosed = event { isClosed = true }
        check()
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosed = true
        check()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Listens as a peer that waits for the gateway to connect.
final class SocketListener: Sendable {
    let endpoint: Endpoint
    private let channel: any Channel
    private let queue: PeerQueue

    init(at address: String, tls: PinnedTLS? = nil, expecting: [Fingerprint] = []) async throws {
        let queue = PeerQueue()
        self.queue = queue
        guard let address = IPAddress(address) else { throw SocketPeer.WaitFailure(description: "bad address") }
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                let peer = SocketPeer()
                // Whoever takes the peer may use it at once: it has its channel first.
                let ready = peer.setUp(channel, .server, tls, expecting)
                queue.put(peer)
                return ready
            }
            .bind(to: SocketAddress(Endpoint(address, 0))).get()
        guard let endpoint = channel.localEndpoint else { throw SocketPeer.WaitFailure(description: "no port") }
        self.endpoint = endpoint
    }

    /// The next connection.
    func accept() async throws -> SocketPeer { try await queue.take() }
    var isUntouched: Bool { queue.isUntouched }
}

final class PeerQueue: Sendable {
    private struct State {
        var ready: [SocketPeer] = []
        var waiting: [EventLoopPromise<SocketPeer>] = []
        var count = 0
    }
    private let state = Mutex(State())

    var isUntouched: Bool { state.withLock { $0.count == 0 } }

    func put(_ peer: SocketPeer) {
        let promise = state.withLock { state -> EventLoopPromise<SocketPeer>? in
            state.count += 1
            if !state.waiting.isEmpty { return state.waiting.removeFirst() }
            state.ready.append(peer)
            return nil
        }
        promise?.succeed(peer)
    }

    func take() async throws -> SocketPeer {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: SocketPeer.self)
        let peer = state.withLock { state -> SocketPeer? in
            if !state.ready.isEmpty { return state.ready.removeFirst() }
            state.waiting.append(promise)
            return nil
        }
        if let peer { promise.succeed(peer) }
        loop.scheduleTask(in: SocketPeer.patience) {
            promise.fail(SocketPeer.WaitFailure(description: "nobody connected"))
        }
        return try await promise.futureResult.get()
    }
}
