/// What a scenario must show beyond delivery, decisions and released contexts.
package enum Proof: Hashable, Sendable, CaseIterable {
    /// CEMA on both sides (RFC 6714): each UE gets the other's own path, and the gateway relays without reading MSRP.
    case untouchedPaths
    /// The callee lacks CEMA: in the end each UE has the gateway's path, which is where c= and m= say, and the gateway reads MSRP.
    case ownPaths
    /// Changes of a call that stands: the unchanged offer and hold make no handshake, another port and another certificate make one each.
    case renewals
    /// Two devices ring; the first 2xx decides, the other branch is cancelled; one context and one core port on the caller's side.
    case forked
    /// AKAv1-MD5 (RFC 3310) for the caller, a password for the callee, at the same registrar.
    case aka
    /// RFC 6135: the caller's end is active and stands at port 9; the callee's is passive, and the gateway is the TLS client there.
    case roles
    /// The RCS 5.1 option, originating: an offer of TLS with a fingerprint, neither request nor indication, and yet e2ae.
    case offersAsRCS
    /// The RCS 5.1 option, terminating: TLS is offered to a UE that indicated nothing, without `3ge2ae`.
    case offeredAsRCS
    /// As `offeredAsRCS`, but the UE refuses: it is offered plain TCP once more, and the caller never hears of it.
    case fallback
    /// Every address is ::1, in SIP, H.248, SDP and in the connections.
    case version6
}
