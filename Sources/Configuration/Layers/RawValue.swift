/// A value before its type is known, with the place at which it was written.
package struct RawValue: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var name: String
        /// Where the name stands.
        package var source: ValueSource
        package var value: RawValue
    }

    package enum Content: Hashable, Sendable {
        case null
        case scalar(String)
        case list([RawValue])
        case map([Entry])
    }

    package var content: Content
    package var source: ValueSource

    package init(_ content: Content, source: ValueSource) {
        self.content = content
        self.source = source
    }

    /// How an error names what it found.
    var kind: String {
        switch content {
        case .null: "nothing"
        case .scalar: "a single value"
        case .list: "a list"
        case .map: "a map"
        }
    }
}
