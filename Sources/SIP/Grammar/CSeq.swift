import WireSyntax

/// `CSeq: 4711 INVITE` (RFC 3261 §20.16). The number is below 2^31 (§8.1.1.5); the method is compared with regard to case.
public struct CSeq: Hashable, Sendable {
    public static let maximum: UInt32 = 1 << 31 - 1

    public var number: UInt32
    public var method: Method

    public init(number: UInt32, method: Method) {
        self.number = number
        self.method = method
    }

    public init(_ text: String) throws(SyntaxError) {
        var cursor = Cursor(text)
        self = try cursor.cSeq()
        try cursor.expectEnd()
    }
}

extension CSeq: CustomStringConvertible {
    public var description: String { "\(number) \(method)" }
}

extension Cursor {
    mutating func cSeq() throws(SyntaxError) -> CSeq {
        skipWhiteSpace()
        let number = try number("the sequence number", upTo: UInt64(CSeq.maximum))
        guard skipWhiteSpace() else { throw fail("expected white space and a method") }
        return CSeq(number: UInt32(truncatingIfNeeded: number), method: Method(rawValue: try token("a method")))
    }
}
