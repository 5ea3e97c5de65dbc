import Glibc
import WireSyntax

/// The effective values of a schema: flags over environment over file over defaults, every one checked. See `Schema` for an example.
package struct Configuration: Sendable {
    package let schema: Schema
    private let values: [String: DecodedValue]
    private let sources: [String: ValueSource]
    private let prefix: String

    /// A value from the command line.
    package struct Flag: Sendable {
        /// Dotted name of the key.
        package var key: String
        package var text: String
        /// The flag as the user wrote it, for errors: `--iq`, `--set`.
        package var flag: String

        package init(_ key: String, _ text: String, flag: String = "--set") {
            self.key = key
            self.text = text
            self.flag = flag
        }
    }

    /// Reads a file (nil: none) and lays environment and flags over it. Later flags win over earlier ones.
    ///
    /// - Parameter fallbacks: defaults that follow from other flags; for keys that nobody sets.
    ///
    /// Environment variables that no key of this schema has are left alone: several functions share one environment.
    package static func load(
        _ schema: Schema, file: String?, environment: [String: String] = [:], flags: [Flag] = [],
        fallbacks: [Flag] = []
    ) throws(ConfigurationError) -> Configuration {
        let text = try file.map { path throws(ConfigurationError) in try contents(of: path) }
        return try Configuration(
            schema, yaml: text ?? "", path: file, environment: environment, flags: flags, fallbacks: fallbacks)
    }

    /// The same from a text.
    ///
    /// - Parameters:
    ///   - path: what errors call the text, and the folder to which `.path` values are relative.
    ///   - fallbacks: defaults that follow from other flags; for keys that nobody sets.
    package init(
        _ schema: Schema, yaml: String, path: String? = nil, environment: [String: String] = [:], flags: [Flag] = [],
        fallbacks: [Flag] = []
    ) throws(ConfigurationError) {
        let name = path ?? "configuration"
        let root = try YAMLText.parse(yaml) { .file(path: name, line: $0.line, column: $0.column) }
        var problems: [ConfigurationError.Problem] = []
        var raws = Self.collect(root, schema, prefix: "", &problems)
        for entry in schema.entries {
            let variable = environmentName(of: entry.name)
            guard let text = environment[variable] else { continue }
            Self.lay(text, over: entry, source: .environment(variable), &raws, &problems)
        }
        for flag in flags {
            guard let entry = schema.byName[flag.key] else {
                problems.append(Self.unknown(flag.key, schema, prefix: "", at: .flag("\(flag.flag) \(flag.key)")))
                continue
            }
            let shown = flag.flag == "--set" ? "--set \(flag.key)" : flag.flag
            Self.lay(flag.text, over: entry, source: .flag(shown), &raws, &problems)
        }
        for fallback in fallbacks where raws[fallback.key] == nil {
            guard let entry = schema.byName[fallback.key] else { continue }
            Self.lay(fallback.text, over: entry, source: .flag(fallback.flag), &raws, &problems)
        }
        try self.init(schema, raws, prefix: "", problems)
    }

    /// One map of a list of records.
    init(_ schema: Schema, record: RawValue, prefix: String) throws(ConfigurationError) {
        var problems: [ConfigurationError.Problem] = []
        let raws = Self.collect(record, schema, prefix: prefix + ".", &problems)
        // Where it is no map at all, the keys that it does not have are no news.
        if case .map = record.content {} else if !problems.isEmpty { throw ConfigurationError(problems) }
        try self.init(schema, raws, prefix: prefix + ".", problems, record: record.source)
    }

    private init(
        _ schema: Schema, _ raws: [String: RawValue], prefix: String, _ found: [ConfigurationError.Problem],
        record: ValueSource? = nil
    ) throws(ConfigurationError) {
        var problems = found
        var values: [String: DecodedValue] = [:]
        for entry in schema.entries {
            do throws(ConfigurationError) {
                values[entry.name] = try entry.decode(raws[entry.name])
            } catch {
                problems += error.problems.map { problem in
                    var problem = problem
                    if let key = problem.key, !key.hasPrefix(prefix) { problem.key = prefix + key }
                    if let record, problem.source == .none {
                        problem.source = record
                        problem.remedy = "Add \(entry.name) there."
                    }
                    return problem
                }
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems) }
        self.schema = schema
        self.values = values
        self.prefix = prefix
        sources = raws.mapValues(\.source)
    }

    /// - Precondition: the key stands in this schema (the author's mistake otherwise).
    package subscript<Value>(_ key: Key<Value>) -> Value {
        guard let value = values[key.name]?.value as? Value else {
            // The initializer stored a value of this key's own type for each required or defaulted key of the schema, or threw.
            preconditionFailure("\(key.name) is not a key of \(schema.name)")
        }
        return value
    }

    /// nil where nobody set it.
    package subscript<Value>(_ key: OptionalKey<Value>) -> Value? { values[key.name]?.value as? Value }

    /// Whether file, environment or flags said something about the key.
    package func isSet(_ key: some SchemaEntry) -> Bool { sources[key.name] != nil }

    /// Where the value of a key was written.
    package func source(of key: some SchemaEntry) -> ValueSource { sources[key.name] ?? .none }

    /// The error for a value that is right by itself and wrong together with others; to be thrown by a Settings initializer.
    package func problem(_ key: some SchemaEntry, _ reason: String, remedy: String) -> ConfigurationError {
        ConfigurationError(source: source(of: key), key: prefix + key.name, reason: reason, remedy: remedy)
    }

    /// What `--print-config` prints: YAML with the effective values in the schema's order, secrets masked.
    package var yaml: String { printed.yaml }

    var printed: PrintedValue {
        .map(
            schema.entries.map { entry in
                .init(entry.name, help: entry.help, values[entry.name]?.printed ?? .absent(entry.expected))
            })
    }
}

// MARK: - Layers

extension Configuration {
    /// Flattens nested maps to dotted names and finds keys that nobody declared.
    private static func collect(
        _ raw: RawValue, _ schema: Schema, prefix: String, section: String = "",
        _ problems: inout [ConfigurationError.Problem]
    ) -> [String: RawValue] {
        let entries: [RawValue.Entry]
        switch raw.content {
        case .map(let found): entries = found
        case .null: return [:]
        default:
            let name = prefix + section
            problems.append(
                .init(
                    source: raw.source, key: name.isEmpty ? nil : String(name.dropLast(name.hasSuffix(".") ? 1 : 0)),
                    reason: "is \(raw.kind)", expected: "a map of keys",
                    remedy: "Write \"KEY: VALUE\" lines, indented below it."))
            return [:]
        }
        var result: [String: RawValue] = [:]
        for entry in entries {
            let name = section + entry.name
            var found: [String: RawValue] = [:]
            if schema.byName[name] != nil {
                found[name] = entry.value
            } else if schema.sections.contains(name) {
                found = collect(entry.value, schema, prefix: prefix, section: name + ".", &problems)
            } else {
                problems.append(unknown(name, schema, prefix: prefix, at: entry.source))
            }
            for (key, value) in found where result.updateValue(value, forKey: key) != nil {
                problems.append(
                    .init(
                        source: value.source, key: prefix + key, reason: "is set twice in one file",
                        remedy: "Remove one of the two."))
            }
        }
        return result
    }

    private static func unknown(_ name: String, _ schema: Schema, prefix: String, at source: ValueSource)
        -> ConfigurationError.Problem
    {
        let remedy =
            schema.nearest(to: name).map { "Did you mean \(prefix)\($0)? " + "Otherwise remove it." }
            ?? "Remove it; --print-config lists every key."
        return .init(
            source: source, key: prefix + String(name.prefix(Limits.keyLength)),
            reason: "is not a key of \(schema.name)", remedy: remedy)
    }

    /// A value given as one text. Where a list is wanted, `[` begins YAML's own form, and anything else is split at commas.
    private static func lay(
        _ text: String, over entry: any SchemaEntry, source: ValueSource, _ raws: inout [String: RawValue],
        _ problems: inout [ConfigurationError.Problem]
    ) {
        guard text.utf8.count <= Limits.valueLength else {
            problems.append(
                .init(
                    source: source, key: entry.name, reason: "has \(text.utf8.count) octets",
                    expected: "at most \(Limits.valueLength)", remedy: "Shorten it."))
            return
        }
        guard entry.isList else {
            raws[entry.name] = RawValue(.scalar(text), source: source)
            return
        }
        if text.hasPrefix("[") {
            do throws(ConfigurationError) {
                raws[entry.name] = try YAMLText.parse(text) { _ in source }
            } catch {
                problems += error.problems
            }
            return
        }
        let items = text.split(separator: ",").map { RawValue(.scalar(trimmed($0)), source: source) }
        raws[entry.name] = RawValue(.list(items), source: source)
    }

    private static func trimmed(_ text: Substring) -> String {
        let start = text.drop { $0 == " " }
        return String(start.reversed().drop { $0 == " " }.reversed())
    }

    /// A file's text, refused before it is read where it is too long.
    private static func contents(of path: String) throws(ConfigurationError) -> String {
        func problem(_ reason: String, _ remedy: String) -> ConfigurationError {
            ConfigurationError(
                source: .file(path: path, line: 1, column: 1), key: nil, reason: reason, remedy: remedy)
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw problem(
                "cannot be opened: \(String(cString: strerror(errno)))", "Check the path given with --config.")
        }
        defer { close(descriptor) }
        var octets: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count >= 0 else {
                throw problem(
                    "cannot be read: \(String(cString: strerror(errno)))", "Check the path given with --config.")
            }
            if count == 0 { break }
            octets += buffer[..<count]
            guard octets.count <= Limits.fileSize else {
                throw problem("has more than \(Limits.fileSize) octets", "Remove what does not belong there.")
            }
        }
        guard let text = String(validating: octets, as: UTF8.self) else {
            throw problem("is not UTF-8", "Save the file as UTF-8 text.")
        }
        return text
    }
}
