import WireSyntax

/// What protects the media of a call, as the UE sees its own leg.
package struct SecurityInfo: Hashable, Sendable {
    /// `e2ae`: TLS to the access edge; `tls`: TLS with a fingerprint but without the network's word for it; `plain`.
    package enum Leg: String, Hashable, Sendable { case e2ae, tls, plain }
    package var leg: Leg
    package var local: String
    package var remote: String
    /// `TLS 1.3`; nil on a plain leg.
    package var version: String?
    /// IANA name of the suite.
    package var cipher: String?
    /// `SHA-256 AB:…` of the certificate that was presented to us and of ours.
    package var peerFingerprint: String?
    package var ownFingerprint: String?
    /// As the SDP gave them.
    package var expectedFingerprints: [String]
    package var callID: String
}

/// What became of a registration.
package struct RegistrationReport: Hashable, Sendable {
    /// Seconds until it expires.
    package var expires: UInt32
    /// The network indicated `msrp-tls`.
    package var networkIndicated: Bool
    package var associatedIdentities: [String]
}

/// What became of a call and what was sent in it.
package struct CallReport: Hashable, Sendable {
    package var callID: String
    package var isEstablished: Bool
    package var security: SecurityInfo?
    package var messagesSent = 0
    /// By a success REPORT (or, without one, by the 200s).
    package var messagesConfirmed = 0
    /// Octets of content of what was confirmed.
    package var bytesConfirmed = 0
    /// SHA-256 of the file that was sent, lower-case hex.
    package var fileDigest: String?
    /// Why something failed, in words; escaped.
    package var failures: [String] = []
    /// Whether everything was confirmed and the call ended as it should.
    package var isSuccess: Bool { isEstablished && failures.isEmpty && messagesSent == messagesConfirmed }
}

/// What happened to one message of ours.
package enum MessageOutcome: Hashable, Sendable {
    case confirmed(bytes: Int, digest: String)
    case failed(String)
}

/// What a user of the UE would be told. A peer's text in it is as received: escape it (`displayEscaped`) where it is shown.
package enum UserEvent: Hashable, Sendable {
    case ringing(callID: String, peer: String)
    case established(callID: String, SecurityInfo)
    case message(callID: String, from: String, text: String)
    /// `name`: the cleaned name under which it was stored; `path`: where.
    case file(callID: String, from: String, name: String, path: String, bytes: Int, digest: String)
    /// A file is being received or sent.
    case progress(callID: String, messageID: String, isOutgoing: Bool, bytes: Int, total: Int)
    case delivered(callID: String, messageID: String)
    case undelivered(callID: String, messageID: String, reason: String)
    /// Offer and answer of a call that stands were renewed, by either side.
    case changed(callID: String, detail: String)
    case ended(callID: String, cause: String)
    case registrationLost(reason: String)
}

/// Why a call or a registration came to nothing.
package enum UserEquipmentError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The network or the peer refused: status and phrase, or a cause of our own with status 0.
    case refused(status: Int, reason: String)
    case notRegistered
    case timedOut(String)
    case file(path: String, reason: String)
    case stopped

    package var description: String {
        switch self {
        case .refused(0, let reason): displayEscaped(reason)
        case .refused(let status, let reason): "\(status) \(displayEscaped(reason))"
        case .notRegistered: "not registered"
        case .timedOut(let what): "\(what): no answer in time"
        case .file(let path, let reason): "\(displayEscaped(path)): \(reason)"
        case .stopped: "stopped"
        }
    }
}
