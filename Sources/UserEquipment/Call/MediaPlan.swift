import MSRP
import SDP
import WireSyntax

/// What offer and answer have settled for the one message line of a call.
struct MediaPlan: Hashable, Sendable {
    /// This end opens the connection, and is TLS client (RFC 6135, RFC 8122).
    var isActive: Bool
    var leg: SecurityInfo.Leg
    var isTLS: Bool { leg != .plain }
    /// Where an active end connects: the leftmost path URI, or c= and m= with CEMA (RFC 4975 §5.4, RFC 6714). A name is resolved before.
    var target: HostPort?
    var own: MSRPURI
    var peer: [MSRPURI]
    var peerFingerprints: [Fingerprint]
    var peerAcceptTypes: [String]
    var peerMaximumSize: UInt64?
    var line: Int
    /// c= and m= say where the peer is, and not the path: CEMA, or an RCS client.
    var byConnectionLine = false
    /// What this end announced.
    var ownFingerprints: [Fingerprint] = []
    /// What this end may do (RFC 3264 §6.1).
    var direction = MediaDirection.sendrecv
    /// RFC 6714 §4.2: the answer is without CEMA and names a middlebox, so that there has to be an offer without CEMA before anything is connected.
    var needsOfferWithoutCEMA = false
}

/// Why a description is not taken, as a final response and as a cause.
struct MediaRefusal: Error, Hashable, Sendable {
    var status: Int
    var reason: String

    init(_ reason: String, status: Int = 488) {
        self.status = status
        self.reason = reason
    }
}

extension MediaDirection {
    init(sends: Bool, receives: Bool) {
        self = sends ? (receives ? .sendrecv : .sendonly) : (receives ? .recvonly : .inactive)
    }

    var sends: Bool { self == .sendrecv || self == .sendonly }
    var receives: Bool { self == .sendrecv || self == .recvonly }
    /// Seen from the other end.
    var reversed: MediaDirection { MediaDirection(sends: receives, receives: sends) }
    /// What both allow.
    func limited(to other: MediaDirection) -> MediaDirection {
        MediaDirection(sends: sends && other.sends, receives: receives && other.receives)
    }
}
