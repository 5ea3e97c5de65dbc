import WireSyntax

/// A certificate fingerprint: the hash of the certificate's DER form (RFC 8122 §5).
///
///     a=fingerprint:SHA-256 12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD
public struct Fingerprint: Hashable, Sendable, CustomStringConvertible {
    public static let attributeName = "fingerprint"
    /// Octets of the longest digest that is read.
    public static let maximumOctets = 128

    public var hash: HashFunction
    public var octets: [UInt8]

    public init(hash: HashFunction, octets: some Sequence<UInt8>) {
        self.hash = hash
        self.octets = Array(octets)
    }

    /// The value of `a=fingerprint`: `hash-func SP 2UHEX *(":" 2UHEX)`. Names and digits in either case; the number of octets is not judged here.
    public init(parsing value: some StringProtocol) throws(SyntaxError) {
        func fault(_ reason: String) -> SyntaxError { SyntaxError(reason, field: Fingerprint.attributeName) }
        let value = Array(value.utf8)
        guard let space = value.firstIndex(of: Grammar.space) else { throw fault("no space after the hash function") }
        let name = value[..<space]
        guard Grammar.isToken(name) else { throw fault("the hash function is not a token") }
        var octets: [UInt8] = []
        for pair in value[(space + 1)...].split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
            guard pair.count == 2, let first = pair.first, let last = pair.last, let high = hexDigitValue(first),
                let low = hexDigitValue(last)
            else { throw fault("not pairs of hexadecimal digits with colons between") }
            guard octets.count < Fingerprint.maximumOctets else { throw fault("longer than any digest") }
            octets.append(high << 4 | low)
        }
        hash = HashFunction(String(decoding: name, as: UTF8.self))
        self.octets = octets
    }

    /// Whether the digest is as long as its function makes it. False where the function is not known.
    public var hasDigestLength: Bool { hash.digestLength == octets.count }

    /// `AB:CD:…` in upper case.
    public var hexadecimal: String {
        let digits = Array("0123456789ABCDEF".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(octets.count * 3)
        for octet in octets {
            if !text.isEmpty { text.append(UInt8(ascii: ":")) }
            text.append(digits[Int(octet >> 4)])
            text.append(digits[Int(octet & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The value of `a=fingerprint` as it is sent: `SHA-256 AB:CD:…`.
    public var description: String { "\(hash) \(hexadecimal)" }

    /// The attribute that carries it.
    public var attribute: Attribute { Attribute(Fingerprint.attributeName, description) }
}
