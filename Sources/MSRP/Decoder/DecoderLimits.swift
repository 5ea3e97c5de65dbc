/// What the decoder reads before it refuses. Bodies are streamed and have no limit here.
public struct DecoderLimits: Hashable, Sendable {
    /// Octets of start line and headers together.
    public var headOctets = 16_384
    /// Octets of one line.
    public var lineOctets = 8_192
    /// Header lines, the two paths included.
    public var headerCount = 64
    /// URIs in one path.
    public var pathURIs = 16
    /// Octets of a transaction id in a message that is refused: enough to find its end.
    public var salvagedTransactionID = 64

    public init() {}
}
