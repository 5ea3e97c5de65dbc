import MSRP
import NIOCore
import Testing
import WireSyntax

@testable import MediaPlane

@Suite("TS 23.334 5.19: MSRP through an application-aware gateway")
struct AwareDirectionTests {
    static let own = "msrps://192.0.2.1:7000/own;tcp"
    static let ue = "msrps://192.0.2.7:9/ue;tcp"
    static let coreOwn = "msrp://198.51.100.1:8000/core;tcp"
    static let relay = "msrp://relay.example:2855/r;tcp"
    static let peer = "msrp://198.51.100.9:6000/peer;tcp"

    private func paths(_ own: String, _ peer: [String]) throws -> SessionPaths {
        SessionPaths(own: try MSRPURI(own), peer: try peer.map { try MSRPURI($0) })
    }

    /// From the UE to the core.
    private func direction(peer: [String] = [peer]) throws -> AwareDirection {
        AwareDirection(
            from: try paths(Self.own, [Self.ue]), to: try paths(Self.coreOwn, peer), isObserved: true, waitingLimit: 2)
    }

    private func text(_ buffers: [ByteBuffer]) -> String { buffers.map { String(buffer: $0) }.joined() }

    private func send(_ id: String, to: String = own, from: String = ue, body: String = "Hello", flag: String = "$")
        -> String
    {
        "MSRP \(id) SEND\r\nTo-Path: \(to)\r\nFrom-Path: \(from)\r\nMessage-ID: 12345\r\nByte-Range: 1-*/*\r\n"
            + "X-Unknown: kept  as it is\r\nContent-Type: text/plain\r\n\r\n\(body)\r\n-------\(id)\(flag)\r\n"
    }

    /// The octets before and after the `count`-th from the end (a Character can be two octets).
    private func split(_ wire: String, beforeLast count: Int) -> (ByteBuffer, ByteBuffer) {
        let octets = Array(wire.utf8)
        return (ByteBuffer(bytes: octets.dropLast(count)), ByteBuffer(bytes: octets.suffix(count)))
    }

    @Test("Whole or octet by octet: only the paths differ, and every line, body and flag stays")
    func pieces() throws {
        let wire = send("aaaa1111", flag: "+") + send("bbbb1111", body: "\r\n-------aaaa1111$\r\n", flag: "#")
        let expected =
            send("aaaa1111", to: Self.peer, from: Self.coreOwn, flag: "+")
            + send("bbbb1111", to: Self.peer, from: Self.coreOwn, body: "\r\n-------aaaa1111$\r\n", flag: "#")
        var whole = try direction()
        #expect(text(try whole.feed(ByteBuffer(string: wire))) == expected)
        var pieces = try direction()
        var result = ""
        for octet in wire.utf8 { result += text(try pieces.feed(ByteBuffer(bytes: [octet]))) }
        #expect(result == expected)
        #expect(whole.takePassed() == pieces.takePassed())
    }

    @Test("A body streams through: nothing of it waits for its end")
    func streams() throws {
        var direction = try direction()
        let wire = send("aaaa1111", body: String(repeating: "x", count: 100_000))
        let (head, rest) = split(wire, beforeLast: 40_000)
        let out = try direction.feed(head)
        #expect(text(out).utf8.count > 60_000)
        #expect(out.count <= 2, "head and body are not many small writes")
        #expect(
            text(try direction.feed(rest)).hasSuffix(
                "-------aaaa1111$\r\n"))
        #expect(direction.takePassed().first?.bytes == 100_000)
    }

    @Test(
        "A9: To-Path or From-Path of another session: 481, never forwarded",
        arguments: [
            ("msrps://192.0.2.1:7000/other;tcp", ue), ("msrp://192.0.2.1:7000/own;tcp", ue),
            ("\(own) \(peer)", ue), (own, "msrps://192.0.2.7:9/UE;tcp"), (own, "\(relay) \(ue)"), (peer, ue),
        ])
    func otherSession(_ to: String, _ from: String) throws {
        var direction = try direction()
        let out = try direction.feed(ByteBuffer(string: send("aaaa1111", to: to, from: from) + send("bbbb1111")))
        #expect(text(out) == send("bbbb1111", to: Self.peer, from: Self.coreOwn), "the connection serves on")
        let first = from.split(separator: " ")[0]
        let target = to.split(separator: " ")[0]
        #expect(
            text(direction.takeAnswers())
                == "MSRP aaaa1111 481 No Such Session\r\nTo-Path: \(first)\r\nFrom-Path: \(target)\r\n-------aaaa1111$\r\n"
        )
        #expect(direction.refusals == 1)
    }

    @Test("RFC 4975 6.1: paths are compared as URIs, not as text")
    func equivalent() throws {
        var direction = try direction()
        let wire = send("aaaa1111", to: "MSRPS://192.0.2.1:7000/own;TCP", from: "msrps://x@192.0.2.7:9/ue;tcp;a=b")
        #expect(
            text(try direction.feed(ByteBuffer(string: wire))) == send("aaaa1111", to: Self.peer, from: Self.coreOwn))
    }

    @Test("RFC 4975 7.1.2: Failure-Report no and REPORT are never answered")
    func silent() throws {
        var direction = try direction()
        let other = "msrps://192.0.2.1:7000/other;tcp"
        let wire =
            "MSRP aaaa1111 SEND\r\nTo-Path: \(other)\r\nFrom-Path: \(Self.ue)\r\nMessage-ID: 12345\r\nFailure-Report: no\r\n"
            + "-------aaaa1111$\r\nMSRP bbbb1111 REPORT\r\nTo-Path: \(other)\r\nFrom-Path: \(Self.ue)\r\nMessage-ID: 12345\r\n"
            + "Status: 000 200 OK\r\n-------bbbb1111$\r\n"
        #expect(try direction.feed(ByteBuffer(string: wire)).isEmpty)
        #expect(direction.takeAnswers().isEmpty && direction.refusals == 2)
    }

    @Test("RFC 4975 7.2: a response to SEND goes to the leftmost URI, to other methods along the whole path")
    func responses() throws {
        var back = AwareDirection(
            from: try paths(Self.own, [Self.ue]), to: try paths(Self.coreOwn, [Self.relay, Self.peer]),
            isObserved: false,
            waitingLimit: 2)
        let response = { (id: String, to: String, from: String) in
            "MSRP \(id) 200 OK\r\nTo-Path: \(to)\r\nFrom-Path: \(from)\r\n-------\(id)$\r\n"
        }
        #expect(
            text(try back.feed(ByteBuffer(string: response("aaaa1111", Self.own, Self.ue))))
                == response("aaaa1111", Self.relay, Self.coreOwn))
        var forward = AwareDirection(
            from: try paths(Self.coreOwn, [Self.relay, Self.peer]), to: try paths(Self.own, [Self.ue]),
            isObserved: false,
            waitingLimit: 2)
        let nickname =
            "MSRP nick1111 NICKNAME\r\nTo-Path: \(Self.coreOwn)\r\nFrom-Path: \(Self.relay) \(Self.peer)\r\n"
            + "Use-Nickname: \"x\"\r\n-------nick1111$\r\n"
        #expect(text(try forward.feed(ByteBuffer(string: nickname))).contains("To-Path: \(Self.ue)\r\n"))
        back.expectOther(forward.takeOtherTransactions())
        #expect(
            text(try back.feed(ByteBuffer(string: response("nick1111", Self.own, Self.ue))))
                == response("nick1111", "\(Self.relay) \(Self.peer)", Self.coreOwn))
        #expect(
            try back.feed(ByteBuffer(string: response("cccc1111", Self.peer, Self.ue))).isEmpty, "not this session's")
    }

    @Test("An answer of the gateway waits for the end of the chunk that goes out, and not too many wait")
    func inserted() throws {
        var direction = try direction()
        let wire = send("aaaa1111")
        let (head, rest) = split(wire, beforeLast: 20)
        var out = text(try direction.feed(head))
        let answer = ByteBuffer(string: "MSRP zzzz1111 481 …\r\n-------zzzz1111$\r\n")
        let first = direction.insert(answer)
        let early = direction.takeInserted()
        let (second, third) = (direction.insert(answer), direction.insert(answer))
        #expect(first && early.isEmpty && second && !third)
        out += text(try direction.feed(rest))
        #expect(
            out == send("aaaa1111", to: Self.peer, from: Self.coreOwn) + String(buffer: answer) + String(buffer: answer)
        )
    }

    @Test("The rest of a chunk goes nowhere when its connection was replaced, and is not answered")
    func cut() throws {
        var direction = try direction()
        let wire = send("aaaa1111")
        let (head, tail) = split(wire, beforeLast: 20)
        _ = try direction.feed(head)
        var rest = tail
        direction.update(
            from: try paths(Self.own, [Self.ue]), to: try paths(Self.coreOwn, [Self.peer]), isNewConnection: true)
        rest.writeString(send("bbbb1111"))
        let out = try direction.feed(rest)
        #expect(text(out) == send("bbbb1111", to: Self.peer, from: Self.coreOwn))
        #expect(direction.takeAnswers().isEmpty)
    }

    @Test(
        "A13: octets that are not MSRP end the connection",
        arguments: ["\u{16}\u{3}\u{1}\r\n", "GET / HTTP/1.1\r\n\r\n"])
    func unreadable(_ wire: String) throws {
        var direction = try direction()
        #expect(throws: SyntaxError.self) { try direction.feed(ByteBuffer(string: wire)) }
    }

    @Test("RFC 4975 7.1: a chunk whose connection is gone is given up with #")
    func aborted() throws {
        var direction = try direction()
        let (head, _) = split(send("aaaa1111"), beforeLast: 20)
        let out = text(try direction.feed(head)) + text(direction.abort())
        #expect(out == send("aaaa1111", to: Self.peer, from: Self.coreOwn, flag: "#"))
        let again = direction.abort()
        #expect(again.isEmpty)
    }

    @Test("Whole messages before octets that are not MSRP are passed on")
    func collected() throws {
        var direction = try direction()
        #expect(throws: SyntaxError.self) {
            try direction.feed(ByteBuffer(string: send("aaaa1111") + "nonsense\r\n"))
        }
        let collected = direction.takeCollected()
        #expect(text(collected) == send("aaaa1111", to: Self.peer, from: Self.coreOwn))
    }
}
