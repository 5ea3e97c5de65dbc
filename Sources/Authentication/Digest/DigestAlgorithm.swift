import Crypto
import WireSyntax

/// Algorithms of digest authentication (RFC 7616 §3.3, RFC 8760, RFC 3310 §3.1). The session variants are not offered and not answered, nor are AKAv2-MD5 and
/// AKAv1-SHA-256.
public enum DigestAlgorithm: String, Hashable, Sendable, CaseIterable {
    /// Names as they stand on the wire, in rising strength.
    case md5 = "MD5"
    case sha256 = "SHA-256"
    /// MD5 with RES of AKA as the password.
    case akaV1MD5 = "AKAv1-MD5"

    /// Those whose secret is a password.
    public static let withPassword: Set<DigestAlgorithm> = [.md5, .sha256]

    /// The name without regard to case; an absent `algorithm` is MD5 (RFC 7616 §3.3).
    public init?(wireName: String?) {
        guard let wireName else {
            self = .md5
            return
        }
        guard let found = Self.allCases.first(where: { $0.rawValue.lowercased() == wireName.lowercased() }) else {
            return nil
        }
        self = found
    }

    /// Lower-case hexadecimal hash of the octets.
    func hexHash(_ octets: [UInt8]) -> String {
        switch self {
        case .md5, .akaV1MD5: hexadecimal(Insecure.MD5.hash(data: octets))
        case .sha256: hexadecimal(SHA256.hash(data: octets))
        }
    }

    /// Hexadecimal digits of a hash.
    var length: Int { self == .sha256 ? 64 : 32 }
}

func hexadecimal(_ octets: some Sequence<UInt8>) -> String {
    var result: [UInt8] = []
    for octet in octets {
        for digit in [octet >> 4, octet & 15] { result.append(digit < 10 ? digit + 0x30 : digit + 0x57) }
    }
    return String(decoding: result, as: UTF8.self)
}
