import NIOCore

/// How a session sends.
public struct SenderLimits: Hashable, Sendable {
    /// Largest chunk that may go out with a fixed range-end, and the smallest that is interrupted (RFC 4975 §7.1.1).
    public var fixedChunk = 2048
    /// Octets after which a chunk is ended although nothing else waits, so that the receiver's 200 tells of progress and little is lost with a connection.
    public var maximumChunk: UInt64 = 512 * 1024
    /// Octets of content in one output, at most.
    public var piece = 64 * 1024
    /// Messages queued or waiting for their confirmation.
    public var messages = 1024
    /// Chunks that wait for a response.
    public var transactions = 1024
    /// Responses and REPORTs that may wait for a peer that does not read; beyond, the session has failed.
    public var answers = 16_384
    /// From the last octet handed to the operating system to the 200 (RFC 4975 §7.1.1).
    public var transactionTimeout = TimeAmount.seconds(30)

    public init() {}
}
