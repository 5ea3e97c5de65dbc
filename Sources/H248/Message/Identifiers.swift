import WireSyntax

/// ContextID (RFC 3525 §6.1.1, B.2): 0 is the null context `-`, 0xFFFFFFFE is CHOOSE `$`, 0xFFFFFFFF is ALL `*`.
public struct ContextID: Hashable, Sendable, CustomStringConvertible, RawRepresentable {
    public var rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public init(_ value: UInt32) { rawValue = value }

    public static let null = ContextID(0)
    public static let choose = ContextID(0xFFFF_FFFE)
    public static let all = ContextID(0xFFFF_FFFF)

    /// Whether it names one context, neither null nor a wildcard.
    public var isSpecific: Bool { self != .null && self != .choose && self != .all }

    public var description: String {
        switch self {
        case .null: "-"
        case .choose: "$"
        case .all: "*"
        default: String(rawValue)
        }
    }
}

/// TerminationID (RFC 3525 §6.2.2, B.2): `ROOT`, `$`, `*`, or a path name of at most 64 characters in which `$` and `*` may stand for parts.
/// Compared without regard to case.
public struct TerminationID: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let spelling: String

    public static let maximumLength = 64

    public static let root: TerminationID = "ROOT"
    public static let choose: TerminationID = "$"
    public static let all: TerminationID = "*"

    /// Nil when the text is no TerminationID.
    public init?(_ text: some StringProtocol) {
        guard (1...TerminationID.maximumLength).contains(text.utf8.count), text.utf8.allSatisfy(isPathOctet) else {
            return nil
        }
        spelling = String(text)
    }

    /// For names in our own source; a peer's text goes through `init?`.
    public init(stringLiteral value: String) { spelling = value }

    init(unchecked spelling: String) { self.spelling = spelling }

    public var isRoot: Bool { self == .root }
    /// `$` stands somewhere in it: the gateway is to choose.
    public var containsChoose: Bool { spelling.utf8.contains(UInt8(ascii: "$")) }
    /// `*` stands somewhere in it.
    public var containsAll: Bool { spelling.utf8.contains(UInt8(ascii: "*")) }
    /// Whether it names one termination (or ROOT).
    public var isSpecific: Bool { !containsChoose && !containsAll }

    /// RFC 3525 B.1: `*` matches any run of characters. A name without `*` matches itself.
    public func matches(_ other: TerminationID) -> Bool {
        let pattern = Array(spelling.utf8.map(folded))
        let text = Array(other.spelling.utf8.map(folded))
        var (p, t, star, mark) = (0, 0, -1, 0)
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                star = p
                mark = t
                p += 1
            } else if p < pattern.count, pattern[p] == text[t] {
                p += 1
                t += 1
            } else if star >= 0 {
                p = star + 1
                mark += 1
                t = mark
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    public static func == (left: TerminationID, right: TerminationID) -> Bool {
        equalIgnoringCase(left.spelling, right.spelling)
    }
    public func hash(into hasher: inout Hasher) { hashIgnoringCase(spelling, into: &hasher) }
    public var description: String { spelling }
}

/// What may stand in a pathNAME (B.2), its wildcards and pathDomainName included.
@inline(__always)
func isPathOctet(_ octet: UInt8) -> Bool {
    switch octet {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2F, 0x2A, 0x5F, 0x24, 0x40, 0x2D, 0x2E: true
    default: false
    }
}

/// mId (RFC 3525 §8.3, B.2): who sent a message.
public enum MessageIdentifier: Hashable, Sendable, CustomStringConvertible {
    /// `[192.0.2.1]:2944`
    case address(IPAddress, port: UInt16?)
    /// `<mgc.example>:2944`; lower case.
    case domain(String, port: UInt16?)
    /// A device name; lower case, since names compare without regard to case.
    case device(String)
    /// `MTP{…}`: 4 to 8 hexadecimal digits, upper case.
    case mtp(String)

    public init(_ endpoint: Endpoint) { self = .address(endpoint.address, port: endpoint.port) }

    public var description: String {
        switch self {
        case .address(let address, let port): "[\(address)]" + (port.map { ":\($0)" } ?? "")
        case .domain(let name, let port): "<\(name)>" + (port.map { ":\($0)" } ?? "")
        case .device(let name): name
        case .mtp(let digits): "MTP{\(digits)}"
        }
    }
}
