import NIOCore
import Observability
import Testing

@Suite struct EventStreamTests {
    @Test("a late reader first gets the ring, then what comes")
    func replay() async {
        let stream = EventStream(node: "P-CSCF", clock: { 7 })
        stream.emit(.warning("one"))
        var reader = stream.events().makeAsyncIterator()
        stream.emit(.warning("two"))
        let first = await reader.next()
        let second = await reader.next()
        #expect(first == FlowEvent(time: 7, node: "P-CSCF", what: .warning("one")))
        #expect(second?.what == .warning("two"))
    }

    @Test("the ring keeps the last 4096 events")
    func bounded() {
        let stream = EventStream(node: "x")
        for number in 0..<5000 { stream.emit(.warning("\(number)")) }
        #expect(stream.recent.count == EventStream.ringCapacity)
        #expect(stream.recent.first?.what == .warning("904"))
        #expect(stream.recent.last?.what == .warning("4999"))
    }

    @Test("a reader that went away is forgotten")
    func leaving() async {
        let stream = EventStream(node: "x")
        let task = Task {
            for await _ in stream.events() { return }
        }
        stream.emit(.warning("wake"))
        await task.value
        #expect(stream.readerCount == 0)
    }

    @Test("RecordedEvents finds past events and waits for coming ones")
    func recorded() async {
        let events = RecordedEvents()
        events.emit(.warning("past"))
        #expect(await events.first { $0 == .warning("past") } == .warning("past"))
        async let coming = events.first { $0 == .warning("coming") }
        events.emit(.warning("coming"))
        #expect(await coming == .warning("coming"))
    }
}

@Suite struct EventCodingTests {
    static let samples: [FlowEvent.What] = [
        .listening(.init(name: "gm", transport: "tls", local: "127.0.0.1:5061")),
        .sip(
            .init(
                direction: .sent, transport: "udp", local: "a", remote: "b", startLine: "SIP/2.0 200 OK\u{1B}[2J\n",
                callID: "x", fromTag: nil, toTag: "t", cSeq: "1 INVITE", lines: ["m=message 9 TCP/TLS/MSRP *"])),
        .link(.init(callID: "c", context: 12)),
        .milestone(.init(.progress, bytes: 1, total: 2)),
        .warning("line one\nline two"),
    ]

    @Test("an event is one JSON line and comes back as it was", arguments: samples)
    func roundTrip(what: FlowEvent.What) throws {
        let event = FlowEvent(time: 1_700_000_000_123_456_789, node: "UE A", what: what)
        var buffer = ByteBuffer()
        EventCoding().write(event, into: &buffer)
        var lines = LineSplitter()
        lines.feed(buffer)
        let first = lines.next()
        let line = try #require(first)
        #expect(EventCoding().read(line) == event)
        let rest = lines.next()
        #expect(rest == nil)
    }

    @Test(
        "what is no event is no event",
        arguments: ["", "{}", "[", "{\"time\":1,\"node\":\"x\",\"what\":{\"dance\":{}}}"])
    func malformed(text: String) {
        #expect(EventCoding().read(ByteBuffer(string: text)) == nil)
    }

    @Test("lines come out the same however the octets are cut", arguments: 1...7)
    func pieces(size: Int) {
        var lines = LineSplitter()
        var found: [String] = []
        var input = ByteBuffer(string: "one\n\ntwo three\nfour")
        while let piece = input.readSlice(length: min(size, input.readableBytes)), piece.readableBytes > 0 {
            lines.feed(piece)
            while let line = lines.next() { found.append(String(buffer: line)) }
        }
        #expect(found == ["one", "", "two three"])
    }

    @Test("a line without end is thrown away and counted, and reading goes on behind it")
    func oversized() {
        var lines = LineSplitter()
        for _ in 0..<5 {
            lines.feed(ByteBuffer(repeating: 0x41, count: LineSplitter.maximumLineLength / 2 + 1))
            let line = lines.next()
            #expect(line == nil)
        }
        lines.feed(ByteBuffer(string: "tail\nnext\n"))
        let line = lines.next()
        #expect(line == ByteBuffer(string: "next"))
        #expect(lines.oversized == 1)
    }
}
