import FoundationEssentials
import WireSyntax

/// The nonce of an AKA challenge: base64 of RAND ‖ AUTN ‖ server data (RFC 3310 §3.2).
public struct AKANonce: Hashable, Sendable {
    public var rand: Milenage.Block
    /// 16 octets: SQN ⊕ AK ‖ AMF ‖ MAC-A (TS 33.102 §6.3.2).
    public var autn: [UInt8]
    public var serverData: [UInt8]

    static let tokenLength = 16
    /// Characters of the longest nonce that is read.
    public static let maximumLength = 256

    public init(rand: Milenage.Block, autn: [UInt8], serverData: [UInt8] = []) {
        self.rand = rand
        self.autn = autn
        self.serverData = serverData
    }

    /// - Returns: nil for what is not base64, too long, or too short for RAND and AUTN.
    public init?(_ text: String) {
        guard text.utf8.count <= Self.maximumLength, let octets = base64Octets(text),
            octets.count >= 16 + Self.tokenLength
        else { return nil }
        rand = Milenage.Block(octets.prefix(16))
        autn = Array(octets[16..<16 + Self.tokenLength])
        serverData = Array(octets[(16 + Self.tokenLength)...])
    }

    public var text: String { base64Text(rand.octets + autn + serverData) }
}

/// AUTS: SQN_MS ⊕ AK ‖ MAC-S, 14 octets (TS 33.102 §6.3.3, RFC 3310 §3.4).
public struct ResynchronisationToken: Hashable, Sendable {
    var concealed: [UInt8]
    var mac: [UInt8]

    static let length = 14
    /// TS 33.102 §6.3.3: the AMF of MAC-S is a dummy, so that it need not be sent.
    static let amf: UInt16 = 0

    init(concealed: [UInt8], mac: [UInt8]) {
        self.concealed = concealed
        self.mac = mac
    }

    /// - Parameter text: value of the `auts` directive.
    /// - Returns: nil for other than the base64 of 14 octets.
    public init?(_ text: String) {
        guard text.utf8.count <= 4 * Self.length, let octets = base64Octets(text), octets.count == Self.length else {
            return nil
        }
        concealed = Array(octets.prefix(SequenceNumber.length))
        mac = Array(octets.suffix(Self.length - SequenceNumber.length))
    }

    public var text: String { base64Text(concealed + mac) }
}

private func base64Octets(_ text: String) -> [UInt8]? { Data(base64Encoded: text).map { Array($0) } }

private func base64Text(_ octets: [UInt8]) -> String { Data(octets).base64EncodedString() }
