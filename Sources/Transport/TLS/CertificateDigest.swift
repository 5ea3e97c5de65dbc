import Crypto
import SDP

/// The fingerprint of a certificate (RFC 8122 §5): the hash of its DER form.
package enum CertificateDigest {
    /// - Returns: nil for a hash that must not be used (MD2, MD5) or is not implemented (SHA-224, unknown names).
    package static func fingerprint(of certificate: [UInt8], hash: SDP.HashFunction) -> Fingerprint? {
        switch hash {
        case .sha1: Fingerprint(hash: hash, octets: Array(Insecure.SHA1.hash(data: certificate)))
        case .sha256: Fingerprint(hash: hash, octets: Array(SHA256.hash(data: certificate)))
        case .sha384: Fingerprint(hash: hash, octets: Array(SHA384.hash(data: certificate)))
        case .sha512: Fingerprint(hash: hash, octets: Array(SHA512.hash(data: certificate)))
        default: nil
        }
    }
}

extension Identity {
    /// The fingerprint of the end certificate, for the SDP.
    package func fingerprint(_ hash: SDP.HashFunction = .sha256) -> Fingerprint? {
        CertificateDigest.fingerprint(of: certificate, hash: hash)
    }
}
