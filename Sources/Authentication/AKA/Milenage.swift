import Crypto
import CryptoExtras
import WireSyntax

/// The example algorithm set for the authentication and key generation functions of AKA (TS 35.206 §3, §4.1).
///
/// ```
///            RAND ⊕ OPc ─▶ E ─▶ TEMP ─┬─ ⊕ rot(SQN‖AMF‖SQN‖AMF ⊕ OPc, r1) ⊕ c1 ─▶ E ⊕ OPc = f1 ‖ f1*
///                                     └─ rot(TEMP ⊕ OPc, ri) ⊕ ci ─▶ E ⊕ OPc = OUTi: f5 ‖ f2, f3, f4, f5*
/// ```
public struct Milenage: Sendable {
    /// RAND, and every block of the computation.
    public typealias Block = SIMD16<UInt8>

    /// Octets of K, OP and OPc.
    public static let keyLength = 16

    private let key: SymmetricKey
    private let derivedOperatorKey: Secret

    /// - Returns: nil where one of them is not 16 octets.
    public init?(key: Secret, opc: Secret) {
        guard key.count == Self.keyLength, opc.count == Self.keyLength else { return nil }
        self.key = key.withOctets { SymmetricKey(data: $0) }
        derivedOperatorKey = opc
    }

    /// The same from OP: OPc = E(OP) ⊕ OP (TS 35.206 §4.1).
    ///
    /// - Returns: nil where one of them is not 16 octets.
    public init?(key: Secret, op: Secret) {
        guard key.count == Self.keyLength, op.count == Self.keyLength else { return nil }
        self.key = key.withOctets { SymmetricKey(data: $0) }
        let block = op.withOctets { Block($0) }
        derivedOperatorKey = Secret((Self.encrypt(block, self.key) ^ block).octets)
    }

    /// Whether K and OPc are the same; compared in constant time.
    func hasSameKeys(as other: Milenage) -> Bool { key == other.key && derivedOperatorKey == other.derivedOperatorKey }

    /// OPc, for tests against the published sets.
    var opc: Secret { derivedOperatorKey }

    // MARK: - The functions

    /// Network authentication: MAC-A, 8 octets.
    public func f1(rand: Block, sqn: SequenceNumber, amf: UInt16) -> [UInt8] {
        Array(out1(rand, sqn, amf).octets.prefix(8))
    }

    /// Resynchronisation: MAC-S, 8 octets.
    public func f1Star(rand: Block, sqn: SequenceNumber, amf: UInt16) -> [UInt8] {
        Array(out1(rand, sqn, amf).octets.suffix(8))
    }

    /// RES, 8 octets.
    public func f2(rand: Block) -> Secret { Secret(out(rand, rotation: 0, constant: 1).octets.suffix(8)) }

    /// CK, 16 octets.
    public func f3(rand: Block) -> Secret { Secret(out(rand, rotation: 4, constant: 2).octets) }

    /// IK, 16 octets.
    public func f4(rand: Block) -> Secret { Secret(out(rand, rotation: 8, constant: 4).octets) }

    /// AK, which hides SQN in AUTN: 6 octets.
    public func f5(rand: Block) -> [UInt8] { Array(out(rand, rotation: 0, constant: 1).octets.prefix(6)) }

    /// AK of a resynchronisation, which hides SQN in AUTS: 6 octets.
    public func f5Star(rand: Block) -> [UInt8] { Array(out(rand, rotation: 12, constant: 8).octets.prefix(6)) }

    // MARK: - Steps

    /// r1 is 64 bits and c1 is zero.
    private func out1(_ rand: Block, _ sqn: SequenceNumber, _ amf: UInt16) -> Block {
        let half = sqn.octets + [UInt8(amf >> 8), UInt8(amf & 0xFF)]
        let hidden = operatorBlock
        let input = Block(half + half) ^ hidden
        return Self.encrypt(temporary(rand) ^ input.rotated(by: 8), key) ^ hidden
    }

    /// - Parameter rotation: octets to the left.
    private func out(_ rand: Block, rotation: Int, constant: UInt8) -> Block {
        let hidden = operatorBlock
        var block = (temporary(rand) ^ hidden).rotated(by: rotation)
        block[15] ^= constant
        return Self.encrypt(block, key) ^ hidden
    }

    private func temporary(_ rand: Block) -> Block { Self.encrypt(rand ^ operatorBlock, key) }

    private var operatorBlock: Block { derivedOperatorKey.withOctets { Block($0) } }

    private static func encrypt(_ block: Block, _ key: SymmetricKey) -> Block {
        var octets = block.octets
        // It throws for wrong lengths alone: the key has been measured by the initializers, and the block has 16 octets by its type.
        do { try AES.permute(&octets, key: key) } catch { preconditionFailure("a length that was checked") }
        return Block(octets)
    }
}

extension SIMD16<UInt8> {
    var octets: [UInt8] { indices.map { self[$0] } }

    fileprivate func rotated(by count: Int) -> Self {
        var result = Self()
        for index in indices { result[index] = self[(index + count) % Self.scalarCount] }
        return result
    }
}
