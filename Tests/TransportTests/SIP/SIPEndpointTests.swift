import NIOCore
import NIOEmbedded
import Observability
import SIP
import Testing
import WireSyntax

@testable import Transport

@Suite struct SIPEndpointTests {
    let harness = SIPHarness()

    @Test("RFC 3581 4: a request over UDP is stamped, and answered to the port it came from")
    func datagram() throws {
        harness.onRequest = { [harness] request, id, _ in
            if let id { harness.endpoint.respond(.make(200, nil, to: request, toTag: "t"), to: id) }
        }
        harness.receive(SIPHarness.options())
        #expect(harness.log == ["OPTIONS mw"])
        let via = try harness.requests[0].request.headers.topVia()
        #expect(via.received == SIPHarness.peer.address)
        #expect(via.parameters.value("rport") == "40000")
        let sent = try harness.sent()
        #expect(sent.count == 1)
        #expect(sent.first?.to == SIPHarness.peer)
        #expect(sent.first?.text.hasPrefix("SIP/2.0 200 OK\r\n") == true)
        // A retransmission is answered by the transaction, and the user hears nothing of it.
        harness.receive(SIPHarness.options())
        #expect(try harness.sent().first?.text == sent.first?.text)
        #expect(harness.log == ["OPTIONS mw"])
    }

    @Test("RFC 3261 18.2.2: without rport the response goes to the port of sent-by")
    func sentBy() throws {
        harness.receive(SIPHarness.options(via: "SIP/2.0/UDP 127.2.0.2:5088;branch=z9hG4bKtwo"))
        let (request, id, _) = harness.requests[0]
        harness.endpoint.respond(.make(404, nil, to: request, toTag: "t"), to: try #require(id))
        #expect(try harness.sent().first?.to == Endpoint(SIPHarness.peer.address, 5088))
    }

    @Test("RFC 3261 18.1.1, 8.1.1.7, RFC 3581 3: a request gets a Via with a branch of its own and rport")
    func via() throws {
        let flow = Flow(transport: .udp, local: SIPHarness.local, remote: SIPHarness.peer)
        harness.endpoint.send(try SIPHarness.request(), over: flow)
        harness.endpoint.send(try SIPHarness.request(), over: flow)
        let vias = try harness.sent().map { try Message(datagram: ByteBuffer(string: $0.text)).headers.topVia() }
        #expect(vias.map { "\($0.transport) \($0.sentBy)" } == Array(repeating: "UDP 127.1.0.1:5060", count: 2))
        #expect(vias.map { $0.branch?.hasPrefix("z9hG4bK") } == [true, true])
        #expect(vias[0].branch != vias[1].branch)
        #expect(vias[0].parameters.has("rport"))
    }

    @Test("RFC 3261 17.1.2: repeated over UDP until 64·T1, then the user hears that time is out")
    func timeout() throws {
        let flow = Flow(transport: .udp, local: SIPHarness.local, remote: SIPHarness.peer)
        harness.endpoint.send(try SIPHarness.request(), over: flow)
        for _ in 0..<330 { harness.loop.advanceTime(by: .milliseconds(100)) }
        // 0, 0.5, 1.5, 3.5, 7.5, 11.5, … 31.5 s
        #expect(try harness.sent().count == 11)
        #expect(harness.log == ["timed out"])
        #expect(harness.endpoint.transactionCount == 0)
    }

    @Test("A13: a request that no datagram holds fails alone; what else runs with the peer goes on")
    func tooLargeRequest() throws {
        let flow = Flow(transport: .udp, local: SIPHarness.local, remote: SIPHarness.peer)
        harness.endpoint.send(try SIPHarness.request(.invite), over: flow)
        harness.receive(SIPHarness.options())
        _ = try harness.sent()
        var large = try SIPHarness.request(.message)
        large.body = ByteBuffer(repeating: 0x61, count: 70_000)
        harness.endpoint.send(large, over: flow)
        harness.loop.run()
        #expect(try harness.sent().isEmpty)
        #expect(harness.log == ["OPTIONS mw", "failed"])
        #expect(harness.endpoint.transactionCount == 2)
        #expect(harness.endpoint.tooLargeCount == 1)
        let reasons = harness.events.all.compactMap { what -> String? in
            guard case .refused(let event) = what, event.kind == "tooLarge" else { return nil }
            return event.reason
        }
        #expect(reasons.count == 1)
        // An ACK, and what runs outside of transactions, fail nothing.
        large.method = .ack
        harness.endpoint.sendStateless(.request(large), over: flow)
        harness.loop.run()
        #expect(harness.endpoint.transactionCount == 2)
    }

    @Test("a response that no datagram holds fails its own transaction", arguments: [Method.options, .invite])
    func tooLargeResponse(method: Method) throws {
        harness.receive(SIPHarness.options(callID: "other").replacing("z9hG4bKone", with: "z9hG4bKother"))
        harness.receive(SIPHarness.options().replacing("OPTIONS", with: method.rawValue))
        let (request, id, _) = harness.requests[1]
        var response = Response.make(200, nil, to: request, toTag: "t")
        response.body = ByteBuffer(repeating: 0x61, count: 70_000)
        harness.endpoint.respond(response, to: try #require(id))
        harness.loop.run()
        #expect(harness.log == ["OPTIONS mw", "\(method.rawValue) mw"] + (method == .invite ? ["failed"] : []))
        let (first, firstID, _) = harness.requests[0]
        harness.endpoint.respond(.make(200, nil, to: first, toTag: "t"), to: try #require(firstID))
        #expect(try harness.sent().map(\.text).filter { $0.hasPrefix("SIP/2.0 200") }.count == 1)
    }

    @Test("the user is never called from inside its own call")
    func reentrancy() throws {
        let gone = Flow(transport: .tcp, local: SIPHarness.local, remote: SIPHarness.peer, connection: 77)
        harness.endpoint.send(try SIPHarness.request(), over: gone)
        #expect(harness.log == [])
        harness.loop.run()
        #expect(harness.log == ["failed"])
    }

    static let malformed: [(String, String)] = [
        (SIPHarness.options(extra: "Max-Forwards: many"), "Max-Forwards"),
        (SIPHarness.options().replacing("CSeq: 7 OPTIONS", with: "CSeq: seven OPTIONS"), "CSeq"),
        (SIPHarness.options().replacing("From: <sip:a", with: "From: <sip:a b"), "From"),
    ]

    @Test("RFC 3261 18.3, 21.4.1: a malformed request gets 400 that names the place", arguments: malformed)
    func badRequest(text: String, field: String) throws {
        harness.receive(text)
        let answer = try #require(try harness.sent().first)
        #expect(answer.to == SIPHarness.peer)
        #expect(answer.text.hasPrefix("SIP/2.0 400 Bad Request ("))
        #expect(answer.text.prefix { $0 != "\r\n" }.contains(field))
        #expect(harness.log == [])
        #expect(harness.endpoint.malformedCount == 1)
    }

    @Test(
        "never an answer: malformed responses and ACKs, rubbish",
        arguments: [
            SIPHarness.options().replacing("OPTIONS sip:x@ims.lab SIP/2.0", with: "SIP/2.0 4444 What"),
            SIPHarness.options().replacing("OPTIONS sip:x@ims.lab SIP/2.0", with: "SIP/2.0 200 OK").replacing(
                "CSeq: 7", with: "CSeq: x"),
            SIPHarness.options().replacing("OPTIONS", with: "ACK").replacing("CSeq: 7", with: "CSeq: x"),
            "\u{0}\u{1}\u{2}garbage", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS sip:x SIP/2.0\r\n\r\n",
        ])
    func silence(text: String) throws {
        harness.receive(text)
        #expect(try harness.sent().isEmpty)
        #expect(harness.endpoint.malformedCount == 1)
        #expect(harness.log == [])
    }

    @Test("answers to rubbish are limited; all of it is counted")
    func flood() throws {
        for _ in 0..<1000 { harness.receive(SIPHarness.options(extra: "Max-Forwards: many")) }
        #expect(try harness.sent().count == harness.endpoint.limits.malformedBurst)
        #expect(harness.endpoint.malformedCount == 1000)
        harness.loop.advanceTime(by: .seconds(1))
        for _ in 0..<100 { harness.receive(SIPHarness.options(extra: "Max-Forwards: many")) }
        #expect(try harness.sent().count == harness.endpoint.limits.malformedRate)
    }

    @Test("every message that comes or goes is a flow event")
    func events() throws {
        harness.receive(SIPHarness.options())
        let (request, id, _) = harness.requests[0]
        harness.endpoint.respond(.make(200, nil, to: request, toTag: "t"), to: try #require(id))
        let lines = harness.events.all.compactMap { what -> String? in
            guard case .sip(let event) = what else { return nil }
            return "\(event.direction) \(event.startLine)"
        }
        #expect(lines == ["received OPTIONS sip:x@ims.lab SIP/2.0", "sent SIP/2.0 200 OK"])
    }

    @Test("a flow or a listener called TLS is never plain TCP")
    func neverPlain() throws {
        let listener = harness.endpoint.listen("gm", transport: .tls, at: SIPHarness.local)
        #expect(throws: SIPTransportError.settings) { try listener.wait() }
        let flow = harness.endpoint.flow(to: SIPHarness.peer, transport: .tls, from: "mw")
        #expect(throws: SIPTransportError.settings) { try flow.wait() }
    }

    @Test("a request that came before the user is delivered when the user comes")
    func early() throws {
        let endpoint = SIPEndpoint(eventLoop: harness.loop)
        endpoint.sockets.append(
            SIPSocket(name: "mw", transport: .udp, local: SIPHarness.local, channel: harness.socket))
        let flow = Flow(transport: .udp, local: SIPHarness.local, remote: SIPHarness.peer)
        endpoint.receive(datagram: ByteBuffer(string: SIPHarness.options()), over: flow)
        harness.loop.run()
        #expect(harness.log == [])
        endpoint.user = harness
        harness.loop.run()
        #expect(harness.log == ["OPTIONS mw"])
    }
}
