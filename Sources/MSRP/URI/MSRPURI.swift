import NIOCore
import WireSyntax

/// An MSRP URI (RFC 4975 §6, §9): `msrp://host:port/session-id;tcp`.
///
/// Two URIs are equal when RFC 4975 §6.1 says so: the scheme counts, addresses and ports compare by value, user information and parameters other than
/// the transport do not count, the session-id is case-sensitive. `description` is the text as received or made.
public struct MSRPURI: Sendable, CustomStringConvertible {
    /// `msrps`: the connection must be protected with TLS.
    public let isSecure: Bool
    /// The user part of the authority, as received. Not compared.
    public let userInfo: String?
    public let host: Host
    public let port: UInt16?
    public let sessionID: String?
    /// Lower case; `tcp`.
    public let transport: String
    /// What follows the transport, without the first `;`: `a=b;c`. Not compared.
    public let parameters: String
    public let description: String

    /// Longest URI that is read.
    public static let maximumLength = 1024

    /// A URI of our own.
    public init(isSecure: Bool, host: Host, port: UInt16, sessionID: String) {
        self.isSecure = isSecure
        userInfo = nil
        self.host = host
        self.port = port
        self.sessionID = sessionID
        transport = "tcp"
        parameters = ""
        description = "\(isSecure ? "msrps" : "msrp")://\(host):\(port)/\(sessionID);tcp"
    }

    /// RFC 4975 §9, `MSRP-URI`.
    /// - Throws: `SyntaxError` with the offset in `text`.
    public init(_ text: some StringProtocol) throws(SyntaxError) {
        let text = String(text)
        let octets = Array(text.utf8)
        guard octets.count <= Self.maximumLength else {
            throw SyntaxError("longer than \(Self.maximumLength) octets", field: "MSRP-URI")
        }
        guard let colon = octets.firstIndex(of: UInt8(ascii: ":")), octets[colon...].starts(with: Array("://".utf8))
        else {
            throw SyntaxError("\"://\" expected after the scheme", field: "MSRP-URI")
        }
        switch text.prefix(colon).lowercased() {
        case "msrp": isSecure = false
        case "msrps": isSecure = true
        default: throw SyntaxError("the scheme is neither msrp nor msrps", field: "MSRP-URI")
        }
        var position = colon + 3
        let authority = octets[position...].prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ";") }
        var hostport = authority
        if let at = authority.lastIndex(of: UInt8(ascii: "@")) {
            userInfo = String(decoding: authority[..<at], as: UTF8.self)
            guard authority[..<at].allSatisfy(isUserInfoOctet) else {
                throw SyntaxError("a character that user information may not hold", field: "MSRP-URI", at: position)
            }
            hostport = authority[(at + 1)...]
        } else {
            userInfo = nil
        }
        (host, port) = try MSRPURI.parseHostPort(hostport)
        position = authority.endIndex

        if position < octets.count, octets[position] == UInt8(ascii: "/") {
            position += 1
            let identifier = octets[position...].prefix { $0 != UInt8(ascii: ";") }
            guard !identifier.isEmpty else {
                throw SyntaxError("the session-id is empty", field: "MSRP-URI", at: position)
            }
            if let bad = identifier.firstIndex(where: { !isSessionIDOctet($0) }) {
                throw SyntaxError("a character that a session-id may not hold", field: "MSRP-URI", at: bad)
            }
            sessionID = String(decoding: identifier, as: UTF8.self)
            position = identifier.endIndex
        } else {
            sessionID = nil
        }

        guard position < octets.count else {
            throw SyntaxError("the transport parameter is missing", field: "MSRP-URI", at: position)
        }
        let rest = octets[(position + 1)...].split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        guard let first = rest.first, !first.isEmpty, first.allSatisfy(isAlphanumeric) else {
            throw SyntaxError("the transport is not a word of letters and digits", field: "MSRP-URI", at: position + 1)
        }
        transport = String(decoding: first, as: UTF8.self).lowercased()
        for parameter in rest.dropFirst() {
            let parts = parameter.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isTokenOctet) }) else {
                throw SyntaxError(
                    "a parameter is not token or token=token", field: "MSRP-URI", at: parameter.startIndex)
            }
        }
        parameters =
            first.endIndex < octets.count ? String(decoding: octets[(first.endIndex + 1)...], as: UTF8.self) : ""
        description = text
    }

    /// The URI that stands in a slice of a message.
    public init(_ octets: ByteBuffer) throws(SyntaxError) { try self.init(String(buffer: octets)) }

    private static func parseHostPort(_ octets: ArraySlice<UInt8>) throws(SyntaxError) -> (Host, UInt16?) {
        var name = octets
        var port: UInt16?
        let colon = octets.lastIndex(of: UInt8(ascii: ":"))
        if let colon, !(octets.first == UInt8(ascii: "[") && octets.last == UInt8(ascii: "]")) {
            name = octets[..<colon]
            let digits = octets[(colon + 1)...]
            guard (1...5).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = UInt16(String(decoding: digits, as: UTF8.self))
            else { throw SyntaxError("the port is not a number up to 65535", field: "MSRP-URI", at: colon + 1) }
            port = number
        }
        guard !name.isEmpty else { throw SyntaxError("the host is empty", field: "MSRP-URI", at: octets.startIndex) }
        let text = try normalised(name)
        if let host = Host(text) {
            if host.address != nil, port == nil {
                throw SyntaxError("a numeric address needs a port", field: "MSRP-URI", at: octets.startIndex)
            }
            return (host, port)
        }
        guard name.allSatisfy(isRegisteredNameOctet) else {
            throw SyntaxError("the host is neither a name nor an address", field: "MSRP-URI", at: octets.startIndex)
        }
        return (.name(text.lowercased()), port)
    }

    /// RFC 3986 §6.2.2.2: a percent-encoded unreserved character is decoded, what stays encoded has upper-case digits.
    private static func normalised(_ octets: ArraySlice<UInt8>) throws(SyntaxError) -> String {
        guard octets.contains(UInt8(ascii: "%")) else { return String(decoding: octets, as: UTF8.self) }
        var result: [UInt8] = []
        var index = octets.startIndex
        while index < octets.endIndex {
            guard octets[index] == UInt8(ascii: "%") else {
                result.append(octets[index])
                index += 1
                continue
            }
            guard index + 2 < octets.endIndex, let high = hexDigitValue(octets[index + 1]),
                let low = hexDigitValue(octets[index + 2])
            else { throw SyntaxError("% is not followed by two hexadecimal digits", field: "MSRP-URI", at: index) }
            let value = high << 4 | low
            if isUnreserved(value) {
                result.append(value)
            } else {
                result.append(UInt8(ascii: "%"))
                result.append(
                    contentsOf: String(decoding: octets[(index + 1)...(index + 2)], as: UTF8.self).uppercased().utf8)
            }
            index += 3
        }
        return String(decoding: result, as: UTF8.self)
    }
}

extension MSRPURI: Hashable {
    /// RFC 4975 §6.1.
    public static func == (left: MSRPURI, right: MSRPURI) -> Bool {
        left.isSecure == right.isSecure && left.port == right.port && left.host == right.host
            && left.sessionID == right.sessionID && left.transport == right.transport
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(isSecure)
        hasher.combine(host)
        hasher.combine(port)
        hasher.combine(sessionID)
        hasher.combine(transport)
    }
}

// Characters of RFC 4975 §9 and RFC 3986 §2.

func isAlphanumeric(_ octet: UInt8) -> Bool {
    switch octet {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: false
    }
}

func isUnreserved(_ octet: UInt8) -> Bool {
    isAlphanumeric(octet) || octet == UInt8(ascii: "-") || octet == UInt8(ascii: ".") || octet == UInt8(ascii: "_")
        || octet == UInt8(ascii: "~")
}

private func isSessionIDOctet(_ octet: UInt8) -> Bool {
    isUnreserved(octet) || octet == UInt8(ascii: "+") || octet == UInt8(ascii: "=") || octet == UInt8(ascii: "/")
}

/// `reg-name`: unreserved, percent-encoded, sub-delims.
private func isRegisteredNameOctet(_ octet: UInt8) -> Bool {
    isUnreserved(octet) || octet == UInt8(ascii: "%") || "!$&'()*+,=".utf8.contains(octet)
}

private func isUserInfoOctet(_ octet: UInt8) -> Bool {
    isRegisteredNameOctet(octet) || octet == UInt8(ascii: ":") || octet == UInt8(ascii: ";")
}

/// `token` of RFC 4975 §9.
func isTokenOctet(_ octet: UInt8) -> Bool {
    switch octet {
    case 0x21, 0x23...0x27, 0x2A...0x2B, 0x2D...0x2E, 0x30...0x39, 0x41...0x5A, 0x5E...0x7E: true
    default: false
    }
}
