import SDP

/// The kinds of an offered MSRP line (K1…K6).
///
/// | kind | transport | usable fingerprint | `3ge2ae:requested` | `key-mgmt:mikey` |
/// |---|---|---|---|---|
/// | K1 | `TCP/MSRP` | – | no | – |
/// | K2 | `TCP/TLS/MSRP` | yes | yes | no |
/// | K3 | `TCP/TLS/MSRP` | yes | no | no |
/// | K4 | `TCP/TLS/MSRP` | – | no | yes |
/// | K5 | contradictory: requested on `TCP/MSRP`, without a usable fingerprint, or with key-mgmt | | | |
/// | K6 | `TCP/TLS/MSRP` | no | no | no |
package enum OfferKind: String, Hashable, Sendable, CaseIterable {
    /// Plain MSRP.
    case plain = "K1"
    /// The UE asks for end-to-access-edge security (TS 24.229 §7.5.2).
    case endToAccessEdge = "K2"
    /// TLS with fingerprints and nothing else, as RCS 5.1 clients send it.
    case fingerprintOnly = "K3"
    /// TLS with keys of a KMS: end to end (TS 33.328 Annex H).
    case endToEnd = "K4"
    /// The line contradicts itself.
    case contradictory = "K5"
    /// TLS by name, RFC 4975 §14.2.
    case tlsByName = "K6"
}

/// The side of the P-CSCF from which a description comes.
package enum OfferSide: String, Hashable, Sendable, CaseIterable {
    case ue, core

    package var other: OfferSide { self == .ue ? .core : .ue }
}

/// Classifies one MSRP line, in the order K5, K4, K2, K3, K6, K1.
///
/// `a=3ge2ae` from the core is as absent: its meaning ends at the P-CSCF of the other UE. `applied` and unknown indicators are as absent too. key-mgmt
/// counts with the protocol `mikey` only; at the session level only on a TLS line without a usable fingerprint and without `requested`.
package func classify(_ line: MSRPMedia, from side: OfferSide, policy: FingerprintPolicy) -> OfferKind {
    let requested = side == .ue && line.threeGE2AE == .requested
    let hasFingerprint = !policy.usable(line.fingerprints).isEmpty
    let hasMIKEY = line.namesKeyManagement("mikey")
    if requested { return line.isTLS && hasFingerprint && !hasMIKEY ? .endToAccessEdge : .contradictory }
    guard line.isTLS else { return .plain }
    if hasMIKEY || !hasFingerprint && line.sessionNamesKeyManagement("mikey") { return .endToEnd }
    return hasFingerprint ? .fingerprintOnly : .tlsByName
}
