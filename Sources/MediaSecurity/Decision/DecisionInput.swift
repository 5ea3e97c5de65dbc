/// Which way an offer goes: from the served UE, or to it.
package enum OfferDirection: String, Hashable, Sendable, CaseIterable {
    case originating, terminating

    package init(from side: OfferSide) { self = side == .ue ? .originating : .terminating }
}

/// What a line of a session is.
package enum LineMode: String, Hashable, Sendable, CaseIterable {
    /// TLS between the UE and the gateway, plain towards the core.
    case e2ae
    /// Plain on both sides.
    case plain
    /// TLS passes the gateway untouched.
    case transparent
    /// Transparent because the UE's request for e2ae could not be honoured and U4 passed it on.
    case transparentByU4
    /// Port 0.
    case off
}

/// What happens to a request for e2ae that the network cannot honour (open point U4), where not both sides indicated support.
package enum UnhonouredRequest: String, Hashable, Sendable, CaseIterable {
    /// The offer goes on with TLS and fingerprint; `3ge2ae` is removed.
    case transparent
    /// 488, or port 0 on that line where other media is acceptable.
    case reject
}

/// Everything that the decision about one offered line depends on.
package struct DecisionInput: Hashable, Sendable {
    package var direction: OfferDirection
    /// U: the UE indicated `msrp-tls` in its registration, over protected Gm.
    package var ueIndicated: Bool
    /// N: the P-CSCF indicated it in that registration.
    package var networkIndicated: Bool
    /// R: the RCS 5.1 option, for this access, UE class and direction.
    package var rcs51: Bool
    /// A registered gateway that can do e2ae is there.
    package var gatewayCapable: Bool
    /// A UE that indicated support must not offer plain MSRP where the network did too.
    package var strict: Bool
    package var unhonouredRequest: UnhonouredRequest
    package var kind: OfferKind
    /// What the line is in the session; nil in a first offer and for a line that is new.
    package var existing: LineMode?

    package init(
        direction: OfferDirection, ueIndicated: Bool, networkIndicated: Bool, rcs51: Bool = false,
        gatewayCapable: Bool = true, strict: Bool = false, unhonouredRequest: UnhonouredRequest = .transparent,
        kind: OfferKind, existing: LineMode? = nil
    ) {
        self.direction = direction
        self.ueIndicated = ueIndicated
        self.networkIndicated = networkIndicated
        self.rcs51 = rcs51
        self.gatewayCapable = gatewayCapable
        self.strict = strict
        self.unhonouredRequest = unhonouredRequest
        self.kind = kind
        self.existing = existing
    }

    /// Both indicated: e2ae is compulsory unless e2e is used, and nothing downgrades silently (TR 29.828, change request to TS 33.328 §4.1.1).
    package var bothIndicated: Bool { ueIndicated && networkIndicated }
}
