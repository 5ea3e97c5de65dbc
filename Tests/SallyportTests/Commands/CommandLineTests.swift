import Configuration
import Testing

@testable import UserEquipment
@testable import sallyport

@Suite("The command line: exit codes and texts")
struct CommandLineTests {
    static let rows: [([String], CInt)] = [
        (["version"], 0), (["--version"], 0), (["--help"], 0), (["help", "agw"], 0), (["lab", "--list"], 0),
        (["nothing"], 2), (["agw", "--nothing"], 2), (["agw", "--set", "x"], 2), (["agw", "--set", "x=y"], 2),
        (["agw", "--events", "/tmp/x"], 2), (["agw", "--config", "/nonexistent/x.yaml"], 2),
        (["pcscf", "--listen", "sctp:127.0.0.1:1"], 2), (["pcscf", "--listen", "udp:127.0.0.1:0"], 2),
        (["pcscf", "--listen", "udp:127.0.0.1:1", "--listen", "udp:127.0.0.1:2"], 2),
        (["home", "--listen", "x"], 2), (["home", "--print-config"], 0),
        (
            [
                "agw", "--iq", "udp:127.0.0.1:1", "--mgc", "udp:127.0.0.1:2", "--access", "127.0.0.1", "--core",
                "127.0.0.1",
                "--print-config",
            ], 0
        ),
        (
            [
                "agw", "--iq", "udp:127.0.0.1:1", "--mgc", "udp:127.0.0.1:2", "--access", "no", "--core", "127.0.0.1",
                "--print-config",
            ], 2
        ),
        (["ue", "call", "sip:b@h"], 2), (["ue", "call", "sip:b@h", "--message", "x"], 2),
        (["lab", "--scenario", "nothing"], 2), (["lab", "--access", "192.0.2.1"], 2),
        (["lab", "--serve", "--access", "0.0.0.0"], 2), (["lab", "--serve", "--write-config", "/tmp/x"], 2),
        (["decode", "sip", "/nonexistent"], 2), (["decode", "xml", "/dev/null"], 2),
        (["decode", "sip", "/dev/null"], 1),
        (["decide", "/dev/null"], 1), (["decide", "--direction", "sideways", "/dev/null"], 2),
    ]

    @Test("0, 1 (failed) or 2 (usage and configuration)", arguments: rows)
    func status(_ arguments: [String], _ expected: CInt) async {
        #expect(await Sallyport.run(arguments) == expected)
    }

    @Test("a chat line holds no control character of a peer")
    func chat() {
        let events: [UserEvent] = [
            .message(callID: "1", from: "sip:\u{1B}[31m@h", text: "a\u{8}b\nc"),
            .file(callID: "1", from: "x", name: "\u{7}", path: "/tmp/\u{7}", bytes: 1, digest: "d"),
            .ended(callID: "1", cause: "\r"), .undelivered(callID: "1", messageID: "m", reason: "\u{202E}"),
            .ringing(callID: "1", peer: "\u{0}"), .registrationLost(reason: "\u{9B}"),
        ]
        for line in events.compactMap(ChatText.line) {
            #expect(
                !line.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x9B || $0.value == 0x202E }, "\(line)")
        }
    }

    @Test("/security shows leg, version, cipher and fingerprints")
    func security() {
        let info = SecurityInfo(
            leg: .e2ae, local: "127.0.0.1:1", remote: "127.0.0.2:2", version: "TLS 1.3", cipher: "TLS_X",
            peerFingerprint: "SHA-256 AA", ownFingerprint: "SHA-256 BB", expectedFingerprints: ["SHA-256 AA"],
            callID: "1")
        let lines = ChatText.security(info).joined(separator: "\n")
        for part in ["e2ae", "127.0.0.1:1", "TLS 1.3 TLS_X", "SHA-256 AA", "SHA-256 BB"] {
            #expect(lines.contains(part))
        }
        #expect(ChatText.security(nil).count == 1)
        var plain = info
        plain.leg = .plain
        #expect(ChatText.summary(plain).contains("NOT protected"))
    }

    @Test("repeated flags become a list, absent ones nothing")
    func flags() {
        #expect([Configuration.Flag].list("k", [], flag: "--k").isEmpty)
        #expect([Configuration.Flag].list("k", ["a", "b"], flag: "--k").map(\.text) == ["a,b"])
        #expect([Configuration.Flag].value("k", nil, flag: "--k").isEmpty)
        #expect(Assignment(argument: "a.b=c=d")?.text == "c=d")
        #expect(Assignment(argument: "=x") == nil)
        #expect(EventsAddress(argument: "unix:") == nil)
        #expect(EventsAddress(argument: "unix:/tmp/x")?.path == "/tmp/x")
    }
}
