import NIOCore
import SDP
import Testing
import WireSyntax

@Suite struct DescriptionParserTests {
    static let everything = [
        "v=0", "o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1", "s=Call to John Smith", "i=SDP Offer #1",
        "u=http://www.jdoe.example.com/home.html?a=%20", "e=Jane Doe <jane@jdoe.example.com>",
        "e=j.doe@example.com (Jane Doe)", "p=+1 617 555-6011", "p=+1 617 555-6011 (Jane)", "c=IN IP4 198.51.100.1",
        "b=X-YZ:128", "b=AS:99999999999999999999", "t=3724394400 3724398000", "r=7d 1h 0 25h",
        "z=3730928400 -1h 3749680800 0", "t=0 0", "a=recvonly", "a=x-unknown:{a}\\b", "a=fingerprint:sha-1 AB:CD",
        "a=fingerprint:sha-256 AB:CD", "m=audio 49170/2 RTP/AVP 0 8", "i=one", "b=TIAS:1", "a=rtpmap:0 PCMU/8000",
        "m=message 9 TCP/TLS/MSRP *", "c=IN IP6 2001:db8::1", "a=path:msrps://h.example:9/a;tcp", "a=msrp-cema",
        "m=foo 9 BAR/BAZ x", "c=ATM NSAP 47.0091.8100.0000", "a=~`^",
    ]

    @Test("RFC 8866 5.2, 5.6, 5.8, 5.9, 5.10, 5.11, 5.14, 9: what is well-formed leaves as it came")
    func roundTrip() throws {
        let description = try parse(Self.everything)
        #expect(text(description.octets) == text(wire(Self.everything)))
        #expect(description.media.map(\.port) == [49170, 9, 9])
        #expect(description.times.count == 2)
        #expect(description.media[1].connection?.host == Host("2001:db8::1"))
        #expect(description.media[2].connection?.host == nil)
    }

    @Test("RFC 8866 5: bare LF and a last line without its end are read")
    func lineEnds() throws {
        let lines = head + ["m=message 9 TCP/MSRP *"]
        let plain = try SessionDescription(octets: ByteBuffer(string: lines.joined(separator: "\n")))
        #expect(try plain == parse(lines))
    }

    @Test("RFC 8866 5.12: k= is dropped in its place, whatever it says")
    func keyField() throws {
        let lines = ["k=clear:secret", "a=x", "m=message 9 TCP/MSRP *", "k=", "a=y"]
        let description = try parse(head + lines)
        #expect(text(description.octets) == text(wire(head + ["a=x", "m=message 9 TCP/MSRP *", "a=y"])))
    }

    @Test("RFC 8866 5: octets that are no UTF-8 stay what they are")
    func charset() throws {
        var buffer = ByteBuffer(string: "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=caf")
        buffer.writeBytes([0xE9])
        buffer.writeString("\r\nt=0 0\r\na=charset:ISO-8859-1\r\na=x:")
        buffer.writeBytes([0xFF, 0x01, 0x09])
        buffer.writeString("\r\n")
        let description = try SessionDescription(octets: buffer)
        #expect(description.octets == buffer)
        #expect(description.name.string == "caf\u{FFFD}")
    }

    // RFC 8866 5.2 (o=), 5.6 (e=, p=), 5.7 (c=), 5.8 (b=), 5.9 to 5.11 (t=, r=, z=), 5.13 (a=), 5.14 (m=).
    @Test(
        "RFC 8866 9: what is malformed is refused, with the line",
        arguments: [
            ([], "v=", 1), (["v=1"], "v=", 1), (["v=0", "s=-"], "o=", 2),
            (["v=0", "o=- 1 1 IN IP4", "s=-"], "o=", 2), (["v=0", "o=- x 1 IN IP4 h", "s=-"], "o=", 2),
            (["v=0", "o=- 1 1 IN  IP4 h", "s=-"], "o=", 2), (["v=0", "o=- 1 1 IN IP4 h", "s="], "s=", 3),
            (["v=0", "o=- 1 1 IN IP4 h", "s=-", "a=x"], "t=", 4), (head + ["s=twice"], "s=", 6),
            (head + ["X=1"], "X=", 6), (head + ["y=1"], "y=", 6), (head + ["a="], "a=", 6), (head + ["a=x:"], "a=", 6),
            (head + ["a=x y"], "a=", 6), (head + ["a=\u{E9}:1"], "a=", 6),
            (head + ["v=0"], "v=", 6), (head + ["m=message 9 TCP/MSRP *", "e=a@b.example"], "e=", 7),
            (head + ["c=IN IP4 192.0.2.8"], "c=", 6), (head + ["a=x", "b=AS:1"], "b=", 7),
            (head + ["k=1", "k=2"], "k=", 7), (head + ["z=3730928400 0"], "z=", 6), (head + ["r=7d 1h"], "r=", 6),
            (head + ["t=1 2"], "t=", 6), (head + ["t=0"], "t=", 6), (head + ["m=message 9 TCP/MSRP"], "m=", 6),
            (head + ["m=message x TCP/MSRP *"], "m=", 6), (head + ["m=message -1 TCP/MSRP *"], "m=", 6),
            (head + ["m=message 65536 TCP/MSRP *"], "m=", 6), (head + ["m=message 9/0 TCP/MSRP *"], "m=", 6),
            (head + ["m=message 9 TCP//MSRP *"], "m=", 6), (head + ["m=message 9 TCP/MSRP * "], "m=", 6),
            (head + ["m=message 99999999999999999999 TCP/MSRP *"], "m=", 6),
            (head + ["m=message 9 TCP/MSRP *", "t=0 0"], "t=", 7),
            (head + ["m=message 9 TCP/MSRP *", "a=x", "i=x"], "i=", 8),
            (["v=0", "o=- 1 1 IN IP4 h", "s=-", "t=0 0", "m=message 9 TCP/MSRP *"], "m=", 5),
            (["v=0", "o=- 1 1 IN IP4 h", "s=-", "u=a b", "t=0 0"], "u=", 4),
            (["v=0", "o=- 1 1 IN IP4 h", "s=-", "e=nobody", "t=0 0"], "e=", 4),
            (["v=0", "o=- 1 1 IN IP4 h", "s=-", "p=x", "t=0 0"], "p=", 4),
            (["v=0", "o=- 1 1 IN IP4 h", "s=-", "c=IN IP4 a b", "t=0 0"], "c=", 4),
            (["v=0", "o=- 1 1 IN IP4 h", "s=-", "b=AS", "t=0 0"], "b=", 4),
            (["v=0", "o=- 1 1 IN IP4 h", "s=-", "b=AS:x", "t=0 0"], "b=", 4),
        ] as [([String], String, Int)])
    func malformed(_ lines: [String], _ field: String, _ line: Int) {
        #expect { try parse(lines) } throws: { error in
            guard let error = error as? SyntaxError else { return false }
            return error.field == field && error.line == line
        }
    }

    @Test(
        "octets that cannot be lines are refused",
        arguments: [
            "v=0\r\n\r\n", "v=0\ro=x\n", "v=0\nxyz\n", "=0\n", " v=0\n", "v\n", "v=0\no=a\u{0}b\n", "\u{FEFF}v=0\n",
        ])
    func garbage(_ input: String) {
        #expect(throws: SyntaxError.self) { try SessionDescription(octets: ByteBuffer(string: input)) }
    }

    @Test("limits of octets, line length, lines and media hold")
    func limits() {
        let long = head + ["a=x:" + String(repeating: "y", count: Limits.lineOctets)]
        let many = head + Array(repeating: "a=x", count: Limits.lines)
        let media = head + Array(repeating: "m=message 9 TCP/MSRP *", count: Limits.mediaDescriptions + 1)
        let big = head + Array(repeating: "a=x:" + String(repeating: "y", count: 8_000), count: 9)
        for lines in [long, many, media, big] { #expect(throws: SyntaxError.self) { try parse(lines) } }
        #expect(throws: Never.self) { try parse(Array(media.dropLast())) }
    }

    @Test("cut off at any octet, a description is read or refused, never more")
    func truncated() {
        let whole = wire(Self.everything)
        for length in 0..<whole.readableBytes {
            guard let part = whole.getSlice(at: 0, length: length) else { continue }
            _ = try? SessionDescription(octets: part)
        }
    }

    @Test("any octet changed, what is read writes and reads the same")
    func mutated() throws {
        let whole = wire(Self.everything)
        for index in 0..<whole.readableBytes {
            for octet in [UInt8(0), 0x0A, 0x0D, 0x20, 0x3A, 0x7D, 0xFF] {
                var changed = whole
                changed.setInteger(octet, at: index)
                guard let once = try? SessionDescription(octets: changed) else { continue }
                #expect(try SessionDescription(octets: once.octets) == once)
            }
        }
    }

    @Test(
        "RFC 3264 8: the session version grows without an upper bound",
        arguments: [("1", "2"), ("19", "20"), ("99999999999999999999", "100000000000000000000")])
    func version(_ before: String, _ after: String) throws {
        var description = try parse(["v=0", "o=- 1 \(before) IN IP4 h", "s=-", "t=0 0"])
        description.origin.bumpVersion()
        #expect(description.origin.sessionVersion == after)
    }

    @Test("A7: what is made from values cannot end its line")
    func injection() {
        let attribute = Attribute("pa th\r\n", "x\r\nm=audio 1 RTP/AVP 0\u{0}")
        #expect(attribute.name == "path")
        #expect(attribute.value == "xm=audio 1 RTP/AVP 0")
        #expect(OctetText([0x41, 0x0A]) == nil)
    }
}
