import NIOCore
import Testing

@testable import MSRP

@Suite struct MessageSenderTests {
    @Test(
        "RFC 4975 7.1.1: up to 2048 octets in one chunk with its range-end; more with * and as few chunks as may be",
        arguments: [
            (0, ["1-0/0"]), (1, ["1-1/1"]), (2048, ["1-2048/2048"]), (2049, ["1-*/2049"]),
            (600_000, ["1-*/600000", "524289-*/600000"]),
        ])
    func ranges(_ size: Int, _ expected: [String]) throws {
        var pair = try Pair()
        pair.alice.sources[ident("m001")] = ByteBuffer(repeating: 0x2D, count: size)
        #expect(pair.alice.session.send(.init(id: ident("m001"), contentType: "a/b", size: UInt64(size))) == true)
        try pair.exchange()
        let ranges = pair.alice.wire.split(separator: "\r\n").filter { $0.hasPrefix("Byte-Range: ") }.map {
            String($0.dropFirst(12))
        }
        #expect(ranges == expected)
        #expect(pair.bob.contents[ident("m001")]?.readableBytes ?? 0 == size)
        #expect(pair.alice.actions.last == .delivered(ident("m001")))
        #expect(pair.bob.actions.last == .received(ident("m001"), size: UInt64(size)))
    }

    @Test(
        "RFC 4975 7.1.1: a large message is interrupted for a small one and for responses, and goes on where it stopped"
    )
    func interruption() throws {
        var pair = try Pair()
        let size = 300_000
        let content = ByteBuffer(bytes: (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        pair.alice.sources[ident("m001")] = content
        #expect(pair.alice.session.send(.init(id: ident("m001"), contentType: "a/b", size: UInt64(size))) == true)
        try pair.bob.input(pair.alice.output(limit: 2))
        #expect(
            pair.alice.session.send(
                .init(id: ident("m002"), contentType: "text/plain", content: ByteBuffer(string: "me first"))) == true)
        // And Bob says something that wants a 200 between.
        #expect(
            pair.bob.session.send(
                .init(id: ident("m003"), contentType: "text/plain", content: ByteBuffer(string: "hello"))) == true)
        try pair.alice.input(pair.bob.output())
        try pair.exchange(limit: 1)
        #expect(pair.bob.contents[ident("m001")] == content)
        #expect(pair.bob.contents[ident("m002")] == ByteBuffer(string: "me first"))
        let received = pair.bob.actions.compactMap { action in
            if case .received(let id, _) = action { id } else { nil }
        }
        #expect(received == [ident("m002"), ident("m001")])
        #expect(pair.bob.actions.contains(.delivered(ident("m003"))))
        #expect(pair.alice.wire.components(of: "+\r\n") >= 1)
    }

    @Test("RFC 4975 7.1.1: every chunk of a message has its Message-ID and its report headers")
    func chunkHeaders() throws {
        var pair = try Pair()
        let id = ident("m001")
        pair.alice.sources[id] = ByteBuffer(repeating: 0x2D, count: 600_000)
        #expect(
            pair.alice.session.send(
                .init(id: id, contentType: "a/b", size: 600_000, successReport: true, failureReport: .partial)) == true)
        try pair.exchange()
        for header in ["Message-ID: m001\r\n", "Success-Report: yes\r\n", "Failure-Report: partial\r\n"] {
            #expect(pair.alice.wire.components(of: header) == 2)
        }
    }

    @Test("RFC 4975 7.1: content that holds the end-line: another transaction id, or an interruption before it")
    func collision() throws {
        // The ids that this source will give, written into the content.
        var pair = try Pair()
        var ahead = pair.alice.generator
        let first = Ident(random: { ahead.next() })
        let second = Ident(random: { ahead.next() })
        var small = ByteBuffer(string: "x\r\n-------\(first)$\r\ny")
        #expect(pair.alice.session.send(.init(id: ident("m001"), contentType: "a/b", content: small)) == true)
        try pair.exchange()
        #expect(pair.alice.wire.hasPrefix("MSRP \(second) SEND"))
        #expect(pair.bob.contents[ident("m001")] == small)

        // In a later piece, across the border of two pieces.
        var other = try Pair()
        small = ByteBuffer(repeating: 0x41, count: 64 * 1024 - 5)
        small.writeString("\r\n-------\(first)$\r\nthe rest")
        other.alice.sources[ident("m001")] = small
        #expect(
            other.alice.session.send(.init(id: ident("m001"), contentType: "a/b", size: UInt64(small.readableBytes)))
                == true)
        try other.exchange(limit: 1)
        #expect(other.bob.contents[ident("m001")] == small)
        #expect(other.alice.wire.components(of: "Message-ID: m001") == 2)
    }

    @Test("RFC 4975 7.1.1: 30 s from the last octet without a 200: the message has probably failed")
    func timeout() throws {
        var pair = try Pair()
        #expect(
            pair.alice.session.send(.init(id: ident("m001"), contentType: "a/b", content: ByteBuffer(string: "x")))
                == true)
        _ = pair.alice.output()
        let deadline = try #require(pair.alice.session.nextDeadline)
        #expect(deadline == pair.alice.now + .seconds(30))
        pair.alice.session.timersDue(now: deadline - .nanoseconds(1))
        pair.alice.drain()
        #expect(pair.alice.actions == [.sent(ident("m001"))])
        pair.alice.session.timersDue(now: deadline)
        pair.alice.drain()
        #expect(pair.alice.actions.last == .undelivered(ident("m001"), status: 408, reason: "no response within 30 s"))
        #expect(pair.alice.session.nextDeadline == nil)
        // RFC 4975 10.4: a 408 of the peer says the same.
        #expect(
            pair.alice.session.send(.init(id: ident("m002"), contentType: "a/b", content: ByteBuffer(string: "x")))
                == true)
        let wire = String(buffer: pair.alice.output())
        let transaction = wire.split(separator: " ")[1]
        try pair.alice.input(
            "MSRP \(transaction) 408\nTo-Path: msrp://alice.example.com:7394/2s93i9ek2a;tcp\nFrom-Path: msrp://bob.example.com:8493/si438dsaodes;tcp\n-------\(transaction)$\n"
        )
        #expect(pair.alice.actions.last == .undelivered(ident("m002"), status: 408, reason: "Timeout"))
    }

    @Test("RFC 4975 7.1.1: partial needs no 200, but an error that comes is told")
    func partial() throws {
        var pair = try Pair()
        let message = OutgoingMessage(
            id: ident("m001"), contentType: "a/b", content: ByteBuffer(string: "x"), failureReport: .partial)
        #expect(pair.alice.session.send(message) == true)
        try pair.exchange()
        #expect(pair.alice.actions == [.sent(ident("m001"))])
        let deadline = try #require(pair.alice.session.nextDeadline)
        pair.alice.session.timersDue(now: deadline)
        pair.alice.drain()
        #expect(pair.alice.actions == [.sent(ident("m001"))] && pair.alice.session.unfinished.isEmpty)
    }

    @Test(
        "RFC 4975 7.3.2: reports: partial ranges add up, unknown messages are ignored, a failure ends the message, 408 the session"
    )
    func reports() throws {
        var pair = try Pair()
        let report = { (id: String, range: String, status: String) in
            """
            MSRP abcd1 REPORT
            To-Path: msrp://alice.example.com:7394/2s93i9ek2a;tcp
            From-Path: msrp://bob.example.com:8493/si438dsaodes;tcp
            Message-ID: \(id)
            Byte-Range: \(range)
            Status: \(status)
            -------abcd1$

            """
        }
        let send = { (pair: inout Pair, id: String) in
            _ = pair.alice.session.send(
                .init(
                    id: ident(id), contentType: "a/b", content: ByteBuffer(string: "0123456789"), successReport: true,
                    failureReport: .no))
            _ = pair.alice.output()
        }
        send(&pair, "m001")
        try pair.alice.input(report("zzzz", "1-10/10", "000 200 OK"))
        try pair.alice.input(report("m001", "1-5/10", "001 200 OK"))
        try pair.alice.input(report("m001", "4-10/10", "000 200 OK"))
        #expect(!pair.alice.actions.contains(.delivered(ident("m001"))))
        try pair.alice.input(report("m001", "1-5/10", "000 200 OK"))
        #expect(pair.alice.actions.last == .delivered(ident("m001")))
        send(&pair, "m002")
        try pair.alice.input(report("m002", "1-10/10", "000 403 No"))
        #expect(pair.alice.actions.last == .undelivered(ident("m002"), status: 403, reason: "No"))
        send(&pair, "m003")
        try pair.alice.input(report("m003", "1-10/10", "000 408"))
        guard case .failed = pair.alice.actions.last else {
            Issue.record("\(pair.alice.actions)")
            return
        }
    }

    @Test("RFC 4975 10.8: 481 ends the message and the session; content that cannot be read ends the message")
    func failures() throws {
        var pair = try Pair()
        #expect(
            pair.alice.session.send(.init(id: ident("m001"), contentType: "a/b", content: ByteBuffer(string: "x")))
                == true)
        let wire = String(buffer: pair.alice.output())
        let transaction = wire.split(separator: " ")[1]
        try pair.alice.input(
            "MSRP \(transaction) 481\nTo-Path: msrp://alice.example.com:7394/2s93i9ek2a;tcp\nFrom-Path: msrp://bob.example.com:8493/si438dsaodes;tcp\n-------\(transaction)$\n"
        )
        #expect(
            pair.alice.actions.suffix(2) == [
                .undelivered(ident("m001"), status: 481, reason: "No Such Session"), .failed("481 No Such Session"),
            ])
        #expect(pair.alice.session.send(.init(id: ident("m002"), contentType: "a/b", size: 10)) == true)
        #expect(pair.alice.output().readableBytes == 0)
        #expect(pair.alice.actions.last == .undelivered(ident("m002"), status: 0, reason: "the content cannot be read"))
    }
}

extension String {
    /// How often `part` stands in it.
    func components(of part: String) -> Int { ranges(of: part).count }
}
