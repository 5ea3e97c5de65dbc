import NIOCore
import Testing
import WireSyntax

@testable import MSRP

@Suite struct MSRPMessageTests {
    static let head = "MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n"

    @Test(
        "RFC 4975 9: well-formed messages",
        arguments: [
            "\(head)Message-ID: 1234\r\n-------abcd1$\r\n",
            "\(head)Message-ID: 1234\r\nX: y\r\nContent-Type: text/plain\r\n\r\nhi\r\n-------abcd1+\r\n",
            "\(head)Message-ID: 1234\r\nContent-Type: text/plain; charset=\"u\\\"tf\"\r\n\r\n\r\n-------abcd1$\r\n",
            "\(head)Byte-Range: 4294967297-*/9999999999\r\n-------abcd1#\r\n",
            "\(head)byte-range: 10-2/*\r\n-------abcd1$\r\n",
            "MSRP abcd1 AUTH\r\nTo-Path: msrps://r.example.com;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n-------abcd1$\r\n",
            "MSRP abcd1 299\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n-------abcd1$\r\n",
            "MSRP abcd1 200 \r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\nUse-Path: x\r\n-------abcd1$\r\n",
            "MSRP abcd1 REPORT\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\nStatus: 999 200 fine\r\n-------abcd1$\r\n",
        ])
    func wellFormed(_ text: String) throws {
        _ = try MSRPMessage(ByteBuffer(string: text))
    }

    @Test(
        "RFC 4975 9: not well-formed",
        arguments: [
            ("", 0), ("\(head)", 73), ("\(head)-------abcd1$", 86), ("\(head)-------abcd2$\r\n", 0),
            ("\(head)-------abcd1$\r\nx", 88), ("\(head)\r\n-------abcd1$\r\n", 73),
            ("\(head)Content-Type: text/plain\r\n\r\n-------abcd1$\r\n", 101),
            ("MSRP abcd1 SEND\r\nTo-Path: msrp://a:x/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n-------abcd1$\r\n", 35),
            ("MSRP abcd1 200 OK\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n-------abcd1+\r\n", 0),
        ])
    func malformed(_ text: String, _ offset: Int) {
        do throws(SyntaxError) {
            let message = try MSRPMessage(ByteBuffer(string: text))
            Issue.record("\(message)")
        } catch {
            #expect(offset == 0 || error.offset == offset, "\(error)")
        }
    }

    @Test(
        "RFC 4975 9: ident",
        arguments: [
            ("abcd", true), ("a.-+%=9Z", true), (String(repeating: "x", count: 32), true), ("abc", false),
            (".abcd", false),
            (String(repeating: "x", count: 33), false), ("ab d", false), ("abc$", false), ("äbcd", false), ("", false),
        ])
    func ident(_ text: String, _ isIdent: Bool) {
        #expect((Ident(text) != nil) == isIdent)
        if let ident = Ident(text) { #expect(ident.description == text && ident.count == text.utf8.count) }
    }

    @Test("RFC 4975 7.1: an identifier has a hundred random bits")
    func random() {
        func draw(_ first: UInt64, _ second: UInt64) -> Ident {
            var values = [second, first]
            return Ident(random: { values.popLast() ?? 0 })
        }
        var seen: Set<Ident> = [draw(0, 0)]
        for bit in 0..<50 {
            seen.insert(draw(UInt64(1) << UInt64(bit), 0))
            seen.insert(draw(0, UInt64(1) << UInt64(bit)))
        }
        #expect(seen.count == 101)
    }

    @Test(
        "RFC 4975 7.1: the body of a request other than SEND has at most 10,240 octets",
        arguments: [(10_240, true), (10_241, false)])
    func otherBody(_ size: Int, _ isRead: Bool) {
        let text =
            "MSRP abcd1 AUTH\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\nContent-Type: a/b\r\n\r\n"
            + String(repeating: "x", count: size) + "\r\n-------abcd1$\r\n"
        let message = try? MSRPMessage(ByteBuffer(string: text))
        #expect((message != nil) == isRead)
    }

    @Test(
        "Byte-Range",
        arguments: [
            ("1-*/*", ByteRange(start: 1, end: nil, total: nil)), ("1-0/0", ByteRange(start: 1, end: 0, total: 0)),
            ("001-2/3", ByteRange(start: 1, end: 2, total: 3)), ("*-2/3", nil), ("1-2/", nil), ("1-/3", nil),
            ("1-2/3 ", nil),
            ("-1-2/3", nil), ("1-2", nil), ("4611686018427387905-*/*", nil),
        ])
    func byteRange(_ text: String, _ expected: ByteRange?) {
        var text = text
        #expect(text.withUTF8 { ByteRange(UnsafeRawBufferPointer($0)) } == expected)
    }
}
