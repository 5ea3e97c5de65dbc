import NIOCore

/// `ident` of RFC 4975 §9: 4 to 32 characters, the first a letter or digit, then letters, digits and `. - + % =`. Transaction ids and Message-IDs.
///
/// Kept in place, without memory of its own: it can stay when the buffer that it came from is gone. Compared octet by octet.
public struct Ident: Hashable, Sendable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    private var length: UInt8 = 0

    /// Characters that an ident has.
    public static let lengths = 4...32

    public var count: Int { Int(length) }

    /// - Returns: nil where the octets are not an ident.
    public init?(_ octets: UnsafeRawBufferPointer) {
        guard Ident.lengths.contains(octets.count), isAlphanumeric(octets[0]), octets.allSatisfy(isIdentOctet) else {
            return nil
        }
        withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: octets) }
        length = UInt8(octets.count)
    }

    public init?(_ text: some StringProtocol) {
        var text = String(text)
        guard let ident = text.withUTF8({ Ident(UnsafeRawBufferPointer($0)) }) else { return nil }
        self = ident
    }

    /// A fresh one: 20 characters, 100 bits from the source.
    /// - Parameter random: gives random bits (RFC 4975 §7.1: at least 64 of them in a transaction id).
    public init(random: () -> UInt64) {
        let alphabet = Array("abcdefghijkmnopqrstuvwxyz2345678".utf8)
        var bits = random()
        withUnsafeMutableBytes(of: &words) {
            for index in 0..<20 {
                if index == 10 { bits = random() }
                $0[index] = alphabet[Int(bits & 31)]
                bits >>= 5
            }
        }
        length = 20
    }

    /// The octets, for as long as `body` runs.
    public func withOctets<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withUnsafeBytes(of: words) { try body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    public func write(into buffer: inout ByteBuffer) { _ = withOctets { buffer.writeBytes($0) } }

    public static func == (left: Ident, right: Ident) -> Bool {
        left.length == right.length && left.words == right.words
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(length)
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }
}

extension Ident: CustomStringConvertible {
    public var description: String { withOctets { String(decoding: $0, as: UTF8.self) } }
}

func isIdentOctet(_ octet: UInt8) -> Bool {
    switch octet {
    case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "%"), UInt8(ascii: "="): true
    default: isAlphanumeric(octet)
    }
}
