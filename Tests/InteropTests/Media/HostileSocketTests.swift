import ApplicationLevelGateway
import MediaPlane
import NIOCore
import SDP
import Testing
import Transport
import WireSyntax

@Suite("A13 and bad input: one session's peer cannot harm another, on sockets")
struct HostileSocketTests {
    typealias Gateway = GatewayUnderTest
    static let uePath = "msrp://127.31.1.1:9/ue;tcp"
    static let peerPath = "msrp://127.31.3.1:7777/peer;tcp"

    /// Plain and aware on both sides, both passive.
    private func session(_ gateway: Gateway, _ id: UInt32) async throws -> (
        MediaContext, Notifications, access: LocalDescription, core: LocalDescription
    ) {
        let (context, notifications) = try gateway.context(id)
        let access = try await context.add(
            Gateway.request(
                .access, "TCP/MSRP", .passive, remote: Gateway.remote(Gateway.ue, paths: [Self.uePath])), name: "a"
        ).get()
        let core = try await context.add(
            Gateway.request(
                .core, "TCP/MSRP", .passive, remote: Gateway.remote(Gateway.corePeer, paths: [Self.peerPath])),
            name: "c"
        ).get()
        return (context, notifications, access, core)
    }

    private func send(_ to: String?, _ from: String, _ id: String) throws -> String {
        "MSRP \(id) SEND\r\nTo-Path: \(try #require(to))\r\nFrom-Path: \(from)\r\nMessage-ID: 12345\r\n-------\(id)$\r\n"
    }

    static let garbage: [ByteBuffer] = [
        ByteBuffer(string: "GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ByteBuffer(repeating: 0, count: 100_000),
        ByteBuffer(string: "MSRP aaaa1111 SEND\r\nTo-Path: " + String(repeating: "x", count: 100_000)),
        ByteBuffer(string: "MSRP aaaa1111 SEND\r\n" + String(repeating: "X: y\r\n", count: 20_000)),
        ByteBuffer(
            bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03]
                + [UInt8](repeating: 7, count: 600)),
    ]

    @Test("Octets that are not MSRP end that session alone; at the core listener they end nothing", arguments: garbage)
    func notMSRP(_ octets: ByteBuffer) async throws {
        // The good session waits for its peers while the bad one is played.
        let gateway = try Gateway { $0.timers.tcpEstablishment = .minutes(5) }
        let (good, quiet, goodAccess, goodCore) = try await session(gateway, 1)
        let (bad, notifications, badAccess, badCore) = try await session(gateway, 2)

        let intruder = try await SocketPeer.connect(to: badCore.endpoint, from: Gateway.corePeer)
        intruder.send(octets)
        intruder.closeOutput()
        try await intruder.waitForClose()
        #expect(notifications.all.isEmpty)

        let peer = try await SocketPeer.connect(to: badCore.endpoint, from: Gateway.corePeer)
        peer.send(try send(badCore.path, Self.peerPath, "bbbb1111"))
        let ue = try await SocketPeer.connect(to: badAccess.endpoint, from: Gateway.ue)
        try await ue.waitFor("-------bbbb1111$")
        ue.send(octets)
        ue.closeOutput()
        try await ue.waitForClose()
        #expect(try await notifications.first().termination == "a")

        let one = try await SocketPeer.connect(to: goodCore.endpoint, from: Gateway.corePeer)
        one.send(try send(goodCore.path, Self.peerPath, "cccc1111"))
        let other = try await SocketPeer.connect(to: goodAccess.endpoint, from: Gateway.ue)
        try await other.waitFor("-------cccc1111$")
        #expect(quiet.all.isEmpty)
        try await good.end().get()
        try await bad.end().get()
        #expect(gateway.plane.used.contexts == 0)
    }

    @Test("After Subtract the port is closed, and what it waited for is forgotten")
    func portIsClosed() async throws {
        let gateway = try Gateway()
        let (context, _, access, _) = try await session(gateway, 1)
        _ = try await context.subtract("a").get()
        await #expect(throws: (any Error).self) {
            _ = try await SocketPeer.connect(to: access.endpoint, from: Gateway.ue)
        }
        await #expect(throws: GatewayFailure(code: 430, text: "unknown termination")) {
            _ = try await context.subtract("a").get()
        }
        try await context.end().get()
        await #expect(throws: GatewayFailure(code: 411, text: "the context has ended")) {
            _ = try await context.add(Gateway.request(.access, "TCP", .passive), name: "b").get()
        }
    }

    @Test("X3: nobody comes: TCP failed is notified; a wrong family and a missing certificate are refused at once")
    func timersAndRefusals() async throws {
        let gateway = try Gateway { $0.timers.tcpEstablishment = .milliseconds(200) }
        let (context, notifications, _, _) = try await session(gateway, 1)
        guard case .tcpFailed = try await notifications.first().event else {
            Issue.record("\(notifications.all)")
            return
        }
        try await context.end().get()
        let (second, _) = try gateway.context(2)
        await #expect(throws: GatewayFailure(code: 449, text: "realm access has no address of this family")) {
            _ = try await second.add(
                TerminationRequest(
                    realm: .access, transport: MediaTransport(isTLS: false, isAware: false),
                    local: LocalRequest(family: .v6, role: .passive)), name: "a"
            ).get()
        }
        await #expect(throws: GatewayFailure(code: 500, text: "realm core has no certificate")) {
            _ = try await second.add(Gateway.request(.core, "TCP/TLS", .passive), name: "a").get()
        }
        try await second.end().get()
        #expect(gateway.plane.used.contexts == 0)
    }

    @Test("A configured range of ports is kept to, and 510 says that none is free")
    func ports() async throws {
        // The range is one port that the kernel has just given to somebody else.
        let taken = try await SocketListener(at: Gateway.accessAddress)
        let gateway = try Gateway { $0.ports = taken.endpoint.port...taken.endpoint.port }
        let (context, _) = try gateway.context()
        await #expect(throws: GatewayFailure(code: 510, text: "no port or file is free")) {
            _ = try await context.add(Gateway.request(.access, "TCP", .passive), name: "a").get()
        }
        try await context.end().get()
    }

    @Test("A UE that goes away in a chunk: the part that came is passed on, the session is released once")
    func goesAway() async throws {
        let gateway = try Gateway()
        let (context, notifications, access, core) = try await session(gateway, 1)
        let peer = try await SocketPeer.connect(to: core.endpoint, from: Gateway.corePeer)
        peer.send(try send(core.path, Self.peerPath, "bbbb1111"))
        let ue = try await SocketPeer.connect(to: access.endpoint, from: Gateway.ue)
        ue.send(
            "MSRP aaaa1111 SEND\r\nTo-Path: \(try #require(access.path))\r\nFrom-Path: \(Self.uePath)\r\n"
                + "Message-ID: 12345\r\nByte-Range: 1-*/1000\r\nContent-Type: text/plain\r\n\r\nhalf of it")
        try await peer.waitFor("half of i")
        ue.close()
        try await peer.waitForClose()
        #expect(try await notifications.first().termination == "a")
        peer.close()
        try await context.end().get()
        #expect(notifications.all.count == 1)
    }
}
