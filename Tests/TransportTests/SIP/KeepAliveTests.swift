import NIOCore
import NIOEmbedded
import SIP
import Testing
import WireSyntax

@testable import Transport

@Suite("RFC 5626 4.4.1: keep-alives as a client")
struct KeepAliveTests {
    let harness = SIPHarness()

    private func open() throws -> (Flow, EmbeddedChannel) {
        harness.takesConnections = true
        var flow: Flow?
        harness.endpoint.flow(to: SIPHarness.peer, transport: .tcp, from: "mw").assumeIsolated().whenSuccess {
            flow = $0
        }
        harness.loop.run()
        return (try #require(flow), try #require(harness.dialled.first?.channel))
    }

    private func pings(_ channel: EmbeddedChannel) throws -> Int {
        var count = 0
        while let octets = try channel.readOutbound(as: ByteBuffer.self) {
            #expect(String(buffer: octets) == "\r\n\r\n")
            count += 1
        }
        return count
    }

    @Test("a ping after 80 to 100 % of the interval; a pong, and the next; as often as it takes")
    func alive() throws {
        let (flow, channel) = try open()
        #expect(harness.endpoint.keepAlive(flow, every: .seconds(100)))
        var waits: Set<Int> = []
        for _ in 0..<20 {
            var tenths = 0
            while try pings(channel) == 0, tenths < 2_000 {
                harness.loop.advanceTime(by: .milliseconds(100))
                tenths += 1
            }
            #expect((800...1_001).contains(tenths))
            waits.insert(tenths)
            try channel.writeInbound(ByteBuffer(string: "\r\n"))
        }
        #expect(waits.count > 1)
        #expect(channel.isActive)
    }

    @Test("no pong within 10 seconds: the flow has failed, and what ran over it")
    func dead() throws {
        let (flow, channel) = try open()
        harness.endpoint.keepAlive(flow, every: .seconds(1))
        harness.endpoint.send(try SIPHarness.request(), over: flow)
        _ = try channel.readOutbound(as: ByteBuffer.self)
        harness.loop.advanceTime(by: .seconds(1))
        #expect(try pings(channel) == 1)
        harness.loop.advanceTime(by: .milliseconds(8_900))
        #expect(channel.isActive)
        harness.loop.advanceTime(by: .milliseconds(1_100))
        #expect(!channel.isActive)
        #expect(harness.log == ["failed", "closed"])
        #expect(harness.endpoint.keptAlive.isEmpty)
    }

    @Test("a pong that nobody waits for changes nothing; no interval: no more pings")
    func ended() throws {
        let (flow, channel) = try open()
        harness.endpoint.keepAlive(flow, every: .seconds(1))
        try channel.writeInbound(ByteBuffer(string: "\r\n"))
        harness.endpoint.keepAlive(flow, every: nil)
        harness.loop.advanceTime(by: .seconds(100))
        #expect(try pings(channel) == 0)
        #expect(channel.isActive)
    }

    @Test("UDP: datagrams of CRLF CRLF, and none is waited for")
    func datagrams() throws {
        let flow = Flow(transport: .udp, local: SIPHarness.local, remote: SIPHarness.peer)
        #expect(harness.endpoint.keepAlive(flow, every: .seconds(10)))
        for _ in 0..<600 { harness.loop.advanceTime(by: .milliseconds(100)) }
        let sent = try harness.sent()
        #expect((6...7).contains(sent.count))
        #expect(sent.allSatisfy { $0.text == "\r\n\r\n" && $0.to == SIPHarness.peer })
    }

    @Test("a flow that is not open is not kept alive; A13: neither are too many")
    func limits() throws {
        let gone = Flow(transport: .tcp, local: SIPHarness.local, remote: SIPHarness.peer, connection: 77)
        #expect(!harness.endpoint.keepAlive(gone, every: .seconds(1)))
        var limits = SIPEndpointLimits()
        limits.keepAlives = 2
        let small = SIPHarness(limits: limits)
        let kept = (1...4).map { port in
            let flow = Flow(
                transport: .udp, local: SIPHarness.local, remote: Endpoint(SIPHarness.peer.address, UInt16(port)))
            return small.endpoint.keepAlive(flow, every: .seconds(1))
        }
        #expect(kept == [true, true, false, false])
    }
}
