import SIP
import WireSyntax

/// Authorization or Proxy-Authorization (RFC 3261 §22, RFC 7616 §3.4).
public struct DigestCredentials: Hashable, Sendable {
    public var username: String
    public var realm: String
    public var nonce: String
    /// The digest-uri as sent: the Request-URI of the request.
    public var uri: String
    /// Hexadecimal; empty in the REGISTER of an IMS UE that only gives its private identity (TS 24.229 §5.1.1.2).
    public var response: String
    public var algorithm: DigestAlgorithm?
    public var cnonce: String?
    /// `auth`, or nil for RFC 2069 peers.
    public var quality: String?
    /// Eight hexadecimal digits.
    public var nonceCount: UInt32?
    public var opaque: String?
    /// AKA: the token of a synchronisation failure, base64 (RFC 3310 §3.4).
    public var auts: String?

    public init(
        username: String, realm: String, nonce: String, uri: String, response: String, algorithm: DigestAlgorithm?,
        cnonce: String? = nil, quality: String? = nil, nonceCount: UInt32? = nil, opaque: String? = nil,
        auts: String? = nil
    ) {
        self.username = username
        self.realm = realm
        self.nonce = nonce
        self.uri = uri
        self.response = response
        self.algorithm = algorithm
        self.cnonce = cnonce
        self.quality = quality
        self.nonceCount = nonceCount
        self.opaque = opaque
        self.auts = auts
    }

    /// - Throws: another scheme than Digest, a missing parameter, a count that is not eight hexadecimal digits, `qop` without `nc` and `cnonce`.
    public init(_ text: String) throws(SyntaxError) {
        let parsed = try AuthenticationParameters(text)
        guard parsed.scheme.lowercased() == "digest" else { throw SyntaxError("not Digest credentials") }
        let parameters = parsed.parameters
        func required(_ name: String) throws(SyntaxError) -> String {
            guard let value = parameters.value(name) else { throw SyntaxError("\(name) is missing") }
            return value
        }
        self.init(
            username: try required("username"), realm: try required("realm"), nonce: try required("nonce"),
            uri: try required("uri"), response: try required("response"),
            algorithm: DigestAlgorithm(wireName: parameters.value("algorithm")), cnonce: parameters.value("cnonce"),
            quality: parameters.value("qop")?.lowercased(), opaque: parameters.value("opaque"),
            auts: parameters.value("auts"))
        if let count = parameters.value("nc") {
            guard count.utf8.count == 8, !count.hasPrefix("+"), let number = UInt32(count, radix: 16) else {
                throw SyntaxError("nc is not eight hexadecimal digits")
            }
            nonceCount = number
        }
        guard quality == nil || (nonceCount != nil && cnonce != nil) else {
            throw SyntaxError("qop needs nc and cnonce")
        }
    }

    /// The answer of a client to a challenge (RFC 7616 §3.4.1).
    ///
    /// - Parameters:
    ///   - password: RES for AKA, the empty one beside `auts` (RFC 3310 §3.3, §3.4).
    ///   - nonceCount: from 1, one more each time the nonce is used.
    ///   - cnonce: random text of the client's.
    /// - Returns: nil where the algorithm or all qualities of protection are unknown.
    public static func answer(
        _ challenge: DigestChallenge, username: String, password: Secret, method: Method, uri: String, cnonce: String,
        nonceCount: UInt32, auts: String? = nil
    ) -> DigestCredentials? {
        guard let algorithm = challenge.algorithm, challenge.qualities.isEmpty || challenge.qualities.contains("auth")
        else { return nil }
        let usesQuality = !challenge.qualities.isEmpty
        var credentials = DigestCredentials(
            username: username, realm: challenge.realm, nonce: challenge.nonce, uri: uri, response: "",
            algorithm: algorithm, cnonce: usesQuality ? cnonce : nil, quality: usesQuality ? "auth" : nil,
            nonceCount: usesQuality ? nonceCount : nil, opaque: challenge.opaque, auts: auts)
        let secret = DigestResponse.userSecret(
            algorithm, username: username, realm: challenge.realm, password: password)
        credentials.response = DigestResponse.request(credentials, algorithm, userSecret: secret, method: method)
        return credentials
    }
}

extension DigestCredentials: CustomStringConvertible {
    public var description: String {
        var parameters = Parameters()
        parameters.set("username", toQuoted: username)
        parameters.set("realm", toQuoted: realm)
        parameters.set("nonce", toQuoted: nonce)
        parameters.set("uri", toQuoted: uri)
        parameters.set("response", toQuoted: response)
        if let algorithm { parameters.set("algorithm", to: algorithm.rawValue) }
        if let cnonce { parameters.set("cnonce", toQuoted: cnonce) }
        if let opaque { parameters.set("opaque", toQuoted: opaque) }
        if let auts { parameters.set("auts", toQuoted: auts) }
        if let quality { parameters.set("qop", to: quality) }
        if let nonceCount { parameters.set("nc", to: eightDigits(nonceCount)) }
        return AuthenticationParameters(scheme: "Digest", parameters: parameters).description
    }
}

/// A nonce count as it stands on the wire.
func eightDigits(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.utf8.count) + digits
}
