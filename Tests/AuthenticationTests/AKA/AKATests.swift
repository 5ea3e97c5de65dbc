import SIP
import Testing
import WireSyntax

@testable import Authentication

/// A home network and a subscriber's module on either side of RFC 3310.
struct AKATests {
    static func keys(_ set: Int = 0, amf: UInt16? = nil) throws -> AKAKeys {
        let set = MilenageTests.sets[set]
        return try AKAKeys(
            k: Secret(set.k), opc: Secret(set.opc), op: nil, amf: amf.map { String($0, radix: 16) })
    }

    struct Pair {
        var server: DigestAuthenticator
        var module: SubscriberModule
        var now: UInt64 = 1000
        var salt: UInt64 = 0
        let serverKeys: AKAKeys

        init(module set: Int = 0, amf: UInt16? = nil) throws {
            server = DigestAuthenticator(
                realm: "ims.lab", algorithms: [.md5, .sha256], nonceKey: Secret("0123456789abcdef"), nonceLifetime: 60)
            module = SubscriberModule(keys: try AKATests.keys(set, amf: amf))
            serverKeys = try AKATests.keys()
        }

        mutating func judge(_ authorization: String?, presumed: String? = nil) throws -> DigestAuthenticator.Outcome {
            var headers = Headers()
            if let authorization { headers.append(.authorization, authorization) }
            salt += 1
            let keys = serverKeys
            return server.judge(
                Request(method: .register, uri: try URI("sip:ims.lab"), headers: headers), presumed: presumed, now: now,
                salt: salt
            ) { name in
                switch name {
                case "alice@ims.lab": .init(name: name, credential: .aka(keys))
                case "bob@ims.lab": .init(name: name, password: Secret("b"))
                default: nil
                }
            }
        }

        /// The challenge to a first REGISTER.
        mutating func challenge() throws -> DigestChallenge {
            try challenge(try judge(first("alice@ims.lab")), .none)
        }

        func challenge(
            _ outcome: DigestAuthenticator.Outcome, _ expected: DigestAuthenticator.Reason
        ) throws -> DigestChallenge {
            guard case .challenge(let values, let reason) = outcome, reason == expected, values.count == 1 else {
                throw SyntaxError("\(outcome)")
            }
            return try DigestChallenge(values[0])
        }

        func first(_ name: String) -> String {
            DigestCredentials(
                username: name, realm: "ims.lab", nonce: "", uri: "sip:ims.lab", response: "", algorithm: .akaV1MD5
            ).description
        }

        func answer(
            _ challenge: DigestChallenge, _ password: Secret, auts: String? = nil, count: UInt32 = 1,
            name: String = "alice@ims.lab"
        ) throws -> String {
            try #require(
                DigestCredentials.answer(
                    challenge, username: name, password: password, method: .register, uri: "sip:ims.lab", cnonce: "c",
                    nonceCount: count, auts: auts)
            ).description
        }

        mutating func response(_ challenge: DigestChallenge) throws -> Secret {
            guard case .accepted(let response, _, _) = module.judge(try #require(AKANonce(challenge.nonce))) else {
                throw SyntaxError("not accepted")
            }
            return response
        }

        mutating func token(_ challenge: DigestChallenge) throws -> String {
            guard case .synchronisationFailure(let token) = module.judge(try #require(AKANonce(challenge.nonce))) else {
                throw SyntaxError("no synchronisation failure")
            }
            return token.text
        }

        mutating func reason(_ authorization: String) throws -> DigestAuthenticator.Reason? {
            if case .challenge(_, let reason) = try judge(authorization) { return reason }
            return nil
        }
    }

    @Test(
        "RFC 3310 3.1, 3.2, 3.3, 3.5, TS 33.102 6.3.2: RAND and AUTN in the nonce, RES as the password of response and rspauth"
    )
    func accepted() throws {
        var pair = try Pair()
        let challenge = try pair.challenge()
        #expect(challenge.algorithm == .akaV1MD5 && challenge.description.contains("algorithm=AKAv1-MD5"))
        let nonce = try #require(AKANonce(challenge.nonce))
        #expect(AKANonce(nonce.text) == nonce)
        let response = try pair.response(challenge)
        #expect(response == (try Self.keys().milenage.f2(rand: nonce.rand)))
        guard case .accepted(let information) = try pair.judge(try pair.answer(challenge, response)) else {
            Issue.record("not accepted")
            return
        }
        let credentials = try DigestCredentials(try pair.answer(challenge, response))
        let secret = DigestResponse.userSecret(
            .akaV1MD5, username: "alice@ims.lab", realm: "ims.lab", password: response)
        let expected = DigestResponse.answer(credentials, .akaV1MD5, userSecret: secret)
        #expect(information.contains("rspauth=\"\(expected)\"") && !information.contains("nextnonce"))
    }

    @Test("RFC 3310 3.3: a wrong RES, a password in its place, and AKA of a user who has a password")
    func refused() throws {
        var pair = try Pair()
        let challenge = try pair.challenge()
        #expect(try pair.reason(try pair.answer(challenge, Secret("wrong"))) == .wrongResponse)
        #expect(try pair.reason(try pair.answer(challenge, Secret(""))) == .wrongResponse)
        #expect(try pair.reason(try pair.answer(challenge, Secret("b"), name: "bob@ims.lab")) == .stale)
        var digest = challenge
        digest.algorithm = .md5
        #expect(try pair.reason(try pair.answer(digest, Secret(""))) == .stale)
        // Who has a password is asked for it, also when it names AKA.
        guard case .challenge(let values, .none) = try pair.judge(pair.first("bob@ims.lab")) else {
            Issue.record("no challenge")
            return
        }
        #expect(try values.map { try DigestChallenge($0).algorithm } == [.sha256, .md5])
    }

    @Test("RFC 3310 5.2: a request that names nobody is challenged for the user of its address")
    func presumed() throws {
        var pair = try Pair()
        let challenge = try pair.challenge(try pair.judge(nil, presumed: "alice@ims.lab"), .none)
        #expect(challenge.algorithm == .akaV1MD5)
        guard case .challenge(let values, .none) = try pair.judge(nil) else {
            Issue.record("no challenge")
            return
        }
        #expect(values.count == 2)
    }

    @Test(
        "TS 33.102 6.3.3: AUTN of another key, changed in one octet, or with another AMF is refused, and uses nothing up"
    )
    func foreignNetwork() throws {
        var pair = try Pair(module: 1)
        let nonce = try #require(AKANonce(try pair.challenge().nonce))
        let before = pair.module.window
        guard case .refused = pair.module.judge(nonce) else {
            Issue.record("accepted")
            return
        }
        var right = try Pair()
        var genuine = try #require(AKANonce(try right.challenge().nonce))
        for place in genuine.autn.indices {
            genuine.autn[place] ^= 1
            guard case .refused = right.module.judge(genuine) else {
                Issue.record("octet \(place) does not matter")
                return
            }
            genuine.autn[place] ^= 1
        }
        var strict = try Pair(amf: 0x1234)
        guard case .refused = strict.module.judge(try #require(AKANonce(try strict.challenge().nonce))) else {
            Issue.record("another AMF was accepted")
            return
        }
        #expect(pair.module.window == before && right.module.window == before && strict.module.window == before)
        guard case .accepted = right.module.judge(genuine) else {
            Issue.record("the genuine one was not accepted")
            return
        }
    }

    @Test(
        "RFC 3310 3.3: an empty response says that the challenge was refused; there is no new one in it for an attacker"
    )
    func challengeRefused() throws {
        var pair = try Pair()
        let challenge = try pair.challenge()
        let empty = DigestCredentials(
            username: "alice@ims.lab", realm: "ims.lab", nonce: challenge.nonce, uri: "sip:ims.lab", response: "",
            algorithm: .akaV1MD5)
        #expect(try pair.reason(empty.description) == .challengeRefused)
        #expect(DigestAuthenticator.Reason.challengeRefused.isFailure)
        // Of an old challenge it says nothing of the next.
        pair.now += 61
        #expect(try pair.reason(empty.description) == .stale)
    }

    @Test("RFC 3310 3.4: a wrong MAC-S does not use the challenge up: whom it was made for still answers it")
    func wrongTokenUsesNothingUp() throws {
        var pair = try Pair()
        let challenge = try pair.challenge()
        let forged = try pair.answer(challenge, Secret(""), auts: "AAAAAAAAAAAAAAAAAAA=", count: 0xFFFF_FFFF)
        #expect(try pair.reason(forged) == .wrongResponse)
        guard case .accepted = try pair.judge(try pair.answer(challenge, try pair.response(challenge))) else {
            Issue.record("not accepted")
            return
        }
    }

    @Test("TS 24.229 5.4.1.5: other credentials are told from the same ones")
    func sameCredentials() throws {
        typealias Credential = DigestAuthenticator.Credential
        let keys = Credential.aka(try Self.keys())
        #expect(keys.isSame(as: .aka(try Self.keys())))
        let others = [Credential.aka(try Self.keys(1)), .aka(try Self.keys(amf: 0x1234)), .password(Secret("a"))]
        for other in others { #expect(!keys.isSame(as: other)) }
        #expect(Credential.password(Secret("a")).isSame(as: .password(Secret("a"))))
        #expect(!Credential.password(Secret("a")).isSame(as: .password(Secret("b"))))
    }

    @Test("TS 33.102 C.2.2: a challenge that was answered is not answered again")
    func replayedToken() throws {
        var pair = try Pair()
        let challenge = try pair.challenge()
        _ = try pair.response(challenge)
        _ = try pair.token(challenge)
    }

    @Test("RFC 3310 3.4, TS 33.102 6.3.5: AUTS moves the home network on, and the next challenge is taken")
    func resynchronised() throws {
        var pair = try Pair()
        // The module has been used with a home network that was restarted since.
        for number in 1...40 { _ = try pair.response(try pair.challenge(number: number)) }
        pair.server = try Pair().server
        let challenge = try pair.challenge()
        let authorization = try pair.answer(challenge, Secret(""), auts: try pair.token(challenge))
        let next = try pair.challenge(try pair.judge(authorization), .resynchronised)
        #expect(!DigestAuthenticator.Reason.resynchronised.isFailure)
        guard case .accepted = try pair.judge(try pair.answer(next, try pair.response(next))) else {
            Issue.record("not accepted")
            return
        }
        // The token is good for one use.
        #expect(try pair.reason(authorization) == .replayed)
    }

    @Test(
        "RFC 3310 3.4: an AUTS that is not the module's moves nothing",
        arguments: ["", "AAAA", "5PYxMuX2NOT2NeQ=", "AAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "!"])
    func wrongToken(text: String) throws {
        var pair = try Pair()
        let challenge = try pair.challenge()
        #expect(try pair.reason(try pair.answer(challenge, Secret(""), auts: text)) == .wrongResponse)
        let next = try pair.challenge()
        guard case .accepted = try pair.judge(try pair.answer(next, try pair.response(next))) else {
            Issue.record("not accepted")
            return
        }
    }

    @Test("A nonce counts for its user, its realm, its time and its number of uses")
    func nonces() throws {
        var pair = try Pair()
        let challenge = try pair.challenge()
        let response = try pair.response(challenge)
        let forged = DigestChallenge(
            realm: "ims.lab", nonce: AKANonce(rand: Milenage.Block(), autn: Array(repeating: 0, count: 16)).text,
            algorithm: .akaV1MD5)
        #expect(try pair.reason(try pair.answer(forged, response)) == .stale)
        for nonce in ["", "AAAA", "?", String(repeating: "A", count: 1000)] {
            var broken = challenge
            broken.nonce = nonce
            #expect(try pair.reason(try pair.answer(broken, response)) == .unusable)
        }
        #expect(try pair.reason(try pair.answer(challenge, response)) == nil)
        #expect(try pair.reason(try pair.answer(challenge, response)) == .replayed)
        #expect(try pair.reason(try pair.answer(challenge, response, count: 2)) == nil)
        pair.now += 61
        let late = try pair.challenge(try pair.judge(try pair.answer(challenge, response, count: 3)), .stale)
        #expect(late.isStale)
    }
}

extension AKATests.Pair {
    fileprivate mutating func challenge(number: Int) throws -> DigestChallenge {
        now += 1
        return try challenge()
    }
}
