import NIOCore
import WireSyntax

/// Names a request of a peer until it has been replied to.
public struct IncomingTransaction: Hashable, Sendable {
    public var id: UInt32
    /// The peer as its MId says.
    public var sender: MessageIdentifier
    /// Where the request came from and its reply goes to (RFC 3525 D.1).
    public var source: Endpoint
}

/// Names an own request.
public struct OutgoingTransaction: Hashable, Sendable {
    public var id: UInt32
    public var peer: Endpoint
}

extension TransactionEngine {
    public enum Action: Hashable, Sendable {
        /// Send these octets. The same octets again are a repetition.
        case transmit(ByteBuffer, to: Endpoint)
        /// For flow events, only with `reportsTraffic`: what is sent first or again. It comes just before its `.transmit`.
        case sent(Message, to: Endpoint, isRepetition: Bool)
        /// For flow events, only with `reportsTraffic`: a message of a configured peer.
        case received(Message, from: Endpoint)
        /// Execute this and call `reply(_:to:now:)` once, now or later. `version` is the one of the message's header.
        case request(TransactionRequest, IncomingTransaction, version: UInt8)
        /// The final reply to an own request.
        case reply(TransactionReply.Body, OutgoingTransaction)
        /// No reply until T-MAX: the association is in trouble (D.1.5).
        case timedOut(OutgoingTransaction)
        /// The limit of TransactionPendings was reached: 506 has been sent; the reply, when it comes, is dropped.
        case abandoned(IncomingTransaction)
        /// The peer sent a message-level error instead of transactions.
        case peerError(ErrorDescriptor, from: Endpoint)
        /// A configured peer's message could not be read; it has been answered with its error where an answer was due.
        case malformed(DecodingFailure, from: Endpoint)
        /// A message of somebody else: no answer. `count`: how many since the start.
        case refused(Endpoint, reason: String, count: Int)
    }
}
