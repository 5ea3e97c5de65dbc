import NIOCore
import WireSyntax

/// IP packets made around octets that were read from or written to a socket, with right lengths and checksums, so that Wireshark takes them for what they carry.
///
/// They are not the packets that were on the wire: segment borders, acknowledgements, times to live and identifications are made up.
enum SyntheticPacket {
    /// Payload of one segment: with the headers it stays below the 65,535 octets of an IPv4 packet.
    static let maximumSegment = 60_000
    static let protocolTCP: UInt8 = 6
    static let protocolUDP: UInt8 = 17

    /// RFC 9293 3.1, in the order of their bits.
    struct TCPFlags: OptionSet {
        var rawValue: UInt8
        static let fin = TCPFlags(rawValue: 0x01)
        static let syn = TCPFlags(rawValue: 0x02)
        static let push = TCPFlags(rawValue: 0x08)
        static let acknowledgement = TCPFlags(rawValue: 0x10)
    }

    /// One UDP datagram (RFC 768) in one packet. At most 65,507 octets of payload.
    static func datagram(from source: Endpoint, to destination: Endpoint, payload: ByteBuffer) -> ByteBuffer {
        let length = 8 + payload.readableBytes
        var packet = header(from: source.address, to: destination.address, next: protocolUDP, length: length)
        let start = packet.writerIndex
        packet.writeInteger(source.port)
        packet.writeInteger(destination.port)
        packet.writeInteger(UInt16(truncatingIfNeeded: length))
        packet.writeInteger(UInt16(0))
        packet.writeImmutableBuffer(payload)
        var sum = checksum(packet, from: start, source: source, destination: destination, next: protocolUDP)
        if sum == 0 { sum = 0xFFFF }
        packet.setInteger(sum, at: start + 6)
        return packet
    }

    /// One TCP segment (RFC 9293 3.1) without options.
    static func segment(
        from source: Endpoint, to destination: Endpoint, sequence: UInt32, acknowledging: UInt32, flags: TCPFlags,
        payload: ByteBuffer
    ) -> ByteBuffer {
        let length = 20 + payload.readableBytes
        var packet = header(from: source.address, to: destination.address, next: protocolTCP, length: length)
        let start = packet.writerIndex
        packet.writeInteger(source.port)
        packet.writeInteger(destination.port)
        packet.writeInteger(sequence)
        packet.writeInteger(flags.contains(.acknowledgement) ? acknowledging : 0)
        packet.writeInteger(UInt8(5 << 4))
        packet.writeInteger(flags.rawValue)
        packet.writeInteger(UInt16(65_535))
        packet.writeInteger(UInt32(0))
        packet.writeImmutableBuffer(payload)
        let sum = checksum(packet, from: start, source: source, destination: destination, next: protocolTCP)
        packet.setInteger(sum, at: start + 16)
        return packet
    }

    /// RFC 791 3.1 or RFC 8200 3. `length`: of what follows.
    private static func header(
        from source: IPAddress, to destination: IPAddress, next: UInt8, length: Int
    ) -> ByteBuffer {
        var packet = ByteBufferAllocator().buffer(capacity: 40 + length)
        guard source.isV6 || destination.isV6 else {
            packet.writeInteger(UInt16(0x4500))
            packet.writeInteger(UInt16(truncatingIfNeeded: 20 + length))
            packet.writeInteger(UInt32(0x4000))  // identification 0, don't fragment
            packet.writeInteger(UInt8(64))
            packet.writeInteger(next)
            packet.writeInteger(UInt16(0))
            packet.writeBytes(source.octets)
            packet.writeBytes(destination.octets)
            packet.setInteger(~fold(sum(packet, from: 0)), at: 10)
            return packet
        }
        packet.writeInteger(UInt32(0x6000_0000))
        packet.writeInteger(UInt16(truncatingIfNeeded: length))
        packet.writeInteger(next)
        packet.writeInteger(UInt8(64))
        packet.writeBytes(mapped(source))
        packet.writeBytes(mapped(destination))
        return packet
    }

    private static func mapped(_ address: IPAddress) -> [UInt8] {
        address.isV6 ? address.octets : [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF] + address.octets
    }

    /// RFC 1071, with the pseudo-header of RFC 9293 3.1 or RFC 8200 8.1.
    private static func checksum(
        _ packet: ByteBuffer, from start: Int, source: Endpoint, destination: Endpoint, next: UInt8
    ) -> UInt16 {
        var pseudo = ByteBuffer()
        let isV6 = source.address.isV6 || destination.address.isV6
        for endpoint in [source, destination] {
            pseudo.writeBytes(isV6 ? mapped(endpoint.address) : endpoint.address.octets)
        }
        pseudo.writeInteger(UInt32(truncatingIfNeeded: packet.writerIndex - start))
        pseudo.writeInteger(UInt32(next))
        return ~fold(sum(pseudo, from: 0) + sum(packet, from: start))
    }

    /// The one's complement sum of 16-bit words, not yet folded.
    private static func sum(_ buffer: ByteBuffer, from start: Int) -> UInt64 {
        buffer.withUnsafeReadableBytes { octets in
            var sum: UInt64 = 0
            var index = start
            while index + 4 <= octets.count {
                sum += UInt64(UInt32(bigEndian: octets.loadUnaligned(fromByteOffset: index, as: UInt32.self)))
                index += 4
            }
            if index + 2 <= octets.count {
                sum += UInt64(UInt16(bigEndian: octets.loadUnaligned(fromByteOffset: index, as: UInt16.self)))
                index += 2
            }
            if index < octets.count { sum += UInt64(octets[index]) << 8 }
            return sum
        }
    }

    private static func fold(_ sum: UInt64) -> UInt16 {
        var sum = sum
        while sum >> 16 != 0 { sum = (sum & 0xFFFF) + (sum >> 16) }
        return UInt16(truncatingIfNeeded: sum)
    }
}
