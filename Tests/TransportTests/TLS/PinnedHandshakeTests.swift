import MediaSecurity
import NIOCore
import NIOEmbedded
import NIOSSL
import SDP
import Testing

@testable import Transport

@Suite("RFC 8122, media-security.md 7: the peer's certificate decides, before any octet")
struct PinnedHandshakeTests {
    static let alice = try? PinnedTLS(identity: .selfSigned())
    static let bob = try? PinnedTLS(identity: .selfSigned())

    private func pinned() throws -> (client: PinnedTLS, server: PinnedTLS) {
        (try #require(Self.alice), try #require(Self.bob))
    }

    private func verifier(_ expected: Identity) throws -> PeerVerifier {
        FingerprintPolicy.standard.verifier(expecting: [try #require(expected.fingerprint())])
    }

    @Test("Both ends right: accepted at both, with version, suite and client random; octets pass both ways")
    func mutual() throws {
        let (client, server) = try pinned()
        let pair = try TLSPair(
            client: client, server: server, clientVerifier: verifier(server.identity),
            serverVerifier: verifier(client.identity))
        try pair.send("early", from: pair.client)
        try pair.pump()
        let (atClient, atServer) = (try pair.clientEnd.accepted(), try pair.serverEnd.accepted())
        #expect(atServer.parameters.version == "TLS 1.3")
        #expect(atServer.parameters.cipher?.hasPrefix("TLS_") == true)
        #expect(atServer.parameters.clientRandom?.count == 64)
        #expect(atServer.parameters == atClient.parameters)
        #expect(atServer.peerCertificate == client.identity.certificate)
        #expect(!atServer.isResumed)
        #expect(pair.serverEnd.text == "early")
        try pair.send("answer", from: pair.server)
        try pair.pump()
        #expect(pair.clientEnd.text == "answer")
    }

    @Test("A4: another certificate than the expected one is refused by the server, and nothing is delivered")
    func wrongCertificate() throws {
        let (client, server) = try pinned()
        let other = try Identity.selfSigned()
        let pair = try TLSPair(
            client: client, server: server, clientVerifier: verifier(server.identity), serverVerifier: verifier(other))
        try pair.send("secret", from: pair.client)
        try pair.send("secret", from: pair.server)
        try pair.pump()
        #expect(try pair.serverEnd.refused().kind == .certificate)
        #expect(pair.serverEnd.text.isEmpty && pair.clientEnd.text.isEmpty)
        #expect(!pair.server.isActive)
    }

    @Test("The client refuses a server whose certificate is not the announced one")
    func wrongServer() throws {
        let (client, server) = try pinned()
        let pair = try TLSPair(
            client: client, server: server, clientVerifier: verifier(client.identity),
            serverVerifier: verifier(client.identity))
        try pair.send("secret", from: pair.client)
        try pair.pump()
        #expect(try pair.clientEnd.refused().kind == .certificate)
        #expect(pair.serverEnd.text.isEmpty)
    }

    @Test("Fails closed: without a usable fingerprint nobody gets in")
    func nothingExpected() throws {
        let (client, server) = try pinned()
        let pair = try TLSPair(
            client: client, server: server, clientVerifier: verifier(server.identity),
            serverVerifier: FingerprintPolicy.standard.verifier(expecting: []))
        try pair.pump()
        #expect(try pair.serverEnd.refused().kind == .certificate)
    }

    @Test("A client without a certificate is refused, whatever the verifier would say")
    func noCertificate() throws {
        let (_, server) = try pinned()
        let pair = try TLSPair(client: nil, server: server, serverVerifier: { _, answer in answer(.accepted) })
        try pair.pump()
        let failure = try pair.serverEnd.refused()
        #expect(failure == HandshakeFailure(.certificate, "no certificate"))
    }

    @Test(
        "Octets that are not TLS are refused",
        arguments: ["MSRP a786hjs2 SEND\r\n", "GET / HTTP/1.1\r\n\r\n", "\0\0\0\0\0\0"])
    func notTLS(_ text: String) throws {
        let (_, server) = try pinned()
        let end = RecordingEnd()
        let channel = EmbeddedChannel()
        _ = try server.install(on: channel, role: .server, verifier: { _, answer in answer(.accepted) })
        try channel.pipeline.syncOperations.addHandler(end)
        try channel.connect(to: .init(ipAddress: "127.0.0.1", port: 1)).wait()
        _ = try? channel.writeInbound(ByteBuffer(string: text))
        channel.embeddedEventLoop.run()
        #expect(try end.refused().kind == .handshake)
        #expect(end.text.isEmpty)
    }

    @Test("A5: while the verdict is pending nothing is read, delivered or sent; a yes delivers what was held")
    func pendingYes() throws {
        let (client, server) = try pinned()
        let slow = SlowVerifier()
        let pair = try TLSPair(
            client: client, server: server, clientVerifier: verifier(server.identity), serverVerifier: slow.verifier)
        try pair.send("held", from: pair.client)
        try pair.send("also held", from: pair.server)
        try pair.pump()
        #expect(slow.isAsked && pair.pinned.isHolding)
        let reads = pair.serverReads.count
        pair.server.read()
        #expect(pair.serverReads.count == reads, "reading pauses")
        #expect(pair.serverEnd.text.isEmpty && pair.clientEnd.text.isEmpty && pair.serverEnd.outcomes.isEmpty)
        slow.answer(.accepted)
        try pair.pump()
        #expect(pair.serverReads.count > reads, "reading goes on")
        #expect(pair.serverEnd.text.isEmpty, "the handshake has ended, and its certificate is judged once more")
        slow.answer(.accepted)
        try pair.pump()
        _ = try pair.serverEnd.accepted()
        #expect(pair.serverEnd.text == "held" && pair.clientEnd.text == "also held")
    }

    @Test("A5: a no after the handshake delivers nothing of what was held", arguments: [1, 2])
    func pendingNo(_ refusedAt: Int) throws {
        let (client, server) = try pinned()
        let slow = SlowVerifier()
        let pair = try TLSPair(
            client: client, server: server, clientVerifier: verifier(server.identity), serverVerifier: slow.verifier)
        try pair.send("held", from: pair.client)
        try pair.pump()
        if refusedAt == 2 {
            slow.answer(.accepted)
            try pair.pump()
        }
        slow.answer(.refused("not the one"))
        try pair.pump()
        #expect(try pair.serverEnd.refused() == HandshakeFailure(.certificate, "not the one"))
        #expect(pair.serverEnd.text.isEmpty && !pair.server.isActive)
    }

    @Test("A13: a handshake that does not end in time is closed, once")
    func deadline() throws {
        let (client, server) = try pinned()
        let pair = try TLSPair(
            client: client, server: server, clientVerifier: verifier(server.identity), serverVerifier: { _, _ in })
        pair.pinned.timeOut()
        pair.pinned.timeOut()
        pair.loop.run()
        #expect(pair.serverEnd.outcomes.count == 1)
        #expect(try pair.serverEnd.refused().kind == .timedOut)
    }

    @Test("A13: a verdict that never comes, or comes after the end, does no harm")
    func noVerdict() throws {
        let (client, server) = try pinned()
        let slow = SlowVerifier()
        do {
            let pair = try TLSPair(
                client: client, server: server, clientVerifier: verifier(server.identity),
                serverVerifier: slow.verifier)
            try pair.pump()
            #expect(slow.isAsked)
            pair.server.close(promise: nil)
            pair.loop.advanceTime(by: .seconds(1))
            #expect(try pair.serverEnd.refused().kind == .closed)
        }
        slow.answer(.accepted)
        let forgetful = try TLSPair(
            client: client, server: server, clientVerifier: verifier(server.identity), serverVerifier: { _, _ in })
        try forgetful.pump()
        #expect(forgetful.pinned.isHolding && forgetful.serverEnd.outcomes.isEmpty)
    }

    #if DEBUG
        @Test("The tamper switch of debug builds lets anybody with a certificate in: the check is what refuses")
        func tampered() throws {
            var (client, server) = try pinned()
            client.acceptAnyCertificate = true
            server.acceptAnyCertificate = true
            let other = try Identity.selfSigned()
            let pair = try TLSPair(
                client: client, server: server, clientVerifier: verifier(other), serverVerifier: verifier(other))
            try pair.send("in", from: pair.client)
            try pair.pump()
            #expect(pair.serverEnd.text == "in")
        }
    #endif
}
