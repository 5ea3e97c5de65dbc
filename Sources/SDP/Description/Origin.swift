import WireSyntax

/// `o=<username> <sess-id> <sess-version> <nettype> <addrtype> <unicast-address>` (RFC 8866 §5.2).
public struct Origin: Hashable, Sendable {
    /// Octets without white space; `-` where there is none.
    public var username: OctetText
    /// Digits, of any length.
    public var sessionID: String
    /// Digits, of any length; grows by one with each change (RFC 3264 §8).
    public var sessionVersion: String
    public var networkType: String
    public var addressType: String
    public var address: OctetText

    public init(
        username: OctetText = "-", sessionID: UInt64, sessionVersion: UInt64 = 1, address: IPAddress
    ) {
        self.username = username
        self.sessionID = String(sessionID)
        self.sessionVersion = String(sessionVersion)
        networkType = "IN"
        addressType = address.isV6 ? "IP6" : "IP4"
        self.address = OctetText(address.description)
    }

    init(
        username: OctetText, sessionID: String, sessionVersion: String, networkType: String, addressType: String,
        address: OctetText
    ) {
        self.username = username
        self.sessionID = sessionID
        self.sessionVersion = sessionVersion
        self.networkType = networkType
        self.addressType = addressType
        self.address = address
    }

    /// The next version: decimal, without an upper bound.
    public mutating func bumpVersion() { sessionVersion = Origin.successor(of: sessionVersion) }

    static func successor(of digits: String) -> String {
        var octets = Array(digits.utf8)
        var index = octets.count
        while index > 0 {
            index -= 1
            if octets[index] == UInt8(ascii: "9") {
                octets[index] = UInt8(ascii: "0")
            } else {
                octets[index] += 1
                return String(decoding: octets, as: UTF8.self)
            }
        }
        return "1" + String(decoding: octets, as: UTF8.self)
    }
}
