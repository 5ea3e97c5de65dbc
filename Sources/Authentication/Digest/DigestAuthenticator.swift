import SIP
import WireSyntax

/// The server side of digest: challenges, and verdicts about credentials (RFC 3261 §22.1, §22.2 and §22.4, RFC 7616, RFC 8760, RFC 3310).
///
/// ```
///   no or foreign credentials ──▶ 401 with one challenge an algorithm, the strongest first; for a subscriber with AKA keys, that of AKA alone
///   right, nonce too old      ──▶ 401 with stale=true
///   AUTS, rightly made        ──▶ 401 with a challenge of the number after it
///   wrong password, wrong uri, replayed nc ──▶ refused
///   right                     ──▶ user, and Authentication-Info with rspauth
/// ```
public struct DigestAuthenticator: Sendable {
    public struct User: Sendable {
        /// The private identity.
        public var name: String
        public var credential: Credential

        public init(name: String, credential: Credential) {
            self.name = name
            self.credential = credential
        }

        public init(name: String, password: Secret) { self.init(name: name, credential: .password(password)) }
    }

    /// What a user proves itself with; never one in the place of the other.
    public enum Credential: Sendable {
        case password(Secret)
        case aka(AKAKeys)

        /// Whether who proves itself with the one proves itself with the other as well; in constant time for secrets of one length.
        public func isSame(as other: Credential) -> Bool {
            switch (self, other) {
            case (.password(let one), .password(let two)): one == two
            case (.aka(let one), .aka(let two)): one.milenage.hasSameKeys(as: two.milenage) && one.amf == two.amf
            case (.password, .aka), (.aka, .password): false
            }
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
        /// AKA: the subscriber's module was ahead; the challenge follows it.
        case resynchronised
        /// AKA: the subscriber found the challenge not to be the home network's (RFC 3310 §3.3: no response).
        case challengeRefused
        case unknownUser
        case wrongResponse
        case replayed
        /// Malformed, or of a nonce or algorithm that was not offered.
        case unusable

        /// Whether it is an attempt that failed, and no part of the usual exchange.
        public var isFailure: Bool { self != .none && self != .stale && self != .resynchronised }
    }

    public let realm: String
    /// Offered, the strongest first.
    private let algorithms: [DigestAlgorithm]
    private let nonces: DigestNonce
    private var centre: AuthenticationCentre
    private var counts: NonceCounts
    /// Seconds after which Authentication-Info names the next nonce.
    private let renewal: UInt64

    /// How many nonces in use are remembered against replay.
    public static let rememberedNonces = 65_536

    /// - Parameter nonceKey: see `DigestNonce`.
    public init(
        realm: String, algorithms: [DigestAlgorithm], nonceKey: Secret, nonceLifetime: UInt64 = 300,
        rememberedNonces: Int = DigestAuthenticator.rememberedNonces
    ) {
        self.realm = realm
        self.algorithms = DigestAlgorithm.allCases.reversed().filter { algorithms.contains($0) && $0 != .akaV1MD5 }
        nonces = DigestNonce(key: nonceKey, lifetime: nonceLifetime)
        centre = AuthenticationCentre(key: nonceKey, realm: realm, lifetime: nonceLifetime)
        renewal = nonceLifetime / 2
        counts = NonceCounts(limit: max(1, rememberedNonces))
    }

    /// Judges a request.
    ///
    /// - Parameters:
    ///   - name: Authorization for a registrar, Proxy-Authorization for a proxy.
    ///   - presumed: the private identity to challenge where the request names none.
    ///   - now: seconds on a clock that does not go back.
    ///   - salt: random, for the nonces of a challenge.
    ///   - find: the user of that private identity, if the request may be that user's.
    public mutating func judge(
        _ request: Request, in name: HeaderName = .authorization, presumed: String? = nil, now: UInt64, salt: UInt64,
        find: (_ username: String) -> User?
    ) -> Outcome {
        var reason = Reason.none
        var named = presumed
        for value in request.headers.values(name) {
            // §22.2: credentials for other realms are not ours to judge.
            guard let parsed = try? AuthenticationParameters(value), parsed.scheme.lowercased() == "digest",
                parsed.parameters.value("realm") == realm
            else { continue }
            named = parsed.parameters.value("username") ?? named
            switch judge(value, request, now: now, salt: salt, find: find) {
            case .success(let information): return .accepted(information: information)
            case .failure(let failure): reason = failure.reason
            }
        }
        return .challenge(challenges(for: named.flatMap(find), reason, now: now, salt: salt), reason: reason)
    }

    private struct Failure: Error { var reason: Reason }

    /// What a nonce says of itself.
    private struct Judged {
        var verdict: DigestNonce.Verdict
        var made: UInt64
    }

    private mutating func judge(
        _ value: String, _ request: Request, now: UInt64, salt: UInt64, find: (String) -> User?
    ) -> Result<String, Failure> {
        guard let credentials = try? DigestCredentials(value), let algorithm = credentials.algorithm,
            algorithms.contains(algorithm) || algorithm == .akaV1MD5,
            credentials.quality == nil || credentials.quality == "auth"
        else { return .failure(Failure(reason: .unusable)) }
        // TS 24.229 §5.1.1.2: a first REGISTER names its user with empty nonce and response.
        if credentials.response.isEmpty, credentials.nonce.isEmpty || algorithm != .akaV1MD5 {
            return .failure(Failure(reason: .none))
        }
        guard isSameURI(credentials.uri, request) else { return .failure(Failure(reason: .unusable)) }
        let user = find(credentials.username)
        let password: Secret?
        let nonce: Judged
        if algorithm == .akaV1MD5 {
            switch judgeAKA(credentials, user, now: now) {
            case .success((let response, let judged)): (password, nonce) = (response, judged)
            case .failure(let failure): return .failure(failure)
            }
        } else {
            nonce = Judged(
                verdict: nonces.check(credentials.nonce, realm: realm, algorithm: algorithm, now: now),
                made: DigestNonceTime.made(credentials.nonce) ?? 0)
            // Of a restarted server: the client may try again without asking its user, as for a stale one.
            guard nonce.verdict != .foreign else { return .failure(Failure(reason: .stale)) }
            if case .password(let known)? = user?.credential { password = known } else { password = nil }
        }
        // An unknown user costs the same computation and gets the same answer.
        let secret = DigestResponse.userSecret(
            algorithm, username: credentials.username, realm: realm, password: password ?? Secret(""))
        let expected = DigestResponse.request(credentials, algorithm, userSecret: secret, method: request.method)
        let isRight = constantTimeEqual(Array(expected.utf8), Array(credentials.response.lowercased().utf8))
        guard user != nil else { return .failure(Failure(reason: .unknownUser)) }
        guard isRight, password != nil else { return .failure(Failure(reason: .wrongResponse)) }
        guard nonce.verdict == .fresh else { return .failure(Failure(reason: .stale)) }
        if let refusal = use(credentials, made: nonce.made) { return .failure(refusal) }
        return .success(information(credentials, algorithm, secret, made: nonce.made, now: now, salt: salt))
    }

    /// The use of a nonce, or why not.
    private mutating func use(_ credentials: DigestCredentials, made: UInt64) -> Failure? {
        // Without qop there is no count: such a nonce serves once.
        switch counts.use(credentials.nonce, count: credentials.nonceCount ?? .max, made: made) {
        case .replayed: Failure(reason: credentials.nonceCount == nil ? .stale : .replayed)
        case .forgotten: Failure(reason: .stale)
        case .accepted: nil
        }
    }

    /// RFC 3310 §3.3 and §3.4 before the response is compared.
    ///
    /// - Returns: XRES, and what the nonce is.
    private mutating func judgeAKA(
        _ credentials: DigestCredentials, _ user: User?, now: UInt64
    ) -> Result<(Secret, Judged), Failure> {
        guard let nonce = AKANonce(credentials.nonce) else { return .failure(Failure(reason: .unusable)) }
        let (verdict, made) = centre.check(nonce, user: credentials.username, now: now)
        guard verdict != .foreign else { return .failure(Failure(reason: .stale)) }
        // Nobody was challenged by AKA who has no keys for it.
        guard case .aka(let keys)? = user?.credential else { return .failure(Failure(reason: .unusable)) }
        if let text = credentials.auts {
            guard verdict == .fresh else { return .failure(Failure(reason: .stale)) }
            // Its response is made with an empty password and proves nothing: MAC-S does. It comes first, so that nobody uses up another's challenge.
            guard let token = ResynchronisationToken(text), let highest = centre.highest(in: token, keys, nonce) else {
                return .failure(Failure(reason: .wrongResponse))
            }
            if let refusal = use(credentials, made: made) { return .failure(refusal) }
            centre.resynchronise(credentials.username, with: highest)
            return .failure(Failure(reason: .resynchronised))
        }
        guard !credentials.response.isEmpty else {
            // What is said of an old challenge says nothing of the next one.
            return .failure(Failure(reason: verdict == .fresh ? .challengeRefused : .stale))
        }
        return .success((centre.expectedResponse(nonce, keys), Judged(verdict: verdict, made: made)))
    }

    /// RFC 7616 §3.5, RFC 3310 §3.5: the proof that the server knows the secret too, and the nonce to go on with where the present one is getting old. None for
    /// AKA: it would use up a sequence number each time (RFC 3310 §5.2).
    private func information(
        _ credentials: DigestCredentials, _ algorithm: DigestAlgorithm, _ secret: Secret, made: UInt64, now: UInt64,
        salt: UInt64
    ) -> String {
        var information = Parameters()
        if algorithm != .akaV1MD5, now - min(made, now) >= renewal {
            let next = nonces.make(realm: realm, algorithm: algorithm, now: now, salt: salt)
            information.set("nextnonce", toQuoted: next)
        }
        if let quality = credentials.quality {
            information.set("qop", to: quality)
            information.set("rspauth", toQuoted: DigestResponse.answer(credentials, algorithm, userSecret: secret))
            information.set("cnonce", toQuoted: credentials.cnonce ?? "")
            information.set("nc", to: eightDigits(credentials.nonceCount ?? 0))
        }
        return AuthenticationParameters(scheme: "", parameters: information).description
    }

    /// §22.4: the digest-uri and the Request-URI need not be equal octet by octet.
    private func isSameURI(_ text: String, _ request: Request) -> Bool {
        guard let uri = try? URI(text) else { return false }
        return uri.isEquivalent(to: request.uri)
    }

    private mutating func challenges(for user: User?, _ reason: Reason, now: UInt64, salt: UInt64) -> [String] {
        // RFC 3310 §3.1: one challenge, since who has keys is not asked for a password.
        if case .aka(let keys)? = user?.credential, let user {
            guard let nonce = centre.challenge(user.name, keys, now: now, salt: salt) else { return [] }
            return [
                DigestChallenge(
                    realm: realm, nonce: nonce.text, algorithm: .akaV1MD5, isStale: reason == .stale
                ).description
            ]
        }
        return algorithms.map { algorithm in
            DigestChallenge(
                realm: realm, nonce: nonces.make(realm: realm, algorithm: algorithm, now: now, salt: salt),
                algorithm: algorithm, isStale: reason == .stale
            ).description
        }
    }
}
