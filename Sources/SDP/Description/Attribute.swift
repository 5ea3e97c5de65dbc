/// `a=<name>` or `a=<name>:<value>` (RFC 8866 §5.13).
public struct Attribute: Hashable, Sendable {
    /// A token. Lookups compare names without regard to case, so that no spelling slips past a rule.
    public let name: String
    /// Nil for a property attribute; otherwise at least one octet, as it came.
    public var octets: OctetText?

    /// The value as UTF-8.
    public var value: String? {
        get { octets?.string }
        set { octets = newValue.map { OctetText($0) } }
    }

    /// - Parameter name: a token (RFC 8866 §9); characters that may not stand in one are left out.
    public init(_ name: String, _ value: String? = nil) {
        self.name = String(decoding: name.utf8.filter(Grammar.isTokenOctet), as: UTF8.self)
        octets = value.map { OctetText($0) }
    }

    init(name: String, octets: OctetText?) {
        self.name = name
        self.octets = octets
    }

    /// Whether this is the attribute of that name; the case of ASCII letters does not count.
    public func isNamed(_ other: String) -> Bool { name == other || name.lowercased() == other.lowercased() }
}

extension [Attribute] {
    /// The first one of that name.
    public func first(_ name: String) -> Attribute? { first { $0.isNamed(name) } }

    /// The values of all of that name; property attributes without a value are left out.
    public func values(_ name: String) -> [String] {
        compactMap { $0.isNamed(name) ? $0.value : nil }
    }

    public func contains(_ name: String) -> Bool { contains { $0.isNamed(name) } }

    /// Takes out all of that name; the others keep their order.
    public mutating func remove(_ name: String) { removeAll { $0.isNamed(name) } }

    /// Puts these in the place of the first of that name, or at the end, and takes out the others of that name.
    public mutating func replace(_ name: String, with replacement: [Attribute]) {
        let place = firstIndex { $0.isNamed(name) } ?? endIndex
        remove(name)
        insert(contentsOf: replacement, at: Swift.min(place, endIndex))
    }

    /// Sets the value of the one attribute of that name; nil takes it out.
    public mutating func set(_ name: String, _ value: String?) {
        replace(name, with: value.map { [Attribute(name, $0)] } ?? [])
    }
}
