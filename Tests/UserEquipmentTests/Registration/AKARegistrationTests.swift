import Authentication
import NIOCore
import SIP
import Testing
import WireSyntax

@testable import UserEquipment

@Suite struct AKARegistrationTests {
    static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    static let name = "alice@ims.lab"

    static func keys(_ digit: String = "46") throws -> AKAKeys {
        let key = Secret(String(repeating: digit, count: 16))
        return try AKAKeys(k: key, opc: key, op: nil, amf: nil)
    }

    /// A UE, and the home network's centre that challenges it.
    struct Run {
        var registration: Registration
        var centre = AuthenticationCentre(key: Secret("0123456789abcdef"), realm: "ims.lab", lifetime: 60)
        var requests: [Request] = []
        var outcomes: [Registration.Action] = []
        var kept: [SequenceWindow] = []
        /// The order in which numbers were kept and requests sent.
        var order = ""

        init(window: SequenceWindow = SequenceWindow()) throws {
            registration = Registration(
                .init(
                    identity: try SIPURI("sip:alice@ims.lab"), expires: 600, indicates: false, optionTag: false,
                    callID: "call", tag: "tag"),
                digest: DigestClient(
                    username: AKARegistrationTests.name,
                    credential: .aka(SubscriberModule(keys: try AKARegistrationTests.keys(), window: window)),
                    cnonce: { "0a4f" }))
            registration.start(contact: try SIPURI("sip:alice@127.0.0.9:5061"))
            drain()
        }

        mutating func drain() {
            while let action = registration.nextAction() {
                switch action {
                case .send(let request):
                    requests.append(request)
                    order += "s"
                case .keep(let window):
                    kept.append(window)
                    order += "k"
                default: outcomes.append(action)
                }
            }
        }

        mutating func answer(_ status: Int, _ headers: [(HeaderName, String)] = []) throws {
            var response = Response.make(status, to: try #require(requests.last), toTag: "home")
            for (name, value) in headers { response.headers.append(name, value) }
            registration.receive(response, now: AKARegistrationTests.now)
            drain()
        }

        mutating func challenge(_ keys: AKAKeys) throws -> AKANonce {
            let nonce = centre.challenge(AKARegistrationTests.name, keys, now: 5, salt: UInt64(requests.count))
            return try #require(nonce)
        }

        mutating func send(_ nonce: AKANonce) throws {
            let challenge = DigestChallenge(realm: "ims.lab", nonce: nonce.text, algorithm: .akaV1MD5)
            try answer(401, [(.wwwAuthenticate, challenge.description)])
        }

        func credentials() throws -> DigestCredentials {
            try DigestCredentials(try #require(requests.last?.headers[.authorization]))
        }
    }

    @Test("TS 24.229 5.1.1.2, RFC 3310 3.3: names itself first, then answers with RES, when its number is kept")
    func registered() throws {
        var run = try Run()
        let first = try run.credentials()
        #expect(first.username == Self.name && first.nonce.isEmpty && first.response.isEmpty)
        #expect(first.algorithm == .akaV1MD5 && first.realm == "ims.lab" && first.uri == "sip:ims.lab")
        let keys = try Self.keys()
        let nonce = try run.challenge(keys)
        try run.send(nonce)
        let credentials = try run.credentials()
        let secret = DigestResponse.userSecret(
            .akaV1MD5, username: Self.name, realm: "ims.lab", password: keys.milenage.f2(rand: nonce.rand))
        #expect(
            credentials.response
                == DigestResponse.request(credentials, .akaV1MD5, userSecret: secret, method: .register))
        #expect(run.order == "sks" && run.kept.first?.highest.sequence == 1)
        let right = DigestResponse.answer(credentials, .akaV1MD5, userSecret: secret)
        try run.answer(
            200, [(.authenticationInfo, "qop=auth, rspauth=\"\(right)\", cnonce=\"0a4f\", nc=00000001")])
        #expect(run.outcomes == [.registered(expires: 600)])
    }

    @Test("RFC 3310 3.5: a 200 whose rspauth is not made with RES is no registration")
    func wrongAuthenticationInfo() throws {
        var run = try Run()
        try run.send(try run.challenge(try Self.keys()))
        let wrong = String(repeating: "0", count: 32)
        try run.answer(
            200, [(.authenticationInfo, "qop=auth, rspauth=\"\(wrong)\", cnonce=\"0a4f\", nc=00000001")])
        #expect(run.outcomes == [.failed(status: 200, reason: "the network does not know the password")])
    }

    @Test("RFC 3310 3.4: a number that is not fresh is answered with AUTS and the empty password, then registers")
    func resynchronised() throws {
        var used = SequenceWindow()
        _ = used.accept(SequenceNumber(sequence: 1000, index: 1))
        var run = try Run(window: used)
        try run.send(try run.challenge(try Self.keys()))
        let credentials = try run.credentials()
        #expect(ResynchronisationToken(credentials.auts ?? "") != nil)
        let empty = DigestResponse.userSecret(
            .akaV1MD5, username: Self.name, realm: "ims.lab", password: Secret(""))
        #expect(
            credentials.response == DigestResponse.request(credentials, .akaV1MD5, userSecret: empty, method: .register)
        )
        #expect(run.kept.isEmpty)
        // As the home network does once it has read the token: beyond the number that it was told.
        var server = DigestAuthenticator(
            realm: "ims.lab", algorithms: [.md5], nonceKey: Secret("0123456789abcdef"), nonceLifetime: 60)
        let keys = try Self.keys()
        let request = try #require(run.requests.last)
        guard
            case .challenge(let values, .resynchronised) = server.judge(
                request, now: 5, salt: 1, find: { .init(name: $0, credential: .aka(keys)) })
        else {
            Issue.record("the token was not taken")
            return
        }
        try run.answer(401, [(.wwwAuthenticate, try #require(values.first))])
        #expect(try run.credentials().auts == nil && run.kept.last?.highest.sequence == 1001)
        try run.answer(200)
        #expect(run.outcomes == [.registered(expires: 600)])
    }

    @Test("TS 24.229 5.1.1.5.3: a challenge of another network gets no response, and no third one is tried")
    func foreignNetwork() throws {
        var run = try Run()
        for _ in 0..<2 {
            try run.send(try run.challenge(try Self.keys("11")))
            let credentials = try run.credentials()
            #expect(credentials.response.isEmpty && credentials.auts == nil && !credentials.nonce.isEmpty)
        }
        try run.send(try run.challenge(try Self.keys("11")))
        #expect(run.requests.count == 3 && run.kept.isEmpty)
        #expect(
            run.outcomes == [.failed(status: 401, reason: "Unauthorized: the challenge was not the home network's")])
    }

    @Test("TS 24.229 5.1.1.5.3: after foreign challenges the next attempt starts without them, and registers")
    func notLockedOut() throws {
        var run = try Run()
        for _ in 0..<3 { try run.send(try run.challenge(try Self.keys("11"))) }
        #expect(run.outcomes.count == 1)
        run.registration.start(contact: try SIPURI("sip:alice@127.0.0.9:5061"))
        run.drain()
        let first = try run.credentials()
        #expect(first.nonce.isEmpty && first.response.isEmpty)
        try run.send(try run.challenge(try Self.keys()))
        #expect(try !run.credentials().response.isEmpty)
        try run.answer(200)
        #expect(run.outcomes.last == .registered(expires: 600))
    }

    @Test("TS 33.102 C.2.2: an AUTN that is played again is not answered with RES")
    func replayed() throws {
        var run = try Run()
        let nonce = try run.challenge(try Self.keys())
        try run.send(nonce)
        try run.answer(200)
        run.registration.timersDue(now: Self.now + .seconds(300))
        run.drain()
        try run.send(nonce)
        #expect(try run.credentials().auts != nil)
    }

    @Test("Numbers that cannot be kept: the challenge is not answered")
    func notKept() throws {
        var run = try Run()
        let before = run.requests.count
        let challenge = DigestChallenge(
            realm: "ims.lab", nonce: try run.challenge(try Self.keys()).text, algorithm: .akaV1MD5)
        var response = Response.make(401, to: try #require(run.requests.last), toTag: "home")
        response.headers.append(.wwwAuthenticate, challenge.description)
        run.registration.receive(response, now: Self.now)
        guard case .keep? = run.registration.nextAction() else {
            Issue.record("nothing to keep")
            return
        }
        run.registration.failed("disk full", now: Self.now)
        run.drain()
        #expect(run.requests.count == before && run.outcomes == [.failed(status: 0, reason: "disk full")])
    }

    @Test("RFC 3310 5.3: who has keys does not answer a challenge for a password")
    func password() throws {
        var run = try Run()
        try run.answer(401, [(.wwwAuthenticate, RegistrationTests.challenge)])
        #expect(run.requests.count == 1 && run.outcomes.count == 1)
    }
}
