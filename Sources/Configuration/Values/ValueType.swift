import WireSyntax

/// How one kind of value is read and printed. The kinds are static members: `.int(in: 1...70)`, `.endpoint`, `.list(of: .string)`, ….
package struct ValueType<Value: Sendable>: Sendable {
    /// What a right value looks like, as it stands after "expected": `an integer from 1 to 70`.
    package let expected: String
    package let isMasked: Bool
    let isList: Bool
    let decode: @Sendable (RawValue, String) throws(ConfigurationError) -> (Value, PrintedValue)
    let show: @Sendable (Value) -> PrintedValue

    init(
        expected: String, isMasked: Bool = false, isList: Bool = false,
        decode: @escaping @Sendable (RawValue, String) throws(ConfigurationError) -> (Value, PrintedValue),
        show: @escaping @Sendable (Value) -> PrintedValue
    ) {
        self.expected = expected
        self.isMasked = isMasked
        self.isList = isList
        self.decode = decode
        self.show = show
    }

    /// A value written as one piece of text; modules add their own kinds with it.
    ///
    /// - Parameters:
    ///   - expected: what a right value looks like.
    ///   - parse: nil where the text is none.
    ///   - show: the text that `parse` would take.
    package init(
        scalar expected: String, isMasked: Bool = false, parse: @escaping @Sendable (String) -> Value?,
        show: @escaping @Sendable (Value) -> String
    ) {
        let printed: @Sendable (Value) -> PrintedValue = { isMasked ? .masked : .scalar(show($0)) }
        self.init(
            expected: expected, isMasked: isMasked,
            decode: { (raw, key) throws(ConfigurationError) in
                let text = try Self.text(of: raw, key: key, expected: expected)
                guard let value = parse(text) else {
                    throw ConfigurationError(
                        source: raw.source, key: key,
                        reason: isMasked
                            ? "the value is not usable" : "\"\(text.prefix(Limits.quoted))\" is not usable",
                        expected: expected, remedy: "Correct the value of \(key).")
                }
                return (value, printed(value))
            },
            show: printed)
    }

    static func text(of raw: RawValue, key: String, expected: String) throws(ConfigurationError) -> String {
        switch raw.content {
        case .scalar(let text): return text
        case .null:
            throw ConfigurationError(
                source: raw.source, key: key, reason: "has no value", expected: expected,
                remedy: "Give \(key) a value, or remove it to use the default.")
        case .list, .map:
            throw ConfigurationError(
                source: raw.source, key: key, reason: "is \(raw.kind)", expected: expected,
                remedy: "Write one value for \(key).")
        }
    }

    func decoded(_ raw: RawValue, key: String) throws(ConfigurationError) -> DecodedValue {
        let (value, printed) = try decode(raw, key)
        return DecodedValue(value: value, printed: isMasked ? .masked : printed)
    }
}

/// Limits on what a configuration may be. Generous for an operator, small for a process.
package enum Limits {
    /// Octets of a configuration file.
    package static let fileSize = 1 << 20
    /// Maps and lists inside one another.
    package static let depth = 16
    /// Values in all, aliases counted as often as they are used.
    package static let values = 20_000
    /// Octets of one value.
    package static let valueLength = 64 << 10
    /// Octets of a key name.
    package static let keyLength = 200
    /// Characters of a wrong value that an error quotes.
    static let quoted = 60
}
