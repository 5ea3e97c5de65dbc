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
            "domain: \"a b\"\n", "mw:\n  listen: [\"tls:127.0.0.1:0\"]\n",
            "registration:\n  min-expires: 10 s\n  max-expires: 1 s\n",
            "registration:\n  min-expires: 1 h\n  max-expires: 60 s\n",
        ])
    func wrong(yaml: String) {
        #expect(throws: ConfigurationError.self) { try Self.settings(yaml) }
    }
}
