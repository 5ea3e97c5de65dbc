import Crypto
import WireSyntax

/// The home network's side of AKA (TS 33.102 §6.3.2, §6.3.5): makes challenges and takes resynchronisations.
///
/// A challenge is not remembered: its server data is `time ‖ MAC(key, RAND, AUTN, time, user, realm)`, and XRES follows from RAND. What is kept is one number a
/// subscriber that was challenged, and only of those that exist.
public struct AuthenticationCentre: Sendable {
    /// AMF of the challenges for subscribers that have none (TS 33.102 Annex H: the separation bit).
    public static let defaultAMF: UInt16 = 0x8000

    private let key: SymmetricKey
    /// Seconds.
    private let lifetime: UInt64
    private let realm: String
    private var generators: [String: SequenceGenerator] = [:]
    private var challengeCount: UInt64 = 0

    private static let timeLength = 8
    private static let sealLength = 16

    /// - Parameters:
    ///   - key: at least 16 random octets.
    ///   - lifetime: of a challenge, in seconds.
    public init(key: Secret, realm: String, lifetime: UInt64) {
        self.key = key.withOctets { SymmetricKey(data: $0) }
        self.realm = realm
        self.lifetime = lifetime
    }

    /// - Parameters:
    ///   - user: the private identity.
    ///   - now: seconds on a clock that does not go back.
    ///   - salt: random; RAND is made of it by a keyed hash, which nobody else can repeat.
    /// - Returns: nil where the subscriber's numbers are used up.
    public mutating func challenge(_ user: String, _ keys: AKAKeys, now: UInt64, salt: UInt64) -> AKANonce? {
        var generator = generators[user] ?? SequenceGenerator()
        guard let number = generator.next() else { return nil }
        generators[user] = generator
        challengeCount += 1
        let seed = "RAND\0\(salt)\0\(challengeCount)\0\(now)\0\(user)"
        let rand = Milenage.Block(HMAC<SHA256>.authenticationCode(for: Array(seed.utf8), using: key).prefix(16))
        let amf = keys.amf ?? Self.defaultAMF
        let concealed = number.concealed(by: keys.milenage.f5(rand: rand))
        let token =
            concealed + [UInt8(amf >> 8), UInt8(amf & 0xFF)] + keys.milenage.f1(rand: rand, sqn: number, amf: amf)
        var nonce = AKANonce(rand: rand, autn: token)
        nonce.serverData = Self.octets(now)
        nonce.serverData += seal(nonce, user)
        return nonce
    }

    /// Whether the challenge was made here for this user, and when; `made` is in seconds.
    func check(_ nonce: AKANonce, user: String, now: UInt64) -> (verdict: DigestNonce.Verdict, made: UInt64) {
        guard nonce.serverData.count == Self.timeLength + Self.sealLength else { return (.foreign, 0) }
        let made = nonce.serverData.prefix(Self.timeLength).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        var bare = nonce
        bare.serverData = Array(nonce.serverData.prefix(Self.timeLength))
        guard constantTimeEqual(seal(bare, user), nonce.serverData.suffix(Self.sealLength)), made <= now else {
            return (.foreign, 0)
        }
        return (now - made <= lifetime ? .fresh : .stale, made)
    }

    /// XRES.
    func expectedResponse(_ nonce: AKANonce, _ keys: AKAKeys) -> Secret { keys.milenage.f2(rand: nonce.rand) }

    /// The number in a token.
    ///
    /// - Parameter nonce: of the challenge that the token answers; checked before.
    /// - Returns: nil where MAC-S is wrong.
    func highest(in token: ResynchronisationToken, _ keys: AKAKeys, _ nonce: AKANonce) -> SequenceNumber? {
        let anonymityKey = keys.milenage.f5Star(rand: nonce.rand)
        guard let highest = SequenceNumber(zip(token.concealed, anonymityKey).map { $0 ^ $1 }),
            constantTimeEqual(
                keys.milenage.f1Star(rand: nonce.rand, sqn: highest, amf: ResynchronisationToken.amf), token.mac)
        else { return nil }
        return highest
    }

    /// - Parameter highest: of a token whose MAC-S is right, and which has not been used before.
    mutating func resynchronise(_ user: String, with highest: SequenceNumber) {
        generators[user, default: SequenceGenerator()].resynchronise(with: highest)
    }

    private func seal(_ nonce: AKANonce, _ user: String) -> [UInt8] {
        let data = Array("AKA\0\(realm)\0\(user)\0".utf8) + nonce.rand.octets + nonce.autn + nonce.serverData
        return Array(HMAC<SHA256>.authenticationCode(for: data, using: key).prefix(Self.sealLength))
    }

    private static func octets(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
    }
}
