import SDP
import SIP

/// What one side changes in a call that stands, by re-INVITE (RFC 3261 §14) or UPDATE (RFC 3311).
package enum CallChange: String, CaseIterable, Hashable, Sendable {
    /// The message line becomes `inactive`; the connection stays.
    case hold
    case resume
    /// Another port and another session of this end: a new connection.
    case newPort = "new-port"
    /// Another certificate of this end, and so a new TLS connection.
    case newCertificate = "new-certificate"
    /// The same offer again by re-INVITE: nothing changes, and no handshake is made.
    case refresh
    /// The same offer again by UPDATE.
    case update
}

/// What became of a change.
enum ChangeOutcome: Hashable, Sendable {
    /// Offer and answer stand; with a connection of its own, or with the one that is there.
    case settled(newConnection: Bool)
    /// The call goes on as it was.
    case failed(status: Int, reason: String)
}

extension Call {
    /// What is on its way to the peer, or waits.
    struct Change: Sendable {
        enum Kind: Hashable, Sendable {
            case wanted(CallChange)
            /// RFC 6714 §4.2: the offer that follows an answer behind which there is a middlebox without CEMA.
            case withoutCEMA
            /// RFC 4028 §10.
            case sessionRefresh
        }

        var kind: Kind
        /// The media that comes in place of the one that is there: another port or another certificate.
        var media: LocalMedia?
        var byUpdate = false
        var attempts = 0
    }

    /// A request of ours with which a change is on its way.
    struct Pending: Sendable {
        var change: Change
        var request: Request
        /// What holds if it is answered well.
        var media: LocalMedia
        var offer: SessionDescription?

        var sequence: UInt32? { (try? request.headers.cSeq())?.number }
    }

    /// Changes that may wait behind one another.
    static let maximumChanges = 8
    /// How often a change is tried again after 491 or 500.
    static let maximumAttempts = 5
}
