/// A hash function of `a=fingerprint`, by its name in the IANA registry "Hash Function Textual Names" (RFC 8122 §5).
///
/// MD5 and MD2 are known by name only: they must be neither computed nor verified.
public enum HashFunction: Hashable, Sendable, CustomStringConvertible {
    case sha1, sha224, sha256, sha384, sha512, md5, md2
    /// A name that nobody here knows, in lower case.
    case other(String)

    /// From a name in any case.
    public init(_ name: some StringProtocol) {
        switch name.lowercased() {
        case "sha-1": self = .sha1
        case "sha-224": self = .sha224
        case "sha-256": self = .sha256
        case "sha-384": self = .sha384
        case "sha-512": self = .sha512
        case "md5": self = .md5
        case "md2": self = .md2
        case let name: self = .other(name)
        }
    }

    /// Octets of a digest; nil for a function that is not known.
    public var digestLength: Int? {
        switch self {
        case .sha1: 20
        case .sha224: 28
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        case .md5, .md2: 16
        case .other: nil
        }
    }

    /// As it is sent: `SHA-256`.
    public var description: String {
        switch self {
        case .sha1: "SHA-1"
        case .sha224: "SHA-224"
        case .sha256: "SHA-256"
        case .sha384: "SHA-384"
        case .sha512: "SHA-512"
        case .md5: "MD5"
        case .md2: "MD2"
        case .other(let name): name.uppercased()
        }
    }
}
