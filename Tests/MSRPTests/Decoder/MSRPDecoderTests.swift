import NIOCore
import Testing
import WireSyntax

@testable import MSRP

@Suite struct MSRPDecoderTests {
    static let send = """
        MSRP a786hjs2 SEND
        To-Path: msrp://biloxi.example.com:12763/kjhd37s2s20w2a;tcp
        From-Path: msrp://atlanta.example.com:7654/jshA7weztas;tcp
        Message-ID: 87652491
        Byte-Range: 1-25/25
        X-New:  kept as it came\t
        Content-Type: text/plain

        Hey Bob, are you there?
        -------a786hjs2$

        """
    static let response = """
        MSRP a786hjs2 200 OK
        To-Path: msrp://atlanta.example.com:7654/jshA7weztas;tcp
        From-Path: msrp://biloxi.example.com:12763/kjhd37s2s20w2a;tcp
        -------a786hjs2$

        """
    static let bodiless = """
        MSRP dsdfoe38sd SEND
        To-Path: msrp://a.example.com:7654/x;tcp msrp://b.example.com:1/y;tcp
        From-Path: msrp://c.example.com:7654/z;tcp
        message-id: 456so39s
        byte-range: 1-0/0
        FAILURE-REPORT: Partial
        Success-Report: YES
        -------dsdfoe38sd$

        """

    @Test("RFC 4975 11.1: a SEND with text, its 200, a SEND without a body", arguments: [1, 2, 3, 7, 64, Int.max])
    func messages(pieces: Int) throws {
        let seen = decode(Self.send + Self.response + Self.bodiless, pieces: pieces)
        try #require(seen.count == 3)
        guard case .request(let head, let body, .complete) = seen[0] else {
            Issue.record("\(seen[0])")
            return
        }
        #expect(head.method == .send)
        #expect(head.transactionID == Ident("a786hjs2"))
        #expect(head.messageID == Ident("87652491"))
        #expect(head.byteRange == ByteRange(start: 1, end: 25, total: 25))
        #expect(String(buffer: head.toPath) == "msrp://biloxi.example.com:12763/kjhd37s2s20w2a;tcp")
        #expect(head.contentType == ByteBuffer(string: "text/plain"))
        #expect(head.value(of: "x-new") == ByteBuffer(string: " kept as it came\t"))
        #expect(head.effectiveFailureReport == .yes && !head.effectiveSuccessReport)
        #expect(body == "Hey Bob, are you there?")
        guard case .response(let response) = seen[1] else {
            Issue.record("\(seen[1])")
            return
        }
        #expect(response.status == 200 && response.comment == ByteBuffer(string: "OK"))
        guard case .request(let empty, nil, .complete) = seen[2] else {
            Issue.record("\(seen[2])")
            return
        }
        #expect(try parsePath(empty.toPath).count == 2)
        #expect(empty.failureReport == .partial && empty.successReport == true)
        #expect(empty.byteRange == ByteRange(start: 1, end: 0, total: 0))
        #expect(!empty.hasBody)
    }

    @Test(
        "RFC 4975 7.1: near misses of the end-line and whole foreign messages are data",
        arguments: [1, 2, 5, 31, Int.max])
    func nearMisses(pieces: Int) throws {
        let data =
            "-------abcd1\r\n-------abcd1$x\r\n-------abcd1%\r\n------abcd1$\r\n\r\n-------abcd12$\r\n"
            + crlf(Self.send) + "\r\n-------abcd1$\r-------abcd1$\n\r\r\n"
        let head = "MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n"
        let text = head + "Message-ID: 1234\r\nContent-Type: text/plain\r\n\r\nX\(data)\r\n-------abcd1+\r\n"
        let seen = decode(ByteBuffer(string: text), pieces: pieces)
        try #require(seen.count == 1)
        guard case .request(_, let body, .more) = seen[0] else {
            Issue.record("\(seen[0])")
            return
        }
        #expect(body == "X" + data)
    }

    @Test("RFC 4975 7.1: an empty body is not the same as no body", arguments: [1, 4, Int.max])
    func emptyBody(pieces: Int) throws {
        let head =
            "MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\nContent-Type: text/plain\r\n\r\n"
        for end in ["\r\n-------abcd1#\r\n", "-------abcd1#\r\n"] {
            let seen = decode(ByteBuffer(string: head + end), pieces: pieces)
            try #require(seen.count == 1)
            guard case .request(_, "", .aborted) = seen[0] else {
                Issue.record("\(seen[0])")
                return
            }
        }
    }

    @Test(
        "RFC 4975 10.2: a malformed message is refused and skipped, the next one is read",
        arguments: [
            ("MSRP abcd1 send\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n", "capitals"),
            ("MSRP abcd1 SEND\r\nFrom-Path: msrp://c:1/d;tcp\r\nTo-Path: msrp://a:1/b;tcp\r\n", "first header"),
            ("MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\n", "From-Path is missing"),
            (
                "MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp  msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n",
                "single spaces"
            ),
            ("MSRP abcd1 SEND\r\nTo-Path:msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n", "one space"),
            (
                "MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\nMessage-ID: a\r\n",
                "ident"
            ),
            (
                "MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\nByte-Range: 1-2\r\n",
                "start-end"
            ),
            (
                "MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\nByte-Range: 1-99999999999999999999/*\r\n",
                "start-end"
            ),
            (
                "MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\nStatus: 00 200\r\n",
                "namespace"
            ),
            ("MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n folded\r\n", "colon"),
            (
                "MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\nX: a\u{1}b\r\n",
                "control"
            ),
            ("MSRP abcd1 SEND\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n", "CRLF"),
            (
                "MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n\r\n",
                "without Content-Type"
            ),
            (
                "MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\nContent-Type: text\r\n\r\nx\r\n",
                "type/subtype"
            ),
            (
                "MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\nContent-Type: a/b\r\nX: y\r\n\r\nx\r\n",
                "last header"
            ),
            ("MSRP abcd1 20 OK\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n", "three digits"),
            (
                "MSRP abcd1 200 OK\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\nContent-Type: a/b\r\n\r\nx\r\n",
                "no body"
            ),
            ("MSRP abcd1\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n", "missing"),
        ])
    func malformed(_ text: String, _ reason: String) throws {
        for pieces in [1, 6, Int.max] {
            let seen = decode(ByteBuffer(string: text + "-------abcd1$\r\n" + crlf(Self.response)), pieces: pieces)
            try #require(seen.count == 2, "\(seen)")
            guard case .malformed(let message) = seen[0], case .response = seen[1] else {
                Issue.record("\(seen)")
                return
            }
            #expect(message.error.description.contains(reason), "\(message.error)")
        }
    }

    @Test(
        "RFC 4975 9: without a transaction id nothing says where the message ends",
        arguments: [
            "GET / HTTP/1.1\r\n\r\n", "msrp abcd SEND\r\n", "MSRP  SEND\r\n", "\u{16}\u{3}\u{1}",
            "\r\nMSRP abcd SEND\r\n",
        ])
    func unreadable(_ text: String) {
        for pieces in [1, Int.max] {
            let seen = decode(ByteBuffer(string: text), pieces: pieces)
            guard seen.count == 1, case .failure = seen[0] else {
                Issue.record("\(seen)")
                return
            }
        }
    }

    @Test("limits: a head too large is refused and skipped, and never kept")
    func limits() throws {
        let head = "MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n"
        let long = head + "X: " + String(repeating: "y", count: 100_000) + "\r\n-------abcd1$\r\n" + crlf(Self.response)
        let many = head + String(repeating: "X: y\r\n", count: 1000) + "-------abcd1$\r\n" + crlf(Self.response)
        for text in [long, many] {
            for pieces in [1, 1000, Int.max] {
                let seen = decode(ByteBuffer(string: text), pieces: pieces)
                try #require(seen.count == 2)
                guard case .malformed(let message) = seen[0], case .response = seen[1] else {
                    Issue.record("\(seen)")
                    return
                }
                #expect(message.error.reason.hasPrefix("the head is larger"))
            }
        }
        var decoder = MSRPDecoder()
        decoder.feed(ByteBuffer(string: head + "X: " + String(repeating: "y", count: 100_000)))
        _ = try decoder.next()
        _ = try decoder.next()
        #expect(decoder.retainedOctets < 64)
    }

    @Test("bodies of all 256 octet values pass unchanged, and only a possible end-line is kept back")
    func binary() throws {
        let octets = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ ($0 >> 8)) }
        var text = ByteBuffer(
            string:
                "MSRP abcd1 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\nContent-Type: a/b\r\n\r\n"
        )
        text.writeBytes(octets)
        text.writeString("\r\n-----")
        var decoder = MSRPDecoder()
        decoder.feed(text)
        var body: [UInt8] = []
        while let event = try decoder.next() { if case .body(let slice) = event { body += slice.readableBytesView } }
        #expect(body == octets)
        #expect(decoder.retainedOctets == 7)
        decoder.feed(ByteBuffer(string: "--abcd1$"))
        #expect(try decoder.next() == nil)
        decoder.feed(ByteBuffer(string: "\r\n"))
        #expect(try decoder.next() == .end(.complete))
        #expect(decoder.isIdle)
    }
}
