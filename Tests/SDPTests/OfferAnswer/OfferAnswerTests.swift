import SDP
import Testing
import WireSyntax

@Suite struct OfferAnswerTests {
    static func description(_ lines: String...) throws -> SessionDescription { try parse(head + lines) }

    @Test("RFC 3264 6: an answer has the lines of the offer")
    func answers() throws {
        let offer = try Self.description("m=message 9 TCP/MSRP *", "m=audio 0 RTP/AVP 0")
        #expect(throws: Never.self) { try offer.checkAnswers(offer) }
        for bad in [
            try Self.description("m=message 9 TCP/MSRP *"),
            try Self.description("m=audio 9 RTP/AVP 0", "m=message 0 TCP/MSRP *"),
            try Self.description("m=message 9 TCP/MSRP *", "m=audio 9 RTP/AVP 0"),
        ] {
            #expect(throws: SyntaxError.self) { try bad.checkAnswers(offer) }
        }
    }

    @Test("RFC 3264 8: a later offer keeps each line in its place")
    func follows() throws {
        let first = try Self.description("m=message 9 TCP/MSRP *", "m=audio 0 RTP/AVP 0")
        let more = try Self.description("m=message 0 TCP/MSRP *", "m=video 9 RTP/AVP 0", "m=message 9 TCP/MSRP *")
        #expect(throws: Never.self) { try more.checkFollows(first) }
        #expect(throws: SyntaxError.self) { try first.checkFollows(more) }
        let changed = try Self.description("m=audio 9 RTP/AVP 0", "m=audio 9 RTP/AVP 0")
        #expect(throws: SyntaxError.self) { try changed.checkFollows(first) }
    }

    @Test("RFC 3264 6: a rejected line keeps its place, its formats and a c=")
    func rejection() throws {
        let media = try Self.description("m=message 9 TCP/TLS/MSRP *", "c=IN IP4 192.0.2.9", "a=path:x").media[0]
        #expect(media.rejection.isRejected)
        #expect(media.rejection.attributes.isEmpty)
        #expect(media.rejection.formats == ["*"])
        #expect(media.rejection.connection == media.connection)
    }
}
