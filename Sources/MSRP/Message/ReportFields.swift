import NIOCore

/// `Byte-Range: start-end/total`, positions from 1 (RFC 4975 §9). nil stands for `*`.
public struct ByteRange: Hashable, Sendable {
    public var start: UInt64
    public var end: UInt64?
    public var total: UInt64?

    /// Largest position that is read: far beyond any message, far from wrapping.
    public static let maximum: UInt64 = 1 << 62

    public init(start: UInt64, end: UInt64?, total: UInt64?) {
        self.start = start
        self.end = end
        self.total = total
    }

    /// `1-0/0` of a SEND without content (RFC 4975 §7.1.1) has an end before its start, and is well-formed.
    init?(_ octets: UnsafeRawBufferPointer) {
        var reader = DecimalReader(octets)
        guard let start = reader.number(), reader.take(UInt8(ascii: "-")) else { return nil }
        let end = reader.take(UInt8(ascii: "*")) ? nil : reader.number()
        guard end != nil || reader.previous == UInt8(ascii: "*"), reader.take(UInt8(ascii: "/")) else { return nil }
        let total = reader.take(UInt8(ascii: "*")) ? nil : reader.number()
        guard total != nil || reader.previous == UInt8(ascii: "*"), reader.isAtEnd else { return nil }
        self.init(start: start, end: end, total: total)
    }
}

extension ByteRange: CustomStringConvertible {
    public var description: String { "\(start)-\(end.map(String.init) ?? "*")/\(total.map(String.init) ?? "*")" }
}

/// `Failure-Report` (RFC 4975 §7.1.1); `yes` where the header is absent.
public enum FailureReport: String, Hashable, Sendable {
    /// A 200 or an error is expected within 30 s.
    case yes
    /// Only errors are answered.
    case partial
    /// Nothing is answered and nothing reported.
    case no
}

/// `Status: 000 200 OK` of a REPORT (RFC 4975 §7.1.3).
public struct ReportStatus: Hashable, Sendable {
    /// 0: the code is one of a transaction response.
    public var namespace: UInt16
    public var code: UInt16
    public var comment: String

    public init(code: UInt16, comment: String, namespace: UInt16 = 0) {
        self.namespace = namespace
        self.code = code
        self.comment = comment
    }

    init?(_ octets: UnsafeRawBufferPointer) {
        let space = UInt8(ascii: " ")
        guard octets.count >= 7, let namespace = threeDigits(octets[0..<3]), octets[3] == space,
            let code = threeDigits(octets[4..<7])
        else { return nil }
        guard octets.count == 7 || octets[7] == space else { return nil }
        self.init(code: code, comment: String(decoding: octets.dropFirst(8), as: UTF8.self), namespace: namespace)
    }
}

extension ReportStatus: CustomStringConvertible {
    public var description: String {
        let digits = { (value: UInt16) in String(repeating: "0", count: max(0, 3 - String(value).count)) + String(value)
        }
        return "\(digits(namespace)) \(digits(code))" + (comment.isEmpty ? "" : " \(comment)")
    }
}

/// A value of three digits, with its zeros.
func threeDigits(_ octets: Slice<UnsafeRawBufferPointer>) -> UInt16? {
    guard octets.count == 3, octets.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return octets.reduce(UInt16(0)) { $0 * 10 + UInt16($1 - 0x30) }
}

/// Reads decimal numbers and single characters from a header value.
private struct DecimalReader {
    let octets: UnsafeRawBufferPointer
    var position = 0
    var previous: UInt8?

    init(_ octets: UnsafeRawBufferPointer) { self.octets = octets }

    var isAtEnd: Bool { position == octets.count }

    mutating func take(_ octet: UInt8) -> Bool {
        guard position < octets.count, octets[position] == octet else { return false }
        previous = octet
        position += 1
        return true
    }

    /// Nil without a digit, or past `ByteRange.maximum`.
    mutating func number() -> UInt64? {
        var value: UInt64 = 0
        let start = position
        while position < octets.count, (0x30...0x39).contains(octets[position]) {
            value = value * 10 + UInt64(octets[position] - 0x30)
            guard value <= ByteRange.maximum else { return nil }
            position += 1
        }
        guard position > start else { return nil }
        previous = octets[position - 1]
        return value
    }
}
