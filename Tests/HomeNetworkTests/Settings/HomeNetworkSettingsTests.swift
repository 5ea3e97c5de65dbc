import Authentication
import Configuration
import Testing
import WireSyntax

@testable import HomeNetwork

struct HomeNetworkSettingsTests {
    static let users = """
        users:
          - private-id: alice@ims.lab
            password: secret-a
            public-ids: [sip:alice@ims.lab, sip:+1555@ims.lab]
          - private-id: bob@ims.lab
            password: secret-b
            public-ids: [sip:bob@ims.lab]
        """

    static let key = "465b5ce8b199b49faa5f0a2ee238a6bc"

    @Test("RFC 3310: a user with AKA keys, in the place of a password; the keys are masked")
    func keys() throws {
        let yaml = """
            users:
              - private-id: alice@ims.lab
                aka: {k: "\(Self.key)", opc: "\(Self.key)"}
                public-ids: [sip:alice@ims.lab]
              - private-id: bob@ims.lab
                aka: {k: "\(Self.key)", op: "\(Self.key)", amf: "b9b9"}
                public-ids: [sip:bob@ims.lab]
            """
        let configuration = try Configuration(HomeNetworkSettings.schema, yaml: yaml, path: "home.yaml")
        let users = try HomeNetworkSettings(configuration).users
        guard users.count == 2, case .aka(let alice) = users[0].credential, case .aka(let bob) = users[1].credential
        else {
            Issue.record("no keys")
            return
        }
        #expect(alice.amf == nil && bob.amf == 0xB9B9)
        #expect(!configuration.yaml.contains(Self.key))
    }

    static func settings(_ yaml: String) throws -> HomeNetworkSettings {
        try HomeNetworkSettings(Configuration(HomeNetworkSettings.schema, yaml: yaml, path: "home.yaml"))
    }

    @Test("Defaults and users; passwords are masked")
    func complete() throws {
        let configuration = try Configuration(HomeNetworkSettings.schema, yaml: Self.users, path: "home.yaml")
        let settings = try HomeNetworkSettings(configuration)
        #expect(settings.domain == .name("ims.lab"))
        #expect(settings.users.map(\.privateIdentity) == ["alice@ims.lab", "bob@ims.lab"])
        #expect(settings.users.first?.publicIdentities.count == 2)
        #expect(settings.registration.defaultExpires == 3600)
        #expect(!configuration.yaml.contains("secret-a"))
    }

    @Test(
        "What is right by itself and wrong together is said with its place",
        arguments: [
            "users:\n  - private-id: a\n    password: x\n    public-ids: [tel:+1]\n",
            "users:\n  - private-id: a\n    password: x\n    public-ids: [sip:ims.lab]\n",
            "users:\n  - private-id: a\n    password: x\n    public-ids: []\n",
            "users:\n  - {private-id: a, password: x, public-ids: [sip:a@b.c]}\n  - {private-id: a, password: y, public-ids: [sip:d@b.c]}\n",
            "users:\n  - {private-id: a, password: x, public-ids: [sip:a@b.c]}\n  - {private-id: b, password: y, public-ids: [sip:d@b.c, sip:a@b.c]}\n",
            "users:\n  - {private-id: a, public-ids: [sip:a@b.c]}\n",
            "users:\n  - {private-id: a, aka: {k: \"00\", opc: \"00\"}, public-ids: [sip:a@b.c]}\n",
            "users:\n  - {private-id: a, password: x, aka: {k: \"\(key)\", opc: \"\(key)\"}, public-ids: [sip:a@b.c]}\n",
            "users:\n  - {private-id: a, aka: {k: \"\(key)\"}, public-ids: [sip:a@b.c]}\n",
            "users:\n  - {private-id: a, aka: {k: \"\(key)\", opc: \"\(key)\", amf: \"8\"}, public-ids: [sip:a@b.c]}\n",
            "authentication:\n  algorithms: [AKAv1-MD5]\n",
            "domain: \"a b\"\n", "mw:\n  listen: [\"tls:127.0.0.1:0\"]\n",
            "registration:\n  min-expires: 10 s\n  max-expires: 1 s\n",
            "registration:\n  min-expires: 1 h\n  max-expires: 60 s\n",
        ])
    func wrong(yaml: String) {
        #expect(throws: ConfigurationError.self) { try Self.settings(yaml) }
    }
}
