import NIOCore
import SIP

/// An identity of a UE that is registered through this P-CSCF, with its contacts on one flow (TS 24.229 §5.2.2.1).
struct Registration: Hashable, Sendable {
    struct Contact: Hashable, Sendable {
        /// As registered; terminating requests have it as Request-URI. Where the UE is, the flow says (a UE behind a NAT does not know).
        let uri: URI
        var expires: NIODeadline
    }

    /// Unguessable; the user part of the Path URI, by which terminating requests find the UE.
    let token: String
    /// Where the UE is: requests go to it and are taken from it over this flow alone.
    let flow: Flow
    /// RFC 3261 §10.2: several may be registered at once. Never empty.
    var contacts: [Contact]
    /// To of the REGISTER: the identity that the contacts were registered for.
    let addressOfRecord: URI
    /// Call-ID of its REGISTERs (RFC 3261 §10.2).
    var callID: String
    /// P-Associated-URI of the 200 (RFC 7315 §4.1), or the To of the REGISTER. Never empty; the first is the default public identity.
    var identities: [URI]
    /// Service-Route of the 200 (RFC 3608), as `<sip:…;lr>` values in order.
    var serviceRoute: [String]
    var indications: Indications
    var agreement: SecurityAgreement
    /// User-Agent of the protected REGISTER: tells classes of UEs apart (`mediaSecurity.rcs51-classes`). At most `maximumUserAgent` characters.
    var userAgent: String?

    static let maximumUserAgent = 256

    /// When the last contact ends.
    var expires: NIODeadline { contacts.map(\.expires).max() ?? .uptimeNanoseconds(0) }

    /// TS 24.229 §5.2.6.3: the identity that the UE prefers, if it is one of its own, otherwise the default one.
    func identity(preferred: URI?) -> URI {
        if let preferred, let own = identities.first(where: { $0.isSameIdentity(as: preferred) }) { return own }
        return identities[0]
    }

    func owns(_ identity: URI) -> Bool { identities.contains { $0.isSameIdentity(as: identity) } }

    /// Whether a REGISTER with this To speaks of it: its own identity, or one registered along with it.
    func isRegistered(for identity: URI) -> Bool { addressOfRecord.isSameIdentity(as: identity) || owns(identity) }
}

extension Request {
    /// RFC 3325 §9.2: the identity that a UE asks to be asserted, or the one in From.
    var preferredIdentity: URI? {
        if let preferred = headers[.pPreferredIdentity] { return (try? NameAddress(preferred))?.uri }
        return try? headers.from().uri
    }
}

extension URI {
    /// Whether both name the same public user identity: user and host of a SIP URI (RFC 3261 §10.3), or the same text.
    func isSameIdentity(as other: URI) -> Bool {
        switch (self, other) {
        case (.sip(let one), .sip(let two)): one.user == two.user && one.host == two.host && one.port == two.port
        default: self == other
        }
    }
}
