/// What is known when a pinned handshake has ended, one way or the other.
package struct HandshakeReport: Hashable, Sendable {
    package var role: HandshakeRole
    package var parameters: HandshakeParameters
    /// DER of the certificate that the peer presented, if it did.
    package var peerCertificate: [UInt8]?
    /// The session was resumed: the certificate is that of the first one, and was judged all the same.
    package var isResumed: Bool
}

package enum HandshakeRole: String, Hashable, Sendable { case client, server }

/// Fired through the pipeline as a user inbound event, exactly once, by `PinnedHandshake`. Until it is `.accepted` no octet passes in either direction.
package enum HandshakeOutcome: Hashable, Sendable {
    case accepted(HandshakeReport)
    /// The connection is being closed.
    case refused(HandshakeReport, HandshakeFailure)
}

/// Why a peer was not let in.
package struct HandshakeFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Hashable, Sendable {
        /// None, or not the one that was expected.
        case certificate
        /// Anything else in TLS: octets that are not TLS, no common version or suite, an alert.
        case handshake
        case timedOut
        /// The peer went away.
        case closed
    }
    package var kind: Kind
    package var reason: String

    package init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    package var description: String { reason }
}

/// The answer to: is this the peer?
package enum PeerVerdict: Hashable, Sendable {
    case accepted
    /// Why not, as a phrase for logs and for a gateway's notification.
    case refused(String)
}

/// Judges the DER of a peer's certificate. Called on the connection's event loop, twice for a full handshake (in it, and when it has ended) and once for a
/// resumed one. It answers exactly once, on the same loop, at once or later: until then the connection neither reads nor delivers.
package typealias PeerVerifier = (_ certificate: [UInt8], _ answer: @escaping (PeerVerdict) -> Void) -> Void
