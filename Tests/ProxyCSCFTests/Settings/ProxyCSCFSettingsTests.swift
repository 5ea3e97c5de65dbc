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
        #expect(!settings.allowUnprotected && !settings.rcs51Originating && !settings.rcs51Terminating)
        #expect(!settings.strict && !settings.allowSHA1 && settings.unhonouredRequest == .transparent)
        #expect(settings.peers == [IPAddress("127.2.0.1")!])
        let media = settings.media(for: Fixtures.registration())
        #expect(media.ueIndicated && media.networkIndicated && media.ueSource == IPAddress("127.4.0.1"))
        #expect(!media.fingerprints.hashes.contains(.sha1))
    }

    @Test("Policy reaches the ALG")
    func policy() throws {
        let settings = try Self.settings(
            """
            policy: {rcs51-originating: true, strict: true, unhonoured-request: reject, allow-sha1: true, applied-in-answers: false}
            mw.peers: [127.2.0.9]
            """)
        let media = settings.media(for: Fixtures.registration(u: true, n: false))
        #expect(media.rcs51Originating && !media.rcs51Terminating && media.strict && !media.appliedInAnswers)
        #expect(media.unhonouredRequest == .reject && media.fingerprints.hashes.contains(.sha1))
        #expect(media.ueIndicated && !media.networkIndicated)
        #expect(settings.peers.count == 2)
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
