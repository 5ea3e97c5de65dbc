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

/// Gateways that say yes.
// Used on the event loop of the P-CSCF only.
final class WillingGateways: GatewayPool, @unchecked Sendable {
    var hasCapableGateway = true
    var held: Set<ContextHandle> = []
    private var last: UInt32 = 0

    func reserve(
        _ terminations: [TerminationRequest],
        _ completion: @escaping (Result<[ReservedTermination], GatewayFailure>) -> Void
    ) {
        last += 1
        let context = ContextHandle(gateway: "gw", context: last)
        held.insert(context)
        completion(
            .success(
                terminations.map { request in
                    let address = request.realm == .access ? "127.3.0.1" : "127.3.0.2"
                    return ReservedTermination(
                        handle: TerminationHandle(context: context, name: request.realm.rawValue),
                        local: LocalDescription(
                            endpoint: Endpoint("\(address):9000")!, role: request.local.role,
                            path: "\(request.transport.isTLS ? "msrps" : "msrp")://\(address):9000/gw;tcp",
                            fingerprints: request.transport.isTLS
                                ? [Fingerprint(hash: .sha256, octets: Array(repeating: 0x66, count: 32))] : []))
                }))
    }

    func configure(
        _ termination: TerminationHandle, _ change: TerminationChange,
        _ completion: @escaping (Result<[ReservedTermination], GatewayFailure>) -> Void
    ) { completion(.success([])) }

    func release(_ context: ContextHandle) { held.remove(context) }
}

/// P-CSCF, home network and two UEs on loopback, each with an address of its own; the gateways and all but the P-CSCF are played.
private struct Network {
    let proxy: ProxyCSCF
    let gateways: WillingGateways
    let home: ScriptedPeer
    let callers: [ScriptedPeer]
    var flows: [Flow] = []
    var paths: [String] = []

    static let proxyAddress = IPAddress("127.71.0.1")!
    static let homeAddress = IPAddress("127.72.0.1")!

    init(registrationEvents: Bool = false) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        home = ScriptedPeer(loop)
        callers = [ScriptedPeer(loop), ScriptedPeer(loop)]
        try await home.attach()
        let at = try await home.endpoint.listen("mw", transport: .tcp, at: Endpoint(Self.homeAddress, 0)).get()
        let text = """
            registration-events: \(registrationEvents)
            visited-network: visited.lab
            gm.tcp: 127.71.0.1:0
            gm.allowUnprotected: true
            mw.listen: 127.71.0.1:0
            mw.home: \(at)
            iq.listen: udp:127.71.0.1:0
            """
        let settings = try ProxyCSCFSettings(Configuration(ProxyCSCFSettings.schema, yaml: text))
        proxy = ProxyCSCF(
            settings: settings, environment: FunctionEnvironment(logger: Logger(label: "test"), node: "P-CSCF"))
        _ = try await proxy.start()
        let (proxy, gateways) = (proxy, WillingGateways())
        self.gateways = gateways
        try await proxy.eventLoop.submit { proxy.gateways = gateways }.get()
        for (index, ue) in callers.enumerated() {
            try await ue.attach()
            let address = IPAddress("127.73.0.\(index + 1)")!
            let gm = proxy.own.gm[.tcp]!
            let flow = try await loop.flatSubmit {
                ue.endpoint.use(address, as: "gm")
                return ue.endpoint.flow(to: gm, transport: .tcp, from: "gm")
            }.get()
            flows.append(flow)
        }
    }

    // MARK: Parts of a call

    func contact(_ index: Int) -> String { "<sip:u\(index)@\(flows[index].local);transport=tcp>" }

    /// Two rounds of REGISTER. The Path that the home network learnt is kept.
    mutating func register(_ index: Int, contact given: String? = nil) async throws {
        let ue = callers[index]
        let contact = given ?? self.contact(index)
        let identity = "<sip:u\(index)@ims.lab>"
        for round in 1...2 {
            var headers: [(HeaderName, String)] = [(.securityClient, "msrp-tls;mediasec")]
            if round == 2 { headers.append((.securityVerify, "msrp-tls;mediasec")) }
            let register = try Played.request(
                .register, "sip:ims.lab", cSeq: round, from: identity + ";tag=r", to: identity, callID: "reg\(index)",
                contact: contact, headers: headers)
            _ = try await ue.send(register, over: flows[index])
            let (seen, id, _) = try await home.request(.register)
            #expect(!seen.headers.contains(.securityClient))
            #expect(seen.headers[.pVisitedNetworkID] == "visited.lab")
            #expect(seen.headers[.pChargingVector]?.hasPrefix("icid-value=") == true)
            var response = Response.make(round == 1 ? 401 : 200, nil, to: seen, toTag: "h")
            if round == 2 {
                paths.append(seen.headers[.path] ?? "")
                response.headers.append(.contact, contact + ";expires=600")
                response.headers.append(.serviceRoute, "<sip:orig@\(proxy.settings.home);transport=tcp;lr>")
            }
            try await home.respond(response, to: id)
            let answer = try await ue.response(round == 1 ? 401 : 200)
            #expect(answer.headers[.securityServer] == "msrp-tls;mediasec")
        }
    }

    /// Calls, contexts and transactions that the P-CSCF still holds.
    func held() async throws -> [Int] {
        let (proxy, gateways) = (proxy, gateways)
        return try await proxy.eventLoop.submit {
            [
                proxy.calls.count, proxy.contexts.count, gateways.held.count, proxy.serverIndex.count,
                proxy.relays.count,
                proxy.registers.count,
            ]
        }.get()
    }
}

@Suite("A P-CSCF on sockets", .timeLimit(.minutes(1)))
struct ProxyCSCFTests {
    @Test("Two UEs register, one calls the other through two legs with e2ae on both, and hangs up: nothing is left")
    func call() async throws {
        var network = try await Network()
        try await network.register(0)
        try await network.register(1)
        let (home, a, b) = (network.home, network.callers[0], network.callers[1])
        let proxy = network.proxy

        let invite = try Played.request(
            .invite, "sip:u1@ims.lab", cSeq: 1, from: "<sip:u0@ims.lab>;tag=a", to: "<sip:u1@ims.lab>", callID: "c",
            contact: network.contact(0), routes: ["<sip:\(proxy.own.gm[.tcp]!);transport=tcp;lr>"],
            body: Played.secure("actpass", requested: true, "127.73.0.1"))
        _ = try await a.send(invite, over: network.flows[0])

        // The home network: to the callee's contact, by its Path.
        var (atHome, homeServer, _) = try await home.request(.invite)
        #expect(
            String(buffer: atHome.body).contains("TCP/MSRP") && !String(buffer: atHome.body).contains("fingerprint"))
        #expect(atHome.headers["P-Asserted-Identity"] == "<sip:u0@ims.lab>")
        var onwards = atHome
        onwards.uri = try URI(String(network.contact(1).dropFirst().dropLast()))
        onwards.headers.remove(.route)
        onwards.headers.append(.route, network.paths[1])
        onwards.headers.prepend(.recordRoute, "<sip:\(proxy.settings.home);transport=tcp;lr>")
        let mw = proxy.own.mw
        let toProxy = try await home.endpoint.eventLoop.flatSubmit {
            home.endpoint.flow(to: mw, transport: .tcp, from: "mw")
        }.get()
        _ = try await home.send(onwards, over: toProxy)

        let (atB, serverB, _) = try await b.request(.invite)
        #expect(String(buffer: atB.body).contains("a=3ge2ae:applied"))
        try await b.respond(
            Played.accept(
                200, atB, tag: "b", contact: network.contact(1),
                body: Played.secure("active", requested: false, "127.73.0.2")),
            to: serverB)
        var back = try await home.response(200)
        #expect(String(buffer: back.body).contains("TCP/MSRP"))
        back.headers.removeFirst(.via)
        try await home.respond(back, to: homeServer)
        let success = try await a.response(200)
        #expect(String(buffer: success.body).contains("a=3ge2ae:applied"))
        #expect(try await network.held()[0...2] == [2, 2, 2])

        let routes = Array(success.headers.list(.recordRoute).reversed())
        let target = network.contact(1).dropFirst().dropLast()
        func inDialog(_ method: Method, _ cSeq: Int) throws -> Request {
            try Played.request(
                method, String(target), cSeq: cSeq, from: "<sip:u0@ims.lab>;tag=a", to: "<sip:u1@ims.lab>;tag=b",
                callID: "c", routes: routes)
        }
        _ = try await a.send(inDialog(.ack, 1), over: network.flows[0])
        (atHome, homeServer, _) = try await home.request(.ack)
        func passOn(_ request: Request) async throws {
            var request = request
            request.headers.removeFirst(.route)
            _ = try await home.send(request, over: toProxy)
        }
        try await passOn(atHome)
        _ = try await b.request(.ack)

        _ = try await a.send(inDialog(.bye, 2), over: network.flows[0])
        (atHome, homeServer, _) = try await home.request(.bye)
        try await passOn(atHome)
        let (bye, byeServer, _) = try await b.request(.bye)
        try await b.respond(.make(200, nil, to: bye, toTag: nil), to: byeServer)
        back = try await home.response(200)
        back.headers.removeFirst(.via)
        try await home.respond(back, to: homeServer)
        _ = try await a.response(200)
        #expect(try await network.held() == [0, 0, 0, 0, 0, 0])
        await proxy.stop()
    }

    @Test("A12: an INVITE from a sender that is not registered gets 403; a stranger at Mw as well")
    func strangers() async throws {
        let network = try await Network()
        let invite = try Played.request(
            .invite, "sip:u1@ims.lab", cSeq: 1, from: "<sip:u0@ims.lab>;tag=a", to: "<sip:u1@ims.lab>", callID: "c",
            contact: network.contact(0))
        _ = try await network.callers[0].send(invite, over: network.flows[0])
        _ = try await network.callers[0].response(403)
        let (peer, mw) = (network.callers[1], network.proxy.own.mw)
        let flow = try await peer.endpoint.eventLoop.flatSubmit {
            peer.endpoint.flow(to: mw, transport: .tcp, from: "gm")
        }.get()
        _ = try await peer.send(invite, over: flow)
        _ = try await peer.response(403)
        #expect(try await network.held() == [0, 0, 0, 0, 0, 0])
        await network.proxy.stop()
    }

    @Test("A13: a stranger's flood is answered a few times and then with silence, and nothing of it is kept")
    func flood() async throws {
        var network = try await Network()
        try await network.register(1)
        let (stranger, flow, proxy) = (network.callers[0], network.flows[0], network.proxy)
        // On a slow machine no further answer falls due.
        try await proxy.eventLoop.submit { proxy.refusalBudget = RefusalBudget(limits: .init(interval: .hours(1))) }
            .get()
        for number in 1...50 {
            let message = try Played.request(
                .message, "sip:u1@ims.lab", cSeq: number, from: "<sip:u0@ims.lab>;tag=a", to: "<sip:u1@ims.lab>",
                callID: "flood")
            _ = try await stranger.send(message, over: flow)
        }
        for _ in 0..<8 { _ = try await stranger.response(403) }
        // A registered UE is served meanwhile; its answer comes after the flood was read.
        let options = try Played.request(
            .options, "sip:\(proxy.own.gm[.tcp]!)", cSeq: 1, from: "<sip:u1@ims.lab>;tag=a", to: "<sip:u1@ims.lab>",
            callID: "o")
        _ = try await network.callers[1].send(options, over: network.flows[1])
        _ = try await network.callers[1].response(200)
        let counted = try await proxy.eventLoop.submit { [proxy.refusals["unregistered"], proxy.loops.count] }.get()
        #expect(counted == [50, 0])
        // The next thing that the stranger hears is the answer to its REGISTER: nothing else was under way.
        try await network.register(0)
        #expect(try await network.held() == [0, 0, 0, 0, 0, 0])
        await proxy.stop()
    }

    @Test("TS 24.229 5.2.6.3, A10: a UE's subscription follows the Record-Route of its dialog, whatever Route it sends")
    func subscription() async throws {
        var network = try await Network()
        try await network.register(0)
        let (home, a, flow, proxy) = (network.home, network.callers[0], network.flows[0], network.proxy)
        let homeRoute = "<sip:dialog@\(proxy.settings.home);transport=tcp;lr>"
        func subscribe(_ cSeq: Int, to: String, routes: [String]) throws -> Request {
            try Played.request(
                .subscribe, cSeq == 1 ? "sip:u9@ims.lab" : "sip:far@\(proxy.settings.home)", cSeq: cSeq,
                from: "<sip:u0@ims.lab>;tag=a", to: to, callID: "s", contact: network.contact(0), routes: routes,
                headers: [("Event", "presence")])
        }
        _ = try await a.send(subscribe(1, to: "<sip:u9@ims.lab>", routes: []), over: flow)
        let (first, server, toHome) = try await home.request(.subscribe)
        #expect(first.headers.list(.route) == ["<sip:orig@\(proxy.settings.home);transport=tcp;lr>"])
        let own = try #require(first.headers[.recordRoute])
        var accepted = Response.make(200, nil, to: first, toTag: "x")
        for route in [homeRoute, own] { accepted.headers.append(.recordRoute, route) }
        accepted.headers.append(.contact, "<sip:far@\(proxy.settings.home)>")
        try await home.respond(accepted, to: server)
        let seen = try await a.response(200)
        let gm = try #require(seen.headers.list(.recordRoute).last)
        #expect(gm.contains("\(proxy.own.gm[.tcp]!)"))

        // The UE leaves out the home network and names somebody else.
        _ = try await a.send(
            subscribe(2, to: "<sip:u9@ims.lab>;tag=x", routes: [gm, "<sip:evil@127.9.9.9;lr>"]), over: flow)
        let (second, secondServer, _) = try await home.request(.subscribe)
        #expect(second.headers.list(.route) == [homeRoute])
        try await home.respond(.make(200, nil, to: second, toTag: nil), to: secondServer)
        _ = try await a.response(200)

        let notify = try Played.request(
            .notify, String(network.contact(0).dropFirst().dropLast()), cSeq: 1, from: "<sip:u9@ims.lab>;tag=x",
            to: "<sip:u0@ims.lab>;tag=a", callID: "s", routes: [own],
            headers: [("Event", "presence"), (.subscriptionState, "terminated;reason=timeout")])
        _ = try await home.send(notify, over: toHome)
        let (atUE, notifyServer, _) = try await a.request(.notify)
        var answer = Response.make(200, nil, to: atUE, toTag: nil)
        answer.headers.set(.via, to: "SIP/2.0/TCP 127.9.9.9:5060;branch=\(Via.magicCookie)evil")
        for field in atUE.headers.values(.via).prefix(1) { answer.headers.prepend(.via, field) }
        try await a.respond(answer, to: notifyServer)
        _ = try await home.response(200)
        #expect(try await proxy.eventLoop.submit { proxy.dialogs.count }.get() == 0)

        _ = try await a.send(subscribe(3, to: "<sip:u9@ims.lab>;tag=x", routes: [gm]), over: flow)
        _ = try await a.response(481)
        #expect(try await network.held() == [0, 0, 0, 0, 0, 0])
        await proxy.stop()
    }

    @Test(
        "RFC 3680, TS 24.229 5.2.3: the home network rejects a contact: its call is released both ways, its registration gone"
    )
    func networkInitiated() async throws {
        var network = try await Network(registrationEvents: true)
        try await network.register(0)
        let (home, a, flow, proxy) = (network.home, network.callers[0], network.flows[0], network.proxy)
        let (subscribe, server, toHome) = try await home.request(.subscribe)
        #expect(subscribe.headers["Event"] == "reg" && "\(subscribe.uri)" == "sip:u0@ims.lab")
        var accepted = Response.make(200, nil, to: subscribe, toTag: "reg")
        accepted.headers.append(.contact, "<sip:reg@\(proxy.settings.home)>")
        accepted.headers.append(.expires, "600000")
        try await home.respond(accepted, to: server)
        let contact = try #require(try subscribe.headers.contacts().first?.uri)
        func notify(_ version: Int, _ state: String, _ event: String) throws -> Request {
            var request = try Played.request(
                .notify, "\(contact)", cSeq: version, from: "<sip:u0@ims.lab>;tag=reg",
                to: subscribe.headers[.from] ?? "",
                callID: subscribe.headers.callID ?? "", contact: "<sip:reg@\(proxy.settings.home)>",
                body: """
                    <?xml version="1.0"?>
                    <reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="\(version)" state="full">
                    <registration aor="sip:u0@ims.lab" id="1" state="\(state)"><contact id="2" state="\(state)" event="\(event)">
                    <uri>\(network.contact(0).dropFirst().dropLast())</uri></contact></registration></reginfo>
                    """,
                headers: [("Event", "reg"), (.subscriptionState, "active;expires=600000")])
            request.headers.set(.contentType, to: "application/reginfo+xml")
            return request
        }
        _ = try await home.send(notify(1, "active", "registered"), over: toHome)
        _ = try await home.response(200)

        let invite = try Played.request(
            .invite, "sip:u1@ims.lab", cSeq: 1, from: "<sip:u0@ims.lab>;tag=a", to: "<sip:u1@ims.lab>", callID: "c",
            contact: network.contact(0), body: Played.secure("actpass", requested: true, "127.73.0.1"))
        _ = try await a.send(invite, over: flow)
        let (atHome, inviteServer, _) = try await home.request(.invite)
        #expect(atHome.headers[.pChargingVector]?.contains("orig-ioi=\"visited.lab\"") == true)
        try await home.respond(
            Played.accept(
                200, atHome, tag: "b", contact: "<sip:far@\(proxy.settings.home)>",
                body: Played.sdp(
                    [
                        "m=message 4000 TCP/MSRP *", "a=accept-types:text/plain",
                        "a=path:msrp://127.5.0.1:4000/far;tcp", "a=setup:passive",
                    ], "127.5.0.1")), to: inviteServer)
        _ = try await a.response(200)

        _ = try await home.send(notify(2, "terminated", "rejected"), over: toHome)
        let (byeAtUE, ueServer, _) = try await a.request(.bye)
        try await a.respond(.make(200, nil, to: byeAtUE, toTag: nil), to: ueServer)
        var seen: Set<String> = []
        while seen.count < 2 {
            switch try await home.next() {
            case .request(let bye, let id, _) where bye.method == .bye:
                #expect(bye.headers["Reason"]?.contains("cause=480") == true)
                try await home.respond(.make(200, nil, to: bye, toTag: nil), to: id)
                seen.insert("BYE")
            case .response(let response, _) where response.status == 200: seen.insert("200")
            default: break
            }
        }
        let left = try await proxy.eventLoop.submit {
            [proxy.registrations.count, proxy.subscriptions.count, proxy.subscribing.count]
        }.get()
        #expect(left == [0, 0, 0])
        _ = try await a.send(invite, over: flow)
        _ = try await a.response(403)
        await proxy.stop()
    }

    @Test("A UE behind a NAT: what its Contact says does not matter, requests come over its connection")
    func behindNAT() async throws {
        var network = try await Network()
        let contact = "<sip:u0@192.168.1.5:5060;transport=tcp>"
        try await network.register(0, contact: contact)
        let (home, a, proxy) = (network.home, network.callers[0], network.proxy)
        let mw = proxy.own.mw
        let toProxy = try await home.endpoint.eventLoop.flatSubmit {
            home.endpoint.flow(to: mw, transport: .tcp, from: "mw")
        }.get()
        let message = try Played.request(
            .message, "sip:u0@192.168.1.5:5060;transport=tcp", cSeq: 1, from: "<sip:u1@ims.lab>;tag=b",
            to: "<sip:u0@ims.lab>", callID: "m", routes: [network.paths[0]],
            headers: [(.pChargingVector, "icid-value=\"1\""), ("P-Asserted-Identity", "<sip:u1@ims.lab>")])
        _ = try await home.send(message, over: toProxy)
        let (seen, server, flow) = try await a.request(.message)
        #expect(flow == network.flows[0] && "\(seen.uri)" == "sip:u0@192.168.1.5:5060;transport=tcp")
        #expect(!seen.headers.contains(.pChargingVector))
        try await a.respond(.make(200, nil, to: seen, toTag: "u"), to: server)
        let back = try await home.response(200)
        #expect(back.headers[.pChargingVector] == "icid-value=\"1\";term-ioi=\"visited.lab\"")
        await proxy.stop()
    }

    @Test("A UE whose connection closes in a call: the far side gets BYE, the registration and the context go")
    func lostUE() async throws {
        var network = try await Network()
        try await network.register(0)
        let (home, a, flow) = (network.home, network.callers[0], network.flows[0])
        let invite = try Played.request(
            .invite, "sip:u1@ims.lab", cSeq: 1, from: "<sip:u0@ims.lab>;tag=a", to: "<sip:u1@ims.lab>", callID: "c",
            contact: network.contact(0), body: Played.secure("actpass", requested: true, "127.73.0.1"))
        _ = try await a.send(invite, over: flow)
        let (atHome, server, _) = try await home.request(.invite)
        try await home.respond(
            Played.accept(
                200, atHome, tag: "b", contact: "<sip:far@\(network.proxy.settings.home)>",
                body: Played.sdp(
                    [
                        "m=message 4000 TCP/MSRP *", "a=accept-types:text/plain",
                        "a=path:msrp://127.5.0.1:4000/far;tcp",
                        "a=setup:passive",
                    ], "127.5.0.1")), to: server)
        _ = try await a.response(200)
        try await a.endpoint.eventLoop.submit { a.endpoint.close(flow) }.get()
        let (bye, byeServer, _) = try await home.request(.bye)
        #expect(bye.headers["Reason"]?.hasPrefix("SIP ;cause=480") == true)
        try await home.respond(.make(200, nil, to: bye, toTag: nil), to: byeServer)
        #expect(try await network.held() == [0, 0, 0, 0, 0, 0])
        let proxy = network.proxy
        #expect(try await proxy.eventLoop.submit { proxy.registrations.count }.get() == 0)
        await proxy.stop()
    }
}
