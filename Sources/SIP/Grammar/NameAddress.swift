import WireSyntax

/// `"Display" <uri>;parameters` or `uri;parameters`: From, To, Contact, Route, Path, … (RFC 3261 §20.10).
public struct NameAddress: Hashable, Sendable {
    /// Without its quotes.
    public var displayName: String?
    public var uri: URI
    /// Parameters of the header, not of the URI.
    public var parameters: Parameters

    public init(displayName: String? = nil, uri: URI, parameters: Parameters = Parameters()) {
        self.displayName = displayName
        self.uri = uri
        self.parameters = parameters
    }

    public init(_ text: String) throws(SyntaxError) {
        var cursor = Cursor(text)
        self = try cursor.nameAddress()
        try cursor.expectEnd()
    }

    public var tag: String? {
        get { parameters.value("tag") }
        set {
            if let newValue { parameters.set("tag", to: newValue) } else { parameters.remove("tag") }
        }
    }
}

extension NameAddress: CustomStringConvertible {
    /// Always with angle brackets: parameters then cannot be taken for those of the URI.
    public var description: String {
        var text = ""
        if let displayName { text += quoted(displayName) + " " }
        return text + "<\(uri)>\(parameters)"
    }
}

extension Cursor {
    /// `( name-addr / addr-spec ) *( SEMI generic-param )`
    ///
    /// - Parameter isBracketed: whether only `name-addr` is allowed, as in Route.
    mutating func nameAddress(isBracketed: Bool = false) throws(SyntaxError) -> NameAddress {
        skipWhiteSpace()
        let start = position
        var name: String?
        if current == UInt8(ascii: "\"") {
            name = unquoted(try quotedString())
            skipWhiteSpace()
        } else {
            // `*(token LWS)` before "<", else an addr-spec.
            while position < end,
                CharacterSet.token.contains(octets[position]) || CharacterSet.isWhiteSpace(octets[position])
            {
                position += 1
            }
            if current == UInt8(ascii: "<"), position > start {
                name = CursorText.unfolded(octets[start..<position]).trimmingWhiteSpace()
            } else if current != UInt8(ascii: "<") {
                guard !isBracketed else { throw fail("expected \"<\"") }
                position = start
                return try bareAddress()
            }
        }
        guard take("<") else { throw fail("expected \"<\"") }
        let uri = try uri()
        guard take(">") else { throw fail("unexpected character in the address") }
        return NameAddress(displayName: name, uri: uri, parameters: try parameters())
    }

    /// Without brackets a semicolon begins the parameters of the header, and `?` and `,` may not stand in the URI (§20.10).
    private mutating func bareAddress() throws(SyntaxError) -> NameAddress {
        let start = position
        while position < end, !CharacterSet.isWhiteSpace(octets[position]), octets[position] != UInt8(ascii: ";"),
            octets[position] != UInt8(ascii: ",")
        {
            position += 1
        }
        var part = Cursor(octets, in: start..<position, field: field)
        let uri = try part.uri()
        guard part.isAtEnd else { throw part.fail("unexpected character in the address") }
        if let question = octets[start..<position].firstIndex(of: UInt8(ascii: "?")) {
            throw fail("a URI with \"?\" must stand in angle brackets", at: question)
        }
        return NameAddress(uri: uri, parameters: try parameters())
    }
}

extension String {
    func trimmingWhiteSpace() -> String {
        var view = self[...].utf8
        while let first = view.first, CharacterSet.isWhiteSpace(first) { view.removeFirst() }
        while let last = view.last, CharacterSet.isWhiteSpace(last) { view.removeLast() }
        return String(Substring(view))
    }
}
