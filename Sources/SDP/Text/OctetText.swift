/// Free text of a description: octets without NUL, CR and LF, in whatever character set `a=charset` names (RFC 8866 §5, `byte-string`).
///
/// Kept as octets, because a description in ISO 8859-1 is well-formed and has to leave as it came. `string` is for people.
public struct OctetText: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let octets: [UInt8]

    /// - Returns: nil where an octet is NUL, CR or LF: such a value could end its line.
    public init?(_ octets: some Sequence<UInt8>) {
        let octets = Array(octets)
        guard octets.allSatisfy(Grammar.isByteStringOctet) else { return nil }
        self.octets = octets
    }

    /// Octets that a grammar check has passed already.
    init(checked octets: some Sequence<UInt8>) { self.octets = Array(octets) }

    /// UTF-8. Octets that may not stand in a line (NUL, CR, LF) are left out.
    public init(_ text: String) { octets = text.utf8.filter(Grammar.isByteStringOctet) }

    public init(stringLiteral text: String) { self.init(text) }

    /// The text as UTF-8; what is no UTF-8 shows as U+FFFD.
    public var string: String { String(decoding: octets, as: UTF8.self) }
    public var description: String { string }
}
