import NIOCore
import NIOEmbedded
import SIP
import Testing
import WireSyntax

@testable import Transport

@Suite("IPv4 and IPv6 side by side")
struct SIPFamilyTests {
    let harness = SIPHarness()
    static let local6 = Endpoint("[2001:db8::1]:5066")!
    static let peer6 = Endpoint("[2001:db8:0:9::2]:40000")!

    init() {
        for transport in [Flow.Transport.udp, .tcp] {
            harness.endpoint.sockets.append(
                SIPSocket(name: "mw", transport: transport, local: Self.local6, channel: harness.socket))
        }
    }

    @Test("RFC 5118 4.1: a request over IPv6 leaves by the IPv6 socket of the name, with brackets in Via")
    func request() throws {
        harness.takesConnections = true
        for transport in [Flow.Transport.udp, .tcp] {
            var flow: Flow?
            harness.endpoint.flow(to: Self.peer6, transport: transport, from: "mw").assumeIsolated().whenSuccess {
                flow = $0
            }
            harness.loop.run()
            #expect(flow?.local.address == Self.local6.address)
            if transport == .tcp { #expect(harness.dialled.first?.local?.address == Self.local6.address) }
            harness.endpoint.send(try SIPHarness.request(), over: try #require(flow))
            let text =
                transport == .udp
                ? try #require(try harness.sent().first?.text)
                : String(buffer: try #require(try harness.dialled.first?.channel.readOutbound(as: ByteBuffer.self)))
            #expect(text.contains("\r\nVia: SIP/2.0/\(transport.viaName) [2001:db8::1]:5066;branch="))
        }
        #expect(throws: SIPTransportError.noListener("none")) {
            try harness.endpoint.flow(to: Self.peer6, transport: .udp, from: "none").wait()
        }
    }

    @Test("RFC 5118 4.5, RFC 3581 4: received has no brackets, and a response goes back over IPv6")
    func response() throws {
        let text = SIPHarness.options(via: "SIP/2.0/UDP [2001:db8:0:9::255]:5080;branch=z9hG4bKone;rport")
        let flow = Flow(transport: .udp, local: Self.local6, remote: Self.peer6)
        harness.endpoint.receive(datagram: ByteBuffer(string: text), over: flow)
        harness.loop.run()
        let (request, id, _) = harness.requests[0]
        #expect(
            request.headers[.via]
                == "SIP/2.0/UDP [2001:db8:0:9::255]:5080;branch=z9hG4bKone;rport=40000;received=2001:db8:0:9::2")
        harness.endpoint.respond(.make(200, nil, to: request, toTag: "t"), to: try #require(id))
        #expect(try harness.sent().first?.to == Self.peer6)
    }

    @Test("RFC 5118 4.5: the same address in another spelling is no other address")
    func spelling() throws {
        let text = SIPHarness.options(via: "SIP/2.0/UDP [2001:DB8:0000:9:0::2]:40000;branch=z9hG4bKone")
        harness.endpoint.receive(
            datagram: ByteBuffer(string: text), over: Flow(transport: .udp, local: Self.local6, remote: Self.peer6))
        harness.loop.run()
        #expect(try harness.requests[0].request.headers.topVia().parameters.has("received") == false)
    }

    @Test("A13, RFC 6177 2: a subscriber's /64 counts as one source; another /64, and each IPv4 address, as another")
    func subscriber() throws {
        var limits = SIPEndpointLimits()
        limits.connectionsPerSource = 2
        let harness = SIPHarness(limits: limits)
        for host in 1...2 { _ = try harness.accept(from: Endpoint("[2001:db8:0:9::\(host)]:1")!) }
        #expect(throws: SIPTransportError.tooManyConnections) {
            try harness.accept(from: Endpoint("[2001:db8:0:9:ffff::3]:1")!)
        }
        _ = try harness.accept(from: Endpoint("[2001:db8:0:a::1]:1")!)
        for last in 1...4 { _ = try harness.accept(from: Endpoint(.v4(0x7F00_0000 + UInt32(last)), 1)) }
        #expect(harness.endpoint.connectionCount == 7)
    }

    @Test("A13: where there are too many connections, one that has brought no message gives way, the oldest first")
    func givesWay() throws {
        var limits = SIPEndpointLimits()
        limits.connections = 3
        let harness = SIPHarness(limits: limits)
        let served = try harness.accept()
        try served.writeInbound(ByteBuffer(string: SIPHarness.options(via: SIPConnectionTests.tcp)))
        let (first, second) = (try harness.accept(), try harness.accept())
        let late = try harness.accept()
        #expect(served.isActive && !first.isActive && second.isActive && late.isActive)
        for channel in [second, late] {
            let via = SIPConnectionTests.tcp + (channel === late ? "x" : "y")
            try channel.writeInbound(ByteBuffer(string: SIPHarness.options(via: via)))
        }
        #expect(throws: SIPTransportError.tooManyConnections) { try harness.accept() }
        #expect(served.isActive && second.isActive && late.isActive)
    }

    @Test("A13: pings are no message: who sends nothing else is closed when his first message is due")
    func pings() throws {
        let harness = SIPHarness()
        let channel = try harness.accept()
        for _ in 0..<18 {
            harness.loop.advanceTime(by: .seconds(1))
            try channel.writeInbound(ByteBuffer(string: "\r\n\r\n"))
        }
        #expect(channel.isActive)
        harness.loop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }
}
