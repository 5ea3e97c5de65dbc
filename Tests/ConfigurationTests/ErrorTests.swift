import Testing
import WireSyntax

@testable import Configuration

@Suite("Configuration: errors point at the place and say what to do")
struct ConfigurationErrorTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var yaml: String
        var expected: [String]
        var testDescription: String { yaml.split(separator: "\n").last.map(String.init) ?? yaml }
    }

    static let rows: [Row] = [
        Row(yaml: "a: 1\nrealmm: x", expected: ["f.yaml:1:1: a: is not a key", "f.yaml:2:1: realmm:", "realm?"]),
        Row(yaml: "gm:\n  prot: 5", expected: ["f.yaml:2:3: gm.prot: is not a key of sample", "gm.port?"]),
        Row(yaml: "gm:\n  port: abc", expected: ["f.yaml:2:9: gm.port: \"abc\"", "integer from 0 to 65535"]),
        Row(yaml: "gm: {port: 65536}", expected: ["f.yaml:1:12: gm.port", "integer from 0 to 65535"]),
        Row(yaml: "gm: {port: 0x10}", expected: ["gm.port: \"0x10\""]),
        Row(yaml: "gm: 5", expected: ["f.yaml:1:5: gm: is a single value; expected a map"]),
        Row(yaml: "gm: {allowUnprotected: yes}", expected: ["expected true or false"]),
        Row(yaml: "realm:", expected: ["realm: has no value"]),
        Row(yaml: "realm: [a]", expected: ["realm: is a list"]),
        Row(yaml: "wait: 61 s", expected: ["wait: \"61 s\"", "from 0 ms to 1 min"]),
        Row(yaml: "wait: 5", expected: ["wait: \"5\"", "such as 500 ms"]),
        Row(yaml: "size: 2 GiB", expected: ["size: \"2 GiB\""]),
        Row(yaml: "size: 99999999999 GiB", expected: ["size: "]),
        Row(yaml: "level: middle", expected: ["one of low, high"]),
        Row(yaml: "hosts: 127.0.0.1", expected: ["hosts: is a single value, not a list"]),
        Row(yaml: "hosts: [a]", expected: ["f.yaml:1:9: hosts[0]: \"a\""]),
        Row(yaml: "ports: 5-4", expected: ["ports: \"5-4\""]),
        Row(yaml: "users:\n- name: a", expected: ["f.yaml:2:3: users[0].password: is missing", "Add password there."]),
        Row(yaml: "users:\n- nam: a\n  password: x", expected: ["f.yaml:2:3: users[0].nam:", "users[0].name?"]),
        Row(yaml: "users: [a]", expected: ["f.yaml:1:9: users[0]: is a single value; expected a map"]),
        Row(yaml: "secret: \"\"", expected: ["secret: the value is not usable"]),
        Row(yaml: "secret: <redacted>", expected: ["secret: the value is not usable"]),
        Row(yaml: "realm: a\nrealm: b", expected: ["stands twice"]),
        Row(yaml: "gm.port: 1\ngm: {port: 2}", expected: ["gm.port: is set twice"]),
        Row(yaml: "realm: \"a", expected: ["is not YAML"]),
        Row(yaml: "realm: a\n\tx: b", expected: ["f.yaml:2", "is not YAML"]),
        Row(yaml: "realm: &a x\nlevel: *a", expected: ["f.yaml:1:8", "anchor or an alias"]),
        Row(yaml: "- a", expected: ["is a list; expected a map"]),
        Row(yaml: "? [a]\n: b", expected: ["a key is not a name"]),
        Row(yaml: "--- {}\n--- {}", expected: ["another document"]),
        Row(yaml: "realm: \u{1}", expected: ["is not YAML"]),
        Row(yaml: "\"\\u001b[31m\": x", expected: ["\\u{1b}[31m: is not a key"]),
    ]

    @Test("a wrong file", arguments: rows)
    func wrongFile(_ row: Row) throws {
        let error = try #require(throws: ConfigurationError.self) {
            try Configuration(SampleSettings.schema, yaml: row.yaml, path: "f.yaml")
        }
        for part in row.expected { #expect(error.description.contains(part), "\(error)") }
        #expect(error.problems.allSatisfy { !$0.remedy.isEmpty })
    }

    @Test("a wrong variable or flag is named")
    func wrongLayers() throws {
        let variable = try #require(throws: ConfigurationError.self) {
            try Configuration(SampleSettings.schema, yaml: "", environment: ["SALLYPORT_GM_PORT": "x"])
        }
        #expect(variable.description.hasPrefix("environment SALLYPORT_GM_PORT: gm.port: \"x\""))
        let flag = try #require(throws: ConfigurationError.self) {
            try Configuration(SampleSettings.schema, yaml: "", flags: [.init("gm.port", "x", flag: "--port")])
        }
        #expect(flag.description.hasPrefix("--port: gm.port: \"x\""))
        let unknown = try #require(throws: ConfigurationError.self) {
            try Configuration(SampleSettings.schema, yaml: "", flags: [.init("gm.pot", "1")])
        }
        #expect(unknown.description.hasPrefix("--set gm.pot: gm.pot: is not a key"))
    }

    @Test("every problem is told at once, and no error quotes a secret")
    func allAtOnce() throws {
        let error = try #require(throws: ConfigurationError.self) {
            try Configuration(SampleSettings.schema, yaml: "gm: {port: x}\nlevel: x\nsecret: [hunter2]\n")
        }
        #expect(error.problems.count == 3)
        #expect(!error.description.contains("hunter2"))
    }

    @Test("limits: depth, number of values, length, size")
    func limits() {
        let hostile = [
            String(repeating: "[", count: 100_000), String(repeating: "{a: ", count: 2000),
            String(repeating: "- ", count: 5000) + "a",
            (0..<500).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
            "hosts: [" + String(repeating: "a,", count: Limits.values) + "]",
            "realm: " + String(repeating: "x", count: Limits.valueLength + 1),
            "# " + String(repeating: "x", count: Limits.fileSize),
            String(repeating: "k", count: Limits.keyLength + 1) + ": x",
            "realm: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: b}}}}}}}}}}}}}}}}}",
        ]
        for text in hostile {
            #expect(throws: ConfigurationError.self) { try Configuration(SampleSettings.schema, yaml: text) }
        }
    }

    @Test("a file that is not there, or not text")
    func files() throws {
        let missing = try #require(throws: ConfigurationError.self) {
            try Configuration.load(SampleSettings.schema, file: "/nonexistent/x.yaml")
        }
        #expect(missing.description.contains("/nonexistent/x.yaml:1:1: cannot be opened"))
        #expect(throws: ConfigurationError.self) { try Configuration.load(SampleSettings.schema, file: "/dev/zero") }
        #expect(throws: ConfigurationError.self) { try Configuration.load(SampleSettings.schema, file: "/tmp") }
    }
}
