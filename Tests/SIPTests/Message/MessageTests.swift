import NIOCore
import SIP
import Testing
import WireSyntax

/// A request that is well-formed; `extra` are lines with their CRLF before the empty line.
func sample(
    line: String = "OPTIONS sip:b@example.com SIP/2.0", cSeq: String = "1 OPTIONS", extra: String = "",
    body: String = ""
) -> ByteBuffer {
    ByteBuffer(
        string: "\(line)\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@example.com>;tag=1\r\n"
            + "To: <sip:b@example.com>\r\nCall-ID: 1@192.0.2.1\r\nCSeq: \(cSeq)\r\n\(extra)\r\n\(body)")
}

struct MessageTests {
    @Test("RFC 3261 7.3: fields keep order, spelling and unknown names")
    func order() throws {
        let message = try Message(
            datagram: sample(extra: "x-Unknown: One\r\nm: <sip:a@192.0.2.1>\r\nX-UNKNOWN: two\r\n"))
        #expect(message.headers.fields.suffix(3).map(\.spelling) == ["x-Unknown", "m", "X-UNKNOWN"])
        #expect(message.headers.values("X-Unknown") == ["One", "two"])
        #expect(message.headers[.contact] == "<sip:a@192.0.2.1>")
        let text = String(buffer: message.encoded())
        #expect(
            text.contains("\r\nx-Unknown: One\r\nm: <sip:a@192.0.2.1>\r\nX-UNKNOWN: two\r\nContent-Length: 0\r\n\r\n"))
    }

    @Test(
        "RFC 3261: malformed fields",
        arguments: [
            ("Max-Forwards: 256\r\n", "Max-Forwards"), ("Max-Forwards: -1\r\n", "Max-Forwards"),
            ("Max-Forwards: 70\r\nMax-Forwards: 70\r\n", "Max-Forwards"),
            ("Content-Length: 0\r\nContent-Length: 0\r\n", "Content-Length"),
            ("Content-Length: 18446744073709551616\r\n", "Content-Length"),
            ("Content-Length: 1x\r\n", "Content-Length"),
            ("Content-Length: \r\n", "Content-Length"), ("Expires: 4294967296\r\n", "Expires"),
            ("Expires: 1\r\nExpires: 2\r\n", "Expires"), ("Call-ID: 2\r\n", "Call-ID"), ("i: 2\r\n", "Call-ID"),
            ("Route: sip:a@example.com;lr\r\n", "Route"), ("Route: <sip:a@example.com>,\r\n", "Route"),
            ("Require: \r\n", "Require"), ("Require: a,,b\r\n", "Require"), ("Require: a b\r\n", "Require"),
            ("Contact: <sip:a@example.com\r\n", "Contact"), ("Contact: <sip:a@>\r\n", "Contact"),
            ("Contact: <sip:a@exa_mple.com>\r\n", "Contact"), ("Contact: <sip:a@example.com:65536>\r\n", "Contact"),
            ("Contact: <sip:a@example.com:>\r\n", "Contact"), ("Contact: <sip:a%4@example.com>\r\n", "Contact"),
            ("Contact: <sip:%zz@example.com>\r\n", "Contact"), ("Contact: <sips:a b@example.com>\r\n", "Contact"),
            ("Contact: <sip:a@example.com;lr;lr>\r\n", "Contact"), ("Contact: <sip:a@example.com;=x>\r\n", "Contact"),
            ("Contact: <sip:a@[::1>\r\n", "Contact"), ("Contact: <sip:a@::1>\r\n", "Contact"),
            ("Contact: <sip:a@300.1.1.1>\r\n", "Contact"), ("Contact: <sip:>\r\n", "Contact"),
            ("Contact: <sip:@example.com>\r\n", "Contact"), ("Contact: <>\r\n", "Contact"),
            ("Contact: Bell, A <sip:a@example.com>\r\n", "Contact"),
            ("Contact: a <sip:a@example.com> b\r\n", "Contact"), ("Contact: \"a <sip:a@example.com>\r\n", "Contact"),
            ("Contact: *, <sip:a@example.com>\r\n", "Contact"), ("Content-Type: text\r\n", "Content-Type"),
            ("Content-Type: text/plain;charset\r\n", "Content-Type"), ("Content-Type: \r\n", "Content-Type"),
            ("Via: SIP/2.0/UDP\r\n", "Via"), ("Via: SIP/2.0/UDP a.example.com;ttl=256\r\n", "Via"),
            ("Via: SIP/2.0 UDP a.example.com\r\n", "Via"), ("Via: SIP/2.0/UDP a.example.com;rport=99999\r\n", "Via"),
            ("Via: SIP/2.0/UDP a.example.com;received=x\r\n", "Via"),
            ("Date: Mon, 1 Jan 2024 00:00:00 GMT\r\n", "Date"),
            ("Authorization: Digest\r\n", "Authorization"), ("Authorization: Digest a=\"b\r\n", "Authorization"),
            ("Authorization: Digest a=b, a=c\r\n", "Authorization"), ("X-A: a\u{1}b\r\n", "x-a"),
            ("X-A: a\nb\r\n", "x-a"),
            ("X-A: a\rb\r\n", "x-a"), ("Bad Name: x\r\n", nil), ("NoColon\r\n", nil), (": x\r\n", nil),
            ("Accept: text\r\n", "Accept"), ("Replaces: a b\r\n", "Replaces"), ("Call-Info: http://x\r\n", "Call-Info"),
            ("MIME-Version: 1\r\n", "MIME-Version"), ("Authentication-Info: nextnonce\r\n", "Authentication-Info"),
            ("In-Reply-To: \r\n", "In-Reply-To"), ("Accept-Language: en;q\"\r\n", "Accept-Language"),
            ("Security-Client: ;mediasec\r\n", "Security-Client"), ("Retry-After: soon\r\n", "Retry-After"),
        ] as [(String, String?)])
    func malformedFields(lines: String, field: String?) throws {
        guard case .failure(let malformed) = Message.read(datagram: sample(extra: lines)) else {
            Issue.record("accepted: \(lines)")
            return
        }
        #expect(malformed.error.field == field, "\(malformed.error)")
        #expect((7...10).contains(malformed.error.line ?? 0), "\(malformed.error)")
    }

    @Test(
        "RFC 3261: unusual and well-formed fields",
        arguments: [
            "Contact: *\r\n", "Contact: sip:a@example.com;expires=garbage\r\n", "Supported:\r\n", "Supported: \r\n",
            "Contact: <sip:a@example.com>;expires=10 , \"x, y\" <sip:b@[::1]:5060;transport=tcp>\r\n",
            "Contact\t : <sip:a;b?c/d@example.com.>\r\n", "Contact: tel:+1-201-555-0123\r\n",
            "Contact: <urn:service:sos>\r\n", "Via: SIP / 2.0 / QUIC [2001:db8::1] : 5060 ; branch = x\r\n",
            "Authorization: Digest\r\n username=\"a\" , realm=\"b\"\r\n", "Authorization: Bearer abc.def==\r\n",
            "Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n", "Retry-After: 120 (busy (very)) ;duration=3600\r\n",
            "Warning: 399 example.com \"what, \\\"now\\\"?\"\r\n",
            "Security-Client: msrp-tls;mediasec, sdes-srtp;mediasec\r\n",
            "Content-Type: multipart/mixed ; boundary = \"a b\"\r\n", "X-Empty:\r\n", "X-A:\r\n folded\r\n\tagain\r\n",
            "Subject: \u{20AC}\r\n", "Timestamp: 54.1 0.2\r\n", "Accept:\r\n",
            "Accept: application/sdp;level=1, application/x-private, */*;q=0.1\r\n",
            "Accept-Language: da, en-gb;q=0.8, *\r\n",
            "Alert-Info: <http://www.example.com/sounds/moo.wav>\r\n",
            "In-Reply-To: 70710@saturn.bell.com, 17320@x\r\n",
            "Call-Info: <http://a.com/photo.jpg> ;purpose=icon, <http://b.com/> ;purpose=info\r\n",
            "MIME-Version: 1.0\r\n",
            "Replaces: 425928@b.com;to-tag=7743;from-tag=6472;early-only\r\n",
            "Accept-Encoding: gzip, identity;q=0.5\r\n",
            "Accept-Contact: *;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.msg\";require;explicit\r\n",
        ])
    func wellFormedFields(lines: String) throws {
        _ = try Message(datagram: sample(extra: lines))
    }

    @Test(
        "RFC 3261 7.1, 7.2: start-lines",
        arguments: [
            ("OPTIONS sip:b@example.com SIP/2.0", true), ("OPTIONS sip:b@example.com sip/2.0", true),
            ("OPTIONS  sip:b@example.com SIP/2.0", false), ("OPTIONS sip:b@example.com SIP/2.0 ", false),
            ("OPTIONS sip:b@example.com", false), ("OPTIONS sip:b@example.com SIP/2", false),
            ("OPTIONS sip:b@example.com SIP/2.1", false), ("OPTIONS sip:b@example.com HTTP/1.1", false),
            ("OPTIONS b@example.com SIP/2.0", false), ("OPTIONS unknown:x SIP/2.0", true),
            ("OPT(IONS sip:b@example.com SIP/2.0", false), (" OPTIONS sip:b@example.com SIP/2.0", false),
            ("SIP/2.0 200 OK", true), ("SIP/2.0 200 ", true), ("SIP/2.0 200", false), ("SIP/2.0 20 OK", false),
            ("SIP/2.0 2000 OK", false), ("SIP/2.0 999 What", true), ("SIP/2.0  200 OK", false), ("", false),
        ])
    func startLines(line: String, accepted: Bool) {
        #expect(((try? Message(datagram: sample(line: line))) != nil) == accepted)
    }

    @Test("RFC 3261 8.1.1: what every message must have", arguments: ["Via", "From", "To", "Call-ID", "CSeq"])
    func mandatory(name: String) throws {
        let lines = String(buffer: sample()).split(separator: "\r\n", omittingEmptySubsequences: false)
        let text = lines.filter { !$0.hasPrefix(name + ":") }.joined(separator: "\r\n")
        let error = #expect(throws: SyntaxError.self) { try Message(datagram: ByteBuffer(string: text)) }
        #expect(error?.field == name)
    }

    @Test(
        "RFC 3261 8.1.1.5, 20.16: CSeq",
        arguments: [
            ("2147483647 OPTIONS", true), ("2147483648 OPTIONS", false), ("1 options", false), ("1 INVITE", false),
            ("1OPTIONS", false), ("OPTIONS", false), ("1 OPTIONS x", false), ("0001\t OPTIONS", true),
        ])
    func cSeq(value: String, accepted: Bool) {
        #expect(((try? Message(datagram: sample(cSeq: value))) != nil) == accepted)
    }

    @Test("RFC 3261 18.3: the body of a datagram")
    func datagramBody() throws {
        #expect(try Message(datagram: sample(body: "rest")).body == ByteBuffer(string: "rest"))
        #expect(try Message(datagram: sample(extra: "l: 2\r\n", body: "rest")).body == ByteBuffer(string: "re"))
        #expect(throws: SyntaxError.self) { try Message(datagram: sample(extra: "l: 5\r\n", body: "rest")) }
        let octets: [UInt8] = (0...255).map { $0 }
        var binary = sample(extra: "Content-Length: 256\r\n")
        binary.writeBytes(octets)
        #expect(Array(try Message(datagram: binary).body.readableBytesView) == octets)
    }

    @Test("Content-Length is always exact when written, once, in its place")
    func exactLength() throws {
        var message = try Message(datagram: sample(extra: "Content-Length: 4\r\nX-A: y\r\n", body: "rest"))
        message.body = ByteBuffer(string: "longer text")
        #expect(String(buffer: message.encoded()).hasSuffix("Content-Length: 11\r\nX-A: y\r\n\r\nlonger text"))
    }

    @Test("RFC 3261 8.2.6: a response copies Via, From, To with a tag, Call-ID and CSeq")
    func response() throws {
        let request = try #require(
            try Message(datagram: sample(extra: "Via: SIP/2.0/TCP 192.0.2.9\r\nSubject: no\r\nTimestamp: 7\r\n"))
                .request)
        let ok = Response.make(200, to: request, toTag: "x")
        #expect(ok.reason == "OK")
        #expect(ok.headers.values(.via).count == 2)
        #expect(try ok.headers.to().tag == "x")
        #expect(!ok.headers.contains(.subject))
        let trying = Response.make(100, to: request, toTag: "x")
        #expect(try trying.headers.to().tag == nil)
        #expect(trying.headers["Timestamp"] == "7")
        #expect(try Message(datagram: Message.response(ok).encoded()) == .response(ok).withLength)
    }

    @Test("A malformed request still gives a located 400; a response and an ACK give none")
    func salvage() throws {
        guard case .failure(let bad) = Message.read(datagram: sample(extra: "Max-Forwards: x\r\n")) else {
            Issue.record("accepted")
            return
        }
        let response = try #require(bad.response(toTag: "t"))
        #expect(response.status == 400)
        #expect(response.reason.contains("Max-Forwards"))
        #expect(response.reason.contains("line 7"))
        #expect(try response.headers.to().tag == "t")
        _ = try Message(datagram: Message.response(response).encoded())
        for line in ["SIP/2.0 200 OK", "ACK sip:b@example.com SIP/2.0"] {
            guard
                case .failure(let bad) = Message.read(
                    datagram: sample(line: line, cSeq: "1 ACK", extra: "Max-Forwards: x\r\n"))
            else {
                Issue.record("accepted")
                return
            }
            #expect(bad.response(toTag: "t") == nil)
        }
    }

    @Test("Limits: header section and number of fields")
    func limits() throws {
        let long = "X-A: " + String(repeating: "a", count: MessageLimits.headerSection) + "\r\n"
        #expect(throws: SyntaxError.self) { try Message(datagram: sample(extra: long)) }
        let many = String(repeating: "X-A: a\r\n", count: MessageLimits.fields)
        #expect(throws: SyntaxError.self) { try Message(datagram: sample(extra: many)) }
    }

    @Test("No prefix and no single changed octet of a message ends the process")
    func mutations() {
        let octets = Array(sample(extra: "Contact: \"x\" <sip:a:b@[::1]:1;lr?c=d>;q=0.1\r\nl: 0\r\n").readableBytesView)
        for index in octets.indices {
            _ = Message.read(datagram: ByteBuffer(bytes: octets[..<index]))
            for octet: UInt8 in [0, 9, 10, 13, 32, 34, 37, 44, 47, 58, 59, 60, 61, 62, 64, 91, 92, 93, 127, 255] {
                var copy = octets
                copy[index] = octet
                _ = Message.read(datagram: ByteBuffer(bytes: copy))
            }
        }
    }
}

extension Message {
    /// With the Content-Length that writing adds.
    fileprivate var withLength: Message {
        var copy = self
        copy.headers.append(.contentLength, "\(body.readableBytes)")
        return copy
    }
}
