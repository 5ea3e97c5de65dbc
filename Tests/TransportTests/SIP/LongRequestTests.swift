import NIOCore
import NIOEmbedded
import SIP
import Testing
import WireSyntax

@testable import Transport

@Suite("RFC 3261 18.1.1: requests that are too long for UDP")
struct LongRequestTests {
    let harness = SIPHarness()
    let flow = Flow(transport: .udp, local: SIPHarness.local, remote: SIPHarness.peer)

    /// A request that has so many octets on the wire.
    private func request(_ method: Method = .message, octets: Int) throws -> Request {
        var request = try SIPHarness.request(method)
        request.headers.append(.contentType, "text/plain")
        harness.endpoint.send(request, over: flow)
        harness.loop.run()
        let bare = try #require(try harness.sent().first?.text.utf8.count)
        // `Content-Length: 0` becomes one of four digits.
        request.body = ByteBuffer(repeating: 0x61, count: octets - bare - 3)
        return request
    }

    private func written(_ channel: EmbeddedChannel) throws -> String {
        var text = ""
        while let octets = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: octets) }
        return text
    }

    @Test("1,300 octets go over UDP")
    func short() throws {
        harness.takesConnections = true
        harness.endpoint.send(try request(octets: 1300), over: flow)
        #expect(try harness.sent().map(\.text.utf8.count) == [1300])
        #expect(harness.dialled.isEmpty)
    }

    @Test("1,301 octets go over TCP to the same address and port, from ours, with TCP in Via")
    func long() throws {
        harness.takesConnections = true
        let request = try request(octets: 1301)
        let id = harness.endpoint.send(request, over: flow)
        harness.loop.run()
        #expect(try harness.sent().isEmpty)
        let (local, remote, channel) = try #require(harness.dialled.first)
        #expect(remote == SIPHarness.peer)
        #expect(local == SIPHarness.local)
        let text = try written(channel)
        #expect(text.contains("\r\nVia: SIP/2.0/TCP 127.1.0.1:5060;branch=") || text.contains("Via: SIP/2.0/TCP"))
        // The next one uses the connection, and the response comes to the transaction.
        harness.endpoint.send(request, over: flow)
        #expect(harness.dialled.count == 1)
        let sent = try #require(try Message(datagram: ByteBuffer(string: text)).request)
        let response = Response.make(200, nil, to: sent, toTag: "t")
        try channel.writeInbound(Message.response(response).encoded())
        harness.loop.run()
        #expect(harness.log == ["200"])
        #expect(!id.isServer)
    }

    @Test("refused: the same request over UDP, and later ones without another try, until time has passed")
    func refused() throws {
        let request = try request(octets: 2000)
        harness.endpoint.send(request, over: flow)
        harness.loop.run()
        #expect(try harness.sent().map { $0.text.contains("SIP/2.0/UDP") } == [true])
        harness.takesConnections = true
        harness.endpoint.send(request, over: flow)
        harness.loop.run()
        #expect(try harness.sent().count == 1)
        #expect(harness.dialled.isEmpty)
        harness.loop.advanceTime(by: harness.endpoint.limits.datagramPeerTime)
        _ = try harness.sent()
        harness.endpoint.send(request, over: flow)
        harness.loop.run()
        #expect(harness.dialled.count == 1)
    }

    @Test(
        "RFC 3261 9.1: cancelled while it waits for its connection: the CANCEL follows the first provisional response")
    func cancelled() throws {
        harness.takesConnections = true
        let request = try request(.invite, octets: 2000)
        harness.holdsConnections = true
        let id = harness.endpoint.send(request, over: flow)
        harness.endpoint.cancel(id)
        harness.connectHeld()
        let channel = try #require(harness.dialled.first?.channel)
        let text = try written(channel)
        #expect(text.hasPrefix("INVITE "))
        let sent = try #require(try Message(datagram: ByteBuffer(string: text)).request)
        let ringing = Response.make(180, nil, to: sent, toTag: "t")
        try channel.writeInbound(Message.response(ringing).encoded())
        harness.loop.run()
        #expect(try written(channel).hasPrefix("CANCEL "))
    }

    @Test("an ACK to a 2xx is a request as well")
    func acknowledgement() throws {
        harness.takesConnections = true
        var ack = try SIPHarness.request(.ack)
        ack.body = ByteBuffer(repeating: 0x61, count: 1400)
        harness.endpoint.sendStateless(.request(ack), over: flow)
        harness.loop.run()
        #expect(try harness.sent().isEmpty)
        #expect(try written(#require(harness.dialled.first?.channel)).hasPrefix("ACK "))
    }

    @Test("A13: no more peers are remembered than the limit says")
    func memory() throws {
        var limits = SIPEndpointLimits()
        limits.datagramPeers = 3
        let harness = SIPHarness(limits: limits)
        var request = try SIPHarness.request(.message)
        request.body = ByteBuffer(repeating: 0x61, count: 1400)
        for port in 1...10 {
            let remote = Endpoint(SIPHarness.peer.address, UInt16(port))
            harness.endpoint.send(request, over: Flow(transport: .udp, local: SIPHarness.local, remote: remote))
        }
        harness.loop.run()
        #expect(try harness.sent().count == 10)
        #expect(harness.endpoint.datagramPeers.count == 3)
    }
}
