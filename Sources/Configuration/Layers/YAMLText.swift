import WireSyntax
import Yams

/// YAML text to raw values with their places, within the limits. Knows nothing of keys.
enum YAMLText {
    /// A line and a column, from 1.
    struct Place {
        var line = 1
        var column = 1
    }

    /// An empty text is an empty map. Anchors and aliases are refused: nobody needs them here, and they multiply.
    static func parse(_ text: String, at place: (Place) -> ValueSource) throws(ConfigurationError) -> RawValue {
        guard text.utf8.count <= Limits.fileSize else {
            throw ConfigurationError(
                source: place(Place()), key: nil, reason: "has \(text.utf8.count) octets",
                expected: "at most \(Limits.fileSize)", remedy: "Remove what does not belong there.")
        }
        var scan = YAMLScan()
        switch scan.run(text) {
        case .tooDeep(let line): throw tooDeep(at: place(Place(line: line)))
        case .alias(let line, let column):
            throw ConfigurationError(
                source: place(Place(line: line, column: column)), key: nil, reason: "has an anchor or an alias",
                remedy: "Write the value out in full; put a text that contains & or * into quotes.")
        case nil: break
        }
        let node: Node?
        do {
            node = try Yams.compose(yaml: text, .basic)
        } catch let error as YamlError {
            let (problem, where_) = Self.describe(error)
            throw ConfigurationError(
                source: place(where_), key: nil, reason: "is not YAML: \(problem)",
                remedy: "Correct the line; indent with spaces, never tabs.")
        } catch {
            throw ConfigurationError(
                source: place(Place()), key: nil, reason: "is not YAML", remedy: "Correct it; indent with spaces.")
        }
        guard let node else { return RawValue(.map([]), source: place(Place())) }
        var count = 0
        return try convert(node, depth: 0, count: &count, place)
    }

    private static func convert(_ node: Node, depth: Int, count: inout Int, _ place: (Place) -> ValueSource)
        throws(ConfigurationError) -> RawValue
    {
        let source = place(Place(node.mark))
        count += 1
        guard count <= Limits.values else {
            throw ConfigurationError(
                source: source, key: nil, reason: "has more than \(Limits.values) values", remedy: "Remove values.")
        }
        guard depth <= Limits.depth else { throw tooDeep(at: source) }
        switch node {
        case .scalar(let scalar):
            guard scalar.string.utf8.count <= Limits.valueLength else {
                throw ConfigurationError(
                    source: source, key: nil, reason: "a value has \(scalar.string.utf8.count) octets",
                    expected: "at most \(Limits.valueLength)", remedy: "Shorten it.")
            }
            let isNull = scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
            return RawValue(isNull ? .null : .scalar(scalar.string), source: source)
        case .sequence(let items):
            var values: [RawValue] = []
            for item in items { values.append(try convert(item, depth: depth + 1, count: &count, place)) }
            return RawValue(.list(values), source: source)
        case .mapping(let pairs):
            var entries: [RawValue.Entry] = []
            for (name, value) in pairs {
                let nameSource = place(Place(name.mark))
                guard case .scalar(let scalar) = name, (1...Limits.keyLength).contains(scalar.string.utf8.count) else {
                    throw ConfigurationError(
                        source: nameSource, key: nil, reason: "a key is not a name",
                        expected: "1 to \(Limits.keyLength) octets of text", remedy: "Correct the key.")
                }
                let converted = try convert(value, depth: depth + 1, count: &count, place)
                entries.append(.init(name: scalar.string, source: nameSource, value: converted))
            }
            return RawValue(.map(entries), source: source)
        case .alias:
            throw ConfigurationError(
                source: source, key: nil, reason: "has an alias", remedy: "Write the value out in full.")
        }
    }

    private static func tooDeep(at source: ValueSource) -> ConfigurationError {
        ConfigurationError(
            source: source, key: nil, reason: "is nested more than \(Limits.depth) deep", remedy: "Flatten it.")
    }

    private static func describe(_ error: YamlError) -> (String, Place) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return (problem, Place(mark))
        case .duplicatedKeysInMapping(let names, let context):
            return ("the key \(names.first ?? "") stands twice in one map", Place(context.mark))
        case .reader(let problem, let offset, _, let yaml):
            let before = yaml.prefix(offset ?? 0)
            return (problem, Place(line: 1 + before.utf8.count { $0 == 0x0A }, column: 1))
        default:
            return ("it cannot be read", Place())
        }
    }
}

extension YAMLText.Place {
    fileprivate init(_ mark: Mark?) {
        if let mark { self.init(line: mark.line, column: mark.column) } else { self.init() }
    }
}

/// A look over the text before the YAML parser, which descends recursively and follows aliases: bounds the depth and finds anchors and aliases.
///
/// Counts brackets, list dashes and steps of indentation. Inside quotes and block texts it may count too much, which only matters to texts far from any
/// configuration.
private struct YAMLScan {
    enum Finding {
        case tooDeep(line: Int)
        case alias(line: Int, column: Int)
    }

    private static let limit = 4 * Limits.depth
    private var brackets = 0
    private var indents: [Int] = []

    mutating func run(_ text: String) -> Finding? {
        var number = 0
        for line in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            if let finding = scan(line, number) { return finding }
        }
        return nil
    }

    private mutating func scan(_ line: Substring.UTF8View, _ number: Int) -> Finding? {
        let octets = Array(line)
        var index = octets.firstIndex { $0 != 0x20 } ?? octets.count
        if index == octets.count || octets[index] == 0x23 { return nil }
        var dashes = 0
        while index + 1 < octets.count, octets[index] == 0x2D || octets[index] == 0x3F, octets[index + 1] == 0x20 {
            dashes += 1
            index += 1
            while index < octets.count, octets[index] == 0x20 { index += 1 }
        }
        while let last = indents.last, last >= index { indents.removeLast() }
        indents.append(index)
        var quote: UInt8?
        while index < octets.count {
            let octet = octets[index]
            let startsToken = index == 0 || " [{,".utf8.contains(octets[index - 1])
            switch octet {
            case 0x22, 0x27:
                if quote == nil, startsToken { quote = octet } else if quote == octet { quote = nil }
            case 0x5C where quote == 0x22: index += 1
            case 0x23 where quote == nil && startsToken: index = octets.count
            case 0x26, 0x2A:
                if quote == nil, startsToken { return .alias(line: number, column: index + 1) }
            case 0x5B, 0x7B: if quote == nil { brackets += 1 }
            case 0x5D, 0x7D: if quote == nil { brackets = max(0, brackets - 1) }
            default: break
            }
            if indents.count + dashes + brackets > Self.limit { return .tooDeep(line: number) }
            index += 1
        }
        return indents.count + dashes + brackets > Self.limit ? .tooDeep(line: number) : nil
    }
}
