import Crypto
import WireSyntax

/// Nonces that the server need not remember: `time "." salt "." HMAC(key, time, salt, realm, algorithm)`, all in hexadecimal (RFC 7616 §3.3).
///
/// Whoever does not have the key cannot make one, and its age can be told from it.
public struct DigestNonce: Sendable {
    public enum Verdict: Hashable, Sendable {
        case fresh
        /// Made here, but older than the lifetime.
        case stale
        /// Not made with this key, for another realm or algorithm, or dated in the future.
        case foreign
    }

    private let key: SymmetricKey
    /// Seconds.
    private let lifetime: UInt64

    /// - Parameters:
    ///   - key: at least 16 random octets; shared by servers that shall accept one another's nonces.
    ///   - lifetime: seconds.
    public init(key: Secret, lifetime: UInt64) {
        self.key = key.withOctets { SymmetricKey(data: $0) }
        self.lifetime = lifetime
    }

    /// - Parameters:
    ///   - now: seconds on any clock that does not go back.
    ///   - salt: random; two requests of one second get different nonces.
    public func make(realm: String, algorithm: DigestAlgorithm, now: UInt64, salt: UInt64) -> String {
        let head = "\(String(now, radix: 16)).\(String(salt, radix: 16))"
        return "\(head).\(mac(head, realm, algorithm))"
    }

    public func check(_ nonce: String, realm: String, algorithm: DigestAlgorithm, now: UInt64) -> Verdict {
        let parts = nonce.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, nonce.utf8.count <= 128, let made = UInt64(parts[0], radix: 16) else { return .foreign }
        let expected = mac("\(parts[0]).\(parts[1])", realm, algorithm)
        guard constantTimeEqual(Array(expected.utf8), Array(parts[2].utf8)), made <= now else { return .foreign }
        return now - made <= lifetime ? .fresh : .stale
    }

    private func mac(_ head: String, _ realm: String, _ algorithm: DigestAlgorithm) -> String {
        let text = "\(head)\0\(realm)\0\(algorithm.rawValue)"
        return hexadecimal(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key))
    }
}
