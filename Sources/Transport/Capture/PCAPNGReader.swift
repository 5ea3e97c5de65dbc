import NIOCore
import WireSyntax

/// Reads the pcapng files that `Capture` writes. Blocks of other kinds are passed over; a file whose writer was killed ends with its last whole block.
struct PCAPNGReader {
    enum Block: Equatable {
        /// `time`: nanoseconds since 1970.
        case packet(ByteBuffer, time: Int64)
        case secrets(ByteBuffer)
    }

    private var input: ByteBuffer

    /// - Throws: if this is no little-endian pcapng file with raw IP packets and times in nanoseconds, as we write them.
    init(_ input: ByteBuffer) throws(SyntaxError) {
        self.input = input
        guard input.getInteger(at: input.readerIndex, as: UInt32.self) == PCAPNG.BlockType.sectionHeader,
            input.getInteger(at: input.readerIndex + 8, endianness: .little, as: UInt32.self) == PCAPNG.byteOrderMagic
        else { throw SyntaxError("not a little-endian pcapng file") }
    }

    /// - Throws: where a block's two lengths differ or are impossible.
    mutating func next() throws(SyntaxError) -> Block? {
        while input.readableBytes >= 12 {
            let start = input.readerIndex
            guard let type = input.getInteger(at: start, endianness: .little, as: UInt32.self),
                let length = input.getInteger(at: start + 4, endianness: .little, as: UInt32.self).map(Int.init)
            else { return nil }
            guard length >= 12, length % 4 == 0 else { throw SyntaxError("impossible block length", at: start) }
            guard length <= input.readableBytes else { return nil }
            guard var body = input.readSlice(length: length),
                body.getInteger(at: length - 4, endianness: .little, as: UInt32.self) == UInt32(length)
            else { throw SyntaxError("the two lengths of a block differ", at: start) }
            body.moveReaderIndex(forwardBy: 8)
            switch type {
            case PCAPNG.BlockType.enhancedPacket:
                guard body.readInteger(endianness: .little, as: UInt32.self) != nil,
                    let high = body.readInteger(endianness: .little, as: UInt32.self),
                    let low = body.readInteger(endianness: .little, as: UInt32.self),
                    let captured = body.readInteger(endianness: .little, as: UInt32.self),
                    body.readInteger(endianness: .little, as: UInt32.self) != nil,
                    let packet = body.readSlice(length: Int(captured))
                else { throw SyntaxError("packet longer than its block", at: start) }
                return .packet(packet, time: Int64(truncatingIfNeeded: UInt64(high) << 32 | UInt64(low)))
            case PCAPNG.BlockType.decryptionSecrets:
                guard body.readInteger(endianness: .little, as: UInt32.self) == PCAPNG.tlsKeyLog,
                    let count = body.readInteger(endianness: .little, as: UInt32.self),
                    let lines = body.readSlice(length: Int(count))
                else { throw SyntaxError("secrets longer than their block", at: start) }
                return .secrets(lines)
            default: continue
            }
        }
        return nil
    }
}

/// Which conversation a packet belongs to: protocol and unordered pair of endpoints.
struct PacketFlow: Hashable {
    let number: UInt8
    let one: Endpoint
    let other: Endpoint

    /// - Returns: nil for what is neither TCP nor UDP in IPv4 or IPv6 without extension headers.
    init?(_ packet: ByteBuffer) {
        let start = packet.readerIndex
        guard let first = packet.getInteger(at: start, as: UInt8.self) else { return nil }
        let addresses: (IPAddress, IPAddress)
        let transport: Int
        switch first >> 4 {
        case 4:
            transport = start + Int(first & 0x0F) * 4
            guard let next = packet.getInteger(at: start + 9, as: UInt8.self),
                let source = packet.getInteger(at: start + 12, as: UInt32.self),
                let destination = packet.getInteger(at: start + 16, as: UInt32.self)
            else { return nil }
            number = next
            addresses = (.v4(source), .v4(destination))
        case 6:
            transport = start + 40
            let words = (0..<4).compactMap { packet.getInteger(at: start + 8 + 8 * $0, as: UInt64.self) }
            guard words.count == 4, let next = packet.getInteger(at: start + 6, as: UInt8.self) else { return nil }
            number = next
            addresses = (.v6(high: words[0], low: words[1]), .v6(high: words[2], low: words[3]))
        default: return nil
        }
        guard number == SyntheticPacket.protocolTCP || number == SyntheticPacket.protocolUDP,
            let source = packet.getInteger(at: transport, as: UInt16.self),
            let destination = packet.getInteger(at: transport + 2, as: UInt16.self)
        else { return nil }
        let ends = [Endpoint(addresses.0, source), Endpoint(addresses.1, destination)]
            .sorted { "\($0)" < "\($1)" }
        one = ends[0]
        other = ends[1]
    }
}
