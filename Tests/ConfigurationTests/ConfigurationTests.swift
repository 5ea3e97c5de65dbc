import Testing
import WireSyntax

@testable import Configuration

@Suite("Configuration: layers and values")
struct ConfigurationTests {
    @Test("defaults stand where nobody said anything")
    func defaults() throws {
        let configuration = try Configuration(SampleSettings.schema, yaml: "")
        #expect(configuration[SampleSettings.realm] == "ims.lab")
        #expect(configuration[SampleSettings.wait] == .seconds(5))
        #expect(configuration[SampleSettings.gateway] == nil)
        #expect(configuration[SampleSettings.ports] == 0...0)
        #expect(!configuration.isSet(SampleSettings.realm))
    }

    @Test("nested maps and dotted names are the same keys")
    func nesting() throws {
        for yaml in ["gm:\n  port: 5060\n", "gm.port: 5060\n", "{gm: {port: 5060}}"] {
            #expect(try Configuration(SampleSettings.schema, yaml: yaml)[SampleSettings.port] == 5060)
        }
    }

    @Test("flags win over the environment, the environment over the file, later flags over earlier ones")
    func layers() throws {
        let yaml = "realm: file\nwait: 1 s\nsize: 1 KiB\ngm: {allowUnprotected: false}\n"
        let configuration = try Configuration(
            SampleSettings.schema, yaml: yaml,
            environment: [
                "SALLYPORT_REALM": "environment", "SALLYPORT_WAIT": "2 s", "SALLYPORT_OTHER": "x",
                "SALLYPORT_GM_ALLOW_UNPROTECTED": "true",
            ],
            flags: [.init("realm", "one"), .init("realm", "flag")])
        #expect(configuration[SampleSettings.realm] == "flag")
        #expect(configuration[SampleSettings.wait] == .seconds(2))
        #expect(configuration[SampleSettings.size] == 1024)
        #expect(configuration[SampleSettings.unprotected])
        #expect(configuration.source(of: SampleSettings.realm) == .flag("--set realm"))
        #expect(configuration.source(of: SampleSettings.wait) == .environment("SALLYPORT_WAIT"))
    }

    @Test("the variable of a key has its words apart, however they are joined")
    func variables() {
        for (key, variable) in [
            ("realm", "SALLYPORT_REALM"), ("mw.listen", "SALLYPORT_MW_LISTEN"),
            ("gm.allowUnprotected", "SALLYPORT_GM_ALLOW_UNPROTECTED"),
            ("policy.allow-sha1", "SALLYPORT_POLICY_ALLOW_SHA1"),
        ] {
            #expect(environmentName(of: key) == variable)
        }
    }

    @Test("a fallback stands only where nobody sets the key")
    func fallbacks() throws {
        for (yaml, realm) in [("", "fallback"), ("realm: file", "file")] {
            let configuration = try Configuration(
                SampleSettings.schema, yaml: yaml, fallbacks: [.init("realm", "fallback", flag: "--listen")])
            #expect(configuration[SampleSettings.realm] == realm)
        }
    }

    @Test("every kind of value is read")
    func kinds() throws {
        let yaml = """
            mw:
              listen: "[::1]:5060"
            iq.gateway: udp:127.0.0.2:2944
            level: high
            hosts: [127.0.0.1, "::1"]
            ports: 40000-40010
            tls: {certificate: certs/a.pem}
            users:
              - name: a
                password: p
                tags: [x, y]
            """
        let configuration = try Configuration(SampleSettings.schema, yaml: yaml, path: "/etc/sallyport/x.yaml")
        #expect(configuration[SampleSettings.listen].port == 5060)
        #expect(configuration[SampleSettings.gateway]?.description == "udp:127.0.0.2:2944")
        #expect(configuration[SampleSettings.level] == .high)
        #expect(configuration[SampleSettings.hosts].count == 2)
        #expect(configuration[SampleSettings.ports] == 40000...40010)
        #expect(configuration[SampleSettings.file] == "/etc/sallyport/certs/a.pem")
        let users = configuration[SampleSettings.users]
        #expect(users.map(\.name) == ["a"])
        #expect(users.first?.password == Secret("p"))
        #expect(users.first?.tags == ["x", "y"])
    }

    @Test("a list from a flag is split at commas or written as YAML")
    func listsFromFlags() throws {
        for text in ["127.0.0.1, 127.0.0.2", "[127.0.0.1, 127.0.0.2]"] {
            let configuration = try Configuration(SampleSettings.schema, yaml: "", flags: [.init("hosts", text)])
            #expect(configuration[SampleSettings.hosts].map(\.description) == ["127.0.0.1", "127.0.0.2"])
        }
        let configuration = try Configuration(
            SampleSettings.schema, yaml: "", flags: [.init("users", "[{name: a, password: b}]")])
        #expect(configuration[SampleSettings.users].count == 1)
    }

    @Test("--print-config gives YAML that reads back as the same values, with secrets masked")
    func printing() throws {
        let yaml = """
            realm: "a: b # c"
            secret: hunter2
            wait: 120 s
            users: [{name: "null", password: hunter2}]
            """
        #expect(throws: ConfigurationError.self) { try Configuration(SampleSettings.schema, yaml: yaml) }
        let configuration = try Configuration(
            SampleSettings.schema, yaml: yaml.replacing("120 s", with: "60 s"))
        let printed = configuration.yaml
        #expect(!printed.contains("hunter2"))
        #expect(printed.contains("secret: \"<redacted>\""))
        #expect(printed.contains("wait: 1 min"))
        #expect(printed.contains("# Home domain"))
        let again = try Configuration(SampleSettings.schema, yaml: printed.replacing("<redacted>", with: "hunter2"))
        #expect(again[SampleSettings.realm] == "a: b # c")
        #expect(again[SampleSettings.users].first?.name == "null")
        #expect(again.yaml == printed)
    }
}
