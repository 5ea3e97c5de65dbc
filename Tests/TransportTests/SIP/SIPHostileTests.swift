import NIOCore
import NIOEmbedded
import SIP
import Testing
import WireSyntax

@testable import Transport

/// Octets of a peer that wishes us ill: whatever they are, the endpoint lives on and serves others.
@Suite struct SIPHostileTests {
    /// SplitMix64: the same octets in every run.
    struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }
    }

    /// A message with some octets changed, removed or doubled.
    private func mutated(_ random: inout Seeded) -> [UInt8] {
        var octets = Array(SIPHarness.options(callID: "c\(UInt16.random(in: 0...9, using: &random))").utf8)
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let index = Int.random(in: 0..<octets.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: octets[index] = UInt8.random(in: 0...255, using: &random)
            case 1: octets.remove(at: index)
            case 2: octets.insert(octets[index], at: index)
            default:
                let end = min(octets.count, index + Int.random(in: 1...40, using: &random))
                octets.replaceSubrange(index..<end, with: octets[index..<end] + octets[index..<end])
            }
        }
        return octets
    }

    @Test("damaged datagrams", arguments: 1...8 as ClosedRange<UInt64>)
    func datagrams(seed: UInt64) throws {
        var random = Seeded(state: seed)
        let harness = SIPHarness()
        for _ in 0..<300 {
            let flow = Flow(transport: .udp, local: SIPHarness.local, remote: SIPHarness.peer)
            harness.endpoint.receive(datagram: ByteBuffer(bytes: mutated(&random)), over: flow)
        }
        harness.loop.run()
        #expect(try harness.sent().count <= harness.endpoint.limits.malformedBurst)
        harness.log = []
        harness.receive(SIPHarness.options(via: "SIP/2.0/UDP 127.2.0.2:40000;branch=z9hG4bKlast;rport"))
        #expect(harness.log == ["OPTIONS mw"])
    }

    @Test("damaged streams, cut anywhere", arguments: 1...8 as ClosedRange<UInt64>)
    func streams(seed: UInt64) throws {
        var random = Seeded(state: seed)
        let harness = SIPHarness()
        for _ in 0..<60 {
            let channel = try harness.accept()
            var rest = (0..<4).flatMap { _ in mutated(&random) }[...]
            while !rest.isEmpty, channel.isActive {
                let piece = rest.prefix(Int.random(in: 1...300, using: &random))
                rest = rest.dropFirst(piece.count)
                try channel.writeInbound(ByteBuffer(bytes: piece))
            }
            _ = try channel.finish(acceptAlreadyClosed: true)
            harness.loop.run()
        }
        #expect(harness.endpoint.connectionCount == 0)
        harness.log = []
        let channel = try harness.accept()
        try channel.writeInbound(ByteBuffer(string: SIPHarness.options(via: SIPConnectionTests.tcp)))
        harness.loop.run()
        #expect(harness.log == ["OPTIONS gm"])
    }

    @Test("A13: headers without end, and a body larger than the limit, close the connection and hold no memory")
    func endless() throws {
        for beginning in ["OPTIONS sip:x SIP/2.0\r\nX: ", "OPTIONS sip:x SIP/2.0\r\nContent-Length: 999999999\r\n\r\n"]
        {
            let harness = SIPHarness()
            let channel = try harness.accept()
            try channel.writeInbound(ByteBuffer(string: beginning))
            var written = 0
            while channel.isActive, written < 10_000_000 {
                try channel.writeInbound(ByteBuffer(repeating: 0x41, count: 10_000))
                written += 10_000
            }
            #expect(!channel.isActive)
            #expect(written <= 2 * MessageLimits.headerSection)
        }
    }
}
