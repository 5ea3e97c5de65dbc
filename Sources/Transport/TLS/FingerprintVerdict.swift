import MediaSecurity
import SDP

extension FingerprintPolicy {
    /// Whether a certificate (DER) is one of those that the SDP announced (RFC 8122 §6.2): the digests are computed here, the rule is `verify`.
    package func verdict(on certificate: [UInt8], expecting fingerprints: [Fingerprint]) -> PeerVerdict {
        let result = verify(fingerprints) { hash in
            CertificateDigest.fingerprint(of: certificate, hash: hash)?.octets
        }
        switch result {
        case .match: return .accepted
        case .mismatch(let hash): return .refused("the certificate does not match the \(hash) fingerprint")
        case .noUsableFingerprint: return .refused("no usable fingerprint to check the certificate against")
        case .noDigest(let hash): return .refused("\(hash) is not implemented")
        }
    }

    /// A verifier for peers whose fingerprints are known when the handshake begins.
    package func verifier(expecting fingerprints: [Fingerprint]) -> PeerVerifier {
        { certificate, answer in answer(verdict(on: certificate, expecting: fingerprints)) }
    }
}
