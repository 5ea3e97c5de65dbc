import NIOCore
import Testing
import WireSyntax

@testable import Transport

/// What a dissector sees of a synthetic packet: RFC 791 3.1, RFC 8200 3 and 8.1, RFC 9293 3.1.
struct Dissected: Equatable, CustomStringConvertible {
    var description: String
    var isValid: Bool

    init(_ packet: ByteBuffer) {
        let octets = Array(packet.readableBytesView)
        let isV6 = octets[0] >> 4 == 6
        let start = isV6 ? 40 : 20
        let next = isV6 ? octets[6] : octets[9]
        let source = Array(isV6 ? octets[8..<24] : octets[12..<16])
        let destination = Array(isV6 ? octets[24..<40] : octets[16..<20])
        let length = isV6 ? word(octets, 4) + 40 : word(octets, 2)
        var pseudo = source + destination
        let size = octets.count - start
        pseudo += [
            UInt8(size >> 24), UInt8(size >> 16 & 255), UInt8(size >> 8 & 255), UInt8(size & 255), 0, 0, 0, next,
        ]
        isValid =
            length == octets.count && (isV6 || onesComplement(Array(octets[0..<20])) == 0xFFFF)
            && onesComplement(pseudo + octets[start...]) == 0xFFFF
        let ports = "\(word(octets, start))>\(word(octets, start + 2))"
        if next == 6 {
            let sequence = word(octets, start + 4) << 16 | word(octets, start + 6)
            let acknowledged = word(octets, start + 8) << 16 | word(octets, start + 10)
            let flags = [(1, "F"), (2, "S"), (8, "P"), (16, "A")]
                .filter { octets[start + 13] & $0.0 != 0 }.map(\.1).joined()
            description = "\(ports) \(flags) \(sequence) \(acknowledged) \(octets.count - start - 20)"
        } else {
            isValid = isValid && word(octets, start + 4) == octets.count - start
            description = "\(ports) \(octets.count - start - 8)"
        }
    }
}

private func word(_ octets: [UInt8], _ at: Int) -> Int { Int(octets[at]) << 8 | Int(octets[at + 1]) }

private func onesComplement(_ octets: [UInt8]) -> Int {
    let padded = octets.count % 2 == 0 ? octets : octets + [0]
    var sum = stride(from: 0, to: padded.count, by: 2).reduce(0) { $0 + word(padded, $1) }
    while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }
    return sum
}

@Suite struct CaptureStreamTests {
    static let pairs: [(Endpoint, Endpoint)] = [
        (Endpoint(.v4(0x7F00_0001), 1000), Endpoint(.v4(0x7F00_0002), 2000)),
        (Endpoint(.v6(high: 0, low: 1), 1000), Endpoint(.v6(high: 0x2001_0DB8_0000_0000, low: 7), 2000)),
    ]

    @Test("a connection has a handshake, numbers without a gap, and an end", arguments: pairs)
    func conversation(pair: (Endpoint, Endpoint)) {
        var stream = CaptureStream(local: pair.0, remote: pair.1)
        var packets = stream.open(by: .local)
        packets += stream.sent(ByteBuffer(string: "hello"))
        packets += stream.received(ByteBuffer(string: "hi!"))
        packets += stream.sent(ByteBuffer(string: "x"))
        packets += stream.finished(.remote)
        packets += stream.close()
        packets += stream.close()
        let seen = packets.map(Dissected.init)
        #expect(
            seen.map(\.description) == [
                "1000>2000 S 0 0 0", "2000>1000 SA 0 1 0", "1000>2000 A 1 1 0",
                "1000>2000 PA 1 1 5", "2000>1000 PA 1 6 3", "1000>2000 PA 6 4 1",
                "2000>1000 FA 4 7 0", "1000>2000 A 7 5 0", "1000>2000 FA 7 5 0", "2000>1000 A 5 8 0",
            ])
        #expect(seen.map(\.isValid) == seen.map { _ in true })
    }

    @Test("the remote end's handshake, when it opened")
    func accepted() {
        var stream = CaptureStream(local: Self.pairs[0].0, remote: Self.pairs[0].1)
        let seen = stream.open(by: .remote).map { Dissected($0).description }
        #expect(seen == ["2000>1000 S 0 0 0", "1000>2000 SA 0 1 0", "2000>1000 A 1 1 0"])
        let again = stream.open(by: .remote)
        #expect(again.isEmpty)
    }

    @Test("a large write becomes segments that fit a packet")
    func segments() {
        var stream = CaptureStream(local: Self.pairs[0].0, remote: Self.pairs[0].1)
        _ = stream.open(by: .local)
        let packets = stream.sent(ByteBuffer(repeating: 7, count: 130_001))
        #expect(packets.map { Dissected($0).isValid } == [true, true, true])
        #expect(
            packets.map { Dissected($0).description } == [
                "1000>2000 PA 1 1 60000", "1000>2000 PA 60001 1 60000", "1000>2000 PA 120001 1 10001",
            ])
    }

    @Test("datagrams of every size up to the largest are valid", arguments: [0, 1, 2, 3, 1500, 65_507])
    func datagrams(size: Int) {
        for pair in Self.pairs {
            let packet = SyntheticPacket.datagram(
                from: pair.0, to: pair.1, payload: ByteBuffer(repeating: 0xA5, count: size))
            #expect(Dissected(packet).isValid)
            #expect(Dissected(packet).description == "1000>2000 \(size)")
        }
    }
}
