/// What a session takes from its peer.
public struct ReceiverLimits: Hashable, Sendable {
    /// Octets of one message; above it 413 (RFC 4975 §10.5).
    public var messageSize: UInt64 = 64 * 1024 * 1024
    /// Octets that are kept until the message is complete, so that a later chunk can replace them; beyond, content is passed on in order at once.
    public var heldOctets = 64 * 1024
    /// Octets of one message that may wait for an earlier part.
    public var waitingOctets = 1024 * 1024
    /// Separate parts of one message that may wait.
    public var waitingParts = 64
    /// Messages received in part.
    public var incompleteMessages = 32
    /// Message-IDs remembered to recognise what was received or refused before.
    public var rememberedMessages = 512

    public init() {}
}
