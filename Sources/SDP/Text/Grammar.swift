/// The generic rules of RFC 8866 §9, over octets.
enum Grammar {
    typealias Octets = ArraySlice<UInt8>

    static let space = UInt8(ascii: " ")

    static func isDigit(_ octet: UInt8) -> Bool { (0x30...0x39).contains(octet) }

    static func isByteStringOctet(_ octet: UInt8) -> Bool { octet != 0 && octet != 0x0A && octet != 0x0D }

    /// `token-char`: %x21 / %x23-27 / %x2A-2B / %x2D-2E / %x30-39 / %x41-5A / %x5E-7E
    static func isTokenOctet(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x30...0x39, 0x41...0x5A, 0x5E...0x7E: true
        default: false
        }
    }

    static func isToken(_ octets: some Collection<UInt8>) -> Bool {
        !octets.isEmpty && octets.allSatisfy(isTokenOctet)
    }

    static func isDigits(_ octets: some Collection<UInt8>) -> Bool { !octets.isEmpty && octets.allSatisfy(isDigit) }

    /// `non-ws-string = 1*(VCHAR/%x80-FF)`
    static func isNonWhiteSpace(_ octets: some Collection<UInt8>) -> Bool {
        !octets.isEmpty && octets.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    }

    /// `integer = POS-DIGIT *DIGIT`
    static func isInteger(_ octets: Octets) -> Bool { isDigits(octets) && octets.first != 0x30 }

    /// `proto = token *("/" token)`
    static func isProto(_ octets: Octets) -> Bool {
        octets.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { isToken($0) }
    }

    /// `start-time / stop-time = "0" / POS-DIGIT 9*DIGIT`
    static func isTime(_ octets: Octets) -> Bool {
        octets.elementsEqual([0x30]) || octets.count >= 10 && isInteger(octets)
    }

    /// `typed-time = 1*DIGIT [fixed-len-time-unit]`
    static func isTypedTime(_ octets: Octets) -> Bool { isDigits(withoutUnit(octets)) }

    /// `repeat-interval = POS-DIGIT *DIGIT [fixed-len-time-unit]`
    static func isRepeatInterval(_ octets: Octets) -> Bool { isInteger(withoutUnit(octets)) }

    private static func withoutUnit(_ octets: Octets) -> Octets {
        switch octets.last {
        case UInt8(ascii: "d"), UInt8(ascii: "h"), UInt8(ascii: "m"), UInt8(ascii: "s"): octets.dropLast()
        default: octets
        }
    }

    /// The fields between single spaces; an empty one where two spaces meet.
    static func fields(_ octets: Octets) -> [Octets] {
        octets.split(separator: space, omittingEmptySubsequences: false)
    }

    /// The characters of an RFC 3986 `URI-reference`, with complete percent-encodings.
    static func isURIReference(_ octets: Octets) -> Bool {
        var index = octets.startIndex
        while index < octets.endIndex {
            switch octets[index] {
            case UInt8(ascii: "%"):
                let digits = octets[(index + 1)...].prefix(2)
                guard digits.count == 2, digits.allSatisfy(isHexDigit) else { return false }
            case 0x21, 0x23...0x3B, 0x3D, 0x3F...0x5B, 0x5D, 0x5F, 0x61...0x7A, 0x7E: break
            default: return false
            }
            index += 1
        }
        return true
    }

    private static func isHexDigit(_ octet: UInt8) -> Bool {
        isDigit(octet) || (0x41...0x46).contains(octet) || (0x61...0x66).contains(octet)
    }
}
