import NIOCore
import Testing

@testable import MSRP

@Suite struct EncoderTests {
    @Test("a gateway replaces the paths; everything else goes out octet for octet")
    func rewrite() throws {
        let text = crlf(MSRPDecoderTests.send)
        var decoder = MSRPDecoder()
        decoder.feed(ByteBuffer(string: text))
        var out = ByteBuffer()
        var current: RequestHead?
        while let event = try decoder.next() {
            switch event {
            case .head(let head):
                current = head
                head.write(
                    into: &out, toPath: ByteBuffer(string: "msrps://x:1/y;tcp"),
                    fromPath: ByteBuffer(string: "msrps://x:2/z;tcp"))
            case .body(let slice): out.writeImmutableBuffer(slice)
            case .end(let flag): current?.writeEnd(flag, into: &out)
            case .response, .malformed: Issue.record("\(event)")
            }
        }
        let expected = text.replacing("msrp://biloxi.example.com:12763/kjhd37s2s20w2a;tcp", with: "msrps://x:1/y;tcp")
            .replacing("msrp://atlanta.example.com:7654/jshA7weztas;tcp", with: "msrps://x:2/z;tcp")
        #expect(String(buffer: out) == expected)
    }

    @Test("what is written is read again: requests and responses of our own")
    func roundTrip() throws {
        let to = ByteBuffer(string: "msrp://a:1/b;tcp")
        let from = ByteBuffer(string: "msrp://c:1/d;tcp")
        let transaction = try #require(Ident("abcd.1=%+-"))
        let report = RequestHead(
            transactionID: transaction, method: .report, toPath: to, fromPath: from, messageID: Ident("m123"),
            byteRange: ByteRange(start: 1, end: 9, total: nil), status: ReportStatus(code: 200, comment: "OK"))
        var out = ByteBuffer()
        report.write(into: &out)
        report.writeEnd(.complete, into: &out)
        let response = ResponseHead(481, to: report, own: from)
        response.write(into: &out)
        #expect(decode(out) == [.request(report, body: nil, .complete), .response(response)])
        #expect(String(buffer: out).contains("Status: 000 200 OK\r\n"))
        #expect(String(buffer: out).contains("MSRP abcd.1=%+- 481 No Such Session\r\n"))
    }

    @Test("RFC 4975 7.1: an end-line inside the body is seen, with or without CRLF before it")
    func collision() throws {
        let head = RequestHead(
            transactionID: try #require(Ident("abcd1")), method: .send, toPath: ByteBuffer(), fromPath: ByteBuffer())
        #expect(head.endLineOccurs(in: ByteBuffer(string: "-------abcd1$")))
        #expect(head.endLineOccurs(in: ByteBuffer(string: "x\r\n-------abcd1")))
        #expect(!head.endLineOccurs(in: ByteBuffer(string: "x\r\n------abcd1")))
    }

    @Test("RFC 4975 7.2: the response to SEND goes to the previous hop, to other methods the whole path back")
    func responsePaths() throws {
        let from = ByteBuffer(string: "msrp://r:1/s;tcp msrp://c:1/d;tcp")
        let own = ByteBuffer(string: "msrp://a:1/b;tcp")
        let transaction = try #require(Ident("abcd1"))
        let send = RequestHead(transactionID: transaction, method: .send, toPath: own, fromPath: from)
        let auth = RequestHead(transactionID: transaction, method: .auth, toPath: own, fromPath: from)
        #expect(String(buffer: ResponseHead(200, to: send, own: own).toPath) == "msrp://r:1/s;tcp")
        #expect(ResponseHead(200, to: auth, own: own).toPath == from)
    }
}
