import WireSyntax

/// `name=value, name="value"` after an authentication scheme, or alone in Authentication-Info (RFC 3261 §25.1, RFC 7616 §3).
public struct AuthenticationParameters: Hashable, Sendable {
    /// `Digest`, or "" for Authentication-Info.
    public var scheme: String
    public var parameters: Parameters

    public init(scheme: String, parameters: Parameters = Parameters()) {
        self.scheme = scheme
        self.parameters = parameters
    }

    /// Reads `scheme name=value, …`.
    public init(_ text: String) throws(SyntaxError) {
        var cursor = Cursor(text)
        cursor.skipWhiteSpace()
        scheme = try cursor.token("an authentication scheme")
        guard cursor.skipWhiteSpace() else { throw cursor.fail("expected authentication parameters") }
        parameters = try cursor.authenticationParameters()
    }

    /// Reads `name=value, …`.
    public init(info text: String) throws(SyntaxError) {
        var cursor = Cursor(text)
        scheme = ""
        parameters = try cursor.authenticationParameters()
    }
}

extension AuthenticationParameters: CustomStringConvertible {
    public var description: String {
        let list = parameters.all.map { "\($0.name)=\($0.value ?? "")" }.joined(separator: ", ")
        return scheme.isEmpty ? list : scheme + " " + list
    }
}

extension Cursor {
    /// Up to the end of the value.
    mutating func authenticationParameters() throws(SyntaxError) -> Parameters {
        var result = Parameters()
        repeat {
            skipWhiteSpace()
            let start = position
            let name = try token("a parameter name")
            try expectSeparator("=")
            let value = current == UInt8(ascii: "\"") ? try quotedString() : try token("a parameter value")
            guard !result.has(name) else { throw fail("parameter \(name) comes twice", at: start) }
            guard result.all.count < maximumParameterCount else { throw fail("too many parameters", at: start) }
            result.set(name, to: value)
        } while separator(",")
        try expectEnd()
        return result
    }
}
