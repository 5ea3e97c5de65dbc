import WireSyntax

/// NAME of RFC 3525 Annex B.2: a letter, then up to 63 letters, digits and `_`. Compared without regard to case (B.2), written as it was spelled.
public struct Name: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// As received, or as the specification spells it.
    public let spelling: String

    /// Nil when the text is no NAME.
    public init?(_ text: some StringProtocol) {
        guard let first = text.utf8.first, isLetter(first), text.utf8.count <= 64,
            text.utf8.allSatisfy({ isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") })
        else { return nil }
        spelling = String(text)
    }

    /// For names in our own source; a peer's text goes through `init?`.
    public init(stringLiteral value: String) { spelling = value }

    init(unchecked spelling: String) { self.spelling = spelling }

    public static func == (left: Name, right: Name) -> Bool { equalIgnoringCase(left.spelling, right.spelling) }
    public func hash(into hasher: inout Hasher) { hashIgnoringCase(spelling, into: &hasher) }
    public var description: String { spelling }
}

/// pkgdName: `package/item`, `package/*` or `*/*`.
public struct ItemName: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// Nil for `*`.
    public var package: Name?
    /// Nil for `*`.
    public var item: Name?

    public init(package: Name?, item: Name?) {
        self.package = package
        self.item = item
    }

    /// For names in our own source, such as `"ipdc/realm"`.
    public init(stringLiteral value: String) {
        let parts = value.split(separator: "/", maxSplits: 1)
        package = parts.first.flatMap { Name($0) }
        item = parts.count == 2 ? Name(parts[1]) : nil
    }

    public var description: String { "\(package?.spelling ?? "*")/\(item?.spelling ?? "*")" }
}

@inline(__always)
func isLetter(_ octet: UInt8) -> Bool { (octet | 0x20) &- 0x61 < 26 }

@inline(__always)
func isDigit(_ octet: UInt8) -> Bool { octet &- 0x30 < 10 }

/// ASCII letters to lower case; anything else unchanged.
@inline(__always)
func folded(_ octet: UInt8) -> UInt8 { octet &- 0x41 < 26 ? octet | 0x20 : octet }

func equalIgnoringCase(_ left: String, _ right: String) -> Bool {
    left.utf8.count == right.utf8.count && zip(left.utf8, right.utf8).allSatisfy { folded($0) == folded($1) }
}

func hashIgnoringCase(_ text: String, into hasher: inout Hasher) {
    for octet in text.utf8 { hasher.combine(folded(octet)) }
    hasher.combine(0xFF as UInt8)
}
