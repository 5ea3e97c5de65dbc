import NIOCore

/// Reads, from the octets of one direction of a TLS connection, the first hello that it carries: ClientHello or ServerHello (RFC 8446 §4.1, RFC 5246 §7.4.1).
///
/// Both pass in clear before anything else. A hello may be spread over records and reads; a HelloRetryRequest is passed over. Bounded: whatever is not a
/// hello within `maximumOctets` ends the search.
struct HandshakeHello {
    enum Hello: Hashable {
        /// The client random, 32 octets.
        case client(random: [UInt8])
        /// The negotiated version (0x0303, 0x0304) and the suite's code point.
        case server(version: UInt16, suite: UInt16)
    }

    /// Octets looked at before the search is given up. A ClientHello with a post-quantum key share has about 1,800.
    static let maximumOctets = 32 * 1024

    private(set) var hello: Hello?
    private(set) var isFinished = false
    private var records = ByteBuffer()
    private var messages = ByteBuffer()
    private var seen = 0

    private static let handshakeRecord: UInt8 = 22
    /// SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3).
    private static let helloRetryRequest: [UInt8] = [
        0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2,
        0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
    ]

    /// Takes the next octets of this direction.
    mutating func feed(_ octets: ByteBuffer) {
        guard !isFinished else { return }
        seen += octets.readableBytes
        records.writeImmutableBuffer(octets)
        while !isFinished, nextRecord() {}
        if seen > HandshakeHello.maximumOctets { finish(nil) }
    }

    private mutating func finish(_ found: Hello?) {
        hello = found
        isFinished = true
        records = ByteBuffer()
        messages = ByteBuffer()
    }

    private mutating func nextRecord() -> Bool {
        guard let type: UInt8 = records.getInteger(at: records.readerIndex),
            let length: UInt16 = records.getInteger(at: records.readerIndex + 3)
        else { return false }
        // In TLS 1.3 compatibility mode a change_cipher_spec may stand between a HelloRetryRequest and the second hello.
        guard type == HandshakeHello.handshakeRecord || type == 20 else {
            finish(nil)
            return false
        }
        guard records.readableBytes >= 5 + Int(length) else { return false }
        records.moveReaderIndex(forwardBy: 5)
        guard var fragment = records.readSlice(length: Int(length)) else { return false }
        if type == 20 { return true }
        messages.writeBuffer(&fragment)
        while !isFinished, let message = nextMessage() { take(message.type, message.body) }
        return true
    }

    private mutating func nextMessage() -> (type: UInt8, body: ByteBuffer)? {
        guard let header: UInt32 = messages.getInteger(at: messages.readerIndex) else { return nil }
        let length = Int(header & 0xFF_FFFF)
        guard messages.readableBytes >= 4 + length else { return nil }
        messages.moveReaderIndex(forwardBy: 4)
        return messages.readSlice(length: length).map { (UInt8(header >> 24), $0) }
    }

    private mutating func take(_ type: UInt8, _ body: ByteBuffer) {
        var body = body
        guard let version: UInt16 = body.readInteger(), let random = body.readBytes(length: 32) else {
            return finish(nil)
        }
        switch type {
        case 1: finish(.client(random: random))
        case 2 where random == HandshakeHello.helloRetryRequest: return
        case 2:
            guard let session: UInt8 = body.readInteger(), body.readSlice(length: Int(session)) != nil,
                let suite: UInt16 = body.readInteger()
            else { return finish(nil) }
            finish(.server(version: HandshakeHello.selectedVersion(&body) ?? version, suite: suite))
        default: finish(nil)
        }
    }

    /// The supported_versions extension of a ServerHello, after its suite (RFC 8446 §4.2.1).
    private static func selectedVersion(_ body: inout ByteBuffer) -> UInt16? {
        guard let _: UInt8 = body.readInteger(), let total: UInt16 = body.readInteger(),
            var extensions = body.readSlice(length: Int(total))
        else { return nil }
        while let type: UInt16 = extensions.readInteger(), let length: UInt16 = extensions.readInteger(),
            let value = extensions.readSlice(length: Int(length))
        {
            if type == 43 { return value.getInteger(at: value.readerIndex) }
        }
        return nil
    }
}
