import NIOCore
import WireSyntax

/// The synthetic TCP connection that stands in a capture for a real one. A value: numbers in, packets out.
struct CaptureStream {
    /// Which end opened the connection.
    enum Opener { case local, remote }

    private struct End {
        let endpoint: Endpoint
        /// The next sequence number.
        var next: UInt32 = 0
        var hasFinished = false
    }

    private var local: End
    private var remote: End
    private var isOpen = false

    var localEndpoint: Endpoint { local.endpoint }
    var remoteEndpoint: Endpoint { remote.endpoint }

    init(local: Endpoint, remote: Endpoint) {
        self.local = End(endpoint: local)
        self.remote = End(endpoint: remote)
    }

    /// SYN, SYN-ACK, ACK.
    mutating func open(by opener: Opener) -> [ByteBuffer] {
        guard !isOpen else { return [] }
        isOpen = true
        if opener == .local {
            return [
                Self.make(&local, &remote, [.syn]), Self.make(&remote, &local, [.syn, .acknowledgement]),
                Self.make(&local, &remote, [.acknowledgement]),
            ]
        }
        return [
            Self.make(&remote, &local, [.syn]), Self.make(&local, &remote, [.syn, .acknowledgement]),
            Self.make(&remote, &local, [.acknowledgement]),
        ]
    }

    /// Octets that were written to the socket.
    mutating func sent(_ octets: ByteBuffer) -> [ByteBuffer] {
        local.hasFinished ? [] : Self.data(&local, &remote, octets)
    }

    /// Octets that were read from the socket.
    mutating func received(_ octets: ByteBuffer) -> [ByteBuffer] {
        remote.hasFinished ? [] : Self.data(&remote, &local, octets)
    }

    mutating func finished(_ opener: Opener) -> [ByteBuffer] {
        guard isOpen else { return [] }
        return opener == .local ? Self.finish(&local, &remote) : Self.finish(&remote, &local)
    }

    /// Neither end says more.
    mutating func close() -> [ByteBuffer] { finished(.remote) + finished(.local) }

    private static func finish(_ one: inout End, _ other: inout End) -> [ByteBuffer] {
        guard !one.hasFinished else { return [] }
        one.hasFinished = true
        return [make(&one, &other, [.fin, .acknowledgement]), make(&other, &one, [.acknowledgement])]
    }

    private static func data(_ one: inout End, _ other: inout End, _ octets: ByteBuffer) -> [ByteBuffer] {
        var octets = octets
        var packets: [ByteBuffer] = []
        while let part = octets.readSlice(length: min(SyntheticPacket.maximumSegment, octets.readableBytes)),
            part.readableBytes > 0
        {
            packets.append(make(&one, &other, [.push, .acknowledgement], part))
        }
        return packets
    }

    private static func make(
        _ one: inout End, _ other: inout End, _ flags: SyntheticPacket.TCPFlags, _ payload: ByteBuffer = ByteBuffer()
    ) -> ByteBuffer {
        let packet = SyntheticPacket.segment(
            from: one.endpoint, to: other.endpoint, sequence: one.next, acknowledging: other.next, flags: flags,
            payload: payload)
        one.next &+= UInt32(payload.readableBytes)
        if flags.contains(.syn) || flags.contains(.fin) { one.next &+= 1 }
        return packet
    }
}
