extension ValueType {
    /// A YAML list of values of one kind. On the command line and in the environment: joined by commas, or in YAML's `[a, b]`.
    package static func list<Element: Sendable>(of element: ValueType<Element>, in count: ClosedRange<Int> = 0...1000)
        -> Self where Value == [Element]
    {
        let expected = "a list of \(count.lowerBound) to \(count.upperBound) values, each \(element.expected)"
        return .init(
            expected: expected, isMasked: element.isMasked, isList: true,
            decode: { (raw, key) throws(ConfigurationError) in
                let items = try listItems(of: raw, key: key, expected: expected, count: count)
                var values: [Element] = []
                var printed: [PrintedValue] = []
                for (index, item) in items.enumerated() {
                    let (value, shown) = try element.decode(item, "\(key)[\(index)]")
                    values.append(value)
                    printed.append(shown)
                }
                return (values, .list(printed))
            },
            show: { .list($0.map(element.show)) })
    }

    /// A YAML list of maps, each read with a schema of its own. Its default is the empty list.
    package static func records<Element: Sendable>(
        _ schema: Schema, in count: ClosedRange<Int> = 0...1000,
        _ make: @escaping @Sendable (Configuration) throws(ConfigurationError) -> Element
    ) -> Self where Value == [Element] {
        let names = schema.entries.map(\.name).joined(separator: ", ")
        let expected = "a list of \(count.lowerBound) to \(count.upperBound) maps with the keys \(names)"
        return .init(
            expected: expected, isList: true,
            decode: { (raw, key) throws(ConfigurationError) in
                let items = try listItems(of: raw, key: key, expected: expected, count: count)
                var values: [Element] = []
                var printed: [PrintedValue] = []
                for (index, item) in items.enumerated() {
                    let configuration = try Configuration(schema, record: item, prefix: "\(key)[\(index)]")
                    values.append(try make(configuration))
                    printed.append(configuration.printed)
                }
                return (values, .list(printed))
            },
            show: { _ in .list([]) })
    }
}

private func listItems(of raw: RawValue, key: String, expected: String, count: ClosedRange<Int>)
    throws(ConfigurationError) -> [RawValue]
{
    guard case .list(let items) = raw.content else {
        throw ConfigurationError(
            source: raw.source, key: key, reason: "is \(raw.kind), not a list", expected: expected,
            remedy: "Write each value of \(key) on a line of its own after \"- \".")
    }
    guard count.contains(items.count) else {
        throw ConfigurationError(
            source: raw.source, key: key, reason: "has \(items.count) values", expected: expected,
            remedy: "Add or remove values of \(key).")
    }
    return items
}
