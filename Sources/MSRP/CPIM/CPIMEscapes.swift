import WireSyntax

extension CPIMMessage {
    /// RFC 3862 §2.3.1: backslash and control characters are escaped, nothing else (quotes only inside quoted strings, which the caller builds).
    public static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x5C: result += "\\\\"
            case 0x08: result += "\\b"
            case 0x09: result += "\\t"
            case 0x0A: result += "\\n"
            case 0x0D: result += "\\r"
            case 0..<0x20, 0x7F:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// RFC 3862 §2.3.1: every escape is recognised; an unknown one stands for the character behind the backslash, a backslash at the end for nothing.
    /// A code point that is no character (half of a pair) becomes U+FFFD.
    public static func unescaped(_ text: String) -> String {
        guard text.utf8.contains(0x5C) else { return text }
        var result = ""
        var scalars = text.unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            guard scalar == "\\" else {
                result.unicodeScalars.append(scalar)
                continue
            }
            switch scalars.next() {
            case nil: break
            case "b": result += "\u{8}"
            case "t": result += "\t"
            case "n": result += "\n"
            case "r": result += "\r"
            case "u":
                var ahead = scalars
                var value: UInt32 = 0
                var digits = 0
                while digits < 4, let next = ahead.next(), next.isASCII,
                    let digit = hexDigitValue(UInt8(truncatingIfNeeded: next.value))
                {
                    value = value << 4 | UInt32(digit)
                    digits += 1
                }
                if digits == 4 {
                    result.unicodeScalars.append(Unicode.Scalar(value) ?? "\u{FFFD}")
                    scalars = ahead
                } else {
                    result += "u"
                }
            case let other?: result.unicodeScalars.append(other)
            }
        }
        return result
    }
}
