import Configuration
import Logging
import NIOCore
import NIOPosix
import Observability
import SIP
import Testing
import Transport
import WireSyntax

@testable import ProxyCSCF

/// The P-CSCF finds its home network by name, over a DNS server that this project did not write.
@Suite(.timeLimit(.minutes(1)))
struct NamedHomeTests {
    static let home = IPAddress("127.78.0.2")!

    private static func proxy(_ dns: Endpoint, _ name: String) async throws -> ProxyCSCF {
        let text = """
            gm.tcp: 127.78.0.1:0
            mw.listen: 127.78.0.1:0
            mw.home: \(name)
            dns.servers: ["\(dns)"]
            iq.listen: udp:127.78.0.1:0
            """
        let proxy = ProxyCSCF(
            settings: try ProxyCSCFSettings(Configuration(ProxyCSCFSettings.schema, yaml: text)),
            environment: FunctionEnvironment(logger: Logger(label: "test"), node: "P-CSCF"))
        _ = try await proxy.start()
        return proxy
    }

    private static func ue(_ proxy: ProxyCSCF) async throws -> (ScriptedPeer, Flow) {
        let ue = ScriptedPeer(MultiThreadedEventLoopGroup.singleton.next())
        try await ue.attach()
        let gm = try #require(proxy.own.gm[.tcp])
        let flow = try await ue.endpoint.eventLoop.flatSubmit {
            ue.endpoint.use(IPAddress("127.78.0.3")!, as: "gm")
            return ue.endpoint.flow(to: gm, transport: .tcp, from: "gm")
        }.get()
        return (ue, flow)
    }

    private static func register(_ flow: Flow) throws -> Request {
        try Played.request(
            .register, "sip:ims.lab", cSeq: 1, from: "<sip:u@ims.lab>;tag=r", to: "<sip:u@ims.lab>",
            callID: "named", contact: "<sip:u@\(flow.local);transport=tcp>")
    }

    @Test(
        "RFC 3263 4, 4.3: mw.home by NAPTR, SRV and A; a target that is dead gives way to the next, and both are peers",
        .foreign("dnsmasq"))
    func found() async throws {
        let home = ScriptedPeer(MultiThreadedEventLoopGroup.singleton.next())
        try await home.attach()
        let at = try await home.endpoint.listen("mw", transport: .tcp, at: Endpoint(Self.home, 0)).get()
        let names = try await ForeignDNS([
            "--naptr-record=home.lab,50,50,s,SIP+D2T,,_sip._tcp.home.lab",
            "--srv-host=_sip._tcp.home.lab,dead.home.lab,9,1,10",
            "--srv-host=_sip._tcp.home.lab,one.home.lab,\(at.port),2,10",
            "--host-record=dead.home.lab,127.78.0.9", "--host-record=one.home.lab,\(Self.home)",
        ])
        let proxy = try await Self.proxy(names.endpoint, "home.lab")
        let peers = try await proxy.eventLoop.submit { proxy.peers }.get()
        #expect(peers == [Self.home, IPAddress("127.78.0.9")!])
        let (ue, flow) = try await Self.ue(proxy)
        _ = try await ue.send(Self.register(flow), over: flow)
        let (seen, id, _) = try await home.request(.register)
        #expect(seen.headers.contains(.path))
        try await home.respond(.make(403, nil, to: seen, toTag: "h"), to: id)
        _ = try await ue.response(403)
        // A12: what comes from there is core: it is looked for, and a stranger's would be refused.
        let mw = proxy.own.mw
        let back = try await home.endpoint.eventLoop.flatSubmit {
            home.endpoint.flow(to: mw, transport: .tcp, from: "mw")
        }.get()
        _ = try await home.send(
            try Played.request(
                .options, "sip:u@ims.lab", cSeq: 1, from: "<sip:h@ims.lab>;tag=h", to: "<sip:u@ims.lab>",
                callID: "back", contact: nil), over: back)
        let answer = try await Self.final(home)
        #expect(answer != 403)
        await proxy.stop()
        for peer in [ue, home] { try await peer.endpoint.stop().get() }
        withExtendedLifetime(names) {}
    }

    @Test(
        "RFC 3263 4: a name that leads nowhere makes nobody a peer, and a REGISTER gets an error", .foreign("dnsmasq"))
    func unknown() async throws {
        let names = try await ForeignDNS([])
        let proxy = try await Self.proxy(names.endpoint, "nobody.lab")
        let peers = try await proxy.eventLoop.submit { proxy.peers }.get()
        #expect(peers.isEmpty)
        let (ue, flow) = try await Self.ue(proxy)
        _ = try await ue.send(Self.register(flow), over: flow)
        let status = try await Self.final(ue)
        #expect(status >= 500)
        await proxy.stop()
        try await ue.endpoint.stop().get()
        withExtendedLifetime(names) {}
    }

    private static func final(_ peer: ScriptedPeer) async throws -> Int {
        while true {
            if case .response(let response, _) = try await peer.next(), response.status >= 200 {
                return response.status
            }
        }
    }
}
