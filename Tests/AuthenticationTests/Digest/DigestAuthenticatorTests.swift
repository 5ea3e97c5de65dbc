import Authentication
import NIOCore
import SIP
import Testing
import WireSyntax

struct DigestAuthenticatorTests {
    static let users = ["alice@ims.lab": "wonderland"]

    static func find(_ name: String) -> DigestAuthenticator.User? {
        users[name].map { .init(name: name, password: Secret($0)) }
    }

    static func authenticator(remembering count: Int = 100) -> DigestAuthenticator {
        DigestAuthenticator(
            realm: "ims.lab", algorithms: [.md5, .sha256], nonceKey: Secret("0123456789abcdef"), nonceLifetime: 60,
            rememberedNonces: count)
    }

    static func register(_ credentials: DigestCredentials?) throws -> Request {
        var headers = Headers()
        if let credentials { headers.append(.authorization, credentials.description) }
        return Request(method: .register, uri: try URI("sip:ims.lab"), headers: headers)
    }

    struct Client {
        var server: DigestAuthenticator
        var now: UInt64 = 1000

        mutating func judge(_ request: Request) -> DigestAuthenticator.Outcome {
            server.judge(request, now: now, salt: now &* 7919, find: DigestAuthenticatorTests.find)
        }

        mutating func challenge() throws -> DigestChallenge {
            guard case .challenge(let values, .none) = judge(try register(nil)) else {
                throw SyntaxError("no challenge")
            }
            return try #require(DigestChallenge.best(of: values))
        }

        func answer(
            _ challenge: DigestChallenge, user: String = "alice@ims.lab", password: String = "wonderland",
            uri: String = "sip:ims.lab", count: UInt32 = 1
        ) throws -> DigestCredentials {
            try #require(
                DigestCredentials.answer(
                    challenge, username: user, password: Secret(password), method: .register, uri: uri, cnonce: "c",
                    nonceCount: count))
        }

        mutating func reason(_ credentials: DigestCredentials) throws -> DigestAuthenticator.Reason? {
            if case .challenge(_, let reason) = judge(try register(credentials)) { return reason }
            return nil
        }
    }

    @Test("RFC 8760: one challenge an algorithm, the strongest first; the right answer is accepted, with rspauth")
    func accepted() throws {
        var client = Client(server: Self.authenticator())
        guard case .challenge(let values, _) = client.judge(try Self.register(nil)) else { throw SyntaxError("") }
        #expect(try values.map { try DigestChallenge($0).algorithm } == [.sha256, .md5])
        for value in values {
            let credentials = try client.answer(DigestChallenge(value))
            guard case .accepted(let information) = client.judge(try Self.register(credentials)) else {
                Issue.record("not accepted")
                return
            }
            // RFC 7616 3.5: what is quoted, and what is not.
            for part in ["rspauth=\"", "cnonce=\"c\"", "nc=00000001", "qop=auth"] {
                #expect(information.contains(part))
            }
            let parsed = try AuthenticationParameters(info: information)
            #expect(parsed.parameters.value("cnonce") == "c")
            #expect(parsed.parameters.value("nc") == "00000001")
            let secret = DigestResponse.userSecret(
                try #require(credentials.algorithm), username: "alice@ims.lab", realm: "ims.lab",
                password: Secret("wonderland"))
            #expect(
                parsed.parameters.value("rspauth")
                    == DigestResponse.answer(credentials, try #require(credentials.algorithm), userSecret: secret))
        }
    }

    @Test("RFC 3261 22.4: wrong user, password, uri, realm")
    func refused() throws {
        var client = Client(server: Self.authenticator())
        let challenge = try client.challenge()
        #expect(try client.reason(client.answer(challenge, password: "x")) == .wrongResponse)
        #expect(try client.reason(client.answer(challenge, user: "bob@ims.lab")) == .unknownUser)
        #expect(try client.reason(client.answer(challenge, uri: "sip:other.lab")) == .unusable)
        var other = challenge
        other.realm = "other.lab"
        #expect(try client.reason(client.answer(other)) == DigestAuthenticator.Reason.none)
        // None of these used the nonce up.
        #expect(try client.reason(client.answer(challenge)) == nil)
    }

    @Test("TS 24.229 5.1.1.2: a REGISTER that only names its user is challenged, not counted as an attempt")
    func empty() throws {
        var client = Client(server: Self.authenticator())
        let empty = DigestCredentials(
            username: "alice@ims.lab", realm: "ims.lab", nonce: "", uri: "sip:ims.lab", response: "", algorithm: nil)
        let reason = try client.reason(empty)
        #expect(reason == .unusable || reason == DigestAuthenticator.Reason.none)
        var named = empty
        named.algorithm = .md5
        #expect(try client.reason(named) == DigestAuthenticator.Reason.none)
    }

    @Test("RFC 7616 3.3: an old nonce with the right password is stale; of another server too")
    func stale() throws {
        var client = Client(server: Self.authenticator())
        let challenge = try client.challenge()
        client.now += 61
        #expect(try client.reason(client.answer(challenge, password: "x")) == .wrongResponse)
        guard
            case .challenge(let values, .stale) = client.judge(try Self.register(client.answer(challenge)))
        else {
            Issue.record("not stale")
            return
        }
        let fresh = try #require(DigestChallenge.best(of: values))
        #expect(fresh.isStale)
        #expect(try client.reason(client.answer(fresh)) == nil)
        var forged = challenge
        forged.nonce = "3e8.1.00"
        #expect(try client.reason(client.answer(forged)) == .stale)
    }

    @Test("RFC 7616 3.4, 5.12: a nonce count is used once, in rising order")
    func replay() throws {
        var client = Client(server: Self.authenticator())
        let challenge = try client.challenge()
        #expect(try client.reason(client.answer(challenge, count: 1)) == nil)
        #expect(try client.reason(client.answer(challenge, count: 1)) == .replayed)
        #expect(try client.reason(client.answer(challenge, count: 5)) == nil)
        #expect(try client.reason(client.answer(challenge, count: 3)) == .replayed)
    }

    @Test("RFC 3261 22.4: a client of RFC 2069, which sends no qop, is served, once a nonce")
    func withoutQuality() throws {
        var client = Client(server: Self.authenticator())
        var challenge = try client.challenge()
        challenge.qualities = []
        #expect(try client.reason(client.answer(challenge)) == nil)
        #expect(try client.reason(client.answer(challenge)) == .stale)
    }

    @Test("A nonce that was forgotten for room is stale, never accepted again")
    func forgotten() throws {
        var client = Client(server: Self.authenticator(remembering: 2))
        var old: [DigestChallenge] = []
        for _ in 0..<3 {
            client.now += 1
            old.append(try client.challenge())
        }
        for challenge in old { #expect(try client.reason(client.answer(challenge)) == nil) }
        #expect(try client.reason(client.answer(old[0])) == .stale)
        #expect(try client.reason(client.answer(old[2], count: 2)) == nil)
    }

    @Test("A18: a password is not printed")
    func secrets() {
        let user = DigestAuthenticator.User(name: "a", password: Secret("hidden-password"))
        #expect(!"\(user)".contains("hidden-password"))
        var text = ""
        dump(user, to: &text)
        #expect(!text.contains("hidden-password"))
    }
}
