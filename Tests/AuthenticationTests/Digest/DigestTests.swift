import Authentication
import SIP
import Testing
import WireSyntax

struct DigestTests {
    /// RFC 7616 §3.9.1: both algorithms, one password.
    static let vectors: [(DigestAlgorithm, String)] = [
        (.md5, "8ca523f5e9506fed4657c9700eebdbec"),
        (.sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ]

    @Test("RFC 7616 3.4.1, 3.9.1: the example's responses", arguments: vectors)
    func example(algorithm: DigestAlgorithm, expected: String) throws {
        let challenge = DigestChallenge(
            realm: "http-auth@example.org", nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", algorithm: algorithm)
        let credentials = try #require(
            DigestCredentials.answer(
                challenge, username: "Mufasa", password: Secret("Circle of Life"), method: "GET",
                uri: "/dir/index.html",
                cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", nonceCount: 1))
        #expect(credentials.response == expected)
    }

    @Test("RFC 2617 3.5, without qop as in RFC 2069: the response leaves nc and cnonce out")
    func withoutQuality() throws {
        let challenge = DigestChallenge(realm: "r", nonce: "n", algorithm: .md5, qualities: [])
        let credentials = try #require(
            DigestCredentials.answer(
                challenge, username: "u", password: Secret("p"), method: .register, uri: "sip:r", cnonce: "c",
                nonceCount: 1))
        #expect(credentials.quality == nil && credentials.cnonce == nil && credentials.nonceCount == nil)
        // MD5(MD5("u:r:p") ":n:" MD5("REGISTER:sip:r"))
        #expect(credentials.response.utf8.count == 32)
    }

    @Test("Challenges and credentials survive the wire")
    func roundTrip() throws {
        let challenge = DigestChallenge(
            realm: "a \"b\"", nonce: "n", opaque: "o", algorithm: .sha256, isStale: true,
            qualities: ["auth", "auth-int"])
        #expect(try DigestChallenge(challenge.description) == challenge)
        let credentials = try #require(
            DigestCredentials.answer(
                challenge, username: "u\\", password: Secret("p"), method: .invite, uri: "sip:x", cnonce: "c",
                nonceCount: 0xAB))
        #expect(try DigestCredentials(credentials.description) == credentials)
        #expect(credentials.description.contains("nc=000000ab"))
        #expect(credentials.opaque == "o")
        // RFC 7616 3.3, 3.4: what is quoted, and what is not.
        for part in ["nonce=\"n\"", "opaque=\"o\"", "qop=\"auth", "stale=true", "algorithm=SHA-256"] {
            #expect(challenge.description.contains(part))
        }
        for part in ["nonce=\"n\"", "uri=\"sip:x\"", "cnonce=\"c\"", "response=\"", "qop=auth", "algorithm=SHA-256"] {
            #expect(credentials.description.contains(part))
        }
    }

    @Test("RFC 8760 2.4: the strongest algorithm is answered, unknown ones are passed over")
    func best() {
        let values = [
            "Digest realm=\"r\", nonce=\"1\", qop=\"auth\"", "Digest realm=\"r\", nonce=\"2\", algorithm=SHA-512-256",
            "Digest realm=\"r\", nonce=\"3\", algorithm=sha-256, qop=\"auth\"",
            "Digest realm=\"r\", nonce=\"4\", algorithm=SHA-256, qop=\"auth\"",
            "Digest realm=\"r\", nonce=\"5\", algorithm=SHA-256, qop=\"auth-int\"", "Basic realm=\"r\"", "garbage",
        ]
        #expect(DigestChallenge.best(of: values)?.nonce == "3")
        #expect(DigestChallenge.best(of: Array(values.prefix(2)))?.nonce == "1")
        // RFC 3310 5.3: only who has keys answers AKA.
        #expect(DigestChallenge.best(of: ["Digest realm=\"r\", nonce=\"2\", algorithm=AKAv1-MD5"]) == nil)
    }

    @Test(
        "Malformed credentials",
        arguments: [
            "", "Digest", "Basic dXNlcjpwYXNz", "Digest username=\"u\"",
            "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"0\", nc=1, qop=auth, cnonce=\"c\"",
            "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"0\", nc=0000000g, qop=auth, cnonce=\"c\"",
            "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"0\", nc=+0000001, qop=auth, cnonce=\"c\"",
            "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"0\", qop=auth",
            "Digest username=\"u\", username=\"v\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"0\"",
        ])
    func malformed(text: String) {
        #expect(throws: SyntaxError.self) { try DigestCredentials(text) }
    }

    @Test("A nonce is bound to key, realm, algorithm and time")
    func nonces() {
        let nonces = DigestNonce(key: Secret("0123456789abcdef"), lifetime: 10)
        let nonce = nonces.make(realm: "r", algorithm: .md5, now: 100, salt: 7)
        #expect(nonces.check(nonce, realm: "r", algorithm: .md5, now: 110) == .fresh)
        #expect(nonces.check(nonce, realm: "r", algorithm: .md5, now: 111) == .stale)
        #expect(nonces.check(nonce, realm: "r", algorithm: .md5, now: 99) == .foreign)
        #expect(nonces.check(nonce, realm: "q", algorithm: .md5, now: 100) == .foreign)
        #expect(nonces.check(nonce, realm: "r", algorithm: .sha256, now: 100) == .foreign)
        let other = DigestNonce(key: Secret("0123456789abcdeg"), lifetime: 10)
        #expect(other.check(nonce, realm: "r", algorithm: .md5, now: 100) == .foreign)
        for bad in ["", ".", "..", "64.7.", nonce + "0", String(nonce.dropLast()), String(repeating: "0", count: 1000)]
        {
            #expect(nonces.check(bad, realm: "r", algorithm: .md5, now: 100) == .foreign)
        }
    }
}
