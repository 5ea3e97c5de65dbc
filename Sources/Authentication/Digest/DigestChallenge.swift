import SIP
import WireSyntax

/// One challenge of WWW-Authenticate or Proxy-Authenticate (RFC 3261 §22, RFC 7616 §3.3).
///
/// `Digest realm="ims.lab", nonce="…", algorithm=SHA-256, qop="auth"`
public struct DigestChallenge: Hashable, Sendable {
    public var realm: String
    public var nonce: String
    public var opaque: String?
    /// nil: one that is not known here; such a challenge is not answered.
    public var algorithm: DigestAlgorithm?
    /// The nonce of the last request was too old; the password was right (RFC 7616 §3.3).
    public var isStale: Bool
    /// In lower case; empty for RFC 2069 peers.
    public var qualities: [String]

    public init(
        realm: String, nonce: String, opaque: String? = nil, algorithm: DigestAlgorithm?, isStale: Bool = false,
        qualities: [String] = ["auth"]
    ) {
        self.realm = realm
        self.nonce = nonce
        self.opaque = opaque
        self.algorithm = algorithm
        self.isStale = isStale
        self.qualities = qualities
    }

    /// - Throws: another scheme than Digest, or no realm or nonce.
    public init(_ text: String) throws(SyntaxError) {
        let parsed = try AuthenticationParameters(text)
        guard parsed.scheme.lowercased() == "digest" else { throw SyntaxError("not a Digest challenge") }
        guard let realm = parsed.parameters.value("realm") else { throw SyntaxError("realm is missing") }
        guard let nonce = parsed.parameters.value("nonce") else { throw SyntaxError("nonce is missing") }
        self.init(
            realm: realm, nonce: nonce, opaque: parsed.parameters.value("opaque"),
            algorithm: DigestAlgorithm(wireName: parsed.parameters.value("algorithm")),
            isStale: parsed.parameters.value("stale")?.lowercased() == "true",
            qualities: Headers.splitList(parsed.parameters.value("qop") ?? "").map { $0.lowercased() })
    }

    /// The challenge to answer: of the strongest algorithm known, the first. RFC 8760 §2.4 lets the server order them by preference; one that puts
    /// MD5 first is not followed into it.
    ///
    /// - Parameters:
    ///   - values: the WWW-Authenticate or Proxy-Authenticate values, one a field.
    ///   - known: the algorithms for which the client has a secret. Who has AKA keys does not answer a challenge for a password with them (RFC 3310 §5.3).
    public static func best(
        of values: [String], known: Set<DigestAlgorithm> = DigestAlgorithm.withPassword
    ) -> DigestChallenge? {
        let usable = values.compactMap { try? DigestChallenge($0) }.filter { challenge in
            guard let algorithm = challenge.algorithm, known.contains(algorithm) else { return false }
            return challenge.qualities.isEmpty || challenge.qualities.contains("auth")
        }
        for algorithm in DigestAlgorithm.allCases.reversed() {
            if let found = usable.first(where: { $0.algorithm == algorithm }) { return found }
        }
        return nil
    }
}

extension DigestChallenge: CustomStringConvertible {
    public var description: String {
        var parameters = Parameters()
        parameters.set("realm", toQuoted: realm)
        parameters.set("nonce", toQuoted: nonce)
        if let opaque { parameters.set("opaque", toQuoted: opaque) }
        if isStale { parameters.set("stale", to: "true") }
        if let algorithm { parameters.set("algorithm", to: algorithm.rawValue) }
        if !qualities.isEmpty { parameters.set("qop", toQuoted: qualities.joined(separator: ",")) }
        return AuthenticationParameters(scheme: "Digest", parameters: parameters).description
    }
}
