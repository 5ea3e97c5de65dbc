import NIOCore
import Testing
import WireSyntax

@testable import sallyport

@Suite("decode: one message, its tree or the place of its fault")
struct MessageTreeTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var format: DecodeCommand.Format
        var text: String
        /// Lines of the tree, in order; others may stand between.
        var expected: [String]
    }

    static let rows: [Row] = [
        Row(
            testDescription: "SIP with SDP", format: .sip,
            text: "INVITE sip:b@h SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:a@h>;tag=1\r\nt: <sip:b@h>\r\n"
                + "i: 1\r\nCSeq: 1 INVITE\r\nX-Odd: a\u{202E}b\r\nc: application/sdp\r\nl: 78\r\n\r\n"
                + "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 9 x 0\r\n",
            expected: [
                "SIP request", "  start line: INVITE sip:b@h SIP/2.0", "  v: SIP/2.0/UDP h;branch=z9hG4bK1",
                "  X-Odd: a\\u{202e}b", "  SDP", "    media 0: audio port 9 x 0",
            ]),
        Row(
            testDescription: "SIP response without a body", format: .sip,
            text: "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n"
                + "To: <sip:b@h>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
            expected: ["SIP response", "  start line: SIP/2.0 200 OK", "  CSeq: 1 OPTIONS"]),
        Row(
            testDescription: "SDP with an MSRP line", format: .sdp,
            text: "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
                + "m=message 9 TCP/TLS/MSRP *\r\na=setup:active\r\na=3ge2ae:requested\r\n",
            expected: [
                "SDP", "  media 0: message port 9 TCP/TLS/MSRP *", "    means", "      transport: MSRP over TLS",
                "      setup: active", "      CEMA: no",
            ]),
        Row(
            testDescription: "MSRP SEND with a control character", format: .msrp,
            text: "MSRP d93kswow SEND\r\nTo-Path: msrp://b:1/x;tcp\r\nFrom-Path: msrp://a:1/y;tcp\r\n"
                + "Message-ID: abcd1\r\nByte-Range: 1-3/3\r\nContent-Type: text/plain\r\n\r\na\u{7}b\r\n"
                + "-------d93kswow$\r\n",
            expected: [
                "MSRP request SEND", "  transaction: d93kswow", "  Byte-Range: 1-3/3", "  continuation: complete",
                "  body: 3 octets", "    a\\u{7}b",
            ]),
        Row(
            testDescription: "MSRP response", format: .msrp,
            text: "MSRP d93kswow 481 No\r\nTo-Path: msrp://b:1/x;tcp\r\nFrom-Path: msrp://a:1/y;tcp\r\n"
                + "-------d93kswow$\r\n", expected: ["MSRP response 481", "  comment: No"]),
        Row(
            testDescription: "H.248 with an SDP value that holds a brace", format: .h248,
            text: "!/1 [127.0.0.1]:2944 T=5{C=3{MF=ip/1{M{O{MO=SR},L{\r\nv=0\r\na=x:\\}\r\n}}}}}",
            expected: [
                "H.248 message", "  from: [127.0.0.1]:2944", "  Transaction = 5", "    Context = 3",
                "      Modify = ip/1", "        Media", "          Local", "            a=x:\\\\}",
            ]),
    ]

    @Test("a message is laid out", arguments: rows)
    func tree(_ row: Row) throws {
        let text = try MessageTree.decode(ByteBuffer(string: row.text), row.format).text
        var rest = text.split(separator: "\n")[...]
        for line in row.expected {
            let index = try #require(rest.firstIndex { $0 == line }, "\(line) is not in:\n\(text)")
            rest = rest[(index + 1)...]
        }
        #expect(!text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
    }

    static let faults: [(DecodeCommand.Format, String)] = [
        (.sip, ""), (.sip, "INVITE sip:b@h SIP/2.0\r\n\r\n"), (.sdp, "v=1\r\n"), (.sdp, "v=0\r\nx"), (.msrp, ""),
        (.msrp, "MSRP d93kswow SEND\r\nTo-Path: msrp://b:1/x;tcp\r\n"), (.msrp, "HTTP/1.1 200 OK\r\n\r\n"),
        (
            .msrp,
            "MSRP d93kswow 200\r\nTo-Path: msrp://b:1/x;tcp\r\nFrom-Path: msrp://a:1/y;tcp\r\n-------d93kswow$\r\nMSRP"
        ),
        (.h248, ""), (.h248, "MEGACO/1 [127.0.0.1]:2944 Transaction = 5 {"),
    ]

    @Test("a malformed message gives the error of its codec", arguments: faults)
    func fault(_ format: DecodeCommand.Format, _ text: String) {
        #expect(throws: SyntaxError.self) { try MessageTree.decode(ByteBuffer(string: text), format) }
    }

    @Test("a fault in the SDP of a SIP message is located in the whole message")
    func located() throws {
        let head =
            "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"
            + "Call-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: 8\r\n\r\n"
        let error = try #require(throws: SyntaxError.self) {
            try MessageTree.decode(ByteBuffer(string: head + "v=0\r\nx\r\n"), .sip)
        }
        #expect(error.offset >= head.utf8.count)
        let failure = DecodeCommand.failure(error, in: ByteBuffer(string: head + "v=0\r\nx\r\n"), file: "a\u{1B}.sip")
        #expect(failure.status == 1)
        #expect(failure.message.hasPrefix("a\\u{1b}.sip:11: octet "))
    }
}
