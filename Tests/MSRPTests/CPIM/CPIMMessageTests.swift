import NIOCore
import Testing
import WireSyntax

@testable import MSRP

@Suite struct CPIMMessageTests {
    /// RFC 3862 §5.1, with a language, a foreign header and a folded MIME header.
    static let example = crlf(
        """
        From: MR SANDERS <im:piglet@100akerwood.com>
        To: Depressed Donkey <im:eeyore@100akerwood.com>
        DateTime: 2000-12-13T13:40:00-08:00
        Subject:;lang=fr beau temps pr\\u00e9vu \\"ici\\" \\q\\
        NS: MyFeatures <mid:MessageFeatures@id.foo.com>
        Require: MyFeatures.VitalMessageOption
        MyFeatures.VitalMessageOption: Confirmation-requested

        Content-type: text/xml;
          charset=utf-8
        Content-ID: <1234567890@foo.com>

        <body>
        Here is the text of my message.
        </body>
        """)

    @Test("RFC 3862 5.1: the example, read and written again")
    func example() throws {
        let message = try CPIMMessage(ByteBuffer(string: Self.example))
        #expect(message.value("From") == "MR SANDERS <im:piglet@100akerwood.com>")
        #expect(message.value("from") == nil)
        #expect(message.value("Subject") == "beau temps prévu \"ici\" q")
        #expect(message.headers[3].parameters == ";lang=fr")
        #expect(message.value("MyFeatures.VitalMessageOption") == "Confirmation-requested")
        #expect(message.contentType == "text/xml; charset=utf-8")
        #expect(String(buffer: message.content).hasSuffix("</body>"))
        var out = ByteBuffer()
        message.write(into: &out)
        #expect(String(buffer: out) == Self.example.replacing(";\r\n  charset", with: "; charset"))
    }

    @Test(
        "RFC 3862 2.3.1: what is written is escaped and read again",
        arguments: [
            "plain", "a\\b", "tab\tnl\ncr\r", "\u{0}\u{1f}\u{7f}\u{8}", "\"quoted\" 'single'", "日本",
        ])
    func escapes(_ text: String) throws {
        let message = CPIMMessage(
            headers: [.init("Subject", text)], contentType: "text/plain", content: ByteBuffer(string: "x"))
        var out = ByteBuffer()
        message.write(into: &out)
        #expect(try CPIMMessage(out).value("Subject") == text)
    }

    @Test("RFC 2045 5.2: content without a type is text/plain")
    func untyped() throws {
        #expect(try CPIMMessage(ByteBuffer(string: "From: <a:b>\r\n\r\n\r\nx")).contentType == "text/plain")
    }

    @Test("RFC 3862 2.3.1: backslash and control characters are escaped, each in its own way, and nothing else")
    func written() {
        #expect(CPIMMessage.escaped("\\\u{8}\t\n\r\u{0}\u{7f}\"'日") == #"\\\b\t\n\r\u0000\u007f"'日"#)
    }

    @Test("RFC 3862 2.2: octets that are no UTF-8 are refused")
    func charset() {
        var octets = ByteBuffer(string: "Subject: caf")
        octets.writeBytes([0xE9])
        octets.writeString("\r\n\r\nContent-Type: text/plain\r\n\r\nx")
        #expect(throws: SyntaxError.self) { try CPIMMessage(octets) }
    }

    // RFC 3862 2.2 and 3.6: lines, their ends, names and what may stand in them.
    @Test(
        "hostile and broken messages are refused",
        arguments: [
            "", " From: <a:b>\r\n\r\n\r\n", "From: <a:b>\r\n", "From: <a:b>\r\n\r\n", "From <a:b>\r\n\r\n\r\n",
            "From:<a:b>\r\n\r\n\r\n",
            ": x\r\n\r\n\r\n",
            "From: a\nTo: b\r\n\r\n\r\n", "From: a\u{1}\r\n\r\n\r\n", "Fr@m: a\r\n\r\n\r\n",
            "From: a\r\n\r\nno colon\r\n\r\n",
            String(repeating: "A: b\r\n", count: 100) + "\r\n\r\n",
            "A: " + String(repeating: "x", count: 20_000) + "\r\n\r\n\r\n",
        ])
    func malformed(_ text: String) {
        #expect(throws: SyntaxError.self) { try CPIMMessage(ByteBuffer(string: text)) }
    }
}
