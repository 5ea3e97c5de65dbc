import SIP
import WireSyntax

/// The server side of digest: challenges, and verdicts about credentials (RFC 3261 §22.1–22.3, RFC 7616, RFC 8760).
///
/// ```
///   no or foreign credentials ──▶ 401 with one challenge an algorithm, the strongest first
///   right, nonce too old      ──▶ 401 with stale=true
///   wrong password, wrong uri, replayed nc ──▶ refused
///   right                     ──▶ user, and Authentication-Info with rspauth
/// ```
public struct DigestAuthenticator: Sendable {
    public struct User: Sendable {
        /// The private identity.
        public var name: String
        public var password: Secret

        public init(name: String, password: Secret) {
            self.name = name
            self.password = password
        }
    }

    public enum Outcome: Sendable {
        /// The user is who it says; `information` goes into Authentication-Info.
        case accepted(information: String)
        /// 401 with these WWW-Authenticate values.
        case challenge([String], reason: Reason)
    }

    public enum Reason: Hashable, Sendable {
        /// No credentials for this realm.
        case none
        /// Right but for the age of the nonce.
        case stale
        case unknownUser
        case wrongResponse
        case replayed
        /// Malformed, or of a nonce or algorithm that was not offered.
        case unusable

        /// Whether it is an attempt that failed, and no part of the usual exchange.
        public var isFailure: Bool { self != .none && self != .stale }
    }

    public let realm: String
    /// Offered, the strongest first.
    private let algorithms: [DigestAlgorithm]
    private let nonces: DigestNonce
    private var counts: NonceCounts

    /// How many nonces in use are remembered against replay.
    public static let rememberedNonces = 65_536

    /// - Parameter nonceKey: see `DigestNonce`.
    public init(
        realm: String, algorithms: [DigestAlgorithm], nonceKey: Secret, nonceLifetime: UInt64 = 300,
        rememberedNonces: Int = DigestAuthenticator.rememberedNonces
    ) {
        self.realm = realm
        self.algorithms = DigestAlgorithm.allCases.reversed().filter { algorithms.contains($0) }
        nonces = DigestNonce(key: nonceKey, lifetime: nonceLifetime)
        counts = NonceCounts(limit: max(1, rememberedNonces))
    }

    /// Judges a request.
    ///
    /// - Parameters:
    ///   - name: Authorization for a registrar, Proxy-Authorization for a proxy.
    ///   - find: the user of that private identity, if the request may be that user's.
    ///   - now: seconds on a clock that does not go back.
    ///   - salt: random, for the nonces of a challenge.
    public mutating func judge(
        _ request: Request, in name: HeaderName = .authorization, now: UInt64, salt: UInt64,
        find: (_ username: String) -> User?
    ) -> Outcome {
        var reason = Reason.none
        for value in request.headers.values(name) {
            // §22.2: credentials for other realms are not ours to judge.
            guard let parsed = try? AuthenticationParameters(value), parsed.scheme.lowercased() == "digest",
                parsed.parameters.value("realm") == realm
            else { continue }
            switch judge(value, request, now: now, find: find) {
            case .success(let information): return .accepted(information: information)
            case .failure(let failure): reason = failure.reason
            }
        }
        return .challenge(challenges(isStale: reason == .stale, now: now, salt: salt), reason: reason)
    }

    private struct Failure: Error { var reason: Reason }

    private mutating func judge(
        _ value: String, _ request: Request, now: UInt64, find: (String) -> User?
    ) -> Result<String, Failure> {
        guard let credentials = try? DigestCredentials(value), let algorithm = credentials.algorithm,
            algorithms.contains(algorithm), credentials.quality == nil || credentials.quality == "auth"
        else { return .failure(Failure(reason: .unusable)) }
        // TS 24.229 §5.1.1.2: a first REGISTER names its user with empty nonce and response.
        if credentials.response.isEmpty { return .failure(Failure(reason: .none)) }
        guard isSameURI(credentials.uri, request) else { return .failure(Failure(reason: .unusable)) }
        let verdict = nonces.check(credentials.nonce, realm: realm, algorithm: algorithm, now: now)
        // Of a restarted server: the client may try again without asking its user, as for a stale one.
        guard verdict != .foreign else { return .failure(Failure(reason: .stale)) }
        let user = find(credentials.username)
        // An unknown user costs the same computation and gets the same answer.
        let password = user?.password ?? Secret("")
        let secret = DigestResponse.userSecret(
            algorithm, username: credentials.username, realm: realm, password: password)
        let expected = DigestResponse.request(credentials, algorithm, userSecret: secret, method: request.method)
        let isRight = constantTimeEqual(Array(expected.utf8), Array(credentials.response.lowercased().utf8))
        guard user != nil else { return .failure(Failure(reason: .unknownUser)) }
        guard isRight else { return .failure(Failure(reason: .wrongResponse)) }
        guard verdict == .fresh else { return .failure(Failure(reason: .stale)) }
        // Without qop there is no count: such a nonce serves once.
        let made = DigestNonceTime.made(credentials.nonce) ?? 0
        switch counts.use(credentials.nonce, count: credentials.nonceCount ?? .max, made: made) {
        case .replayed: return .failure(Failure(reason: credentials.nonceCount == nil ? .stale : .replayed))
        case .forgotten: return .failure(Failure(reason: .stale))
        case .accepted: break
        }
        var information = Parameters()
        if let quality = credentials.quality {
            information.set("qop", to: quality)
            information.set("rspauth", toQuoted: DigestResponse.answer(credentials, algorithm, userSecret: secret))
            information.set("cnonce", toQuoted: credentials.cnonce ?? "")
            information.set("nc", to: eightDigits(credentials.nonceCount ?? 0))
        }
        return .success(AuthenticationParameters(scheme: "", parameters: information).description)
    }

    /// §22.4: the digest-uri and the Request-URI need not be equal octet by octet.
    private func isSameURI(_ text: String, _ request: Request) -> Bool {
        guard let uri = try? URI(text) else { return false }
        return uri.isEquivalent(to: request.uri)
    }

    private func challenges(isStale: Bool, now: UInt64, salt: UInt64) -> [String] {
        algorithms.map { algorithm in
            DigestChallenge(
                realm: realm, nonce: nonces.make(realm: realm, algorithm: algorithm, now: now, salt: salt),
                algorithm: algorithm, isStale: isStale
            ).description
        }
    }
}
