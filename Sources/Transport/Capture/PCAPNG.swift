import NIOCore

/// The blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian, as we write them.
enum PCAPNG {
    enum BlockType {
        static let sectionHeader: UInt32 = 0x0A0D_0D0A
        static let interfaceDescription: UInt32 = 1
        static let enhancedPacket: UInt32 = 6
        static let decryptionSecrets: UInt32 = 0x0A
    }

    static let byteOrderMagic: UInt32 = 0x1A2B_3C4D
    /// LINKTYPE_RAW: a packet begins with its IPv4 or IPv6 header.
    static let linkTypeRaw: UInt16 = 101
    /// "TLSK": the secrets are SSLKEYLOGFILE lines.
    static let tlsKeyLog: UInt32 = 0x544C_534B
    /// Section header, interface description.
    static let optionComment: UInt16 = 1
    static let optionApplication: UInt16 = 4
    static let optionInterfaceName: UInt16 = 2
    static let optionTimeResolution: UInt16 = 9

    static let comment = """
        Synthetic packets: made from the octets that were read from and written to the sockets of a network function, below TLS. IP, TCP and UDP \
        headers, segment borders and acknowledgements are made up; the payload is exact.
        """

    /// Section header and the one interface, with times in nanoseconds.
    static func writeFileHeader(interface: String, into buffer: inout ByteBuffer) {
        writeBlock(BlockType.sectionHeader, into: &buffer) { buffer in
            buffer.writeInteger(byteOrderMagic, endianness: .little)
            buffer.writeInteger(UInt16(1), endianness: .little)
            buffer.writeInteger(UInt16(0), endianness: .little)
            buffer.writeInteger(UInt64.max, endianness: .little)  // section length: not said
            writeOption(optionComment, Array(comment.utf8), into: &buffer)
            writeOption(optionApplication, Array("Sallyport".utf8), into: &buffer)
            writeOption(0, [], into: &buffer)
        }
        writeBlock(BlockType.interfaceDescription, into: &buffer) { buffer in
            buffer.writeInteger(linkTypeRaw, endianness: .little)
            buffer.writeInteger(UInt16(0), endianness: .little)
            buffer.writeInteger(UInt32(0), endianness: .little)  // no limit of length
            writeOption(optionInterfaceName, Array(interface.utf8.prefix(200)), into: &buffer)
            writeOption(optionTimeResolution, [9], into: &buffer)
            writeOption(0, [], into: &buffer)
        }
    }

    /// - Parameter time: nanoseconds since 1970.
    static func writePacket(_ packet: ByteBuffer, time: Int64, into buffer: inout ByteBuffer) {
        let time = UInt64(max(0, time))
        writeBlock(BlockType.enhancedPacket, into: &buffer) { buffer in
            buffer.writeInteger(UInt32(0), endianness: .little)
            buffer.writeInteger(UInt32(time >> 32), endianness: .little)
            buffer.writeInteger(UInt32(truncatingIfNeeded: time), endianness: .little)
            buffer.writeInteger(UInt32(packet.readableBytes), endianness: .little)
            buffer.writeInteger(UInt32(packet.readableBytes), endianness: .little)
            buffer.writeImmutableBuffer(packet)
            pad(packet.readableBytes, &buffer)
        }
    }

    /// - Parameter lines: SSLKEYLOGFILE lines, each with its newline.
    static func writeSecrets(_ lines: ByteBuffer, into buffer: inout ByteBuffer) {
        writeBlock(BlockType.decryptionSecrets, into: &buffer) { buffer in
            buffer.writeInteger(tlsKeyLog, endianness: .little)
            buffer.writeInteger(UInt32(lines.readableBytes), endianness: .little)
            buffer.writeImmutableBuffer(lines)
            pad(lines.readableBytes, &buffer)
        }
    }

    private static func writeBlock(_ type: UInt32, into buffer: inout ByteBuffer, _ body: (inout ByteBuffer) -> Void) {
        let start = buffer.writerIndex
        buffer.writeInteger(type, endianness: .little)
        buffer.writeInteger(UInt32(0), endianness: .little)
        body(&buffer)
        let length = UInt32(buffer.writerIndex - start + 4)
        buffer.setInteger(length, at: start + 4, endianness: .little)
        buffer.writeInteger(length, endianness: .little)
    }

    private static func writeOption(_ code: UInt16, _ value: [UInt8], into buffer: inout ByteBuffer) {
        buffer.writeInteger(code, endianness: .little)
        buffer.writeInteger(UInt16(value.count), endianness: .little)
        buffer.writeBytes(value)
        pad(value.count, &buffer)
    }

    private static func pad(_ length: Int, _ buffer: inout ByteBuffer) {
        buffer.writeRepeatingByte(0, count: (4 - length % 4) % 4)
    }
}
