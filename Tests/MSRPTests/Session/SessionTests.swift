import NIOCore
import Testing
import WireSyntax

@testable import MSRP

@Suite struct SessionTests {
    @Test("RFC 4975 5.4: the active side sends a SEND at once, empty where nothing waits")
    func emptySend() throws {
        var pair = try Pair()
        pair.alice.session.connected(using: &pair.alice.generator)
        pair.bob.session.connected(using: &pair.bob.generator)
        try pair.exchange()
        #expect(pair.alice.wire.contains(" SEND\r\n") && !pair.alice.wire.contains("Content-Type"))
        #expect(pair.alice.wire.contains("Byte-Range: 1-0/0\r\n"))
        #expect(pair.bob.wire.hasPrefix("MSRP ") && pair.bob.wire.contains(" 200 OK\r\n"))
        #expect(pair.alice.actions.isEmpty && pair.bob.actions.isEmpty)
        #expect(pair.alice.session.nextDeadline == nil && pair.alice.session.unfinished.isEmpty)
    }

    @Test("RFC 4975 11.1: a message, its 200; with Success-Report its REPORT, which is not answered")
    func message() throws {
        var pair = try Pair()
        let text = ByteBuffer(string: "Hi, I'm Alice!")
        #expect(pair.alice.session.send(.init(id: ident("m001"), contentType: "text/plain", content: text)) == true)
        #expect(pair.alice.session.send(.init(id: ident("m001"), contentType: "text/plain", content: text)) == false)
        try pair.exchange()
        #expect(
            pair.alice.actions == [
                .sent(ident("m001")), .progress(ident("m001"), confirmed: 14, total: 14), .delivered(ident("m001")),
            ])
        #expect(pair.bob.contents[ident("m001")] == text)
        #expect(pair.bob.actions.last == .received(ident("m001"), size: 14))
        #expect(!pair.bob.wire.contains("REPORT"))

        let report = OutgoingMessage(id: ident("m002"), contentType: "text/plain", content: text, successReport: true)
        #expect(pair.alice.session.send(report) == true)
        pair.alice.wire = ""
        try pair.exchange()
        #expect(pair.bob.wire.contains("REPORT\r\n") && pair.bob.wire.contains("Status: 000 200 OK\r\n"))
        #expect(pair.bob.wire.contains("Byte-Range: 1-14/14\r\n"))
        #expect(pair.alice.actions.last == .delivered(ident("m002")))
        // RFC 4975 7.1.2, 7.1.3: no report headers in a REPORT, and neither a response nor a REPORT to it.
        #expect(!pair.bob.wire.contains("Success-Report") && !pair.bob.wire.contains("Failure-Report"))
        #expect(!pair.alice.wire.contains(" 200") && !pair.alice.wire.contains("REPORT\r\n"))
    }

    @Test(
        "RFC 4975 7.1.4: what is answered under each Failure-Report",
        arguments: [
            (FailureReport.yes, "text/plain", "200"), (.yes, "image/png", "415"), (.partial, "text/plain", ""),
            (.partial, "image/png", "415"), (.no, "text/plain", ""), (.no, "image/png", ""),
        ])
    func failureReport(_ failure: FailureReport, _ type: String, _ answer: String) throws {
        var pair = try Pair(accept: ["text/*"])
        let id = ident("m001")
        #expect(
            pair.alice.session.send(
                .init(id: id, contentType: type, content: ByteBuffer(string: "x"), failureReport: failure)) == true)
        try pair.exchange()
        #expect(answer.isEmpty ? pair.bob.wire.isEmpty : pair.bob.wire.contains(" \(answer) "))
        if answer == "415" {
            #expect(pair.alice.actions.last == .undelivered(id, status: 415, reason: "Unsupported Media Type"))
        }
        #expect((pair.bob.contents[id] != nil) == (type == "text/plain"))
    }

    @Test(
        "A9: To-Path or From-Path of another session gets 481 and reaches nobody",
        arguments: [
            ("msrp://bob.example.com:8493/other;tcp", "msrp://alice.example.com:7394/2s93i9ek2a;tcp"),
            ("msrps://bob.example.com:8493/si438dsaodes;tcp", "msrp://alice.example.com:7394/2s93i9ek2a;tcp"),
            ("msrp://bob.example.com:8493/SI438dsaodes;tcp", "msrp://alice.example.com:7394/2s93i9ek2a;tcp"),
            (
                "msrp://bob.example.com:8493/si438dsaodes;tcp msrp://x:1/y;tcp",
                "msrp://alice.example.com:7394/2s93i9ek2a;tcp"
            ),
            ("msrp://bob.example.com:8493/si438dsaodes;tcp", "msrp://mallory.example.com:7394/2s93i9ek2a;tcp"),
            (
                "msrp://bob.example.com:8493/si438dsaodes;tcp",
                "msrp://alice.example.com:7394/2s93i9ek2a;tcp msrp://m:1/x;tcp"
            ),
        ])
    func otherSession(_ to: String, _ from: String) throws {
        var pair = try Pair()
        for method in ["SEND", "REPORT", "FOO"] {
            pair.bob.wire = ""
            try pair.bob.input(
                """
                MSRP abcd1 \(method)
                To-Path: \(to)
                From-Path: \(from)
                Message-ID: 1234
                Content-Type: text/plain

                secret
                -------abcd1$

                """)
            _ = pair.bob.output()
            #expect(method == "REPORT" ? pair.bob.wire.isEmpty : pair.bob.wire.contains("MSRP abcd1 481 "))
            #expect(pair.bob.actions.isEmpty && pair.bob.contents.isEmpty)
        }
        #expect(pair.bob.session.misdirected == 3)
    }

    @Test("RFC 4975 10.9, 10.2: an unknown method gets 501, a malformed request 400, and the session goes on")
    func errors() throws {
        var pair = try Pair()
        let paths =
            "To-Path: msrp://bob.example.com:8493/si438dsaodes;tcp\nFrom-Path: msrp://alice.example.com:7394/2s93i9ek2a;tcp\n"
        try pair.bob.input("MSRP abcd1 NICKNAME\n\(paths)-------abcd1$\n")
        try pair.bob.input("MSRP abcd2 SEND\n\(paths)Message-ID: x\nContent-Type: text/plain\n\nhello\n-------abcd2$\n")
        try pair.bob.input("MSRP abcd3 SEND\n\(paths)Content-Type: text/plain\n\nhello\n-------abcd3$\n")
        try pair.bob.input(
            "MSRP abcd4 SEND\n\(paths)Message-ID: 1234\nByte-Range: 0-1/1\nContent-Type: text/plain\n\nhello\n-------abcd4$\n"
        )
        _ = pair.bob.output()
        for expected in ["abcd1 501", "abcd2 400", "abcd3 400", "abcd4 400"] {
            #expect(pair.bob.wire.contains(expected))
        }
        #expect(pair.bob.actions.isEmpty)
        #expect(
            pair.alice.session.send(
                .init(id: ident("m001"), contentType: "text/plain", content: ByteBuffer(string: "x"))) == true)
        try pair.exchange()
        #expect(pair.bob.contents.count == 1)
    }

    @Test("RFC 4975 10.5: 413 stops the message and ends the open chunk with #")
    func tooLarge() throws {
        var pair = try Pair { $0.receiver.messageSize = 100_000 }
        let id = ident("m001")
        pair.alice.sources[id] = ByteBuffer(repeating: 0x41, count: 1_000_000)
        #expect(pair.alice.session.send(.init(id: id, contentType: "a/b", size: 1_000_000)) == true)
        try pair.exchange(limit: 1)
        #expect(pair.bob.wire.contains(" 413 "))
        #expect(pair.alice.wire.contains("#\r\n"))
        #expect(pair.alice.wire.utf8.count < 300_000)
        #expect(pair.alice.actions.last == .undelivered(id, status: 413, reason: "Message Too Large"))
        #expect(pair.bob.contents[id] == nil)
    }

    @Test("RFC 4975 5.4: the same Message-ID again is acknowledged, its content dropped")
    func duplicate() throws {
        var pair = try Pair()
        let message = OutgoingMessage(
            id: ident("m001"), contentType: "text/plain", content: ByteBuffer(string: "x"), successReport: true)
        #expect(pair.alice.session.send(message) == true)
        try pair.exchange()
        pair.alice.actions = []
        #expect(pair.alice.session.send(message) == true)
        try pair.exchange()
        #expect(pair.alice.actions.last == .delivered(ident("m001")))
        #expect(pair.bob.actions.filter { $0 == .received(ident("m001"), size: 1) }.count == 1)
        #expect(pair.bob.contents[ident("m001")]?.readableBytes == 1)
    }

    @Test(
        "reports wait for the receiver of the content; a refusal after the 200 is a failure REPORT",
        arguments: [true, false])
    func deferredReport(_ isKept: Bool) throws {
        var pair = try Pair { $0.confirmsByItself = false }
        let id = ident("m001")
        #expect(
            pair.alice.session.send(
                .init(id: id, contentType: "a/b", content: ByteBuffer(string: "xyz"), successReport: true)) == true)
        try pair.exchange()
        #expect(!pair.bob.wire.contains("REPORT") && pair.alice.session.unfinished == [id])
        if isKept {
            pair.bob.session.confirm(id, size: 3, using: &pair.bob.generator)
        } else {
            pair.bob.session.refuse(id, status: 413, size: 3, using: &pair.bob.generator)
        }
        try pair.exchange()
        #expect(
            pair.alice.actions.last
                == (isKept ? .delivered(id) : .undelivered(id, status: 413, reason: "Message Too Large")))
        // RFC 4975 7.1.4: the code of the error, and the range that it speaks of.
        let report = pair.bob.wire
        #expect(isKept || (report.contains("Status: 000 413") && report.contains("Byte-Range: 1-3/3\r\n")))
    }

    @Test(
        "RFC 4975 5.4: when the connection is lost, what is not confirmed has failed, what is half received is given up"
    )
    func lost() throws {
        var pair = try Pair()
        let id = ident("m001")
        pair.alice.sources[id] = ByteBuffer(repeating: 0x41, count: 200_000)
        #expect(pair.alice.session.send(.init(id: id, contentType: "a/b", size: 200_000)) == true)
        try pair.bob.input(pair.alice.output(limit: 2))
        pair.alice.session.end("connection lost")
        pair.bob.session.end("connection lost")
        pair.alice.drain()
        pair.bob.drain()
        #expect(pair.alice.actions.last == .undelivered(id, status: 0, reason: "connection lost"))
        #expect(pair.bob.actions.last == .abandoned(id, reason: "connection lost"))
        #expect(pair.alice.output().readableBytes == 0)
        #expect(pair.alice.session.send(.init(id: ident("m002"), contentType: "a/b", content: ByteBuffer())) == false)
    }
}
