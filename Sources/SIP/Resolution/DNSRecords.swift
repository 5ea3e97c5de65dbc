import WireSyntax

/// What the selection of a server asks the DNS for (RFC 3263 §4).
public struct DNSQuestion: Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Hashable, Sendable {
        case naptr = "NAPTR"
        case srv = "SRV"
        /// A and AAAA.
        case addresses = "A/AAAA"
    }

    public let kind: Kind
    /// Lower case, without a final dot.
    public let name: String

    public init(_ kind: Kind, _ name: String) {
        self.kind = kind
        self.name = name.lowercased()
    }

    public var description: String { "\(kind.rawValue) \(name)" }
}

/// RFC 3403 §4.1 as RFC 3263 §4.1 uses it.
public struct NAPTRRecord: Hashable, Sendable {
    public var order: UInt16
    public var preference: UInt16
    public var flags: String
    public var service: String
    public var regularExpression: String
    public var replacement: String

    public init(
        order: UInt16, preference: UInt16, flags: String, service: String, regularExpression: String = "",
        replacement: String
    ) {
        self.order = order
        self.preference = preference
        self.flags = flags
        self.service = service
        self.regularExpression = regularExpression
        self.replacement = replacement
    }
}

/// RFC 2782.
public struct SRVRecord: Hashable, Sendable {
    public var priority: UInt16
    public var weight: UInt16
    public var port: UInt16
    /// Empty for the root: the service is decidedly not available.
    public var target: String

    public init(priority: UInt16, weight: UInt16, port: UInt16, target: String) {
        self.priority = priority
        self.weight = weight
        self.port = port
        self.target = target
    }
}

/// What the DNS says to a question.
public enum DNSAnswer: Hashable, Sendable {
    case naptr([NAPTRRecord])
    case srv([SRVRecord])
    case addresses([IPAddress])
    /// The name does not exist, or has no record of this kind.
    case absent
    /// No answer: time is out, or the server could not tell. Not the same as `absent`: nothing follows from it.
    case failed
}
