/// An IPv4 or IPv6 address by value, so that two spellings of one address compare equal.
///
/// Zone identifiers are not part of the value and are refused. An IPv4-mapped IPv6 address stays IPv6; `unmapped` gives the IPv4 one.
public enum IPAddress: Hashable, Sendable {
    case v4(UInt32)
    case v6(high: UInt64, low: UInt64)

    /// Dotted decimal (four parts, no leading zeros beyond a single 0, RFC 3986 3.2.2) or RFC 4291 2.2 text, without brackets.
    public init?(_ text: some StringProtocol) {
        var text = String(text)
        let parsed: IPAddress? = text.withUTF8 { octets in
            octets.contains(UInt8(ascii: ":"))
                ? IPAddress.parseV6(octets[...]) : IPAddress.parseV4(octets[...]).map { .v4($0) }
        }
        guard let parsed else { return nil }
        self = parsed
    }

    public var isV6: Bool {
        if case .v6 = self { return true }
        return false
    }

    /// 0.0.0.0 or ::
    public var isUnspecified: Bool {
        switch self {
        case .v4(let value): value == 0
        case .v6(let high, let low): high == 0 && low == 0
        }
    }

    /// 127.0.0.0/8 or ::1, mapped ones included.
    public var isLoopback: Bool {
        switch unmapped {
        case .v4(let value): value >> 24 == 127
        case .v6(let high, let low): high == 0 && low == 1
        }
    }

    /// 224.0.0.0/4, the limited broadcast address, or ff00::/8.
    public var isMulticast: Bool {
        switch unmapped {
        case .v4(let value): value >> 28 == 0xE || value == .max
        case .v6(let high, _): high >> 56 == 0xFF
        }
    }

    /// 169.254.0.0/16 or fe80::/10.
    public var isLinkLocal: Bool {
        switch unmapped {
        case .v4(let value): value >> 16 == 0xA9FE
        case .v6(let high, _): high >> 54 == 0xFE80 >> 6
        }
    }

    /// The IPv4 address inside ::ffff:0:0/96, otherwise the address itself.
    public var unmapped: IPAddress {
        if case .v6(0, let low) = self, low >> 32 == 0xFFFF { return .v4(UInt32(truncatingIfNeeded: low)) }
        return self
    }

    /// The octets in network order: 4 or 16.
    public var octets: [UInt8] {
        switch self {
        case .v4(let value): (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
        case .v6(let high, let low):
            (0..<16).map { UInt8(truncatingIfNeeded: ($0 < 8 ? high : low) >> (56 - 8 * UInt64($0 % 8))) }
        }
    }

    private static func parseV4(_ octets: Slice<UnsafeBufferPointer<UInt8>>) -> UInt32? {
        var value: UInt32 = 0
        var parts = 0
        // The part that is being read: its number, and its digits so far.
        var number: UInt32 = 0
        var digits = 0
        func isPart() -> Bool { digits > 0 && number < 256 && parts < 4 }
        for octet in octets {
            switch octet {
            case UInt8(ascii: "."):
                guard isPart() else { return nil }
                value = value << 8 | number
                parts += 1
                (number, digits) = (0, 0)
            case 0x30...0x39:
                // A 0 stands alone.
                guard digits < 3, digits == 0 || number > 0 else { return nil }
                number = number * 10 + UInt32(octet - 0x30)
                digits += 1
            default: return nil
            }
        }
        guard isPart(), parts == 3 else { return nil }
        return value << 8 | number
    }

    private static func parseV6(_ octets: Slice<UnsafeBufferPointer<UInt8>>) -> IPAddress? {
        guard octets.count <= 45 else { return nil }
        var groups: [UInt16] = []
        var gap: Int?
        var rest = octets
        if rest.starts(with: [0x3A, 0x3A]) {
            gap = 0
            rest = rest.dropFirst(2)
            if rest.isEmpty { return .v6(high: 0, low: 0) }
        }
        while true {
            let end = rest.firstIndex(of: 0x3A) ?? rest.endIndex
            let part = rest[rest.startIndex..<end]
            if end == rest.endIndex, part.contains(UInt8(ascii: ".")) {
                guard let v4 = parseV4(part) else { return nil }
                groups.append(UInt16(v4 >> 16))
                groups.append(UInt16(truncatingIfNeeded: v4))
                break
            }
            guard (1...4).contains(part.count) else { return nil }
            var number: UInt16 = 0
            for octet in part {
                guard let digit = hexDigitValue(octet) else { return nil }
                number = number << 4 | UInt16(digit)
            }
            groups.append(number)
            guard groups.count <= 8 else { return nil }
            if end == rest.endIndex { break }
            rest = rest[rest.index(after: end)...]
            if rest.first == 0x3A {
                guard gap == nil else { return nil }
                gap = groups.count
                rest = rest.dropFirst()
                if rest.isEmpty { break }
            } else if rest.isEmpty {
                return nil
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        let value = { (part: ArraySlice<UInt16>) in part.reduce(UInt64(0)) { $0 << 16 | UInt64($1) } }
        return .v6(high: value(groups[0..<4]), low: value(groups[4..<8]))
    }
}

extension IPAddress: CustomStringConvertible {
    /// Canonical text: dotted decimal, or RFC 5952, without brackets.
    public var description: String {
        switch self {
        case .v4(let value):
            return "\(value >> 24).\(value >> 16 & 0xFF).\(value >> 8 & 0xFF).\(value & 0xFF)"
        case .v6(let high, let low):
            if high == 0, low >> 32 == 0xFFFF { return "::ffff:\(unmapped)" }
            let groups = (0..<8).map { UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> (48 - 16 * UInt64($0 % 4))) }
            var best = 0..<0
            var start = 0
            while start < 8 {
                var end = start
                while end < 8, groups[end] == 0 { end += 1 }
                if end - start > max(best.count, 1) { best = start..<end }
                start = end + 1
            }
            let text = { (part: ArraySlice<UInt16>) in part.map { String($0, radix: 16) }.joined(separator: ":") }
            return best.isEmpty
                ? text(groups[...]) : text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
        }
    }

    /// The address as it stands in a URI or an MId: IPv6 in brackets.
    public var bracketed: String { isV6 ? "[\(self)]" : description }
}

/// Value of an ASCII hexadecimal digit in either case, 0...15.
@inlinable
public func hexDigitValue(_ octet: UInt8) -> UInt8? {
    switch octet {
    case 0x30...0x39: octet - 0x30
    case 0x41...0x46: octet - 0x41 + 10
    case 0x61...0x66: octet - 0x61 + 10
    default: nil
    }
}
