import ApplicationLevelGateway
import Configuration
import Logging
import MediaSecurity
import NIOCore
import NIOPosix
import Observability
import SDP
import SIP
import Testing
import Transport
import WireSyntax

@testable import ProxyCSCF

/// The real P-CSCF on loopback sockets between UEs and a core that the test plays: one UE for each pair of indications. Gateways are played too.
///
///     WireUE (u, n) ── tcp, allowUnprotected ──▶ ProxyCSCF ── tcp ──▶ home
///                                                    │
///                                              PlayedGateways
///
/// `call(…)` begins one passage of a call; each offer in it is a `WireCall.offer`, which says what the other side saw, what came back, and what was decided.
final class WireNetwork: @unchecked Sendable {
    let proxy: ProxyCSCF
    let gateways = PlayedGateways()
    let home: ScriptedPeer
    let events = RecordedEvents()
    private let loop: any EventLoop
    private(set) var toProxy: Flow?
    private var ues: [Indications: WireUE] = [:]
    private var calls = 0

    static let policy = """
        gm.tcp: 127.75.0.1:0
        gm.allowUnprotected: true
        mw.listen: 127.75.0.1:0
        iq.listen: udp:127.75.0.1:0

        """

    /// - Parameters:
    ///   - yaml: further lines of the P-CSCF's configuration.
    ///   - adjust: what is easier said in Swift.
    init(_ yaml: String = "", _ adjust: (inout ProxyCSCFSettings) -> Void = { _ in }) async throws {
        loop = MultiThreadedEventLoopGroup.singleton.next()
        home = ScriptedPeer(loop)
        try await home.attach()
        let at = try await home.endpoint.listen("mw", transport: .tcp, at: Endpoint(IPAddress("127.76.0.1")!, 0)).get()
        var settings = try ProxyCSCFSettings(
            Configuration(ProxyCSCFSettings.schema, yaml: Self.policy + "mw.home: \(at)\n" + yaml))
        adjust(&settings)
        proxy = ProxyCSCF(
            settings: settings,
            environment: FunctionEnvironment(logger: Logger(label: "test"), events: events, node: "P-CSCF"))
        _ = try await proxy.start()
        let (proxy, gateways) = (proxy, gateways)
        try await proxy.eventLoop.submit { proxy.gateways = gateways }.get()
        let (home, mw) = (home, proxy.own.mw)
        toProxy = try await loop.flatSubmit { home.endpoint.flow(to: mw, transport: .tcp, from: "mw") }.get()
    }

    func stop() async {
        await proxy.stop()
        try? await home.endpoint.stop().get()
        for ue in ues.values { try? await ue.peer.endpoint.stop().get() }
    }

    /// On the loop of the P-CSCF.
    func onProxy<Value: Sendable>(_ body: @escaping @Sendable (ProxyCSCF, PlayedGateways) -> Value) async throws
        -> Value
    {
        let (proxy, gateways) = (proxy, gateways)
        return try await proxy.eventLoop.submit { body(proxy, gateways) }.get()
    }

    /// Call legs, contexts in use, contexts at the gateways.
    func held() async throws -> [Int] {
        try await onProxy { [$0.calls.count, $0.contexts.count, $1.held.count] }
    }

    // MARK: Registration

    /// A registered UE with these indications: U by its Security-Client, N by a capable gateway at that time.
    func ue(_ u: Bool, _ n: Bool, userAgent: String? = nil) async throws -> WireUE {
        let wanted = Indications(ue: u, network: n)
        if userAgent == nil, let ue = ues[wanted] { return ue }
        try await onProxy { $1.hasCapableGateway = n }
        let name = "u\(ues.count)"
        let address = IPAddress("127.77.0.\(ues.count + 1)")!
        let peer = ScriptedPeer(loop)
        try await peer.attach()
        let gm = try #require(proxy.own.gm[.tcp])
        let flow = try await loop.flatSubmit {
            peer.endpoint.use(address, as: "gm")
            return peer.endpoint.flow(to: gm, transport: .tcp, from: "gm")
        }.get()
        let identity = "<sip:\(name)@ims.lab>"
        let contact = "<sip:\(name)@\(flow.local);transport=tcp>"
        var path = ""
        var list: String?
        for round in 1...2 {
            var headers: [(HeaderName, String)] = []
            if u { headers.append((.securityClient, "msrp-tls;mediasec")) }
            if let list { headers.append((.securityVerify, list)) }
            if let userAgent { headers.append((.userAgent, userAgent)) }
            let register = try Played.request(
                .register, "sip:ims.lab", cSeq: round, from: identity + ";tag=r", to: identity, callID: "reg-\(name)",
                contact: contact, headers: headers)
            _ = try await peer.send(register, over: flow)
            let (seen, id, _) = try await home.request(.register)
            path = seen.headers[.path] ?? ""
            var response = Response.make(round == 1 ? 401 : 200, nil, to: seen, toTag: "h")
            if round == 2 {
                response.headers.append(.contact, contact + ";expires=3600")
                response.headers.append(.serviceRoute, "<sip:orig@\(proxy.settings.home);transport=tcp;lr>")
            }
            try await home.respond(response, to: id)
            list = try await peer.response(round == 1 ? 401 : 200).headers[.securityServer]
        }
        let ue = WireUE(
            peer: peer, flow: flow, identity: "sip:\(name)@ims.lab", contact: contact, path: path, address: address)
        let token = try #require(try NameAddress(path).uri.sip?.user)
        let registered = try await onProxy { proxy, _ in proxy.registrations.registration(token: token)?.indications }
        // U without N and N without U as well: else the row would not be the one that is asked for.
        try #require(registered == wanted)
        ues[wanted] = ue
        try await onProxy { $1.hasCapableGateway = true }
        return ue
    }

    /// A passage of a call that is not begun yet; its Call-ID is its own.
    func call(_ direction: OfferDirection, _ ue: WireUE) throws -> WireCall {
        calls += 1
        return WireCall(
            network: self, ue: ue, direction: direction, callID: "call\(calls)", coreFlow: try #require(toProxy))
    }

    /// What the P-CSCF sent for this request first, but for a 100: the request itself, or its final response.
    func passesOn(_ method: SIP.Method, _ cSeq: Int, callID: String, after count: Int) async throws -> Bool {
        let wanted = "\(cSeq) \(method)"
        while true {
            // A time limit of the test ends the wait.
            try Task.checkCancellation()
            for case .sip(let message) in events.all[count...]
            where message.direction == .sent && message.callID == callID && message.cSeq == wanted {
                if !message.startLine.hasPrefix("SIP/2.0 1") { return message.startLine.hasPrefix("\(method)") }
            }
            await Task.yield()
        }
    }
}

/// A UE that is registered at a `WireNetwork`.
struct WireUE: Sendable {
    let peer: ScriptedPeer
    let flow: Flow
    let identity: String
    let contact: String
    /// Path as the home network learnt it.
    let path: String
    let address: IPAddress
}
