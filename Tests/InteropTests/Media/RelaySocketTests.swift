import ApplicationLevelGateway
import MediaPlane
import NIOCore
import Observability
import SDP
import Testing
import Transport
import WireSyntax

@Suite("TS 23.334: a session through the gateway, on sockets")
struct RelaySocketTests {
    typealias Gateway = GatewayUnderTest

    @Test("5.16: agnostic, both ways, more than any buffer holds, octet for octet; Subtract gives everything back")
    func agnostic() async throws {
        let gateway = try Gateway()
        let (context, notifications) = try gateway.context()
        let core = try await SocketListener(at: Gateway.corePeer)
        let access = try await context.add(
            Gateway.request(.access, "TCP", .passive, remote: Gateway.remote(Gateway.ue)), name: "a"
        ).get()
        _ = try await context.add(
            Gateway.request(
                .core, "TCP", .active, remote: Gateway.remote(Gateway.corePeer, port: core.endpoint.port)),
            name: "c"
        ).get()
        #expect(core.isUntouched, "the active side waits for the passive one")
        let ue = try await SocketPeer.connect(to: access.endpoint, from: Gateway.ue)
        let peer = try await core.accept()
        let large = ByteBuffer(bytes: (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
        ue.send(large)
        peer.send(large)
        #expect(try await peer.waitForBytes(large.readableBytes) == large)
        #expect(try await ue.waitForBytes(large.readableBytes) == large)
        let statistics = try await context.subtract("a").get()
        #expect(statistics.octetsReceived == large.readableBytes && statistics.octetsSent == large.readableBytes)
        try await ue.waitForClose()
        _ = try await context.subtract("c").get()
        try await peer.waitForClose()
        #expect(gateway.plane.used.contexts == 0 && gateway.plane.used.pendingConnections == 0)
        #expect(notifications.all.isEmpty, "what was commanded is not notified")
    }

    @Test("TS 33.328: e2ae, aware: TLS to the UE, TCP to the core, paths rewritten in request, response and report")
    func endToAccessEdge() async throws {
        let session = try await AwareSession()
        session.ue.send(
            """
            MSRP aaaa1111 SEND\r
            To-Path: \(session.accessPath)\r
            From-Path: \(AwareSession.uePath)\r
            Message-ID: 12345\r
            Byte-Range: 1-5/5\r
            Content-Type: text/plain\r
            \r
            Hello\r
            -------aaaa1111$\r

            """)
        try await session.peer.waitFor("-------aaaa1111$")
        #expect(
            try await session.peer.text == """
                MSRP aaaa1111 SEND\r
                To-Path: \(AwareSession.peerPath)\r
                From-Path: \(session.corePath)\r
                Message-ID: 12345\r
                Byte-Range: 1-5/5\r
                Content-Type: text/plain\r
                \r
                Hello\r
                -------aaaa1111$\r

                """)
        session.peer.send(
            """
            MSRP aaaa1111 200 OK\r
            To-Path: \(session.corePath)\r
            From-Path: \(AwareSession.peerPath)\r
            -------aaaa1111$\r
            MSRP bbbb2222 REPORT\r
            To-Path: \(session.corePath)\r
            From-Path: \(AwareSession.peerPath)\r
            Message-ID: 12345\r
            Byte-Range: 1-5/5\r
            Status: 000 200 OK\r
            -------bbbb2222$\r

            """)
        try await session.ue.waitFor("-------bbbb2222$")
        let text = try await session.ue.text
        #expect(text.contains("200 OK\r\nTo-Path: \(AwareSession.uePath)\r\nFrom-Path: \(session.accessPath)\r\n"))
        #expect(text.contains("REPORT\r\nTo-Path: \(AwareSession.uePath)\r\nFrom-Path: \(session.accessPath)\r\n"))
        let handshake = try #require(session.gateway.events.handshakes.first)
        #expect(handshake.accepted && handshake.version == "TLS 1.3" && handshake.clientRandom?.count == 64)
        #expect(handshake.peerFingerprint == handshake.expectedFingerprints.first)
        let messages = session.gateway.events.messages
        #expect(messages.map(\.summary) == ["SEND", "SEND", "200 OK", "200 OK", "REPORT", "REPORT"])
        #expect(messages.first?.bytes == 5 && messages.first?.leg == "access")
        try await session.context.end().get()
    }

    @Test("A9: a request of another session gets 481 and goes nowhere; the session goes on", arguments: [true, false])
    func otherSession(toPathIsWrong: Bool) async throws {
        let session = try await AwareSession()
        let to = toPathIsWrong ? "msrps://127.31.2.1:1/other;tcp" : session.accessPath
        let from = toPathIsWrong ? AwareSession.uePath : "msrps://127.31.1.1:9/other;tcp"
        session.ue.send(
            "MSRP aaaa1111 SEND\r\nTo-Path: \(to)\r\nFrom-Path: \(from)\r\nMessage-ID: 12345\r\n"
                + "Content-Type: text/plain\r\n\r\nsecret\r\n-------aaaa1111$\r\n")
        try await session.ue.waitFor("MSRP aaaa1111 481")
        session.ue.send(
            "MSRP cccc1111 SEND\r\nTo-Path: \(session.accessPath)\r\nFrom-Path: \(AwareSession.uePath)\r\n"
                + "Message-ID: 12346\r\n-------cccc1111$\r\n")
        try await session.peer.waitFor("-------cccc1111$")
        #expect(try await !session.peer.text.contains("secret"))
        try await session.context.end().get()
    }

    @Test("RFC 4975 10.2: a malformed request gets 400 and the session goes on")
    func malformed() async throws {
        let session = try await AwareSession()
        session.ue.send(
            "MSRP aaaa1111 SEND\r\nTo-Path: \(session.accessPath)\r\nFrom-Path: \(AwareSession.uePath)\r\n"
                + "Message-ID: 12345\r\nByte-Range: nonsense\r\nContent-Type: text/plain\r\n\r\nx\r\n-------aaaa1111$\r\n"
                + "MSRP cccc1111 SEND\r\nTo-Path: \(session.accessPath)\r\nFrom-Path: \(AwareSession.uePath)\r\n"
                + "Message-ID: 12346\r\n-------cccc1111$\r\n")
        try await session.peer.waitFor("-------cccc1111$")
        #expect(try await session.ue.text.contains("MSRP aaaa1111 400"))
        try await session.context.end().get()
    }

    @Test("Mode: Inactive holds octets back, SendReceive delivers them")
    func inactive() async throws {
        let session = try await AwareSession()
        _ = try await session.context.modify("a", TerminationChange(mode: .inactive)).get()
        let request =
            "MSRP aaaa1111 SEND\r\nTo-Path: \(session.accessPath)\r\nFrom-Path: \(AwareSession.uePath)\r\n"
            + "Message-ID: 12345\r\n-------aaaa1111$\r\n"
        session.ue.send(request)
        // What the peer sends the other way is held as well: a round trip by the loop shows that nothing came through.
        _ = try await session.context.modify("a", TerminationChange(mode: .inactive)).get()
        #expect(try await session.peer.text.isEmpty)
        _ = try await session.context.modify("a", TerminationChange(mode: .sendReceive)).get()
        try await session.peer.waitFor("-------aaaa1111$")
        try await session.context.end().get()
    }

    @Test("A leg that is lost is notified once, and the other one ends after what it was given")
    func lost() async throws {
        let session = try await AwareSession()
        session.ue.send(
            "MSRP aaaa1111 SEND\r\nTo-Path: \(session.accessPath)\r\nFrom-Path: \(AwareSession.uePath)\r\n"
                + "Message-ID: 12345\r\n-------aaaa1111$\r\n")
        session.ue.close()
        try await session.peer.waitFor("-------aaaa1111$")
        try await session.peer.waitForClose()
        session.peer.close()
        let notification = try await session.notifications.first()
        #expect(notification.termination == "a")
        guard case .released = notification.event else {
            Issue.record("\(notification)")
            return
        }
        try await session.context.end().get()
        #expect(session.notifications.all.count == 1)
    }

    @Test("iq-h248.md 10, Changed Remote: the connection is closed, the port stays, the other leg waits")
    func changedRemote() async throws {
        let session = try await AwareSession()
        let other = try PinnedTLS(identity: .selfSigned())
        let remote = Gateway.remote(
            Gateway.stranger, paths: [AwareSession.uePath],
            fingerprints: [try #require(other.identity.fingerprint())])
        let local = try await session.context.modify("a", TerminationChange(remote: remote)).get()
        #expect(local == session.access, "the reply repeats Local unchanged")
        try await session.ue.waitForClose()
        let ue = try await SocketPeer.connect(
            to: session.access.endpoint, from: Gateway.stranger, tls: other, expecting: session.access.fingerprints)
        ue.send(
            "MSRP aaaa1111 SEND\r\nTo-Path: \(session.accessPath)\r\nFrom-Path: \(AwareSession.uePath)\r\n"
                + "Message-ID: 12345\r\n-------aaaa1111$\r\n")
        try await session.peer.waitFor("-------aaaa1111$")
        #expect(session.notifications.all.isEmpty)
        try await session.context.end().get()
    }

    @Test("RFC 8122: the gateway as TLS client checks the UE's certificate as well", arguments: [true, false])
    func client(isRight: Bool) async throws {
        let gateway = try Gateway()
        let (context, notifications) = try gateway.context()
        let ue = try PinnedTLS(identity: .selfSigned())
        let announced = isRight ? ue.identity : try Identity.selfSigned()
        let listener = try await SocketListener(
            at: Gateway.ue, tls: ue, expecting: [try #require(gateway.identity.identity.fingerprint())])
        let core = try await context.add(
            Gateway.request(.core, "TCP", .passive, remote: Gateway.remote(Gateway.corePeer)), name: "c"
        ).get()
        _ = try await context.add(
            Gateway.request(
                .access, "TCP/TLS", .active,
                remote: Gateway.remote(
                    Gateway.ue, port: listener.endpoint.port, fingerprints: [try #require(announced.fingerprint())])),
            name: "a"
        ).get()
        let peer = try await SocketPeer.connect(to: core.endpoint, from: Gateway.corePeer)
        peer.send("through")
        let inner = try await listener.accept()
        if isRight {
            try await inner.waitFor("through")
        } else {
            let notification = try await notifications.first()
            #expect(notification.termination == "a")
            guard case .tlsFailed = notification.event else {
                Issue.record("\(notification)")
                return
            }
            try await inner.waitForClose()
            #expect(try await inner.text.isEmpty)
        }
        try await context.end().get()
    }
}

/// An e2ae session that stands: a UE with TLS on the access side, a peer on the core side.
struct AwareSession {
    static let uePath = "msrps://127.31.1.1:9/ue;tcp"
    static let peerPath = "msrp://127.31.3.1:7777/peer;tcp"
    let gateway: GatewayUnderTest
    let context: MediaContext
    let notifications: Notifications
    let access: LocalDescription
    let ue: SocketPeer
    let peer: SocketPeer
    let accessPath: String
    let corePath: String

    init() async throws {
        gateway = try GatewayUnderTest()
        (context, notifications) = try gateway.context()
        let identity = try PinnedTLS(identity: .selfSigned())
        let listener = try await SocketListener(at: GatewayUnderTest.corePeer)
        access = try await context.add(
            GatewayUnderTest.request(
                .access, "TCP/TLS/MSRP", .passive,
                remote: GatewayUnderTest.remote(
                    GatewayUnderTest.ue, paths: [Self.uePath],
                    fingerprints: [try #require(identity.identity.fingerprint())])), name: "a"
        ).get()
        let core = try await context.add(
            GatewayUnderTest.request(
                .core, "TCP/MSRP", .active,
                remote: GatewayUnderTest.remote(
                    GatewayUnderTest.corePeer, port: listener.endpoint.port, paths: [Self.peerPath])), name: "c"
        ).get()
        accessPath = try #require(access.path)
        corePath = try #require(core.path)
        ue = try await SocketPeer.connect(
            to: access.endpoint, from: GatewayUnderTest.ue, tls: identity, expecting: access.fingerprints)
        peer = try await listener.accept()
    }
}
