/// A host as protocols write it: an address, or a domain name compared without regard to case.
public enum Host: Hashable, Sendable, CustomStringConvertible {
    case address(IPAddress)
    /// Lower case, without a final dot.
    case name(String)

    /// A domain name (letters, digits, `-`, `.`, and `_` as found in practice), an IPv4 address, or an IPv6 address with or without brackets.
    public init?(_ text: some StringProtocol) {
        if text.hasPrefix("["), text.hasSuffix("]") {
            guard let address = IPAddress(text.dropFirst().dropLast()), address.isV6 else { return nil }
            self = .address(address)
            return
        }
        // Nothing but an address has a colon in it, and an IPv4 address begins with a digit.
        if let first = text.utf8.first, (0x30...0x39).contains(first) || text.utf8.contains(UInt8(ascii: ":")),
            let address = IPAddress(text)
        {
            self = .address(address)
            return
        }
        guard let name = Self.name(text) else { return nil }
        self = .name(name)
    }

    /// Lower case, without a final dot; nil where it is no name. One pass and at most one allocation: hosts stand in every Via, route and address.
    private static func name(_ text: some StringProtocol) -> String? {
        guard (1...255).contains(text.utf8.count) else { return nil }
        var isName = true
        let name = String(unsafeUninitializedCapacity: text.utf8.count) { buffer in
            var count = 0
            var previous = UInt8(ascii: ".")
            for octet in text.utf8 {
                switch octet {
                case 0x2E where previous == 0x2E:
                    isName = false
                    return 0
                case 0x30...0x39, 0x61...0x7A, 0x2D, 0x2E, 0x5F: buffer[count] = octet
                case 0x41...0x5A: buffer[count] = octet | 0x20
                default:
                    isName = false
                    return 0
                }
                previous = octet
                count += 1
            }
            return previous == 0x2E ? count - 1 : count
        }
        return isName && !name.isEmpty ? name : nil
    }

    public var address: IPAddress? {
        if case .address(let address) = self { return address }
        return nil
    }

    /// As in a URI: IPv6 in brackets.
    public var description: String {
        switch self {
        case .address(let address): address.bracketed
        case .name(let name): name
        }
    }
}

/// `host` or `host:port`.
public struct HostPort: Hashable, Sendable, CustomStringConvertible {
    public var host: Host
    public var port: UInt16?

    public init(host: Host, port: UInt16? = nil) {
        self.host = host
        self.port = port
    }

    /// `host`, `host:port`, `[v6]`, `[v6]:port`. A bare IPv6 address has no port.
    public init?(_ text: some StringProtocol) {
        if let host = Host(text) {
            self.init(host: host)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let host = Host(text[..<colon]) else { return nil }
        let digits = text[text.index(after: colon)...]
        if case .address(let address) = host, address.isV6, !text.hasPrefix("[") { return nil }
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(digits)
        else { return nil }
        self.init(host: host, port: port)
    }

    public var description: String { port.map { "\(host):\($0)" } ?? "\(host)" }
}

/// An address and a port: one end of a connection, or the source of a datagram.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    public var address: IPAddress
    public var port: UInt16

    public init(_ address: IPAddress, _ port: UInt16) {
        self.address = address
        self.port = port
    }

    /// `address:port`, IPv6 in brackets.
    public init?(_ text: some StringProtocol) {
        guard let pair = HostPort(text), let address = pair.host.address, let port = pair.port else { return nil }
        self.init(address, port)
    }

    public var description: String { "\(address.bracketed):\(port)" }
}
