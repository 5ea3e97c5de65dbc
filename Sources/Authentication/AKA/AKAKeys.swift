import WireSyntax

/// What subscriber and home network share for AKA: K and OPc in Milenage, and the AMF of the home network's challenges (TS 33.102 §6.3).
public struct AKAKeys: Sendable {
    public let milenage: Milenage
    /// Authentication Management Field: of challenges that are made; of challenges that are taken, nil for any.
    public let amf: UInt16?

    public init(milenage: Milenage, amf: UInt16?) {
        self.milenage = milenage
        self.amf = amf
    }

    /// Which text was wrong, and how; never what stood there.
    public struct Problem: Error, Hashable, Sendable {
        public enum Field: String, Hashable, Sendable { case k, opc, op, amf }
        public var field: Field
        public var reason: String
    }

    /// - Parameters:
    ///   - k: 32 hexadecimal digits, as `opc` and `op`, of which one must be given.
    ///   - amf: 4 hexadecimal digits.
    public init(k: Secret, opc: Secret?, op: Secret?, amf: String?) throws(Problem) {
        let key = try Self.octets(k, .k)
        switch (opc, op) {
        case (let opc?, nil):
            guard let milenage = Milenage(key: key, opc: try Self.octets(opc, .opc)) else {
                throw Problem(field: .opc, reason: Self.wrongLength)
            }
            self.milenage = milenage
        case (nil, let op?):
            guard let milenage = Milenage(key: key, op: try Self.octets(op, .op)) else {
                throw Problem(field: .op, reason: Self.wrongLength)
            }
            self.milenage = milenage
        case (nil, nil): throw Problem(field: .opc, reason: "is missing, and op too")
        case (_?, _?): throw Problem(field: .op, reason: "is given beside opc")
        }
        guard let amf else {
            self.amf = nil
            return
        }
        guard amf.utf8.count == 4, amf.utf8.allSatisfy({ Self.digit($0) != nil }), let value = UInt16(amf, radix: 16)
        else {
            throw Problem(field: .amf, reason: "is not 4 hexadecimal digits")
        }
        self.amf = value
    }

    private static let wrongLength = "is not 32 hexadecimal digits"

    private static func octets(_ text: Secret, _ field: Problem.Field) throws(Problem) -> Secret {
        var result: [UInt8] = []
        defer { for index in result.indices { result[index] = 0 } }
        var isWellFormed = text.count == 2 * Milenage.keyLength
        text.withOctets { digits in
            guard isWellFormed else { return }
            for position in stride(from: 0, to: digits.count, by: 2) {
                guard let high = Self.digit(digits[position]), let low = Self.digit(digits[position + 1]) else {
                    isWellFormed = false
                    return
                }
                result.append(high << 4 | low)
            }
        }
        guard isWellFormed else { throw Problem(field: field, reason: wrongLength) }
        return Secret(result)
    }

    private static func digit(_ octet: UInt8) -> UInt8? {
        switch octet {
        case 0x30...0x39: octet - 0x30
        case 0x41...0x46: octet - 0x37
        case 0x61...0x66: octet - 0x57
        default: nil
        }
    }
}
