import NIOCore
import NIOEmbedded
import SIP
import Testing
import WireSyntax

@testable import Transport

@Suite struct SIPConnectionTests {
    static let tcp = "SIP/2.0/TCP 127.2.0.2:40000;branch=z9hG4bKone"

    private func written(_ channel: EmbeddedChannel) throws -> String {
        var text = ""
        while let octets = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: octets) }
        return text
    }

    private func feed(_ harness: SIPHarness, _ channel: EmbeddedChannel, _ text: String) throws {
        try channel.writeInbound(ByteBuffer(string: text))
        harness.loop.run()
    }

    @Test("a request in pieces, answered over the same connection")
    func pieces() throws {
        let harness = SIPHarness()
        let channel = try harness.accept()
        for octet in SIPHarness.options(via: Self.tcp).utf8 {
            try channel.writeInbound(ByteBuffer(bytes: [octet]))
        }
        harness.loop.run()
        #expect(harness.log == ["OPTIONS gm"])
        let (request, id, flow) = harness.requests[0]
        #expect(flow.transport == .tcp)
        #expect(flow.connection == 1)
        harness.endpoint.respond(.make(200, nil, to: request, toTag: "t"), to: try #require(id))
        #expect(try written(channel).hasPrefix("SIP/2.0 200 OK\r\n"))
    }

    @Test("RFC 5626 3.5.1: a double CRLF is answered with one")
    func keepAlive() throws {
        let harness = SIPHarness()
        let channel = try harness.accept()
        try feed(harness, channel, "\r\n\r\n")
        #expect(try written(channel) == "\r\n")
    }

    @Test("a malformed message with a readable frame gets 400, and the next message is served")
    func goesOn() throws {
        let harness = SIPHarness()
        let channel = try harness.accept()
        try feed(
            harness, channel,
            SIPHarness.options(via: Self.tcp, extra: "Max-Forwards: many") + SIPHarness.options(via: Self.tcp))
        #expect(try written(channel).hasPrefix("SIP/2.0 400 Bad Request ("))
        #expect(harness.log == ["OPTIONS gm"])
        #expect(channel.isActive)
    }

    @Test("a stream whose frames cannot be read is closed; other connections are not")
    func unreadable() throws {
        let harness = SIPHarness()
        let other = try harness.accept(from: Endpoint(.v4(0x7F02_0003), 1))
        let channel = try harness.accept()
        try feed(
            harness, channel,
            SIPHarness.options(via: Self.tcp).replacing("Content-Length: 0", with: "Content-Length: zero"))
        #expect(!channel.isActive)
        #expect(other.isActive)
        #expect(harness.endpoint.connectionCount == 1)
    }

    @Test("RFC 3261 18.4: a lost connection fails what ran over it, then is reported itself")
    func lost() throws {
        let harness = SIPHarness()
        let channel = try harness.accept()
        try feed(harness, channel, SIPHarness.options(via: Self.tcp))
        let flow = harness.requests[0].flow
        harness.endpoint.send(try SIPHarness.request(), over: flow)
        _ = try channel.finish()
        harness.loop.run()
        // Both transactions: the one of the request that was not answered yet, and our own.
        #expect(harness.log == ["OPTIONS gm", "failed", "failed", "closed"])
        #expect(harness.endpoint.connectionCount == 0)
        #expect(!harness.endpoint.isOpen(flow))
    }

    @Test(
        "who connects and says nothing, or half of something, is closed", arguments: ["", "OPTIONS sip:x SIP/2.0\r\n"])
    func halfMessage(text: String) throws {
        let harness = SIPHarness()
        let channel = try harness.accept()
        try feed(harness, channel, text)
        harness.loop.advanceTime(by: harness.endpoint.limits.messageTime - .seconds(1))
        #expect(channel.isActive)
        harness.loop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }

    @Test("half of a second message is given time, octet by octet or not, and no more")
    func slow() throws {
        let harness = SIPHarness()
        let channel = try harness.accept()
        try feed(harness, channel, SIPHarness.options(via: Self.tcp) + "OPT")
        for _ in 0..<19 {
            harness.loop.advanceTime(by: .seconds(1))
            try feed(harness, channel, "I")
        }
        #expect(channel.isActive)
        harness.loop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }

    @Test("a header section behind a whole message, and no octet of its body: the same deadline")
    func bodyMissing() throws {
        let harness = SIPHarness()
        let channel = try harness.accept()
        let second = SIPHarness.options(via: Self.tcp + "2").replacing("Content-Length: 0", with: "Content-Length: 5")
        try feed(harness, channel, SIPHarness.options(via: Self.tcp) + second)
        harness.loop.advanceTime(by: harness.endpoint.limits.messageTime - .seconds(1))
        #expect(channel.isActive)
        harness.loop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }

    @Test("a connection stays as long as a registration of two hours, with nothing over it")
    func quiet() throws {
        let harness = SIPHarness()
        let channel = try harness.accept()
        try feed(harness, channel, SIPHarness.options(via: Self.tcp))
        harness.loop.advanceTime(by: .seconds(7200))
        #expect(channel.isActive)
        harness.loop.advanceTime(by: .minutes(5))
        #expect(!channel.isActive)
    }

    @Test("idle connections are closed; keep-alives keep them")
    func idle() throws {
        var limits = SIPEndpointLimits()
        limits.idle = .minutes(2)
        let harness = SIPHarness(limits: limits)
        let channel = try harness.accept()
        try feed(harness, channel, SIPHarness.options(via: Self.tcp))
        for _ in 0..<5 {
            harness.loop.advanceTime(by: .seconds(100))
            try feed(harness, channel, "\r\n\r\n")
        }
        #expect(channel.isActive)
        harness.loop.advanceTime(by: .minutes(2))
        #expect(!channel.isActive)
    }

    @Test("one source address gets so many connections, others still get theirs")
    func perSource() throws {
        var limits = SIPEndpointLimits()
        limits.connectionsPerSource = 2
        let harness = SIPHarness(limits: limits)
        let one = try harness.accept()
        _ = try harness.accept()
        #expect(throws: SIPTransportError.tooManyConnections) { _ = try harness.accept() }
        #expect(harness.endpoint.refusedCount == 1)
        _ = try harness.accept(from: Endpoint(.v4(0x7F02_0003), 1))
        _ = try one.finish()
        harness.loop.run()
        _ = try harness.accept()
        #expect(harness.endpoint.connectionCount == 3)
    }
}
