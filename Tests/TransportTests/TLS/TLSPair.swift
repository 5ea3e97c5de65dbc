import NIOCore
import NIOEmbedded
import NIOSSL
import Testing

@testable import Transport

/// Two embedded channels, back to back, with TLS on both: what one writes the other reads, without a socket.
final class TLSPair {
    let loop = EmbeddedEventLoop()
    let client: EmbeddedChannel
    let server: EmbeddedChannel
    let clientEnd = RecordingEnd()
    let serverEnd = RecordingEnd()
    let serverReads = ReadCounter()
    let pinned: PinnedHandshake

    /// - Parameter client: nil for a TLS client that has no certificate and checks nothing.
    init(
        client: PinnedTLS?, server: PinnedTLS,
        clientVerifier: @escaping PeerVerifier = { _, answer in answer(.accepted) },
        serverVerifier: @escaping PeerVerifier
    ) throws {
        self.client = EmbeddedChannel(loop: loop)
        self.server = EmbeddedChannel(loop: loop)
        if let client {
            _ = try client.install(on: self.client, role: .client, verifier: clientVerifier)
        } else {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.certificateVerification = .none
            try self.client.pipeline.syncOperations.addHandler(
                NIOSSLClientHandler(context: NIOSSLContext(configuration: configuration), serverHostname: nil))
        }
        try self.client.pipeline.syncOperations.addHandler(clientEnd)
        try self.server.pipeline.syncOperations.addHandler(serverReads)
        pinned = try server.install(on: self.server, role: .server, verifier: serverVerifier)
        try self.server.pipeline.syncOperations.addHandler(serverEnd)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        try self.server.connect(to: address).wait()
        try self.client.connect(to: address).wait()
    }

    deinit {
        client.close(promise: nil)
        server.close(promise: nil)
        loop.advanceTime(by: .seconds(1))
    }

    func send(_ text: String, from channel: EmbeddedChannel) throws {
        channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
    }

    func pump() throws {
        var moved = true
        while moved {
            moved = false
            loop.run()
            while let octets = try client.readOutbound(as: ByteBuffer.self) {
                moved = true
                _ = try? server.writeInbound(octets)
            }
            while let octets = try server.readOutbound(as: ByteBuffer.self) {
                moved = true
                _ = try? client.writeInbound(octets)
            }
        }
        loop.run()
    }
}

/// The application's end: what was delivered, and how the handshake ended.
final class RecordingEnd: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private(set) var text = ""
    private(set) var outcomes: [HandshakeOutcome] = []

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { text += String(buffer: unwrapInboundIn(data)) }
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let outcome = event as? HandshakeOutcome { outcomes.append(outcome) }
    }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}

    func accepted() throws -> HandshakeReport {
        guard case .accepted(let report) = try #require(outcomes.first) else {
            throw HandshakeFailure(.handshake, "not accepted: \(outcomes)")
        }
        #expect(outcomes.count == 1)
        return report
    }

    func refused() throws -> HandshakeFailure {
        guard case .refused(_, let failure) = try #require(outcomes.first) else {
            throw HandshakeFailure(.handshake, "not refused: \(outcomes)")
        }
        #expect(outcomes.count == 1)
        return failure
    }
}

/// Counts the reads that reach the socket.
final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    private(set) var count = 0
    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}

/// Answers when told.
final class SlowVerifier {
    private var pending: ((PeerVerdict) -> Void)?
    var isAsked: Bool { pending != nil }
    var verifier: PeerVerifier { { [self] _, answer in pending = answer } }
    func answer(_ verdict: PeerVerdict) {
        let answer = pending
        pending = nil
        answer?(verdict)
    }
}
