/// What was wrong with some input, and where.
///
/// Every codec throws this one type, so that whoever answers a peer (400, 488, an Error descriptor, `file:line`) can name the place. It carries no
/// secret: `reason` describes the fault and never quotes more of the input than the token that was wrong.
public struct SyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was wrong, as a phrase without a final full stop: `"Content-Length is not a number"`.
    public var reason: String
    /// The header, line type, attribute or descriptor concerned, if one was known.
    public var field: String?
    /// Octets from the beginning of the input, from 0.
    public var offset: Int
    /// Line of the input, from 1, where the format has lines.
    public var line: Int?

    public init(_ reason: String, field: String? = nil, at offset: Int = 0, line: Int? = nil) {
        self.reason = reason
        self.field = field
        self.offset = offset
        self.line = line
    }

    public var description: String {
        var text = ""
        if let line { text += "line \(line), " }
        text += "octet \(offset): "
        if let field { text += "\(field): " }
        return displayEscaped(text + reason)
    }

    /// The same error seen from a container in which the failed part begins `base` octets later (and `lines` lines further down).
    public func shifted(by base: Int, lines: Int = 0, field: String? = nil) -> SyntaxError {
        var copy = self
        copy.offset += base
        if let line { copy.line = line + lines }
        if copy.field == nil { copy.field = field }
        return copy
    }
}
