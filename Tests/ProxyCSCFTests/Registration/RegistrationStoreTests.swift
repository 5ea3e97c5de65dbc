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
                if expires > 0 {
                    for contact in forwarded.headers.list(.contact) where !contact.contains("expires=0") {
                        response.headers.append(.contact, "\(contact);expires=\(expires)")
                    }
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

    @Test("A13, RFC 3261 10.2: REGISTERs of one identity at once make one registration, and those under way count")
    func concurrent() throws {
        var harness = Harness()
        var underWay: [(Request, RegistrationStore.Pending)] = []
        func note() throws { underWay.append((try #require(harness.forwarded), try #require(harness.pending))) }
        for call in 1...3 {
            harness.register(callID: "same-\(call)")
            try note()
        }
        #expect(Set(underWay.map(\.1.token)).count == 1)
        for other in 1..<harness.store.limits.perFlow {
            harness.register(to: "<sip:other\(other)@ims.lab>", callID: "other-\(other)")
            try note()
        }
        #expect(harness.register(to: "<sip:more@ims.lab>", callID: "more")?.status == 503)
        for (forwarded, pending) in underWay.prefix(3) {
            (harness.forwarded, harness.pending) = (forwarded, pending)
            _ = harness.answer(200)
        }
        #expect(harness.store.count == 1 && harness.store.all.first?.token == underWay[0].1.token)
        #expect(harness.register(to: "<sip:more@ims.lab>", callID: "more")?.status == 503)
        harness.store.abandon(underWay[3].1)
        #expect(harness.register(to: "<sip:more@ims.lab>", callID: "more") == nil)
    }

    // RFC 7315 4.1: P-Associated-URI. TS 24.229 7.2A.7: mediasec.
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

    // RFC 8122 7: fingerprints are worth no more than the integrity of the SDP.
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
            // That of the exchange, which is over: a look that finds nothing, and then the true one.
            let early = try #require(harness.store.wakeUp)
            #expect(early < registration.expires && harness.store.timersDue(now: early).isEmpty)
            #expect(harness.store.wakeUp == registration.expires)
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

    @Test("A13: identities of one flow are limited, and the contacts of each")
    func limits() throws {
        var harness = Harness()
        for number in 0..<4 {
            harness.register(client: nil, to: "<sip:u\(number)@ims.lab>", callID: "\(number)")
            _ = harness.answer(200)
        }
        #expect(harness.store.count == 4)
        #expect(harness.register(client: nil, to: "<sip:u9@ims.lab>", callID: "9")?.status == 503)
        for number in 0..<20 {
            harness.register(client: nil, contact: "<sip:c\(number)@127.4.0.1>", to: "<sip:u1@ims.lab>", callID: "1")
            _ = harness.answer(200)
        }
        let registration = harness.store.registration(on: Fixtures.ueFlow, identity: Fixtures.uri("sip:u1@ims.lab"))
        #expect(registration?.contacts.count == 8)
        let many = (0..<9).map { "<sip:c\($0)@127.4.0.1>" }.joined(separator: ", ")
        #expect(harness.register(contact: many)?.status == 403)
    }

    @Test("RFC 3261 10.2: several contacts in one REGISTER are one registration, each with an end of its own")
    func contacts() throws {
        var harness = Harness()
        let two = "<sip:u@127.4.0.1:40000;transport=tls>, <sip:v@127.4.0.1:40000;transport=tls>;q=0.5"
        harness.register(contact: two)
        _ = harness.answer(200)
        let both = try #require(harness.store.registration(on: Fixtures.ueFlow))
        #expect(both.contacts.map { "\($0.uri)" }.count == 2 && harness.store.count == 1)
        // One is given back, a third comes, under the same token.
        harness.register(
            verify: Self.entry,
            contact: "<sip:u@127.4.0.1:40000;transport=tls>;expires=0, <sip:w@127.4.0.1:40000;transport=tls>")
        _ = harness.answer(200, expires: 60)
        let after = try #require(harness.store.registration(on: Fixtures.ueFlow))
        #expect(after.token == both.token && harness.changes == [.refreshed(after)])
        #expect(after.contacts.compactMap(\.uri.sip?.user) == ["v", "w"])
        // The shorter one ends first, and the registration with the last.
        #expect(harness.store.nextDeadline == harness.now + .seconds(60))
        guard case .refreshed(let rest) = harness.store.timersDue(now: harness.now + .seconds(60)).first else {
            Issue.record("a contact has not ended")
            return
        }
        #expect(rest.contacts.compactMap(\.uri.sip?.user) == ["v"])
        #expect(harness.store.timersDue(now: harness.now + .seconds(3600)) == [.removed(rest, .expired)])
        #expect(harness.store.count == 0)
    }

    @Test("RFC 3608 5: Service-Route is of each 200 anew; none means none")
    func serviceRoute() throws {
        var harness = Harness()
        let first = try harness.complete()
        #expect(first.serviceRoute.count == 1)
        harness.register(verify: Self.entry)
        guard let forwarded = harness.forwarded, let pending = harness.pending else { return }
        var response = Response.make(200, nil, to: forwarded, toTag: "home")
        response.headers.append(.contact, "<sip:u@127.4.0.1:40000;transport=tls>;expires=60")
        _ = harness.store.receive(response, to: pending, security: Self.capable, now: harness.now)
        let second = try #require(harness.store.registration(on: Fixtures.ueFlow))
        #expect(second.serviceRoute.isEmpty && second.identities == first.identities)
    }

    @Test("The User-Agent of the protected REGISTER is kept, and of no other", arguments: [true, false])
    func userAgent(isProtected: Bool) {
        var harness = Harness()
        let flow = isProtected ? Fixtures.ueFlow : Fixtures.plainFlow
        harness.register(over: flow, extra: [(.userAgent, String(repeating: "u", count: 300))])
        _ = harness.answer(200)
        #expect(harness.store.registration(on: flow)?.userAgent?.count == (isProtected ? 256 : nil))
    }

    @Test("RFC 3680 5, TS 24.229 5.2.5.2: what the home network ends is gone: a contact, an identity, or all")
    func endedByNetwork() throws {
        var harness = Harness()
        let registration = try harness.complete()
        let token = registration.token
        #expect(
            harness.store.endedByNetwork(token, endedIdentities: [], isGone: { _ in false }, expires: { _ in nil })
                .isEmpty)
        let soon = harness.now + .seconds(5)
        _ = harness.store.endedByNetwork(
            token, endedIdentities: [Fixtures.uri("tel:+4912345")], isGone: { _ in false }, expires: { _ in soon })
        let after = try #require(harness.store.registration(token: token))
        #expect(after.identities.count == 1 && after.expires == soon)
        #expect(
            harness.store.endedByNetwork(token, endedIdentities: [], isGone: { _ in true }, expires: { _ in nil })
                == [.removed(after, .endedByNetwork)])
        #expect(harness.store.count == 0)
    }

    // MARK: Signalling mechanisms beside (RFC 3329)

    static let servesTLS = SecurityContext(gatewayCapable: true, allowUnprotected: false, servesTLS: true)
    static let ipsec = "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=3;port-s=4"
    static let tag: [(HeaderName, String)] = [(.require, "sec-agree"), (.proxyRequire, "sec-agree")]

    @Test(
        "RFC 3329 2.2, 2.3.1: mechanisms side by side: ipsec-3gpp is understood and never listed, tls where Gm serves it"
    )
    func sideBySide() throws {
        var harness = Harness()
        let client = "\(Self.ipsec), tls, \(Self.entry), sdes-srtp;mediasec"
        // Over TCP: the signalling list, and nothing of media (A1).
        harness.register(over: Fixtures.plainFlow, Self.servesTLS, client: client, extra: Self.tag)
        #expect(harness.answer(401, Self.servesTLS)?.headers.list(.securityServer) == ["tls"])
        #expect(harness.forwarded?.headers.contains(.securityClient) == false)
        // Over TLS: as before, with the echo; then both lists.
        harness.register(Self.servesTLS, client: client, verify: "tls", extra: Self.tag)
        let offered = harness.answer(200, Self.servesTLS)?.headers.list(.securityServer)
        #expect(offered == ["tls", Self.entry])
        let registration = try #require(harness.store.registration(on: Fixtures.ueFlow))
        #expect(registration.indications == Indications(ue: true, network: true))
        // Whoever negotiates echoes in every request, with the option tag.
        for (verify, tags, fault) in [
            ("tls, \(Self.entry)", Self.tag, nil), ("tls", Self.tag, .verifyMismatch),
            ("\(Self.entry), tls", Self.tag, .verifyMismatch), (nil, Self.tag, .verifyMismatch),
            ("tls, \(Self.entry)", [], .tagMissing),
        ] as [(String?, [(HeaderName, String)], SecurityAgreement.Fault?)] {
            var headers = Headers()
            if let verify { headers.append(.securityVerify, verify) }
            for (name, value) in tags { headers.append(name, value) }
            #expect(registration.agreement.fault(in: headers) == fault, "\(verify ?? "none")")
        }
    }

    @Test(
        "RFC 3329 2.3.1: the list does not depend on the UE's",
        arguments: [ipsec, "digest;d-qop=auth", "tls;q=0.2, \(entry)"])
    func independent(client: String) {
        var harness = Harness()
        harness.register(Self.servesTLS, client: client, extra: Self.tag)
        #expect(harness.answer(401, Self.servesTLS)?.headers.list(.securityServer) == ["tls", Self.entry])
    }

    @Test(
        "RFC 3329 2.3.2: a signalling mechanism without the option tag gets 421 with it and the list, in Supported alone 494"
    )
    func tagMissing() {
        var harness = Harness()
        let refusal = harness.register(Self.servesTLS, client: "\(Self.ipsec), \(Self.entry)")
        #expect(refusal?.status == 421 && refusal?.headers.values(.require) == ["sec-agree"])
        #expect(refusal?.headers.list(.securityServer) == ["tls", Self.entry])
        let supported = harness.register(
            Self.servesTLS, client: "\(Self.ipsec), \(Self.entry)", callID: "s", extra: [(.supported, "sec-agree")])
        #expect(supported?.status == 494 && supported?.headers.values(.require) == ["sec-agree"])
        // The list, echoed, is the agreement.
        harness.register(
            Self.servesTLS, client: "\(Self.ipsec), \(Self.entry)", verify: "tls, \(Self.entry)", extra: Self.tag)
        #expect(harness.answer(200, Self.servesTLS)?.status == 200)
        // Media alone needs no tag: with TLS chosen by configuration there is nothing else to negotiate.
        #expect(harness.register(Self.servesTLS, client: "sdes-srtp;mediasec", callID: "m") == nil)
    }

    @Test(
        "U8: sec-agree and mediasec in Require and Proxy-Require are accepted and go no further",
        arguments: ["sec-agree", "mediasec", "Sec-Agree, MEDIASEC"])
    func optionTags(tags: String) {
        var harness = Harness()
        #expect(harness.register(extra: [(.require, tags), (.proxyRequire, tags)]) == nil)
        #expect(harness.forwarded?.headers.tokens(.require) == ["path"])
        #expect(harness.forwarded?.headers.contains(.proxyRequire) == false)
    }

    @Test("media-security 2: a re-registration that indicates no more withdraws U; one that does again brings it back")
    func withdrawal() throws {
        var harness = Harness()
        _ = try harness.complete()
        for (client, isIndicated) in [("sdes-srtp;mediasec", false), (nil, false), (Self.entry, true)] {
            harness.register(client: client, verify: Self.entry)
            _ = harness.answer(200)
            #expect(
                harness.store.registration(on: Fixtures.ueFlow)?.indications
                    == Indications(ue: isIndicated, network: true))
        }
    }

    @Test("A2: a refresh that leaves the echo out gets 494; a UE that begins anew may have forgotten the list")
    func refreshWithoutEcho() throws {
        var harness = Harness()
        _ = try harness.complete()
        #expect(harness.register()?.status == 494)
        #expect(harness.register(verify: Self.entry) == nil)
        _ = harness.answer(200)
        #expect(harness.register(callID: "anew") == nil)
    }

    @Test("A2: the 401 stripped of Security-Server leaves a UE without the echo: 494 with the list, not a registration")
    func strippedChallenge() {
        var harness = Harness()
        harness.register()
        _ = harness.answer(401)
        let refusal = harness.register()
        #expect(refusal?.status == 494 && refusal?.headers.values(.securityServer) == [Self.entry])
        #expect(harness.store.count == 0)
    }

    @Test("A2: the first REGISTER stripped of Security-Client: the one over TLS has it and does not fit: 494")
    func strippedFirst() {
        var harness = Harness()
        harness.register(over: Fixtures.plainFlow, Self.servesTLS, client: nil)
        _ = harness.answer(401, Self.servesTLS)
        #expect(harness.register(Self.servesTLS, client: Self.entry)?.status == 494)
        #expect(harness.store.count == 0)
    }
}
