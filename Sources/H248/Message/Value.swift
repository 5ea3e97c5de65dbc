/// VALUE of B.2: a quoted string or a run of SafeChars. Two values are equal when their text is, quoted or not, in any case (iq-h248: values come quoted
/// or bare).
public struct Value: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    public var text: String
    public var isQuoted: Bool

    public init(_ text: String, isQuoted: Bool = false) {
        self.text = text
        self.isQuoted = isQuoted
    }
    public init(quoted text: String) { self.init(text, isQuoted: true) }
    public init(_ number: some FixedWidthInteger) { self.init(String(number)) }
    public init(stringLiteral value: String) { self.init(value) }

    public static let on: Value = "ON"
    public static let off: Value = "OFF"

    public static func == (left: Value, right: Value) -> Bool { equalIgnoringCase(left.text, right.text) }
    public func hash(into hasher: inout Hasher) { hashIgnoringCase(text, into: &hasher) }

    /// Decimal, or hexadecimal after `0x` (B.2: Integer); nil when it is neither or exceeds 64 bits.
    public var integer: Int64? {
        let digits = text.utf8
        if digits.count > 2, digits.first == 0x30, digits.dropFirst().first.map(folded) == UInt8(ascii: "x") {
            return text.utf8.dropFirst(2).allSatisfy({ $0 != 0x2B && $0 != 0x2D })
                ? Int64(text.dropFirst(2), radix: 16) : nil
        }
        guard digits.first != UInt8(ascii: "+") else { return nil }
        return Int64(text)
    }

    /// `on` or `off` in any case.
    public var boolean: Bool? {
        if self == .on { return true }
        return self == .off ? false : nil
    }

    public var description: String { isQuoted ? "\"\(text)\"" : text }
}

/// parmValue of B.2.
public enum ParameterValue: Hashable, Sendable {
    case equal(Value)
    /// `[a, b]`: a and b.
    case sublist([Value])
    /// `{a, b}`: a or b.
    case alternatives([Value])
    /// `[a:b]`
    case range(Value, Value)
    case greater(Value)
    case less(Value)
    case notEqual(Value)

    /// The one value of `= value`; nil for anything else.
    public var single: Value? {
        switch self {
        case .equal(let value): value
        case .sublist(let values), .alternatives(let values): values.count == 1 ? values[0] : nil
        default: nil
        }
    }

    /// The values of `=`, of a list or of alternatives.
    public var values: [Value] {
        switch self {
        case .equal(let value): [value]
        case .sublist(let values), .alternatives(let values): values
        default: []
        }
    }
}

/// A property of a package on a termination, stream or ROOT: `ipdc/realm = "access"`.
public struct Property: Hashable, Sendable {
    public var name: ItemName
    public var value: ParameterValue

    public init(_ name: ItemName, _ value: Value) {
        self.name = name
        self.value = .equal(value)
    }
    public init(_ name: ItemName, _ value: ParameterValue) {
        self.name = name
        self.value = value
    }
}

/// A parameter of an event, a signal or ServiceChange: `timerx = 600`.
public struct Parameter: Hashable, Sendable {
    public var name: Name
    public var value: ParameterValue

    public init(_ name: Name, _ value: Value) {
        self.name = name
        self.value = .equal(value)
    }
    public init(_ name: Name, _ value: ParameterValue) {
        self.name = name
        self.value = value
    }
}
