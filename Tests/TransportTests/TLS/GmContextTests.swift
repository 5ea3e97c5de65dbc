import NIOCore
import NIOEmbedded
import NIOSSL
import NIOTLS
import Testing
import WireSyntax

@testable import Transport

@Suite("RFC 5922: on Gm the name and the laboratory's authority decide")
struct GmContextTests {
    /// - Returns: whether the UE took the P-CSCF for the one it was looking for.
    private func connects(to name: String, certificateFor names: [String], isTrusted: Bool = true) throws -> Bool {
        let authority = try CertificateAuthority()
        let other = try CertificateAuthority()
        let server = try authority.issue(for: names.compactMap { Host($0) })
        let loop = EmbeddedEventLoop()
        let (ue, pcscf) = (EmbeddedChannel(loop: loop), EmbeddedChannel(loop: loop))
        let completed = CompletionRecorder()
        try pcscf.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: TLSContexts.gmServer(server)))
        let trusted = isTrusted ? authority : other
        try ue.pipeline.syncOperations.addHandlers(
            NIOSSLClientHandler(
                context: TLSContexts.gmClient(trusting: [trusted.identity.certificate]), serverHostname: name),
            completed)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        pcscf.connect(to: address, promise: nil)
        ue.connect(to: address, promise: nil)
        var moved = true
        while moved {
            moved = false
            loop.run()
            while let octets = try ue.readOutbound(as: ByteBuffer.self) {
                moved = true
                _ = try? pcscf.writeInbound(octets)
            }
            while let octets = try pcscf.readOutbound(as: ByteBuffer.self) {
                moved = true
                _ = try? ue.writeInbound(octets)
            }
        }
        for channel in [ue, pcscf] { channel.close(promise: nil) }
        loop.advanceTime(by: .seconds(1))
        return completed.isCompleted
    }

    @Test("The right name by the right authority is accepted, anything else refused")
    func names() throws {
        #expect(try connects(to: "pcscf.ims.lab", certificateFor: ["pcscf.ims.lab", "127.0.0.1"]))
        #expect(try !connects(to: "pcscf.ims.lab", certificateFor: ["other.ims.lab"]))
        #expect(try !connects(to: "pcscf.ims.lab", certificateFor: ["pcscf.ims.lab"], isTrusted: false))
    }

    @Test("RFC 6066 3: an address is no server name")
    func address() throws {
        let authority = try CertificateAuthority().identity.certificate
        let numeric = try TLSClientSettings(trusting: [authority], serverName: "127.0.0.1")
        let named = try TLSClientSettings(trusting: [authority], serverName: "pcscf.ims.lab")
        #expect(numeric.serverName == nil && named.serverName == "pcscf.ims.lab")
    }
}

private final class CompletionRecorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private(set) var isCompleted = false
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event { isCompleted = true }
    }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
