import AccessGateway
import Authentication
import Configuration
import HomeNetwork
import Logging
import NIOCore
import NIOPosix
import Observability
import SIP
import Testing
import Transport
import WireSyntax

@testable import ProxyCSCF

/// The P-CSCF between a real home network and a real gateway, Gm over TLS; only the UEs are played.
private struct RealNetwork {
    let home: HomeNetwork
    let gateway: AccessGateway
    let proxy: ProxyCSCF
    let ues: [ScriptedPeer]
    let folder: String
    var flows: [Flow] = []

    static func port(_ address: String) async throws -> Endpoint {
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: address, port: 0).get()
        let port = UInt16(channel.localAddress?.port ?? 0)
        try await channel.close()
        return Endpoint(IPAddress(address)!, port)
    }

    init(folder: String) async throws {
        self.folder = folder
        let authority = try CertificateAuthority()
        let identity = try authority.issue(for: [.name("pcscf.ims.lab"), .address(IPAddress("127.81.0.1")!)])
        try identity.save(certificateFile: folder + "/gm.pem", keyFile: folder + "/gm.key")
        func environment(_ node: String) -> FunctionEnvironment {
            FunctionEnvironment(logger: Logger(label: "test"), node: node)
        }
        let users = (0..<2).map {
            "  - {private-id: u\($0)@ims.lab, password: secret\($0), public-ids: [\"sip:u\($0)@ims.lab\"]}"
        }
        home = HomeNetwork(
            settings: try HomeNetworkSettings(
                Configuration(
                    HomeNetworkSettings.schema,
                    yaml: "mw.listen: [\"tcp:127.82.0.1:0\"]\nmw.peers: [127.81.0.1]\nusers:\n"
                        + users.joined(separator: "\n"))),
            environment: environment("S-CSCF"))
        let mw = try #require(try await home.start().first)
        let (iq, agw) = (try await Self.port("127.81.0.1"), try await Self.port("127.83.0.1"))
        let text = """
            gm: {tls: 127.81.0.1:0, certificate: \(folder)/gm.pem, key: \(folder)/gm.key}
            mw: {listen: 127.81.0.1:0, home: \(mw.local)}
            iq: {listen: "udp:\(iq)", gateways: ["udp:\(agw)"]}
            """
        proxy = ProxyCSCF(
            settings: try ProxyCSCFSettings(Configuration(ProxyCSCFSettings.schema, yaml: text)),
            environment: environment("P-CSCF"))
        _ = try await proxy.start()
        gateway = AccessGateway(
            settings: try AccessGatewaySettings(
                Configuration(
                    AccessGatewaySettings.schema,
                    yaml: """
                        iq: {listen: "udp:\(agw)", mgc: ["udp:\(iq)"]}
                        access.address: [127.83.0.1]
                        core.address: [127.83.0.2]
                        """)), environment: environment("IMS-AGW"))
        _ = try await gateway.start()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        ues = [ScriptedPeer(loop), ScriptedPeer(loop)]
        let tls = try TLSClientSettings(trusting: [authority.identity.certificate], serverName: "pcscf.ims.lab")
        for (index, ue) in ues.enumerated() {
            try await ue.attach()
            let gm = try #require(proxy.own.gm[.tls])
            flows.append(
                try await loop.flatSubmit {
                    ue.endpoint.use(IPAddress("127.84.0.\(index + 1)")!, as: "gm")
                    return ue.endpoint.flow(to: gm, transport: .tls, from: "gm", tls: tls)
                }.get())
        }
        // The gateway registers by itself.
        let proxy = proxy
        while try await proxy.eventLoop.submit({ proxy.gateways?.hasCapableGateway != true }).get() {
            await Task.yield()
        }
    }

    func contact(_ index: Int) -> String { "sip:u\(index)@\(flows[index].local);transport=tls" }

    /// With digest. Returns Service-Route and the indication of the network.
    func register(_ index: Int) async throws -> (route: String?, indication: String?) {
        let identity = "<sip:u\(index)@ims.lab>"
        func register(_ round: Int, _ headers: [(HeaderName, String)]) throws -> Request {
            try Played.request(
                .register, "sip:ims.lab", cSeq: round, from: identity + ";tag=r", to: identity, callID: "reg\(index)",
                contact: "<\(contact(index))>", headers: [(.securityClient, "msrp-tls;mediasec")] + headers)
        }
        _ = try await ues[index].send(register(1, []), over: flows[index])
        let challenge = try await ues[index].response(401)
        let digest = try #require(DigestChallenge.best(of: challenge.headers.values(.wwwAuthenticate)))
        let credentials = try #require(
            DigestCredentials.answer(
                digest, username: "u\(index)@ims.lab", password: Secret("secret\(index)"), method: .register,
                uri: "sip:ims.lab", cnonce: "c", nonceCount: 1))
        var headers: [(HeaderName, String)] = [(.authorization, "\(credentials)")]
        for value in challenge.headers.values(.securityServer) { headers.append((.securityVerify, value)) }
        _ = try await ues[index].send(register(2, headers), over: flows[index])
        let success = try await ues[index].response(200)
        return (success.headers[.serviceRoute], success.headers[.securityServer])
    }

    /// Call legs and contexts.
    func held() async throws -> [Int] {
        let proxy = proxy
        return try await proxy.eventLoop.submit {
            [proxy.calls.count, proxy.contexts.count, proxy.pool?.contextCount ?? -1]
        }
        .get()
    }

    func stop() async {
        await proxy.stop()
        await gateway.stop()
        await home.stop()
    }
}

@Suite("P-CSCF, home network and gateway", .timeLimit(.minutes(1)))
struct RealNetworkTests {
    @Test("e2ae on both access legs over one home network and one gateway; after the BYE no context is left")
    func call() async throws {
        try await withTemporaryFolder { folder in
            let network = try await RealNetwork(folder: folder)
            try await call(in: network)
            await network.stop()
        }
    }

    private func call(in network: RealNetwork) async throws {
        let routes = [try await network.register(0), try await network.register(1)]
        #expect(routes.map(\.indication) == ["msrp-tls;mediasec", "msrp-tls;mediasec"])
        let (a, b) = (network.ues[0], network.ues[1])

        let invite = try Played.request(
            .invite, "sip:u1@ims.lab", cSeq: 1, from: "<sip:u0@ims.lab>;tag=a", to: "<sip:u1@ims.lab>", callID: "c",
            contact: "<\(network.contact(0))>", body: Played.secure("actpass", requested: true, "127.84.0.1"))
        _ = try await a.send(invite, over: network.flows[0])
        let (atB, server, _) = try await b.request(.invite)
        let offer = String(buffer: atB.body)
        #expect(offer.contains("TCP/TLS/MSRP") && offer.contains("a=3ge2ae:applied") && offer.contains("127.83.0.1"))
        try await b.respond(
            Played.accept(
                200, atB, tag: "b", contact: "<\(network.contact(1))>",
                body: Played.secure("active", requested: false, "127.84.0.2")), to: server)
        let success = try await a.response(200)
        #expect(String(buffer: success.body).contains("a=3ge2ae:applied"))
        #expect(try await network.held() == [2, 2, 2])

        let recorded = Array(success.headers.list(.recordRoute).reversed())
        func inDialog(_ method: Method, _ cSeq: Int) throws -> Request {
            try Played.request(
                method, network.contact(1), cSeq: cSeq, from: "<sip:u0@ims.lab>;tag=a", to: "<sip:u1@ims.lab>;tag=b",
                callID: "c", routes: recorded)
        }
        _ = try await a.send(inDialog(.ack, 1), over: network.flows[0])
        _ = try await b.request(.ack)
        _ = try await a.send(inDialog(.bye, 2), over: network.flows[0])
        let (bye, byeServer, _) = try await b.request(.bye)
        try await b.respond(.make(200, nil, to: bye, toTag: nil), to: byeServer)
        _ = try await a.response(200)
        #expect(try await network.held() == [0, 0, 0])
    }
}
