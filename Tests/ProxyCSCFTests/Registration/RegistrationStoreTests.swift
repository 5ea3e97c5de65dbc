import NIOCore
import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

@Suite("Registrations and media plane security indications")
struct RegistrationStoreTests {
    static let capable = SecurityContext(gatewayCapable: true, allowUnprotected: false)
    static let incapable = SecurityContext(gatewayCapable: false, allowUnprotected: false)
    static let loosened = SecurityContext(gatewayCapable: true, allowUnprotected: true)
    static let entry = "msrp-tls;mediasec"

    /// A UE, the store and a home network that challenges once.
    struct Harness {
        var store = RegistrationStore()
        var now = Fixtures.start
        var cSeq = 1
        var tokens = 0
        var forwarded: Request?
        var pending: RegistrationStore.Pending?
        var changes: [RegistrationStore.Change] = []

        /// The status that the UE gets at once, or nil if the REGISTER went on.
        @discardableResult
        mutating func register(
            over flow: Flow = Fixtures.ueFlow, _ security: SecurityContext = capable, client: String? = entry,
            verify: String? = nil, expires: Int? = 3600, contact: String = "<sip:u@127.4.0.1:40000;transport=tls>",
            to: String = "<sip:a@ims.lab>", callID: String = "call@127.4.0.1", extra: [(HeaderName, String)] = []
        ) -> Response? {
            cSeq += 1
            var headers = extra
            if let client { headers.append((.securityClient, client)) }
            if let verify { headers.append((.securityVerify, verify)) }
            if let expires { headers.append((.expires, "\(expires)")) }
            var request = Fixtures.request(
                .register, uri: "sip:ims.lab", from: "\(to);tag=r", to: to, cSeq: cSeq,
                contact: contact, headers: headers)
            request.headers.set(.callID, to: callID)
            tokens += 1
            let token = "token\(tokens)"
            switch store.receive(
                register: request, over: flow, security: security, now: now, path: Fixtures.own.path,
                newToken: { token })
            {
            case .refuse(let response):
                forwarded = nil
                pending = nil
                return response
            case .forward(let request, let pending):
                forwarded = request
                self.pending = pending
                return nil
            }
        }

        /// The home network's answer, as the UE sees it.
        mutating func answer(_ status: Int, _ security: SecurityContext = capable, expires: Int = 3600) -> Response? {
            guard let forwarded, let pending else { return nil }
            var response = Response.make(status, nil, to: forwarded, toTag: "home")
            if status == 200 {
                if expires > 0, let contact = forwarded.headers[.contact] {
                    response.headers.append(.contact, "\(contact);expires=\(expires)")
                }
                let identity = (try? forwarded.headers.to().uri).map { "<\($0)>, " } ?? ""
                response.headers.append(.pAssociatedURI, identity + "<tel:+4912345>")
                response.headers.append(.path, "<sip:token@127.1.0.1:6000;lr>")
                response.headers.append(.serviceRoute, "<sip:orig@127.2.0.1:5060;transport=tcp;lr>")
                response.headers.append(.securityServer, "evil;mediasec")
            }
            let (back, changes) = store.receive(response, to: pending, security: security, now: now)
            self.changes = changes
            return back
        }

        /// Both rounds of a registration.
        mutating func complete(
            over flow: Flow = Fixtures.ueFlow, _ security: SecurityContext = capable, client: String? = entry
        ) throws -> Registration {
            register(over: flow, security, client: client)
            let offered = answer(401, security)?.headers.list(.securityServer) ?? []
            register(
                over: flow, security, client: client, verify: offered.isEmpty ? nil : offered.joined(separator: ", "))
            _ = answer(200, security)
            guard let registration = store.registration(on: flow) else { throw NotRegistered() }
            return registration
        }

        struct NotRegistered: Error {}
    }

    @Test("TS 24.229 5.2.2.1: Path goes in, Security-* and the option tags stay out of the core")
    func forwarding() throws {
        var harness = Harness()
        harness.register(extra: [(.require, "sec-agree, path"), (.proxyRequire, "mediasec,sec-agree")])
        let forwarded = try #require(harness.forwarded)
        #expect(forwarded.headers.values(.path) == ["<sip:token1@127.1.0.1:6000;transport=tcp;lr>"])
        #expect(!forwarded.headers.contains(.securityClient))
        #expect(forwarded.headers.values(.require) == ["path"])
        harness.register(extra: [(.path, "<sip:evil@127.9.9.9;lr>")])
        #expect(harness.forwarded?.headers.values(.path).count == 1)
        #expect(harness.forwarded?.headers.tokens(.require) == ["path"])
        #expect(!forwarded.headers.contains(.proxyRequire))
    }

    @Test("media-security 2: 401 and 200 carry the indication; U, N, identities and Service-Route are kept")
    func indications() throws {
        var harness = Harness()
        harness.register()
        let challengeBack = harness.answer(401)
        let challenge = try #require(challengeBack)
        #expect(challenge.headers.values(.securityServer) == [Self.entry])
        #expect(harness.register(verify: Self.entry) == nil)
        let successBack = harness.answer(200)
        let success = try #require(successBack)
        #expect(success.headers.values(.securityServer) == [Self.entry])
        #expect(!success.headers.contains(.path))
        let registration = try #require(harness.store.registration(on: Fixtures.ueFlow))
        #expect(registration.indications == Indications(ue: true, network: true))
        #expect(registration.identities.map { "\($0)" } == ["sip:a@ims.lab", "tel:+4912345"])
        #expect(registration.serviceRoute == ["<sip:orig@127.2.0.1:5060;transport=tcp;lr>"])
        #expect(harness.store.registration(token: registration.token) == registration)
        #expect(harness.store.exchangeCount == 0)
    }

    static let cells: [(String, Flow, SecurityContext, String?, Indications)] = [
        ("TLS", Fixtures.ueFlow, capable, entry, Indications(ue: true, network: true)),
        ("A1: TCP indicates nothing", Fixtures.plainFlow, capable, entry, Indications(ue: false, network: false)),
        ("TCP by gm.allowUnprotected", Fixtures.plainFlow, loosened, entry, Indications(ue: true, network: true)),
        ("no capable gateway", Fixtures.ueFlow, incapable, entry, Indications(ue: true, network: false)),
        ("UE without", Fixtures.ueFlow, capable, nil, Indications(ue: false, network: true)),
        ("another medium", Fixtures.ueFlow, capable, "sdes-srtp;mediasec", Indications(ue: false, network: true)),
        ("U12: without mediasec", Fixtures.ueFlow, capable, "msrp-tls", Indications(ue: false, network: true)),
        (
            "list, case, parameters", Fixtures.ueFlow, capable, "sdes-srtp;mediasec, MSRP-TLS ; q=0.1 ;MediaSec",
            Indications(ue: true, network: true)
        ),
    ]

    @Test("media-security 2: which registrations indicate", arguments: cells.indices)
    func indicated(index: Int) throws {
        let (name, flow, security, client, expected) = Self.cells[index]
        var harness = Harness()
        let registration = try harness.complete(over: flow, security, client: client)
        #expect(registration.indications == expected, "\(name)")
    }

    @Test("A1: over plain Gm no response carries Security-Server, not even the core's")
    func plainGm() {
        var harness = Harness()
        harness.register(over: Fixtures.plainFlow)
        #expect(harness.answer(401)?.headers.contains(.securityServer) == false)
        harness.register(over: Fixtures.plainFlow)
        #expect(harness.answer(200)?.headers.contains(.securityServer) == false)
    }

    static let mismatches: [(String, String?, String?)] = [
        ("Security-Verify missing", entry, nil),
        ("Security-Verify of something else", entry, "msrp-tls"),
        ("Security-Verify with one more", entry, entry + ", sdes-srtp;mediasec"),
        ("Security-Client gone", nil, entry),
        ("Security-Client changed", "sdes-srtp;mediasec", entry),
    ]

    @Test(
        "RFC 3329 2.3.1, A2: the second REGISTER that does not fit gets 494 with the list",
        arguments: mismatches.indices)
    func mismatch(index: Int) {
        let (name, client, verify) = Self.mismatches[index]
        var harness = Harness()
        harness.register()
        _ = harness.answer(401)
        let refusal = harness.register(client: client, verify: verify)
        #expect(refusal?.status == 494, "\(name)")
        #expect(refusal?.headers.values(.securityServer) == [Self.entry])
    }

    @Test("A2: what an unprotected first REGISTER said must be said again over TLS")
    func strippedBefore() {
        var harness = Harness()
        harness.register(over: Fixtures.plainFlow, client: nil)
        _ = harness.answer(401)
        #expect(harness.register(over: Fixtures.ueFlow, client: Self.entry)?.status == 494)
    }

    @Test("RFC 3329: a Security-Verify that nobody was given gets 494")
    func unasked() {
        var harness = Harness()
        #expect(harness.register(verify: Self.entry)?.status == 494)
    }

    @Test("Re-registration renews the indications, keeps the token and wants the last list echoed")
    func renewal() throws {
        var harness = Harness()
        let before = try harness.complete()
        #expect(harness.register(verify: "other;mediasec")?.status == 494)
        #expect(harness.register(Self.incapable, verify: Self.entry) == nil)
        _ = harness.answer(200, Self.incapable)
        let after = try #require(harness.store.registration(on: Fixtures.ueFlow))
        #expect(after.token == before.token && harness.store.count == 1)
        // The UE was told: without a gateway its calls are refused, not made plain.
        #expect(after.indications == Indications(ue: true, network: true))
        #expect(harness.changes == [.refreshed(after)])
    }

    @Test("A1: a refresh with a challenge, while no gateway is there, does not take back what the UE was told")
    func refreshWithoutGateway() throws {
        var harness = Harness()
        _ = try harness.complete()
        for _ in 0..<2 {
            #expect(harness.register(Self.incapable, verify: Self.entry) == nil)
            _ = harness.answer(401, Self.incapable)
            #expect(harness.register(Self.incapable, verify: Self.entry) == nil)
            _ = harness.answer(200, Self.incapable)
            let registration = try #require(harness.store.registration(on: Fixtures.ueFlow))
            #expect(registration.indications == Indications(ue: true, network: true))
        }
    }

    @Test("RFC 3329 2.3.1: the list of a 494, echoed, is the agreement", arguments: mismatches.indices)
    func echoOfRefusal(index: Int) throws {
        let (name, client, verify) = Self.mismatches[index]
        var harness = Harness()
        harness.register()
        _ = harness.answer(401)
        #expect(harness.register(client: client, verify: verify)?.status == 494)
        // Where the client list itself had changed, the UE says once more what it wants.
        if client != Self.entry { harness.register(verify: Self.entry) }
        #expect(harness.register(verify: Self.entry) == nil, "\(name)")
        // The nonce may be stale by then.
        _ = harness.answer(401)
        #expect(harness.register(verify: Self.entry) == nil)
        _ = harness.answer(200)
        let registration = try #require(harness.store.registration(on: Fixtures.ueFlow))
        #expect(registration.indications == Indications(ue: true, network: true))
        #expect(harness.store.exchangeCount == 0)
    }

    @Test("RFC 3329: after a 494 the echo counts as told, even if the gateway goes meanwhile")
    func toldByRefusal() throws {
        var harness = Harness()
        #expect(harness.register(verify: "other;mediasec")?.status == 494)
        #expect(harness.register(Self.incapable, verify: Self.entry) == nil)
        _ = harness.answer(200, Self.incapable)
        let registration = try #require(harness.store.registration(on: Fixtures.ueFlow))
        #expect(registration.indications == Indications(ue: true, network: true))
    }

    @Test("RFC 3261 10.2: two identities with one contact on one flow are two registrations")
    func identitiesOfOneContact() throws {
        var harness = Harness()
        let first = try harness.complete()
        harness.register(verify: Self.entry, to: "<sip:b@ims.lab>", callID: "b@127.4.0.1")
        _ = harness.answer(200)
        #expect(harness.store.count == 2)
        let second = try #require(
            harness.store.registration(on: Fixtures.ueFlow, identity: Fixtures.uri("sip:b@ims.lab")))
        #expect(second.token != first.token)
        #expect(harness.store.registration(token: first.token)?.owns(Fixtures.uri("sip:a@ims.lab")) == true)
        // Each is renewed by itself, and `*` ends those of its identity alone.
        harness.register(verify: Self.entry, to: "<sip:b@ims.lab>", callID: "b@127.4.0.1")
        _ = harness.answer(200)
        #expect(harness.store.count == 2 && harness.store.registration(token: second.token) != nil)
        harness.register(verify: Self.entry, expires: 0, contact: "*", to: "<sip:b@ims.lab>", callID: "b@127.4.0.1")
        _ = harness.answer(200, expires: 0)
        #expect(harness.store.all.map(\.token) == [first.token])
    }

    @Test("A13: exchanges of one source are limited, and its own oldest gives way")
    func exchangesOfOneSource() {
        var harness = Harness()
        harness.store = RegistrationStore(limits: .init(exchanges: 5, exchangesPerSource: 3))
        harness.register(over: Fixtures.otherFlow, callID: "other")
        _ = harness.answer(401)
        for number in 0..<20 {
            #expect(harness.register(callID: "\(number)") == nil)
            _ = harness.answer(401)
        }
        #expect(harness.store.exchangeCount == 4)
        // The newest and the other source's still go on; the oldest is forgotten.
        #expect(harness.register(verify: Self.entry, callID: "19") == nil)
        #expect(harness.register(over: Fixtures.otherFlow, verify: Self.entry, callID: "other") == nil)
        #expect(harness.register(verify: Self.entry, callID: "0")?.status == 494)
    }

    @Test("N is what the UE was told: a gateway lost between 401 and 200 does not take it back")
    func toldAlready() throws {
        var harness = Harness()
        harness.register()
        _ = harness.answer(401)
        harness.register(verify: Self.entry)
        #expect(harness.answer(200, Self.incapable)?.headers.contains(.securityServer) == false)
        let registration = try #require(harness.store.registration(on: Fixtures.ueFlow))
        #expect(registration.indications == Indications(ue: true, network: true))
    }

    enum Ending: CaseIterable { case deregistration, expiry, flow, wildcard }

    @Test("A registration ends by expires 0, Contact *, time, and with its flow", arguments: Ending.allCases)
    func ending(_ ending: Ending) throws {
        var harness = Harness()
        let registration = try harness.complete()
        switch ending {
        case .deregistration, .wildcard:
            harness.register(
                verify: Self.entry, expires: 0,
                contact: ending == .wildcard ? "*" : "<sip:u@127.4.0.1:40000;transport=tls>")
            _ = harness.answer(200, expires: 0)
            #expect(harness.changes == [.removed(registration, .deregistered)])
        case .expiry:
            #expect(harness.store.nextDeadline == registration.expires)
            #expect(harness.store.timersDue(now: registration.expires) == [.removed(registration, .expired)])
        case .flow:
            #expect(harness.store.flowClosed(Fixtures.otherFlow).isEmpty)
            #expect(harness.store.flowClosed(Fixtures.ueFlow) == [.removed(registration, .flowClosed)])
        }
        #expect(harness.store.count == 0 && harness.store.registration(on: Fixtures.ueFlow) == nil)
        #expect(harness.store.exchangeCount == 0 && harness.store.nextDeadline == nil)
    }

    @Test("Nothing is kept of a REGISTER that fails or is forgotten")
    func leftovers() {
        var harness = Harness()
        harness.register()
        _ = harness.answer(403)
        #expect(harness.store.exchangeCount == 0 && harness.store.count == 0)
        harness.register()
        _ = harness.answer(401)
        #expect(harness.store.exchangeCount == 1)
        _ = harness.store.timersDue(now: harness.now + .minutes(5))
        #expect(harness.store.exchangeCount == 0)
    }

    @Test("A13: contacts of one flow are limited")
    func limits() {
        var harness = Harness()
        for number in 0..<4 {
            harness.register(contact: "<sip:u\(number)@127.4.0.1>")
            _ = harness.answer(200)
        }
        #expect(harness.store.count == 4)
        #expect(harness.register(contact: "<sip:u9@127.4.0.1>")?.status == 503)
    }
}
