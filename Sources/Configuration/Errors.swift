import WireSyntax

/// Where a value came from, as an operator would look for it.
package enum ValueSource: Hashable, Sendable, CustomStringConvertible {
    case file(path: String, line: Int, column: Int)
    /// The name of the environment variable.
    case environment(String)
    /// The flag as it was written: `--iq`, `--set gm.listen`.
    case flag(String)
    /// Nobody said anything.
    case none

    package var description: String {
        switch self {
        case .file(let path, let line, let column): "\(displayEscaped(path)):\(line):\(column)"
        case .environment(let name): "environment \(displayEscaped(name))"
        case .flag(let flag): displayEscaped(flag)
        case .none: "configuration"
        }
    }
}

/// Everything that was wrong with a configuration, each with its place, the key, what was expected and the remedy. The process exits 2 with it.
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    package struct Problem: Hashable, Sendable, CustomStringConvertible {
        package var source: ValueSource
        /// Dotted name, where a key is concerned.
        package var key: String?
        /// What was wrong, as a phrase; never the text of a secret.
        package var reason: String
        /// What would be right: `an integer from 0 to 65535`.
        package var expected: String?
        /// What to do about it, as a sentence.
        package var remedy: String

        package init(source: ValueSource, key: String?, reason: String, expected: String? = nil, remedy: String) {
            self.source = source
            self.key = key
            self.reason = reason
            self.expected = expected
            self.remedy = remedy
        }

        package var description: String {
            var text = "\(source): "
            if let key { text += "\(displayEscaped(key)): " }
            text += displayEscaped(reason)
            if let expected { text += "; expected \(displayEscaped(expected))" }
            return text + ". " + displayEscaped(remedy)
        }
    }

    /// At least one.
    package var problems: [Problem]

    package init(_ problems: [Problem]) { self.problems = problems }

    package init(source: ValueSource, key: String?, reason: String, expected: String? = nil, remedy: String) {
        problems = [Problem(source: source, key: key, reason: reason, expected: expected, remedy: remedy)]
    }

    /// One problem a line.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
