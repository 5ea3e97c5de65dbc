import ApplicationLevelGateway
import Configuration
import MediaSecurity
import NIOCore
import SDP
import Testing
import WireSyntax

@testable import ProxyCSCF

@Suite("Settings of the P-CSCF")
struct ProxyCSCFSettingsTests {
    static let least = """
        gm.tcp: 127.1.0.1:0
        mw.listen: 127.1.0.1:0
        mw.home: 127.2.0.1:5060
        iq.listen: udp:127.1.0.1:0

        """

    static func settings(_ more: String = "", _ base: String = least) throws -> ProxyCSCFSettings {
        try ProxyCSCFSettings(Configuration(ProxyCSCFSettings.schema, yaml: base + more))
    }

    @Test("The defaults are the careful ones")
    func defaults() throws {
        let settings = try Self.settings()
        #expect(!settings.allowUnprotected && settings.rcs51 == RCS51Policy())
        #expect(!settings.strict && !settings.allowSHA1 && settings.unhonouredRequest == .transparent)
        #expect(settings.peers == [IPAddress("127.2.0.1")!])
        #expect(settings.realm == "access" && settings.visitedNetwork == "ims.lab")
        let media = settings.media(for: Fixtures.registration())
        #expect(media.ueIndicated && media.networkIndicated && media.ueSource == IPAddress("127.4.0.1"))
        #expect(!media.fingerprints.hashes.contains(.sha1))
    }

    @Test("Policy reaches the ALG")
    func policy() throws {
        let settings = try Self.settings(
            """
            mediaSecurity: {rcs51: originating}
            policy: {strict: true, unhonoured-request: reject, allow-sha1: true, applied-in-answers: false}
            mw.peers: [127.2.0.9]
            """)
        let media = settings.media(for: Fixtures.registration(u: true, n: false))
        #expect(media.rcs51 == .originating && media.strict && !media.appliedInAnswers)
        #expect(media.unhonouredRequest == .reject && media.fingerprints.hashes.contains(.sha1))
        #expect(media.ueIndicated && !media.networkIndicated)
        #expect(settings.peers.count == 2)
    }

    @Test("media-security 4: mediaSecurity.rcs51 per realm and UE class, the first that matches")
    func rcs51Classes() throws {
        let settings = try Self.settings(
            """
            mediaSecurity:
              rcs51: terminating
              rcs51-fallback: true
              rcs51-classes:
                - {user-agent: "OldRCS/*", rcs51: off}
                - {realm: wifi, rcs51: both}

            """)
        let registration = Fixtures.registration(u: false)
        let media = { settings.media(for: registration, userAgent: $0, realm: $1) }
        #expect(media("oldrcs/2", "wifi").rcs51 == .off && media("x", "wifi").rcs51 == .both)
        #expect(media("x", "access").rcs51 == .terminating && media(nil, "access").rcs51 == .terminating)
        #expect(media(nil, "access").allowsFallback)
        for wrong in ["rcs51: on", "rcs51-classes: [{rcs51: sometimes}]", "rcs51-classes: [{user-agent: x}]"] {
            #expect(throws: ConfigurationError.self) { try Self.settings("mediaSecurity: {\(wrong)}\n") }
        }
    }

    @Test("RFC 4975 8.4, 8.6: bounds on max-size and accept-types are off unless configured")
    func content() throws {
        #expect(try Self.settings().media(for: Fixtures.registration()).content == ContentPolicy())
        let settings = try Self.settings("policy: {max-size: 1 MiB, accept-types: [text/*], deny-types: [text/html]}\n")
        let expected = ContentPolicy(maximumSize: 1 << 20, allowedTypes: ["text/*"], deniedTypes: ["text/html"])
        #expect(settings.media(for: Fixtures.registration()).content == expected)
        for wrong in ["accept-types: [text]", "deny-types: ['*/*']", "max-size: 0"] {
            #expect(throws: ConfigurationError.self) { try Self.settings("policy: {\(wrong)}\n") }
        }
    }

    @Test("gm.allowUnprotected is spelt as it is, SALLYPORT_GM_ALLOW_UNPROTECTED in the environment")
    func unprotected() throws {
        #expect(try Self.settings("gm.allowUnprotected: true\n").allowUnprotected)
        let fromEnvironment = try Configuration(
            ProxyCSCFSettings.schema, yaml: Self.least, environment: ["SALLYPORT_GM_ALLOW_UNPROTECTED": "true"])
        #expect(try ProxyCSCFSettings(fromEnvironment).allowUnprotected)
        #expect(throws: ConfigurationError.self) { try Self.settings("gm.allow-unprotected: true\n") }
    }

    static let wrong = [
        "mw.listen: 127.1.0.1:0\nmw.home: 127.2.0.1:5060\niq.listen: udp:127.1.0.1:0\n",
        least + "gm.tls: 127.1.0.1:0\n",
        least.replacing("udp:", with: "tcp:"),
        least.replacing("5060", with: "0"),
        least + "policy.unhonoured-request: maybe\n",
    ]

    @Test("What cannot work is said before anything starts", arguments: wrong)
    func problems(text: String) {
        #expect(throws: ConfigurationError.self) { try Self.settings("", text) }
    }
}
