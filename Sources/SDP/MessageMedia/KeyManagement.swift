import WireSyntax

/// `a=key-mgmt:mikey <base64>` (RFC 4567 §3.1): `0*1SP prtcl-id SP keymgmt-data`. The data stays text; MIKEY reads it.
public struct KeyManagement: Hashable, Sendable {
    public static let attributeName = "key-mgmt"

    /// `mikey`, in lower case.
    public var protocolID: String
    /// Base64, as it came.
    public var data: String

    public init(protocolID: String, data: String) {
        self.protocolID = protocolID
        self.data = data
    }

    public init(parsing value: some StringProtocol) throws(SyntaxError) {
        var octets = Array(value.utf8)[...]
        if octets.first == Grammar.space { octets.removeFirst() }
        let parts = octets.split(separator: Grammar.space, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, Grammar.isToken(parts[0]) else {
            throw SyntaxError("no protocol id before the data", field: KeyManagement.attributeName)
        }
        var unpadded = parts[1]
        while unpadded.last == UInt8(ascii: "=") { unpadded.removeLast() }
        guard !unpadded.isEmpty, parts[1].count.isMultiple(of: 4), parts[1].count - unpadded.count <= 2,
            unpadded.allSatisfy(KeyManagement.isBase64)
        else { throw SyntaxError("the data is not base64", field: KeyManagement.attributeName) }
        protocolID = String(decoding: parts[0], as: UTF8.self).lowercased()
        data = String(decoding: parts[1], as: UTF8.self)
    }

    private static func isBase64(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "+"), UInt8(ascii: "/"): true
        default: false
        }
    }

    public var attribute: Attribute { Attribute(KeyManagement.attributeName, "\(protocolID) \(data)") }
}
