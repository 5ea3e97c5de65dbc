import SDP
import WireSyntax

/// Which hash functions of `a=fingerprint` count here, and how a certificate is compared (RFC 8122 §5, §6.2).
///
/// MD5 and MD2 never do; SHA-1 only where the operator says so, for old RCS clients.
package struct FingerprintPolicy: Hashable, Sendable {
    /// Usable functions, the most preferred one first.
    package let hashes: [HashFunction]

    package init(allowsSHA1: Bool = false) {
        hashes = [.sha512, .sha384, .sha256, .sha224] + (allowsSHA1 ? [.sha1] : [])
    }

    package static let standard = FingerprintPolicy()

    /// Whether a fingerprint counts: its function is usable, and its length is the function's. One that does not is as absent.
    package func isUsable(_ fingerprint: Fingerprint) -> Bool {
        hashes.contains(fingerprint.hash) && fingerprint.hasDigestLength
    }

    package func usable(_ fingerprints: [Fingerprint]) -> [Fingerprint] { fingerprints.filter(isUsable) }

    /// The function by which a certificate is checked: the most preferred among those offered (RFC 8122 §5).
    package func preferredHash(among fingerprints: [Fingerprint]) -> HashFunction? {
        let offered = Set(usable(fingerprints).map(\.hash))
        return hashes.first { offered.contains($0) }
    }

    package enum Verdict: Hashable, Sendable {
        /// The certificate is one of those announced.
        case match
        /// The certificate is another one. `hash` is the function that decided.
        case mismatch(hash: HashFunction)
        /// Nothing usable was announced: nobody can be checked.
        case noUsableFingerprint
        /// The digest that decides was not given: as a mismatch.
        case noDigest(hash: HashFunction)

        package var isMatch: Bool { self == .match }
    }

    /// Compares a presented certificate with the fingerprints of the SDP, in constant time.
    ///
    /// Only fingerprints of the preferred function are looked at, and one of them must match: a match on a weaker one does not rescue a mismatch
    /// (RFC 8122 §6.2).
    ///
    /// - Parameter digest: the digest of the certificate's DER form by that function; nil where it cannot be computed.
    package func verify(
        _ fingerprints: [Fingerprint], digest: (HashFunction) -> [UInt8]?
    ) -> Verdict {
        guard let hash = preferredHash(among: fingerprints) else { return .noUsableFingerprint }
        guard let presented = digest(hash), presented.count == hash.digestLength else { return .noDigest(hash: hash) }
        var matches = false
        for fingerprint in usable(fingerprints) where fingerprint.hash == hash {
            // No early exit: the time says nothing about which one matched.
            let equal = constantTimeEqual(fingerprint.octets, presented)
            matches = matches || equal
        }
        return matches ? .match : .mismatch(hash: hash)
    }
}
