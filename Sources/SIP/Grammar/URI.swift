import WireSyntax

/// A URI in a SIP message: `sip:` and `sips:` in full, any other scheme as its text (RFC 3261 §19.1, §25.1 `absoluteURI`).
public enum URI: Hashable, Sendable, CustomStringConvertible {
    case sip(SIPURI)
    case other(scheme: String, rest: String)

    /// The longest URI that is read, in octets.
    public static let maximumLength = 8192

    /// - Throws: what does not match the grammar. A `sip` or `sips` URI must be one in full; there is no way back to the generic form.
    public init(_ text: String) throws(SyntaxError) {
        var cursor = Cursor(text)
        self = try cursor.uri()
        guard cursor.isAtEnd else { throw cursor.fail("unexpected character in the URI") }
    }

    public var sip: SIPURI? {
        if case .sip(let uri) = self { return uri }
        return nil
    }

    public var description: String {
        switch self {
        case .sip(let uri): uri.description
        case .other(let scheme, let rest): scheme + ":" + rest
        }
    }

    /// RFC 3261 §19.1.4 for SIP URIs; other schemes by their text, the scheme without regard to case.
    public func isEquivalent(to other: URI) -> Bool {
        switch (self, other) {
        case (.sip(let one), .sip(let two)): one.isEquivalent(to: two)
        case (.other(let one, let rest), .other(let two, let otherRest)):
            one.equalsIgnoringCase(two) && rest == otherRest
        default: false
        }
    }
}

extension Cursor {
    /// `SIP-URI / SIPS-URI / absoluteURI`, up to the first octet that cannot belong to it.
    mutating func uri() throws(SyntaxError) -> URI {
        let start = position
        guard let first = current, CharacterSet.isLetter(first) else { throw fail("expected a URI") }
        let scheme = try run(of: .scheme, "a URI scheme")
        guard take(":") else { throw fail("a URI needs a scheme and a colon", at: start) }
        let uri: URI
        switch scheme.asciiLowercased {
        case "sip": uri = .sip(try sipURI(isSecure: false))
        case "sips": uri = .sip(try sipURI(isSecure: true))
        default:
            let rest = position
            try skipEscaped(.uri)
            guard position > rest else { throw fail("the URI is empty after its scheme") }
            uri = .other(scheme: scheme, rest: text(from: rest))
        }
        guard position - start <= URI.maximumLength else { throw fail("the URI is too long", at: start) }
        return uri
    }

    /// Octets of the set and `%HH`.
    mutating func skipEscaped(_ set: CharacterSet) throws(SyntaxError) {
        while position < end {
            let octet = octets[position]
            if set.contains(octet) {
                position += 1
            } else if octet == UInt8(ascii: "%") {
                guard position + 2 < end, hexDigitValue(octets[position + 1]) != nil,
                    hexDigitValue(octets[position + 2]) != nil
                else { throw fail("\"%\" is not followed by two hexadecimal digits") }
                position += 3
            } else {
                return
            }
        }
    }
}
