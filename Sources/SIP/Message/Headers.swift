/// The header fields of a message in their order, unknown ones included, spelled as they came (RFC 3261 §7.3).
public struct Headers: Sendable, Hashable {
    public struct Field: Sendable, Hashable {
        public var name: HeaderName
        /// The name as it was written, compact form included.
        public var spelling: String
        /// Without the white space around it; folds have become one space.
        public var value: String

        public init(name: HeaderName, spelling: String? = nil, value: String) {
            self.name = name
            self.spelling = spelling ?? name.description
            self.value = value
        }
    }

    public private(set) var fields: [Field] = []

    public init() {}

    public init(_ fields: [Field]) { self.fields = fields }

    /// The value of the first field of that name.
    public subscript(name: HeaderName) -> String? { fields.first { $0.name == name }?.value }

    public func contains(_ name: HeaderName) -> Bool { fields.contains { $0.name == name } }

    /// One value a field, in order.
    public func values(_ name: HeaderName) -> [String] { fields.compactMap { $0.name == name ? $0.value : nil } }

    /// The items of all comma lists of that name, in order. Commas in quotes and in angle brackets do not separate.
    public func list(_ name: HeaderName) -> [String] {
        fields.flatMap { $0.name == name ? Self.splitList($0.value) : [] }
    }

    /// The tokens of a list such as Require, in lower case.
    public func tokens(_ name: HeaderName) -> [String] { list(name).map(\.asciiLowercased) }

    /// Puts `value` in the place of the first field of that name, or at the end; removes the others.
    public mutating func set(_ name: HeaderName, to value: String) {
        guard let first = fields.firstIndex(where: { $0.name == name }) else {
            append(name, value)
            return
        }
        fields[first].value = value
        var index = fields.endIndex - 1
        while index > first {
            if fields[index].name == name { fields.remove(at: index) }
            index -= 1
        }
    }

    public mutating func append(_ name: HeaderName, _ value: String) {
        fields.append(Field(name: name, value: value))
    }

    public mutating func append(_ field: Field) { fields.append(field) }

    /// Before the first field of that name, so that it becomes the first value; at the top when there is none.
    public mutating func prepend(_ name: HeaderName, _ value: String) {
        let index = fields.firstIndex { $0.name == name } ?? 0
        fields.insert(Field(name: name, value: value), at: index)
    }

    /// Removes every field of that name.
    public mutating func remove(_ name: HeaderName) { fields.removeAll { $0.name == name } }

    /// Removes the first item of that name (an item of a comma list, not the whole field) and gives it back.
    @discardableResult
    public mutating func removeFirst(_ name: HeaderName) -> String? {
        guard let index = fields.firstIndex(where: { $0.name == name }) else { return nil }
        var items = Self.splitList(fields[index].value)
        guard items.count > 1 else {
            return fields.remove(at: index).value
        }
        let first = items.removeFirst()
        fields[index].value = items.joined(separator: ", ")
        return first
    }

    /// Replaces the first item of that name; the others of its comma list stay as they are.
    public mutating func replaceFirst(_ name: HeaderName, with value: String) {
        guard let index = fields.firstIndex(where: { $0.name == name }) else {
            append(name, value)
            return
        }
        var items = Self.splitList(fields[index].value)
        if items.isEmpty { items = [value] } else { items[0] = value }
        fields[index].value = items.joined(separator: ", ")
    }

    /// The items of one comma list, without the white space around them.
    public static func splitList(_ value: String) -> [String] {
        var items: [String] = []
        var quoted = false
        var escaped = false
        var bracketed = false
        var start = value.utf8.startIndex
        for index in value.utf8.indices {
            let octet = value.utf8[index]
            if escaped {
                escaped = false
            } else if quoted {
                if octet == UInt8(ascii: "\\") { escaped = true } else if octet == UInt8(ascii: "\"") { quoted = false }
            } else {
                switch octet {
                case UInt8(ascii: "\""): quoted = true
                case UInt8(ascii: "<"): bracketed = true
                case UInt8(ascii: ">"): bracketed = false
                case UInt8(ascii: ",") where !bracketed:
                    items.append(String(value[start..<index]).trimmingWhiteSpace())
                    start = value.utf8.index(after: index)
                default: continue
                }
            }
        }
        items.append(String(value[start...]).trimmingWhiteSpace())
        return items.filter { !$0.isEmpty }
    }
}
