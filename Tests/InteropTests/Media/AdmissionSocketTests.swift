import ApplicationLevelGateway
import MediaPlane
import NIOCore
import Observability
import SDP
import Testing
import Transport
import WireSyntax

@Suite("media-security.md 10: who is let in, on sockets")
struct AdmissionSocketTests {
    typealias Gateway = GatewayUnderTest
    static let uePath = "msrps://127.31.1.1:9/ue;tcp"
    static let peerPath = "msrp://127.31.3.1:7777/peer;tcp"

    /// Both sides passive and aware: UE with TLS, core without.
    private func session(_ gateway: Gateway, ue: Identity, remoteKnown: Bool = true) async throws -> (
        MediaContext, Notifications, access: LocalDescription, core: LocalDescription
    ) {
        let (context, notifications) = try gateway.context()
        let access = try await context.add(
            Gateway.request(
                .access, "TCP/TLS/MSRP", .passive, remote: remoteKnown ? try accessRemote(ue) : nil), name: "a"
        ).get()
        let core = try await context.add(
            Gateway.request(.core, "TCP/MSRP", .passive, remote: remoteKnown ? coreRemote : nil), name: "c"
        ).get()
        return (context, notifications, access, core)
    }

    private func accessRemote(_ ue: Identity) throws -> RemoteDescription {
        Gateway.remote(Gateway.ue, paths: [Self.uePath], fingerprints: [try #require(ue.fingerprint())])
    }
    private var coreRemote: RemoteDescription { Gateway.remote(Gateway.corePeer, paths: [Self.peerPath]) }

    private func send(to: String?, from: String, _ id: String) throws -> String {
        "MSRP \(id) SEND\r\nTo-Path: \(try #require(to))\r\nFrom-Path: \(from)\r\nMessage-ID: 12345\r\n-------\(id)$\r\n"
    }

    @Test("A3: a stranger first on either side gets nothing and ends nothing; the right peers still succeed")
    func strangers() async throws {
        let gateway = try Gateway()
        let ue = try PinnedTLS(identity: .selfSigned())
        let (context, notifications, access, core) = try await session(gateway, ue: ue.identity)
        // With the right certificate, and in plain: the address decides before anything is read.
        let thief = try await SocketPeer.connect(
            to: access.endpoint, from: Gateway.stranger, tls: ue, expecting: access.fingerprints)
        thief.send("let me in")
        let intruder = try await SocketPeer.connect(to: core.endpoint, from: Gateway.stranger)
        intruder.send(try send(to: core.path, from: Self.peerPath, "aaaa1111"))
        try await thief.waitForClose()
        try await intruder.waitForClose()

        let peer = try await SocketPeer.connect(to: core.endpoint, from: Gateway.corePeer)
        peer.send(try send(to: core.path, from: Self.peerPath, "bbbb1111"))
        let right = try await SocketPeer.connect(
            to: access.endpoint, from: Gateway.ue, tls: ue, expecting: access.fingerprints)
        right.send(try send(to: access.path, from: Self.uePath, "cccc1111"))
        try await right.waitFor("-------bbbb1111$")
        try await peer.waitFor("-------cccc1111$")
        #expect(try await thief.text.isEmpty)
        #expect(try await intruder.text.isEmpty)
        #expect(notifications.all.isEmpty)
        #expect(gateway.events.refusals.filter { $0.kind == "stranger" }.count == 2)
        try await context.end().get()
    }

    @Test("A4: the certificate of UE A on UE B's port is refused, notified once, and nothing passes")
    func certificateOfAnother() async throws {
        let gateway = try Gateway()
        let (ueA, ueB) = (try PinnedTLS(identity: .selfSigned()), try PinnedTLS(identity: .selfSigned()))
        let (context, notifications, access, core) = try await session(gateway, ue: ueB.identity)
        let peer = try await SocketPeer.connect(to: core.endpoint, from: Gateway.corePeer)
        peer.send(try send(to: core.path, from: Self.peerPath, "bbbb1111"))
        let wrong = try await SocketPeer.connect(
            to: access.endpoint, from: Gateway.ue, tls: ueA, expecting: access.fingerprints)
        wrong.send(try send(to: access.path, from: Self.uePath, "cccc1111"))
        let notification = try await notifications.first()
        #expect(notification.termination == "a")
        #expect(
            notification.event == .tlsFailed(reason: "the certificate does not match the SHA-256 fingerprint"))
        try await wrong.waitForClose()
        #expect(try await wrong.text.isEmpty)
        #expect(try await peer.text.isEmpty)
        let handshake = try #require(gateway.events.handshakes.first)
        #expect(!handshake.accepted && handshake.peerFingerprint != handshake.expectedFingerprints.first)
        try await context.end().get()
        #expect(notifications.all.count == 1)
    }

    @Test(
        "From the UE's address: octets that are not TLS end the session, as a handshake failure",
        arguments: ["MSRP aaaa1111 SEND\r\nTo-Path: msrp://x:1/y;tcp\r\n", "\u{16}\u{3}\u{1}"])
    func notTLS(_ text: String) async throws {
        let gateway = try Gateway { $0.timers.tlsHandshake = .milliseconds(300) }
        let ue = try PinnedTLS(identity: .selfSigned())
        let (context, notifications, access, _) = try await session(gateway, ue: ue.identity)
        let peer = try await SocketPeer.connect(to: access.endpoint, from: Gateway.ue)
        peer.send(text)
        guard case .tlsFailed = try await notifications.first().event else {
            Issue.record("\(notifications.all)")
            return
        }
        try await peer.waitForClose()
        try await context.end().get()
    }

    @Test("A13: a client that says nothing is closed after the handshake's time, and its place is given back")
    func silent() async throws {
        let gateway = try Gateway { $0.timers.tlsHandshake = .milliseconds(200) }
        let ue = try PinnedTLS(identity: .selfSigned())
        let (context, notifications, access, _) = try await session(gateway, ue: ue.identity)
        let peer = try await SocketPeer.connect(to: access.endpoint, from: Gateway.ue)
        #expect(
            try await notifications.first().event == .tlsFailed(reason: "TLS handshake not finished in time"))
        try await peer.waitForClose()
        #expect(gateway.events.handshakes.map(\.reason) == ["TLS handshake not finished in time"])
        try await context.end().get()
        try await context.eventLoop.submit {}.get()
        #expect(gateway.plane.used.pendingConnections == 0)
    }

    @Test("Subtract in the middle of a handshake gives its place back, and fails nobody")
    func subtractInHandshake() async throws {
        let gateway = try Gateway()
        let ue = try PinnedTLS(identity: .selfSigned())
        let (context, notifications, access, _) = try await session(gateway, ue: ue.identity)
        let peer = try await SocketPeer.connect(to: access.endpoint, from: Gateway.ue)
        // The gateway has accepted when a second one of the same source is turned away.
        let second = try await SocketPeer.connect(to: access.endpoint, from: Gateway.ue)
        try await second.waitForClose()
        try await context.end().get()
        try await peer.waitForClose()
        try await context.eventLoop.submit {}.get()
        #expect(gateway.plane.used.pendingConnections == 0 && gateway.plane.used.contexts == 0)
        #expect(notifications.all.isEmpty && gateway.events.handshakes.isEmpty)
    }

    @Test("A5: who connects before the answer is held unread, and let in or closed when Remote comes")
    func heldBeforeTheAnswer() async throws {
        let gateway = try Gateway()
        let ue = try PinnedTLS(identity: .selfSigned())
        let (context, notifications, access, core) = try await session(gateway, ue: ue.identity, remoteKnown: false)
        let stranger = try await SocketPeer.connect(
            to: access.endpoint, from: Gateway.stranger, tls: ue, expecting: access.fingerprints)
        let early = try await SocketPeer.connect(
            to: access.endpoint, from: Gateway.ue, tls: ue, expecting: access.fingerprints)
        early.send(try send(to: access.path, from: Self.uePath, "cccc1111"))
        let earlyCore = try await SocketPeer.connect(to: core.endpoint, from: Gateway.corePeer)
        earlyCore.send(try send(to: core.path, from: Self.peerPath, "bbbb1111"))
        _ = try await context.modify("a", TerminationChange(remote: try accessRemote(ue.identity))).get()
        _ = try await context.modify("c", TerminationChange(remote: coreRemote)).get()
        try await early.waitFor("-------bbbb1111$")
        try await earlyCore.waitFor("-------cccc1111$")
        try await stranger.waitForClose()
        #expect(notifications.all.isEmpty)
        try await context.end().get()
    }

    @Test("A9: the core listener reads a To-Path of its own session first: others get 481 and the port stays open")
    func firstRequest() async throws {
        let gateway = try Gateway()
        let ue = try PinnedTLS(identity: .selfSigned())
        let (context, notifications, access, core) = try await session(gateway, ue: ue.identity)
        let lost = try await SocketPeer.connect(to: core.endpoint, from: Gateway.corePeer)
        lost.send(try send(to: "msrp://127.31.2.2:1/another;tcp", from: Self.peerPath, "aaaa1111"))
        try await lost.waitFor("MSRP aaaa1111 481")
        try await lost.waitForClose()
        let peer = try await SocketPeer.connect(to: core.endpoint, from: Gateway.corePeer)
        peer.send(try send(to: core.path, from: Self.peerPath, "bbbb1111"))
        let right = try await SocketPeer.connect(
            to: access.endpoint, from: Gateway.ue, tls: ue, expecting: access.fingerprints)
        try await right.waitFor("-------bbbb1111$")
        #expect(notifications.all.isEmpty)
        try await context.end().get()
    }

    @Test("A10: the gateway does not connect to itself, and says that TCP failed")
    func ownAddress() async throws {
        let gateway = try Gateway()
        let (context, notifications) = try gateway.context()
        _ = try await context.add(
            Gateway.request(.access, "TCP", .active, remote: Gateway.remote(Gateway.coreAddress, port: 5000)), name: "a"
        ).get()
        _ = try await context.add(
            Gateway.request(.core, "TCP", .active, remote: Gateway.remote(Gateway.corePeer, port: 9)), name: "c"
        ).get()
        #expect(
            try await notifications.first().event == .tcpFailed(reason: "an address of the gateway itself"))
        try await context.end().get()
    }

    @Test("H.248.8: 510 when the limit of sessions is reached, and one is free again after its end")
    func limit() async throws {
        let gateway = try Gateway { $0.limits.contexts = 1 }
        let (context, _) = try gateway.context()
        #expect(throws: GatewayFailure.self) { try gateway.context(2) }
        try await context.end().get()
        _ = try gateway.context(3)
    }
}
