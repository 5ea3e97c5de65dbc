import NIOCore
import NIOEmbedded
import SIP
import Testing
import WireSyntax

@testable import Transport

@Suite("RFC 3261 18.2.2: responses whose connection is gone")
struct ConnectBackTests {
    let harness = SIPHarness()

    init() {
        harness.endpoint.sockets.append(
            SIPSocket(name: "gm", transport: .tcp, local: SIPHarness.local, channel: harness.socket))
        harness.takesConnections = true
    }

    /// A request over a connection that is then lost. - Returns: its transaction.
    private func lost(
        _ via: String = "SIP/2.0/TCP 127.2.0.2:5077;branch=z9hG4bKone", method: String = "OPTIONS"
    ) throws -> (Request, TransactionID) {
        let channel = try harness.accept()
        try channel.writeInbound(
            ByteBuffer(string: SIPHarness.options(via: via).replacing("OPTIONS", with: method)))
        harness.loop.run()
        _ = try channel.finish()
        harness.loop.run()
        let (request, id, _) = try #require(harness.requests.last)
        return (request, try #require(id))
    }

    @Test(
        "a new connection to the source, at the port of sent-by or the default; sent-by's host and maddr are not followed",
        arguments: [
            ("SIP/2.0/TCP 127.2.0.2:5077;branch=z9hG4bKone", 5077),
            ("SIP/2.0/TCP victim.example;branch=z9hG4bKone", 5060),
            ("SIP/2.0/TCP 127.9.9.9:5078;branch=z9hG4bKone;maddr=127.9.9.8", 5078),
        ])
    func again(via: String, port: UInt16) throws {
        harness.endpoint.connectBack("gm")
        let (request, id) = try lost(via)
        #expect(harness.log == ["OPTIONS gm", "closed"])
        harness.endpoint.respond(.make(200, nil, to: request, toTag: "t"), to: id)
        harness.loop.run()
        let (_, remote, channel) = try #require(harness.dialled.first)
        #expect(remote == Endpoint(SIPHarness.peer.address, port))
        let octets = try #require(try channel.readOutbound(as: ByteBuffer.self))
        #expect(String(buffer: octets).hasPrefix("SIP/2.0 200 OK\r\n"))
    }

    @Test("RFC 3261 17.2.4: the new connection is refused: the transaction fails", arguments: ["OPTIONS", "INVITE"])
    func refused(method: String) throws {
        harness.endpoint.connectBack("gm")
        harness.takesConnections = false
        let (request, id) = try lost(method: method)
        harness.endpoint.respond(.make(486, nil, to: request, toTag: "t"), to: id)
        harness.loop.run()
        #expect(harness.dialled.isEmpty)
        #expect(harness.log == ["\(method) gm", "closed"] + (method == "INVITE" ? ["failed"] : []))
        #expect(harness.endpoint.transactionCount == 0)
    }

    @Test("where it is not allowed (Gm) the transaction fails with its connection")
    func notAllowed() throws {
        let (request, id) = try lost()
        #expect(harness.log == ["OPTIONS gm", "failed", "closed"])
        harness.endpoint.respond(.make(200, nil, to: request, toTag: "t"), to: id)
        harness.loop.run()
        #expect(harness.dialled.isEmpty)
    }

    @Test("RFC 3263 5: a request that came over TLS is answered over TLS or not at all")
    func neverPlain() throws {
        harness.endpoint.sockets.append(
            SIPSocket(name: "mw", transport: .tls, local: SIPHarness.local, channel: harness.socket))
        harness.endpoint.connectBack("mw")
        let flow = Flow(transport: .tls, local: SIPHarness.local, remote: SIPHarness.peer, connection: 99)
        let text = SIPHarness.options(via: "SIP/2.0/TLS 127.2.0.2:5077;branch=z9hG4bKone")
        harness.endpoint.receive(try Message(datagram: ByteBuffer(string: text)), over: flow)
        harness.loop.run()
        let (request, id, _) = harness.requests[0]
        harness.endpoint.respond(.make(200, nil, to: request, toTag: "t"), to: try #require(id))
        harness.loop.run()
        #expect(harness.dialled.isEmpty)
    }
}
