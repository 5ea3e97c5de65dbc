import NIOCore
import Testing

@testable import MSRP

@Suite struct MessageReceiverTests {
    func chunk(
        _ transaction: String, _ range: String, _ text: String, _ flag: String = "+", extra: String = "",
        id: String = "m001"
    ) -> String {
        """
        MSRP \(transaction) SEND
        To-Path: msrp://bob.example.com:8493/si438dsaodes;tcp
        From-Path: msrp://alice.example.com:7394/2s93i9ek2a;tcp
        Message-ID: \(id)
        Byte-Range: \(range)
        \(extra)Content-Disposition: attachment; filename=x
        Content-Type: text/plain

        \(text)
        -------\(transaction)\(flag)

        """
    }

    @Test(
        "RFC 4975 7.3.1: the last chunk first; the data decides, not range-end; each chunk has its 200, the message one REPORT"
    )
    func outOfOrder() throws {
        var pair = try Pair()
        try pair.bob.input(chunk("abcd1", "5-99/9", "efghi", "$", extra: "Success-Report: yes\n"))
        try pair.bob.input(chunk("abcd2", "3-*/*", "cd", extra: "Success-Report: yes\n"))
        #expect(pair.bob.contents.isEmpty)
        try pair.bob.input(chunk("abcd3", "1-2/9", "ab", extra: "Success-Report: yes\n"))
        _ = pair.bob.output()
        #expect(pair.bob.contents[ident("m001")].map { String(buffer: $0) } == "abcdefghi")
        #expect(pair.bob.actions.last == .received(ident("m001"), size: 9))
        for transaction in 1...3 { #expect(pair.bob.wire.contains("MSRP abcd\(transaction) 200 OK")) }
        #expect(pair.bob.wire.components(of: "REPORT") == 1)
        #expect(pair.bob.wire.contains("Byte-Range: 1-9/9\r\n"))
        guard case .incoming(let message)? = pair.bob.actions.first else {
            Issue.record("\(pair.bob.actions)")
            return
        }
        #expect(
            message.contentDisposition == "attachment; filename=x" && message.isOutOfOrder
                && message.mediaType == "text/plain")
    }

    @Test("RFC 4975 7.1: # gives the message up; what came of it is dropped")
    func aborted() throws {
        var pair = try Pair()
        try pair.bob.input(chunk("abcd1", "1-*/9", "abc"))
        try pair.bob.input(chunk("abcd2", "4-*/9", "def", "#"))
        _ = pair.bob.output()
        #expect(pair.bob.wire.contains("MSRP abcd2 200"))
        #expect(pair.bob.actions.last == .abandoned(ident("m001"), reason: "given up by the sender"))
        #expect(pair.bob.contents.isEmpty)
    }

    @Test(
        "RFC 4975 14.3: multipart/mixed and multipart/alternative are always taken; types match without regard to case and parameters",
        arguments: [
            ("multipart/mixed; boundary=x", true), ("Multipart/Alternative", true), ("TEXT/PLAIN;charset=utf-8", true),
            ("image/png", true), ("text/html", false), ("application/octet-stream", false),
        ])
    func types(_ type: String, _ isAccepted: Bool) throws {
        var pair = try Pair(accept: ["text/plain", "image/*"])
        #expect(
            pair.alice.session.send(.init(id: ident("m001"), contentType: type, content: ByteBuffer(string: "x")))
                == true)
        try pair.exchange()
        #expect(pair.bob.wire.contains(isAccepted ? " 200 " : " 415 "))
    }

    @Test(
        "limits: announced size, real size, number of messages in part, and the refusal holds for the rest of a message"
    )
    func limits() throws {
        var pair = try Pair {
            $0.receiver.messageSize = 10
            $0.receiver.incompleteMessages = 2
        }
        try pair.bob.input(chunk("abcd1", "1-*/11", "abc"))
        try pair.bob.input(chunk("abcd2", "1-*/*", "0123456789x", id: "m002"))
        try pair.bob.input(chunk("abcd3", "4-*/*", "x", id: "m002"))
        try pair.bob.input(chunk("abcd4", "4611686018427387904-*/*", "x", id: "m003"))
        for index in 4...6 { try pair.bob.input(chunk("abce\(index)", "1-*/*", "x", id: "m00\(index)")) }
        _ = pair.bob.output()
        for transaction in ["abcd1", "abcd2", "abcd3", "abcd4", "abce6"] {
            #expect(pair.bob.wire.contains("\(transaction) 413"))
        }
        #expect(pair.bob.wire.contains("abce5 200"))
    }

    @Test("reports wait for the user only where the user has something to confirm")
    func reportsAtOnce() throws {
        var pair = try Pair { $0.confirmsByItself = false }
        let paths = "To-Path: \(pair.bob.session.settings.own)\nFrom-Path: \(pair.alice.session.settings.own)\n"
        try pair.bob.input("MSRP abcd1 SEND\n\(paths)Message-ID: m009\nSuccess-Report: yes\n-------abcd1$\n")
        _ = pair.bob.output()
        #expect(pair.bob.wire.components(of: "REPORT") == 1)
    }

    @Test("a peer that sends and does not read: its answers are counted, and past the limit the session has failed")
    func overrun() throws {
        var pair = try Pair { $0.sender.answers = 3 }
        for index in 1...5 { try pair.bob.input(chunk("abcd\(index)", "1-*/*", "x", id: "m00\(index)")) }
        #expect(pair.bob.session.waitingAnswers == 3)
        #expect(pair.bob.actions.filter { if case .failed = $0 { true } else { false } }.count == 1)
    }

    @Test("the user refuses a message while it comes: its status, once for the open chunk and for each later one")
    func refused() throws {
        var pair = try Pair()
        try pair.bob.input(chunk("abcd1", "1-*/9", "abc"))
        pair.bob.session.refuse(ident("m001"), status: 415, size: 0, using: &pair.bob.generator)
        try pair.bob.input(chunk("abcd2", "4-*/9", "def", "$"))
        _ = pair.bob.output()
        #expect(pair.bob.wire.contains("abcd1 200") && pair.bob.wire.contains("abcd2 415"))
        #expect(pair.bob.contents.isEmpty)
    }
}
