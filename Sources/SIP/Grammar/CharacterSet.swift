/// A set of ASCII characters (RFC 3261 §25.1), tested with one shift.
struct CharacterSet: Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    init(_ characters: String) {
        for octet in characters.utf8 { insert(octet) }
    }

    private mutating func insert(_ octet: UInt8) {
        if octet < 64 { low |= 1 << UInt64(octet) } else if octet < 128 { high |= 1 << UInt64(octet - 64) }
    }

    func contains(_ octet: UInt8) -> Bool {
        if octet < 64 { return low >> UInt64(octet) & 1 == 1 }
        return octet < 128 && high >> UInt64(octet - 64) & 1 == 1
    }

    func union(_ other: String) -> CharacterSet {
        var copy = self
        for octet in other.utf8 { copy.insert(octet) }
        return copy
    }

    /// Whether all octets belong to the set, and there is at least one.
    func matches(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { contains($0) }
    }

    static let alphanumeric = CharacterSet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    /// `token`
    static let token = alphanumeric.union("-.!%*_+`'~")
    /// `word`, of which a Call-ID is made
    static let word = token.union("()<>:\\\"/[]?{}")
    static let hostName = alphanumeric.union("-.")
    /// `unreserved`
    static let unreserved = alphanumeric.union("-_.!~*'()")
    static let user = unreserved.union("&=+$,;?/")
    static let password = unreserved.union("&=+$,")
    static let uriParameter = unreserved.union("[]/:&+$")
    static let uriHeader = unreserved.union("[]/?:+$")
    static let scheme = alphanumeric.union("+-.")
    /// `uric`, with the brackets of RFC 2732
    static let uri = unreserved.union(";/?:@&=+$,[]")

    static func isWhiteSpace(_ octet: UInt8) -> Bool {
        octet == 0x20 || octet == 0x09 || octet == 0x0D || octet == 0x0A
    }

    static func isLetter(_ octet: UInt8) -> Bool { (0x61...0x7A).contains(octet | 0x20) }

    static func isDigit(_ octet: UInt8) -> Bool { (0x30...0x39).contains(octet) }
}

extension StringProtocol {
    /// Lower case in ASCII only: names in SIP are ASCII, and nothing else may become equal to them.
    var asciiLowercased: String {
        var text = String(self)
        let lower = text.withUTF8 { octets -> String? in
            guard octets.contains(where: { (0x41...0x5A).contains($0) }) else { return nil }
            return String(unsafeUninitializedCapacity: octets.count) { buffer in
                for index in octets.indices { buffer[index] = lowerCase(octets[index]) }
                return octets.count
            }
        }
        return lower ?? text
    }

    func equalsIgnoringCase(_ other: some StringProtocol) -> Bool {
        var one = String(self)
        var two = String(other)
        return one.withUTF8 { one in
            two.withUTF8 { two in
                one.count == two.count && one.indices.allSatisfy { lowerCase(one[$0]) == lowerCase(two[$0]) }
            }
        }
    }
}

@inline(__always)
private func lowerCase(_ octet: UInt8) -> UInt8 { (0x41...0x5A).contains(octet) ? octet | 0x20 : octet }
