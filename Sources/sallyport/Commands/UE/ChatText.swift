import Lab
import UserEquipment
import WireSyntax

/// What a user reads. A peer's text is escaped here, nowhere later.
enum ChatText {
    /// nil: nothing to tell (progress has a line of its own).
    static func line(_ event: UserEvent) -> String? {
        switch event {
        case .ringing(_, let peer): "* ringing: \(displayEscaped(peer))"
        case .established(_, let security): "* the call stands, \(summary(security))"
        case .message(_, let from, let text): "\(displayEscaped(from)): \(displayEscaped(text))"
        case .file(_, let from, let name, let path, let bytes, let digest):
            "* \(displayEscaped(from)) sent the file \(displayEscaped(name)), \(bytes) octets, "
                + "SHA-256 \(digest): \(displayEscaped(path))"
        case .delivered: "* delivered"
        case .undelivered(_, _, let reason): "* NOT delivered: \(displayEscaped(reason))"
        case .changed(_, let detail): "* changed: \(displayEscaped(detail))"
        case .ended(_, let cause): "* the call is over: \(displayEscaped(cause))"
        case .registrationLost(let reason): "* the registration is lost: \(displayEscaped(reason))"
        case .progress: nil
        }
    }

    static func summary(_ security: SecurityInfo) -> String {
        switch security.leg {
        case .plain: "plain MSRP over TCP (NOT protected)"
        case .tls, .e2ae:
            [security.version, security.cipher].compactMap(\.self).map { displayEscaped($0) }.joined(separator: " ")
                + (security.leg == .e2ae ? " to the access edge" : "")
        }
    }

    /// The answer to `/security`.
    static func security(_ security: SecurityInfo?) -> [String] {
        guard let security else { return ["* no leg stands"] }
        var lines = [
            "* leg:      \(security.leg.rawValue), \(security.local) - \(security.remote)",
            "* security: \(summary(security))",
        ]
        if let own = security.ownFingerprint { lines.append("* own certificate:    \(own)") }
        if let peer = security.peerFingerprint { lines.append("* peer's certificate: \(peer)") }
        for expected in security.expectedFingerprints {
            lines.append("* SDP announced:      \(displayEscaped(expected))")
        }
        return lines
    }
}
