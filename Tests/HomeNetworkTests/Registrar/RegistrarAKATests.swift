import Authentication
import SIP
import Testing
import WireSyntax

@testable import HomeNetwork

struct RegistrarAKATests {
    struct Exchange {
        var ue: RegistrarHarness
        var module: SubscriberModule
        var count: UInt32 = 0

        init() throws {
            ue = try RegistrarHarness()
            module = SubscriberModule(keys: try RegistrarHarness.keys())
        }

        mutating func request(_ authorization: String? = nil) throws -> Request {
            ue.cSeq += 1
            return try ue.request(
                user: "caroline", contacts: ["<sip:caroline@127.0.0.9:4000>"], cSeq: ue.cSeq,
                extra: authorization.map { [(.authorization, $0)] } ?? [])
        }

        mutating func challenge() throws -> DigestChallenge {
            let response = ue.send(try request())
            try #require(response.status == 401)
            return try DigestChallenge(try #require(response.headers[.wwwAuthenticate]))
        }

        func credentials(_ challenge: DigestChallenge, _ password: Secret, auts: String? = nil) throws -> String {
            try #require(
                DigestCredentials.answer(
                    challenge, username: "carol@ims.lab", password: password, method: .register, uri: "sip:ims.lab",
                    cnonce: "c", nonceCount: 1, auts: auts)
            ).description
        }
    }

    @Test("TS 24.229 5.4.1.2, RFC 3310: a REGISTER without credentials is challenged by its address; RES registers")
    func registered() throws {
        var exchange = try Exchange()
        let challenge = try exchange.challenge()
        #expect(challenge.algorithm == .akaV1MD5)
        guard case .accepted(let response, _, _) = exchange.module.judge(try #require(AKANonce(challenge.nonce))) else {
            Issue.record("the challenge was not accepted")
            return
        }
        let authorization = try exchange.credentials(challenge, response)
        let result = exchange.ue.send(try exchange.request(authorization))
        #expect(result.status == 200)
        #expect(result.headers[.authenticationInfo]?.contains("rspauth") == true)
        #expect(try exchange.ue.contacts("sip:caroline@ims.lab") == ["sip:caroline@127.0.0.9:4000"])
        // The same REGISTER again.
        #expect(exchange.ue.send(try exchange.request(authorization)).status == 401)
        #expect(exchange.ue.events.last == .failed(user: "carol@ims.lab", reason: "replayed"))
    }

    @Test("TS 24.229 5.4.1.2.3: a UE that refused the challenge gets 403, and the operator is told")
    func refused() throws {
        var exchange = try Exchange()
        let challenge = try exchange.challenge()
        let empty = DigestCredentials(
            username: "carol@ims.lab", realm: "ims.lab", nonce: challenge.nonce, uri: "sip:ims.lab", response: "",
            algorithm: .akaV1MD5)
        let response = exchange.ue.send(try exchange.request(empty.description))
        #expect(response.status == 403 && !response.headers.contains(.wwwAuthenticate))
        #expect(exchange.ue.events == [.failed(user: "carol@ims.lab", reason: "challengeRefused")])
    }
}
