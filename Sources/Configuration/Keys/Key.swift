/// What a schema knows of each of its keys, whatever their types.
package protocol SchemaEntry: Sendable {
    /// Dotted; words joined by `-` or, where a specification spells it so, in camel case: `mw.listen`, `gm.allowUnprotected`.
    var name: String { get }
    var help: String { get }
    /// What a right value looks like.
    var expected: String { get }
    /// Whether `--print-config` shows `<redacted>` in place of the value.
    var isMasked: Bool { get }
    /// Whether a text from flags or environment is split into a list.
    var isList: Bool { get }
    /// Whether a configuration without this key is an error.
    var isRequired: Bool { get }
    /// The value and how it is printed, from what was written; or from the default where nothing was (nil: not set and no default).
    func decode(_ raw: RawValue?) throws(ConfigurationError) -> DecodedValue?
}

/// A value behind its key: `value` is of the key's type.
package struct DecodedValue: Sendable {
    package var value: any Sendable
    package var printed: PrintedValue
}

/// A key that always has a value: its default, or the one that a required key must be given.
///
/// One declaration says everything about a key: name, type, default, help, and (through its type) whether it is masked.
package struct Key<Value: Sendable>: SchemaEntry {
    package let name: String
    package let help: String
    let type: ValueType<Value>
    let defaultValue: Value?

    package init(_ name: String, _ type: ValueType<Value>, default defaultValue: Value, help: String) {
        self.name = name
        self.help = help
        self.type = type
        self.defaultValue = defaultValue
    }

    /// A key without which the function cannot run.
    package init(required name: String, _ type: ValueType<Value>, help: String) {
        self.name = name
        self.help = help
        self.type = type
        defaultValue = nil
    }

    package var expected: String { type.expected }
    package var isMasked: Bool { type.isMasked }
    package var isList: Bool { type.isList }
    package var isRequired: Bool { defaultValue == nil }

    package func decode(_ raw: RawValue?) throws(ConfigurationError) -> DecodedValue? {
        if let raw { return try type.decoded(raw, key: name) }
        guard let defaultValue else {
            throw ConfigurationError(
                source: .none, key: name, reason: "is missing", expected: type.expected,
                remedy: "Add \(name) to the file given with --config, set \(environmentName(of: name)), "
                    + "or pass --set \(name)=VALUE.")
        }
        return DecodedValue(value: defaultValue, printed: type.show(defaultValue))
    }
}

/// A key that may be absent; reading it gives an optional.
package struct OptionalKey<Value: Sendable>: SchemaEntry {
    package let name: String
    package let help: String
    let type: ValueType<Value>

    package init(_ name: String, _ type: ValueType<Value>, help: String) {
        self.name = name
        self.help = help
        self.type = type
    }

    package var expected: String { type.expected }
    package var isMasked: Bool { type.isMasked }
    package var isList: Bool { type.isList }
    package var isRequired: Bool { false }

    package func decode(_ raw: RawValue?) throws(ConfigurationError) -> DecodedValue? {
        guard let raw else { return nil }
        return try type.decoded(raw, key: name)
    }
}

/// `gm.allowUnprotected` → `SALLYPORT_GM_ALLOW_UNPROTECTED`: a capital after a small letter begins a word.
package func environmentName(of key: String) -> String {
    var name = "SALLYPORT_"
    var wasLowercase = false
    for character in key {
        if wasLowercase, character.isUppercase { name += "_" }
        name += character == "." || character == "-" ? "_" : character.uppercased()
        wasLowercase = character.isLowercase
    }
    return name
}
