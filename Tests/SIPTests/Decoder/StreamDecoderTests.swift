import NIOCore
import SIP
import Testing
import WireSyntax

struct StreamDecoderTests {
    static func request(_ id: Int, body: String = "") -> ByteBuffer {
        sample(extra: "X-Id: \(id)\r\nContent-Length: \(body.utf8.count)\r\n", body: body)
    }

    /// Everything that comes out when the octets are fed in pieces of `size`.
    static func decode(_ octets: ByteBuffer, size: Int, limits: StreamDecoder.Limits = .init()) throws -> [StreamDecoder
        .Item]
    {
        var decoder = StreamDecoder(limits: limits)
        var items: [StreamDecoder.Item] = []
        var rest = octets
        while rest.readableBytes > 0, let piece = rest.readSlice(length: min(size, rest.readableBytes)) {
            decoder.feed(piece)
            while let item = try decoder.next() { items.append(item) }
        }
        return items
    }

    @Test("RFC 3261 18.3: messages in any number of pieces", arguments: [1, 2, 3, 7, 64, 100_000])
    func pieces(size: Int) throws {
        var stream = Self.request(1, body: "one\r\n\r\n")
        var second = Self.request(2)
        var third = Self.request(3, body: "three")
        stream.writeBuffer(&second)
        stream.writeBuffer(&third)
        let items = try Self.decode(stream, size: size)
        let bodies = items.map { item -> String in
            guard case .message(let message) = item else { return "\(item)" }
            return (message.headers["X-Id"] ?? "") + String(buffer: message.body)
        }
        #expect(bodies == ["1one\r\n\r\n", "2", "3three"])
    }

    @Test(
        "RFC 3261 18.3: after every octet it is known whether a message is under way, between its header section and its body too"
    )
    func midMessage() throws {
        var decoder = StreamDecoder()
        var rest = Self.request(1, body: "one")
        #expect(!decoder.isMidMessage)
        while rest.readableBytes > 1, let octet = rest.readSlice(length: 1) {
            decoder.feed(octet)
            #expect(try decoder.next() == nil)
            #expect(decoder.isMidMessage)
        }
        decoder.feed(rest)
        #expect(try decoder.next() != nil)
        #expect(!decoder.isMidMessage)
    }

    @Test("RFC 5626 4.4.1: keep-alives between messages")
    func keepAlives() throws {
        var stream = ByteBuffer(string: "\r\n\r\n")
        var message = Self.request(1)
        stream.writeBuffer(&message)
        stream.writeString("\r\n\r\n\r\n")
        let items = try Self.decode(stream, size: 100_000)
        #expect(items.count == 4)
        #expect(items.first == .keepAlivePing)
        #expect(items.suffix(2) == [.keepAlivePing, .keepAlivePong])
        #expect(try Self.decode(ByteBuffer(string: "\r\n\r\n"), size: 4) == [.keepAlivePing])
        #expect(try Self.decode(ByteBuffer(string: "\r\n"), size: 1) == [.keepAlivePong])
    }

    @Test("A malformed message with a readable frame does not end the stream", arguments: [1, 100_000])
    func malformed(size: Int) throws {
        var stream = sample(extra: "Max-Forwards: x\r\nContent-Length: 3\r\n", body: "bad")
        var good = Self.request(2)
        stream.writeBuffer(&good)
        let items = try Self.decode(stream, size: size)
        guard items.count == 2, case .malformed(let malformed) = items[0], case .message = items[1] else {
            Issue.record("\(items)")
            return
        }
        #expect(malformed.error.field == "Max-Forwards")
        #expect(malformed.response(toTag: "x")?.status == 400)
    }

    @Test(
        "An unreadable frame ends it, with what a 400 needs",
        arguments: [
            "", "Content-Length: x\r\n", "Content-Length: -1\r\n", "Content-Length: 0\r\nl: 3\r\n",
            "Content-Length: 99999999999999999999\r\n", "Content-Length: 1048577\r\n",
        ])
    func unframed(lines: String) throws {
        var decoder = StreamDecoder()
        decoder.feed(sample(extra: lines, body: "abc"))
        let error = #expect(throws: MalformedMessage.self) { try decoder.next() }
        #expect(error?.error.field == "Content-Length")
        #expect(error?.response(toTag: "x")?.status == 400)
        decoder.feed(Self.request(1))
        #expect(throws: MalformedMessage.self) { try decoder.next() }
    }

    @Test("A13: a header section without end stops at the limit, not in memory")
    func headerLimit() throws {
        var decoder = StreamDecoder(limits: .init(headerSection: 1000, body: 10))
        decoder.feed(sample(extra: "X-A: " + String(repeating: "a", count: 2000)))
        let error = #expect(throws: MalformedMessage.self) { try decoder.next() }
        #expect(error?.response(toTag: "x")?.status == 400)
        #expect(decoder.bufferedBytes == 0)
    }

    @Test(
        "Foreign protocols are malformed, not fatal",
        arguments: ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\u{16}\u{3}\u{1}\r\n\r\n"])
    func foreign(text: String) {
        #expect(throws: MalformedMessage.self) { try Self.decode(ByteBuffer(string: text), size: 5) }
    }
}
