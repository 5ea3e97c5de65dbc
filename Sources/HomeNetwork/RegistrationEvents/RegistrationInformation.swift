import NIOCore
import SIP

/// What happened to a contact (RFC 3680 §5.1).
package enum ContactEvent: String, Hashable, Sendable {
    case registered, refreshed, shortened, expired, deactivated, unregistered, rejected

    var isActive: Bool { [.registered, .refreshed, .shortened].contains(self) }
}

package struct ContactChange: Hashable, Sendable {
    package var binding: Binding
    package var event: ContactEvent
}

/// What happened to the contacts of one registration set.
package struct RegistrationChange: Hashable, Sendable {
    /// The set: its first identity.
    package var key: String
    package var contacts: [ContactChange]
}

/// A registration set as it stands.
package struct RegistrationSnapshot: Sendable {
    package var identities: [SIPURI]
    package var bindings: [Binding]
}

/// `application/reginfo+xml` (RFC 3680 §5): the state of every identity of one registration set.
struct RegistrationInformation {
    static let mediaType = "application/reginfo+xml"

    var version: UInt32
    var isFull: Bool
    var snapshot: RegistrationSnapshot
    /// Since the document before.
    var changes: [ContactChange]
    var now: NIODeadline

    /// The contacts to show: those that live and those that have just ended; of a partial document, those that changed.
    private var contacts: [ContactChange] {
        guard isFull else { return changes }
        let living = snapshot.bindings.map { binding in
            let event = changes.last { $0.binding.id == binding.id }?.event ?? .registered
            return ContactChange(binding: binding, event: event.isActive ? event : .registered)
        }
        let ended = changes.filter { change in
            !change.event.isActive && !snapshot.bindings.contains { $0.id == change.binding.id }
        }
        return living + ended
    }

    var text: String {
        let contacts = contacts
        let state = snapshot.bindings.isEmpty ? contacts.isEmpty ? "init" : "terminated" : "active"
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        text += "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"\(version)\""
        text += " state=\"\(isFull ? "full" : "partial")\">\n"
        for (index, identity) in snapshot.identities.enumerated() {
            text += "<registration aor=\"\(escaped("\(identity)"))\" id=\"a\(index)\" state=\"\(state)\">\n"
            for contact in contacts { text += element(contact, of: index) }
            text += "</registration>\n"
        }
        return text + "</reginfo>\n"
    }

    private func element(_ change: ContactChange, of index: Int) -> String {
        let binding = change.binding
        let isActive = change.event.isActive
        var text = "<contact id=\"a\(index)c\(binding.id)\" state=\"\(isActive ? "active" : "terminated")\""
        text += " event=\"\(change.event.rawValue)\""
        if isActive {
            let rest = max(0, (binding.expires - now).nanoseconds / 1_000_000_000)
            text += " expires=\"\(rest)\""
        }
        text += " callid=\"\(escaped(binding.callID))\" cseq=\"\(binding.cSeq)\">"
        text += "<uri>\(escaped("\(binding.contact.uri)"))</uri>"
        for parameter in binding.contact.parameters.all where !["q", "expires"].contains(parameter.name.lowercased()) {
            let value = escaped(parameter.value ?? "")
            text += "<unknown-param name=\"\(escaped(parameter.name))\">\(value)</unknown-param>"
        }
        return text + "</contact>\n"
    }
}

/// For the content of elements and of attributes; what XML cannot hold is left out.
private func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "\u{0}"..."\u{8}", "\u{B}"..."\u{C}", "\u{E}"..."\u{1F}", "\u{FFFE}"..."\u{FFFF}": continue
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
