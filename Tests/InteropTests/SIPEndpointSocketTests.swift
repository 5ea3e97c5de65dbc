import NIOCore
import NIOPosix
import Observability
import SIP
import Testing
import WireSyntax

@testable import Transport

/// Two SIP endpoints over real sockets of loopback.
@Suite(.timeLimit(.minutes(1))) struct SIPEndpointSocketTests {
    /// An endpoint that answers each request with 200, and notes what it is told.
    // Confined to `loop`, as its endpoint is; what tests read of it is `events`, which is safe.
    final class Node: SIPUser, @unchecked Sendable {
        let loop: any EventLoop
        let events = RecordedEvents()
        let endpoint: SIPEndpoint
        let address: IPAddress

        init(_ last: UInt32, capture: Capture? = nil) {
            loop = MultiThreadedEventLoopGroup.singleton.next()
            address = .v4(0x7F03_0000 + last)
            endpoint = SIPEndpoint(eventLoop: loop, events: events, capture: capture)
            endpoint.user = self
        }

        func sipEndpoint(
            _ endpoint: SIPEndpoint, received request: Request, transaction: TransactionID?, over flow: Flow,
            listener: String
        ) {
            events.emit(.warning("request \(request.method) \(listener) from \(flow.remote.address)"))
            if let transaction { endpoint.respond(.make(200, nil, to: request, toTag: "t"), to: transaction) }
        }

        func sipEndpoint(
            _ endpoint: SIPEndpoint, cancel request: Request, transaction: TransactionID, of invite: TransactionID?,
            over flow: Flow
        ) {}

        func sipEndpoint(
            _ endpoint: SIPEndpoint, received response: Response, transaction: TransactionID?, over flow: Flow
        ) { events.emit(.warning("response \(response.status)")) }

        func sipEndpoint(_ endpoint: SIPEndpoint, failed transaction: TransactionID, timedOut: Bool) {
            events.emit(.warning("failed"))
        }

        func sipEndpoint(_ endpoint: SIPEndpoint, closed flow: Flow) { events.emit(.warning("closed")) }

        func listen(_ name: String, _ transport: Flow.Transport, tls: TLSServerSettings? = nil) async throws -> Endpoint
        {
            try await loop.flatSubmit {
                self.endpoint.listen(name, transport: transport, at: Endpoint(self.address, 0), tls: tls)
            }.get()
        }

        func flow(_ to: Endpoint, _ transport: Flow.Transport, from name: String, tls: TLSClientSettings? = nil)
            async throws -> Flow
        {
            try await loop.flatSubmit {
                self.endpoint.use(self.address, as: "gm")
                return self.endpoint.flow(to: to, transport: transport, from: name, tls: tls)
            }.get()
        }

        func send(over flow: Flow, body: Int = 0) async throws {
            let request = try Self.options(body: body)
            try await loop.submit { _ = self.endpoint.send(request, over: flow) }.get()
        }

        func told(_ text: String) async { _ = await events.first { $0 == .warning(text) } }

        static func options(body: Int) throws -> Request {
            var headers = Headers()
            headers.append(.maxForwards, "70")
            headers.append(.from, "<sip:a@ims.lab>;tag=1")
            headers.append(.to, "<sip:x@ims.lab>")
            headers.append(.callID, "c1")
            headers.append(.cSeq, "7 OPTIONS")
            if body > 0 { headers.append(.contentType, "text/plain") }
            return Request(
                method: .options, uri: try URI("sip:x@ims.lab"), headers: headers,
                body: ByteBuffer(repeating: 0x41, count: body))
        }
    }

    @Test("a request and its response, bound to the sender's own address", arguments: [Flow.Transport.udp, .tcp])
    func plain(transport: Flow.Transport) async throws {
        let (one, other) = (Node(1), Node(2))
        let target = try await other.listen("mw", transport)
        _ = try await one.listen("mw", transport)
        let flow = try await one.flow(target, transport, from: "mw")
        try await one.send(over: flow)
        await other.told("request OPTIONS mw from 127.3.0.1")
        await one.told("response 200")
        if transport == .tcp {
            #expect(try await one.flow(target, transport, from: "mw") == flow)
            try await other.endpoint.stop().get()
            await one.told("closed")
        }
        try await one.endpoint.stop().get()
        try await other.endpoint.stop().get()
    }

    @Test("a datagram of 60,000 octets arrives whole")
    func large() async throws {
        let (one, other) = (Node(3), Node(4))
        let target = try await other.listen("mw", .udp)
        _ = try await one.listen("mw", .udp)
        try await one.send(over: try await one.flow(target, .udp, from: "mw"), body: 60_000)
        await other.told("request OPTIONS mw from 127.3.0.3")
        await one.told("response 200")
        try await one.endpoint.stop().get()
        try await other.endpoint.stop().get()
    }

    @Test("TLS: the client takes the name that the CA vouches for, and no other; both handshakes are events")
    func tls() async throws {
        let authority = try CertificateAuthority()
        let identity = try authority.issue(for: [.name("pcscf.ims.lab")])
        let (one, other) = (Node(5), Node(6))
        let target = try await other.listen("gm", .tls, tls: try TLSServerSettings(identity: identity))
        let right = try TLSClientSettings(trusting: [authority.identity.certificate], serverName: "pcscf.ims.lab")
        let flow = try await one.flow(target, .tls, from: "gm", tls: right)
        #expect(flow.transport == .tls)
        #expect(flow.local.address == one.address)
        try await one.send(over: flow)
        await other.told("request OPTIONS gm from 127.3.0.5")
        await one.told("response 200")

        for node in [one, other] {
            let event = await node.events.first { if case .tls(let event) = $0 { event.accepted } else { false } }
            guard case .tls(let handshake) = event else { continue }
            #expect(handshake.version == "TLS 1.3")
            #expect(handshake.cipher?.hasPrefix("TLS_") == true)
            #expect(handshake.clientRandom?.count == 64)
            #expect(handshake.leg == "gm")
        }

        let wrongName = try TLSClientSettings(trusting: [authority.identity.certificate], serverName: "other.ims.lab")
        await #expect(throws: (any Error).self) { try await one.flow(target, .tls, from: "gm", tls: wrongName) }
        let stranger = try TLSClientSettings(
            trusting: [try CertificateAuthority().identity.certificate], serverName: "pcscf.ims.lab")
        await #expect(throws: (any Error).self) { try await Node(7).flow(target, .tls, from: "gm", tls: stranger) }
        try await one.endpoint.stop().get()
        try await other.endpoint.stop().get()
    }

    @Test("RFC 5922 7.4: Mw over TLS, certificate against certificate: without one of the authority nobody gets in")
    func mutual() async throws {
        let (authority, other) = (try CertificateAuthority(), try CertificateAuthority())
        let trusted = [authority.identity.certificate]
        let server = Node(11)
        let settings = try TLSServerSettings(
            identity: try authority.issue(for: [.address(server.address)]), clientsOf: trusted)
        let target = try await server.listen("mw", .tls, tls: settings)
        func client(_ last: UInt32, _ identity: Identity?) async throws -> Node {
            let node = Node(last)
            // RFC 6066 3: an address is no server name; the certificate holds it.
            let tls = try TLSClientSettings(trusting: trusted, serverName: "\(server.address)", identity: identity)
            // With TLS 1.3 a client hears of its refusal only after its own side is done.
            if let flow = try? await node.flow(target, .tls, from: "gm", tls: tls) {
                try await node.send(over: flow)
            } else {
                node.events.emit(.warning("failed"))
            }
            return node
        }
        let known = try await client(12, try authority.issue(for: [.name("pcscf.ims.lab")]))
        await server.told("request OPTIONS mw from 127.3.0.12")
        await known.told("response 200")
        for (last, identity) in [(13, nil), (14, try other.issue(for: [.name("pcscf.ims.lab")]))]
            as [(UInt32, Identity?)]
        {
            let stranger = try await client(last, identity)
            await stranger.told("failed")
            try await stranger.endpoint.stop().get()
        }
        let requests = server.events.all.filter {
            if case .warning(let text) = $0 { text.hasPrefix("request") } else { false }
        }
        #expect(requests.count == 1)
        try await known.endpoint.stop().get()
        try await server.endpoint.stop().get()
    }

    @Test("IPv4 and IPv6 under one name: each flow by the socket of its family", arguments: [Flow.Transport.udp, .tcp])
    func families(transport: Flow.Transport) async throws {
        let (one, other) = (Node(15), Node(16))
        let loopback6 = IPAddress("::1")!
        var targets = [try await other.listen("mw", transport)]
        for node in [one, other] {
            let bound = try await node.loop.flatSubmit {
                node.endpoint.listen("mw", transport: transport, at: Endpoint(loopback6, 0))
            }.get()
            if node === other { targets.append(bound) }
        }
        _ = try await one.listen("mw", transport)
        for target in targets {
            let flow = try await one.flow(target, transport, from: "mw")
            #expect(flow.local.address == (target.address.isV6 ? loopback6 : one.address))
            try await one.send(over: flow)
            await other.told("request OPTIONS mw from \(flow.local.address)")
        }
        try await one.endpoint.stop().get()
        try await other.endpoint.stop().get()
    }

    @Test("RFC 3261 18.1.1: a long request over sockets goes by TCP where the peer listens there too")
    func longRequest() async throws {
        let (one, other) = (Node(17), Node(18))
        let target = try await other.listen("mw", .udp)
        _ = try await other.loop.flatSubmit {
            other.endpoint.listen("mw", transport: .tcp, at: Endpoint(other.address, target.port))
        }.get()
        _ = try await one.listen("mw", .udp)
        try await one.send(over: try await one.flow(target, .udp, from: "mw"), body: 1_400)
        await other.told("request OPTIONS mw from 127.3.0.17")
        await one.told("response 200")
        #expect(try await one.loop.submit { one.endpoint.connectionCount }.get() == 1)
        try await one.endpoint.stop().get()
        try await other.endpoint.stop().get()
    }

    @Test("nobody listens: the flow fails, and no connection is left behind")
    func refused() async throws {
        let node = Node(8)
        await #expect(throws: (any Error).self) {
            try await node.flow(Endpoint(.v4(0x7F03_00FE), 1), .tcp, from: "gm")
        }
        // The flow fails first; the channel is closed a turn or two of the loop later.
        var count = 1
        for _ in 0..<1_000 where count > 0 {
            count = try await node.loop.submit { node.endpoint.connectionCount }.get()
        }
        #expect(count == 0)
    }
}
