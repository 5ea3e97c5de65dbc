import MSRP
import SDP
import WireSyntax

/// What offer and answer have settled for the one message line of a call.
struct MediaPlan: Hashable, Sendable {
    /// This end opens the connection, and is TLS client (RFC 6135, RFC 8122).
    var isActive: Bool
    var leg: SecurityInfo.Leg
    var isTLS: Bool { leg != .plain }
    /// Where an active end connects: the leftmost path URI, or c= and m= with CEMA (RFC 4975 §5.4, RFC 6714).
    var target: HostPort?
    var own: MSRPURI
    var peer: [MSRPURI]
    var peerFingerprints: [Fingerprint]
    var peerAcceptTypes: [String]
    var peerMaximumSize: UInt64?
    var line: Int
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
