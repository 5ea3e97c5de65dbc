import WireSyntax

/// The subscriber's side of AKA, what an ISIM does (TS 33.102 §6.3.3): judges the network by AUTN, and only then answers.
///
/// ```
///   RAND, AUTN ─▶ MAC-A right? ─no─▶ refused          SQN fresh? ─no─▶ AUTS
///                      └──────────────yes──────────────┴────────yes──▶ RES, CK, IK; SQN is used up
/// ```
public struct SubscriberModule: Sendable {
    public enum Verdict: Sendable {
        case accepted(response: Secret, cipherKey: Secret, integrityKey: Secret)
        /// The network is ours, but its number has been used or is out of range.
        case synchronisationFailure(ResynchronisationToken)
        /// Not from the home network, or not for this subscriber.
        case refused
    }

    public let keys: AKAKeys
    /// To be stored before the answer goes out.
    public private(set) var window: SequenceWindow

    public init(keys: AKAKeys, window: SequenceWindow = SequenceWindow()) {
        self.keys = keys
        self.window = window
    }

    public mutating func judge(_ nonce: AKANonce) -> Verdict {
        let milenage = keys.milenage
        let rand = nonce.rand
        let anonymityKey = milenage.f5(rand: rand)
        let concealed = nonce.autn.prefix(SequenceNumber.length)
        let amf = UInt16(nonce.autn[6]) << 8 | UInt16(nonce.autn[7])
        guard let number = SequenceNumber(zip(concealed, anonymityKey).map { $0 ^ $1 }) else { return .refused }
        let expected = milenage.f1(rand: rand, sqn: number, amf: amf)
        guard constantTimeEqual(expected, nonce.autn.suffix(8)), keys.amf == nil || keys.amf == amf else {
            return .refused
        }
        guard window.accept(number) else { return .synchronisationFailure(token(rand)) }
        return .accepted(
            response: milenage.f2(rand: rand), cipherKey: milenage.f3(rand: rand), integrityKey: milenage.f4(rand: rand)
        )
    }

    private func token(_ rand: Milenage.Block) -> ResynchronisationToken {
        let highest = window.highest
        return ResynchronisationToken(
            concealed: highest.concealed(by: keys.milenage.f5Star(rand: rand)),
            mac: keys.milenage.f1Star(rand: rand, sqn: highest, amf: ResynchronisationToken.amf))
    }
}
