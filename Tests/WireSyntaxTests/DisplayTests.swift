import Testing
import WireSyntax

@Suite("What a peer sent, shown to a person")
struct DisplayTests {
    @Test(
        "A17: control characters, terminal codes and bidirectional overrides are shown, not obeyed",
        arguments: [
            ("plain ä 漢 text", "plain ä 漢 text"), ("\u{1B}[2J", "\\u{1b}[2J"), ("a\r\nb\tc", "a\\r\\nb\\tc"),
            ("\u{7F}\u{9B}31m", "\\u{7f}\\u{9b}31m"),
            ("abc\u{202E}cba", "abc\\u{202e}cba"), ("\\u{1b}", "\\\\u{1b}"), ("\u{0}", "\\u{0}"),
            ("\u{FEFF}", "\\u{feff}"),
        ])
    func escaped(text: String, shown: String) {
        #expect(displayEscaped(text) == shown)
    }

    @Test("A long text is cut where told")
    func limit() {
        #expect(displayEscaped("abcdef", limit: 3) == "abc…")
        #expect(displayEscaped("abc", limit: 3) == "abc")
    }

    @Test("A located error names line, octet, field and reason, and obeys nothing in them")
    func error() {
        let error = SyntaxError("not a number", field: "CSeq\u{1B}", at: 17, line: 3)
        #expect(error.description == "line 3, octet 17: CSeq\\u{1b}: not a number")
        #expect(error.shifted(by: 10, lines: 2).description == "line 5, octet 27: CSeq\\u{1b}: not a number")
        #expect(SyntaxError("x").shifted(by: 1, field: "body").field == "body")
    }
}

@Suite("Secrets")
struct SecretTests {
    @Test("A18: a secret prints as redacted in every way Swift prints things")
    func redacted() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in [
            "\(secret)", String(reflecting: secret), String(describing: [secret]), "\(Optional(secret) as Any)", dumped,
        ] {
            #expect(!text.contains("hunter2"))
            #expect(!text.contains("104"))
        }
    }

    @Test("Equality by octets")
    func equality() {
        #expect(Secret("a") == Secret([0x61]))
        #expect(Secret("a") != Secret("b"))
        #expect(Secret("a") != Secret("ab"))
        #expect(constantTimeEqual([1, 2], [1, 2]))
        #expect(!constantTimeEqual([1, 2], [1, 3]))
        #expect(Secret("abc").withOctets { $0.count } == 3)
    }
}
