import NIOCore
import SIP
import Testing
import WireSyntax

@testable import UserEquipment

@Suite struct RegistrationTests {
    static let challenge = #"Digest realm="ims.lab", nonce="abc", algorithm=SHA-256, qop="auth""#
    static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    /// A registration, and the last request that it wanted to send.
    struct Run {
        var registration: Registration
        var requests: [Request] = []
        var outcomes: [Registration.Action] = []

        init(indicates: Bool = true) throws {
            registration = Registration(
                .init(
                    identity: try SIPURI("sip:alice@ims.lab"), expires: 600, indicates: indicates, optionTag: true,
                    callID: "call", tag: "tag"),
                digest: DigestClient(username: "alice@ims.lab", password: Secret("wonderland"), cnonce: { "0a4f" }))
        }

        mutating func start() throws {
            registration.start(contact: try SIPURI("sip:alice@127.0.0.9:5061;transport=tls"))
            drain()
        }

        mutating func drain() {
            while let action = registration.nextAction() {
                if case .send(let request) = action { requests.append(request) } else { outcomes.append(action) }
            }
        }

        mutating func answer(_ status: Int, _ headers: [(HeaderName, String)] = []) throws {
            let request = try #require(requests.last)
            var response = Response.make(status, to: request, toTag: "home")
            for (name, value) in headers { response.headers.append(name, value) }
            registration.receive(response, now: RegistrationTests.now)
            drain()
        }

        mutating func accept() throws {
            try answer(
                200,
                [
                    (.contact, "<sip:other@127.0.0.8>;expires=9, <sip:alice@127.0.0.9:5061;transport=tls>;expires=500"),
                    (.serviceRoute, "<sip:orig@127.0.0.3:5070;transport=tcp;lr>"),
                    (.pAssociatedURI, "<sip:alice@ims.lab>, <tel:+123>"),
                    // RFC 3261 10.2: of no meaning here.
                    (.recordRoute, "<sip:evil@127.0.0.66;lr>"), (.route, "<sip:evil@127.0.0.66;lr>"),
                ])
        }
    }

    @Test(
        "RFC 3261 10.2, RFC 3329, TS 24.229 5.1.1.2.1: REGISTER, challenge, credentials with the copy of Security-Server, 200"
    )
    func register() throws {
        var run = try Run()
        try run.start()
        let first = try #require(run.requests.last)
        #expect(first.startLine == "REGISTER sip:ims.lab SIP/2.0")
        #expect(first.headers[.to] == "<sip:alice@ims.lab>" && first.headers[.from] == "<sip:alice@ims.lab>;tag=tag")
        #expect(first.headers[.securityClient] == "msrp-tls;mediasec")
        #expect(first.headers[.securityVerify] == nil && first.headers[.authorization] == nil)
        #expect(first.headers.tokens(.require) == ["mediasec"] && first.headers.tokens(.proxyRequire) == ["mediasec"])
        try run.answer(
            401,
            [
                (.wwwAuthenticate, Self.challenge), (.securityServer, "sdes-srtp;mediasec, MSRP-TLS ; Mediasec;x=1"),
                (.securityServer, "dtls-srtp;mediasec"),
            ])
        let second = try #require(run.requests.last)
        #expect(try second.headers.cSeq().number == 2 && second.headers.callID == first.headers.callID)
        #expect(
            second.headers.list(.securityVerify) == [
                "sdes-srtp;mediasec", "MSRP-TLS ; Mediasec;x=1", "dtls-srtp;mediasec",
            ])
        #expect(second.headers[.authorization]?.contains("algorithm=SHA-256") == true)
        try run.accept()
        #expect(run.outcomes == [.registered(expires: 500)])
        #expect(run.registration.agreement.isAgreed)
        #expect(run.registration.serviceRoute.map { "\($0)" } == ["<sip:orig@127.0.0.3:5070;transport=tcp;lr>"])
        #expect(run.registration.associatedIdentities == ["sip:alice@ims.lab", "tel:+123"])
    }

    @Test("TS 24.229 5.1.1.4.1: before expiry: the same Call-ID, the next CSeq, the same nonce with its count")
    func refresh() throws {
        var run = try Run()
        try run.start()
        try run.answer(401, [(.wwwAuthenticate, Self.challenge)])
        try run.accept()
        let deadline = try #require(run.registration.nextDeadline)
        #expect(deadline == Self.now + .seconds(250))
        run.registration.timersDue(now: deadline)
        run.drain()
        let refresh = try #require(run.requests.last)
        #expect(run.requests.count == 3 && !refresh.headers.contains(.route))
        #expect(refresh.headers[.authorization]?.contains("nc=00000002") == true)
        // The nonce has become stale: once more, without giving up.
        try run.answer(401, [(.wwwAuthenticate, Self.challenge.replacing("abc", with: "def"))])
        #expect(run.requests.last?.headers[.authorization]?.contains("nonce=\"def\"") == true)
        try run.accept()
        #expect(run.outcomes.count == 2)
    }

    @Test("RFC 7616 3.5: the next request has the nonce of Authentication-Info, counted from 1")
    func nextNonce() throws {
        var run = try Run()
        try run.start()
        try run.answer(401, [(.wwwAuthenticate, Self.challenge)])
        try run.answer(
            200,
            [
                (.contact, "<sip:alice@127.0.0.9:5061;transport=tls>;expires=500"),
                (.authenticationInfo, "nextnonce=\"next\""),
            ])
        let deadline = try #require(run.registration.nextDeadline)
        run.registration.timersDue(now: deadline)
        run.drain()
        let authorization = try #require(run.requests.last?.headers[.authorization])
        #expect(run.requests.count == 3)
        #expect(authorization.contains(" nonce=\"next\"") && authorization.contains("nc=00000001"))
    }

    @Test("a new flow knows nothing of what was agreed on another one")
    func newFlow() throws {
        var run = try Run()
        try run.start()
        try run.answer(401, [(.wwwAuthenticate, Self.challenge), (.securityServer, "msrp-tls;mediasec")])
        try run.accept()
        try run.start()
        #expect(run.requests.last?.headers.contains(.securityVerify) == false)
        #expect(run.requests.last?.headers.contains(.securityClient) == true)
    }

    @Test("a UE that does not indicate says nothing; a network that does not is not agreed with")
    func notIndicated() throws {
        var run = try Run(indicates: false)
        try run.start()
        try run.answer(401, [(.wwwAuthenticate, Self.challenge), (.securityServer, "msrp-tls;mediasec")])
        try run.accept()
        for request in run.requests {
            for name in [HeaderName.securityClient, .securityVerify, .require, .proxyRequire] {
                #expect(!request.headers.contains(name))
            }
        }
        #expect(!run.registration.agreement.isAgreed)
        var other = try Run()
        try other.start()
        try other.answer(401, [(.wwwAuthenticate, Self.challenge)])
        try other.accept()
        #expect(!other.registration.agreement.isAgreed)
    }

    @Test(
        "A2: what the network indicated is given back entry by entry",
        arguments: [
            ("msrp-tls;mediasec", true), ("MSRP-TLS;MEDIASEC", true), ("msrp-tls ; q=0.1 ; mediasec", true),
            ("msrp-tls", false),
            ("sdes-srtp;mediasec", false), ("msrp-tls;mediasec2", false),
        ])
    func entries(_ entry: String, _ isMessage: Bool) {
        #expect(SecurityAgreement.isMessageEntry(entry) == isMessage)
    }

    @Test("RFC 3261 10.2.8: 423, 420 and 494 are answered with what they ask for, each once")
    func retries() throws {
        var run = try Run()
        try run.start()
        try run.answer(423, [(.minExpires, "1800")])
        #expect(run.requests.last?.headers.expires == 1800)
        try run.answer(420, [(.unsupported, "mediasec")])
        #expect(run.requests.last?.headers.contains(.require) == false)
        #expect(run.requests.last?.headers.contains(.securityClient) == true)
        try run.answer(494, [(.securityServer, "msrp-tls;mediasec")])
        #expect(run.requests.last?.headers[.securityVerify] == "msrp-tls;mediasec")
        try run.answer(420, [(.unsupported, "mediasec")])
        #expect(run.outcomes == [.failed(status: 420, reason: "Bad Extension")])
    }

    @Test("RFC 3329 2.3.1: 421 gets the option tag, once; RFC 5626 4.1: the device and the class of the UE are named")
    func extensionRequired() throws {
        var run = try Run()
        run.registration = Registration(
            .init(
                identity: try SIPURI("sip:alice@ims.lab"), expires: 600, indicates: true, optionTag: true,
                callID: "call", tag: "tag", instance: "urn:uuid:1", userAgent: "IM-client/5.1"),
            digest: DigestClient(username: "alice@ims.lab", password: Secret("w"), cnonce: { "0a4f" }))
        try run.start()
        let first = try #require(run.requests.last)
        #expect(try first.headers.contacts().first?.parameters.value("+sip.instance") == "<urn:uuid:1>")
        #expect(first.headers[.userAgent] == "IM-client/5.1")
        try run.answer(421, [(.require, "sec-agree")])
        #expect(run.requests.last?.headers.tokens(.require) == ["sec-agree", "mediasec"])
        #expect(run.requests.last?.headers.tokens(.proxyRequire) == ["sec-agree", "mediasec"])
        try run.answer(421, [(.require, "sec-agree")])
        #expect(run.outcomes == [.failed(status: 421, reason: "Extension Required")])
    }

    @Test("RFC 3261 20.33: a registration that was lost is not tried again before Retry-After")
    func retryAfter() throws {
        var run = try Run()
        try run.start()
        try run.answer(401, [(.wwwAuthenticate, Self.challenge)])
        try run.accept()
        run.registration.timersDue(now: Self.now + .seconds(250))
        run.drain()
        try run.answer(503, [(.retryAfter, "120 (busy);duration=5")])
        #expect(run.registration.nextDeadline == Self.now + .seconds(120))
    }

    @Test("a new flow: one REGISTER at a time, the refresh of the old flow is no second one")
    func noSecondRegister() throws {
        var run = try Run()
        try run.start()
        try run.answer(401, [(.wwwAuthenticate, Self.challenge)])
        try run.accept()
        try run.start()
        #expect(run.registration.nextDeadline == nil)
        let count = run.requests.count
        run.registration.timersDue(now: Self.now + .seconds(250))
        run.drain()
        #expect(run.requests.count == count)
    }

    @Test("a network that grants no time has not registered anybody; one that grants little is not asked all the time")
    func littleTime() throws {
        for (granted, outcome) in [
            ("0", Registration.Action.failed(status: 200, reason: "the network granted no time")),
            ("1", .registered(expires: 1)),
        ] {
            var run = try Run()
            try run.start()
            try run.answer(401, [(.wwwAuthenticate, Self.challenge)])
            try run.answer(200, [(.contact, "<sip:alice@127.0.0.9:5061;transport=tls>;expires=\(granted)")])
            #expect(run.outcomes == [outcome])
            #expect(run.registration.nextDeadline == (granted == "0" ? nil : Self.now + .seconds(5)))
        }
    }

    @Test("a wrong password is not tried for ever; a server that never stops challenging neither")
    func wrongPassword() throws {
        var run = try Run()
        try run.start()
        try run.answer(401, [(.wwwAuthenticate, Self.challenge)])
        try run.answer(401, [(.wwwAuthenticate, Self.challenge)])
        #expect(run.outcomes == [.failed(status: 401, reason: "Unauthorized")])
        var other = try Run()
        try other.start()
        for _ in 0..<20 where other.outcomes.isEmpty {
            try other.answer(401, [(.wwwAuthenticate, Self.challenge + ", stale=true")])
        }
        #expect(other.requests.count == Registration.maximumAttempts)
        var third = try Run()
        try third.start()
        try third.answer(401, [(.wwwAuthenticate, #"Digest realm="x", nonce="y", algorithm=AKAv1-MD5, qop="auth""#)])
        #expect(third.outcomes == [.failed(status: 401, reason: "Unauthorized")])
    }

    @Test("RFC 5626 4.5: leaving: Expires 0; a lost registration is tried again after a while")
    func leaving() throws {
        var run = try Run()
        try run.start()
        try run.answer(401, [(.wwwAuthenticate, Self.challenge)])
        try run.accept()
        run.registration.stop()
        run.drain()
        #expect(run.requests.last?.headers.expires == 0)
        try run.answer(200)
        #expect(run.outcomes.last == .ended && run.registration.nextDeadline == nil)

        var lost = try Run()
        try lost.start()
        try lost.answer(401, [(.wwwAuthenticate, Self.challenge)])
        try lost.accept()
        lost.registration.timersDue(now: Self.now + .seconds(250))
        lost.drain()
        lost.registration.failed("no answer in time", now: Self.now)
        lost.drain()
        #expect(lost.outcomes.last == .failed(status: 0, reason: "no answer in time"))
        #expect(lost.registration.nextDeadline == Self.now + Registration.retryInterval)
        #expect(!lost.registration.isRegistered && !lost.registration.agreement.isAgreed)
        // And again, as often as it fails, ever later.
        for round in 1...8 {
            let now = Self.now + .seconds(Int64(10_000 * round))
            lost.registration.timersDue(now: now)
            lost.drain()
            lost.registration.failed("no answer in time", now: now)
            lost.drain()
            let pause = min(Int64(30) << Int64(round), 1800)
            #expect(lost.registration.nextDeadline == now + .seconds(pause))
        }
    }
}
