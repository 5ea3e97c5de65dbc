import WireSyntax

/// `;a=b;c` in order, as of a URI (RFC 3261 §19.1.1) or of a header value (§7.3.1). Names are compared without regard to case.
public struct Parameters: Hashable, Sendable {
    public struct Parameter: Hashable, Sendable {
        /// As it was spelled.
        public var name: String
        /// As it stands on the wire, quotes included; nil where there is no `=`.
        public var value: String?

        public init(name: String, value: String? = nil) {
            self.name = name
            self.value = value
        }
    }

    public private(set) var all: [Parameter] = []

    public init() {}

    public init(_ parameters: [Parameter]) {
        for parameter in parameters { set(parameter.name, to: parameter.value) }
    }

    public var isEmpty: Bool { all.isEmpty }

    public func has(_ name: String) -> Bool { index(of: name) != nil }

    /// The value without its quotes; nil when the parameter is absent or has no value.
    public func value(_ name: String) -> String? { rawValue(name).map(unquoted) }

    /// The value as it stands on the wire.
    public func rawValue(_ name: String) -> String? { index(of: name).flatMap { all[$0].value } }

    /// Replaces in place or appends. `value` goes out as it is: a token, a host, or already quoted.
    public mutating func set(_ name: String, to value: String? = nil) {
        if let index = index(of: name) {
            all[index].value = value
        } else {
            all.append(Parameter(name: name, value: value))
        }
    }

    /// Replaces in place or appends, as a quoted string.
    public mutating func set(_ name: String, toQuoted value: String) { set(name, to: quoted(value)) }

    public mutating func remove(_ name: String) {
        all.removeAll { $0.name.equalsIgnoringCase(name) }
    }

    private func index(of name: String) -> Int? { all.firstIndex { $0.name.equalsIgnoringCase(name) } }
}

extension Parameters: CustomStringConvertible {
    /// `;a=b;c`
    public var description: String {
        var text = ""
        for parameter in all {
            text += ";" + parameter.name
            if let value = parameter.value { text += "=" + value }
        }
        return text
    }
}

/// How many parameters one URI or header value may have.
public let maximumParameterCount = 64

extension Cursor {
    /// `*( SEMI generic-param )` of a header value; none may come twice (§7.3.1).
    mutating func parameters() throws(SyntaxError) -> Parameters {
        var result = Parameters()
        while separator(";") {
            try addParameter(to: &result)
        }
        return result
    }

    /// `generic-param = token [ EQUAL gen-value ]`, `gen-value = token / host / quoted-string`
    mutating func addParameter(to result: inout Parameters) throws(SyntaxError) {
        let start = position
        let name = try token("a parameter name")
        var value: String?
        if separator("=") { value = try parameterValue() }
        guard !result.has(name) else { throw fail("parameter \(name) comes twice", at: start) }
        guard result.all.count < maximumParameterCount else { throw fail("too many parameters", at: start) }
        result.set(name, to: value)
    }

    mutating func parameterValue() throws(SyntaxError) -> String {
        switch current {
        case UInt8(ascii: "\""):
            return try quotedString()
        case UInt8(ascii: "["):
            let start = position
            _ = try host()
            return text(from: start)
        default:
            let start = position
            // `received` of Via is found with a bare IPv6 address (RFC 5118 §4.5), and tag values with `:` in old implementations are not.
            while position < end, CharacterSet.token.contains(octets[position]) || octets[position] == 0x3A {
                position += 1
            }
            guard position > start else { throw fail("expected a parameter value") }
            let value = text(from: start)
            guard !value.utf8.contains(0x3A) || IPAddress(value) != nil else {
                throw fail("not a parameter value", at: start)
            }
            return value
        }
    }
}

/// A `quoted-string` of the text: `\` before `"` and `\`.
public func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        if scalar == "\"" || scalar == "\\" { result.unicodeScalars.append("\\") }
        result.unicodeScalars.append(scalar)
    }
    return result + "\""
}

/// The text inside a `quoted-string`; anything else as it is.
public func unquoted(_ text: String) -> String {
    guard text.utf8.count >= 2, text.utf8.first == UInt8(ascii: "\""), text.utf8.last == UInt8(ascii: "\"") else {
        return text
    }
    var result = String.UnicodeScalarView()
    var escaped = false
    for scalar in text.unicodeScalars.dropFirst().dropLast() {
        if scalar == "\\", !escaped {
            escaped = true
        } else {
            result.append(scalar)
            escaped = false
        }
    }
    return String(result)
}
