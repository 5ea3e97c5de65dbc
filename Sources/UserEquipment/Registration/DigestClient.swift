import Authentication
import SIP
import WireSyntax

/// The client side of digest for one user (RFC 7616 §3.4, RFC 3310 §3.3): takes the strongest challenge, counts nonces, and uses them until they are stale.
struct DigestClient: Sendable {
    /// What the user proves itself with.
    enum Credential: Sendable {
        case password(Secret)
        case aka(SubscriberModule)
    }

    /// What a challenge comes to.
    private enum Answer: Sendable {
        /// With this password, which for AKA is RES.
        case response(Secret)
        /// The network's number is not fresh (RFC 3310 §3.4).
        case synchronisation(ResynchronisationToken)
        /// The challenge is not the home network's: no response at all (TS 24.229 §5.1.1.5.3).
        case refusal
    }

    /// How many challenges in a row may be found not to be the home network's, or not fresh, before the UE gives up (TS 24.229 §5.1.1.5.3).
    static let maximumFailures = 2

    let username: String
    private var credential: Credential
    /// Random text, new for each answer.
    private let cnonce: @Sendable () -> String
    private var challenge: DigestChallenge?
    private var answer: Answer?
    private var count: UInt32 = 0
    private var failures = 0

    init(username: String, credential: Credential, cnonce: @escaping @Sendable () -> String) {
        self.username = username
        self.credential = credential
        self.cnonce = cnonce
    }

    init(username: String, password: Secret, cnonce: @escaping @Sendable () -> String) {
        self.init(username: username, credential: .password(password), cnonce: cnonce)
    }

    /// The last challenge said that only the nonce was too old.
    var isStale: Bool { challenge?.isStale ?? false }

    /// What is sent next makes the network challenge again.
    var expectsChallenge: Bool {
        switch answer {
        case .synchronisation, .refusal: true
        case .response, nil: false
        }
    }

    /// The last challenge was not the home network's.
    var hasRefusedNetwork: Bool { if case .refusal = answer { true } else { false } }

    /// To be stored before the answer to an AKA challenge goes out, so that a challenge that was answered is never answered again.
    var window: SequenceWindow? {
        if case .aka(let module) = credential { module.window } else { nil }
    }

    /// A registration begins anew: what went wrong with the last one is over, and a RES is not used again (TS 24.229 §5.1.1.5.3).
    mutating func beginAttempt() {
        failures = 0
        guard case .aka = credential else { return }
        challenge = nil
        answer = nil
        count = 0
    }

    /// - Returns: false where none of the challenges can be answered.
    mutating func receive(challenges: [String]) -> Bool {
        switch credential {
        case .password(let password):
            guard let best = DigestChallenge.best(of: challenges) else { return false }
            challenge = best
            answer = .response(password)
        case .aka(var module):
            guard let best = DigestChallenge.best(of: challenges, known: [.akaV1MD5]),
                let nonce = AKANonce(best.nonce), failures < Self.maximumFailures
            else { return false }
            challenge = best
            switch module.judge(nonce) {
            case .accepted(let response, _, _):
                answer = .response(response)
                failures = 0
            case .synchronisationFailure(let token):
                answer = .synchronisation(token)
                failures += 1
            case .refused:
                answer = .refusal
                failures += 1
            }
            credential = .aka(module)
        }
        count = 0
        return true
    }

    /// `nextnonce` of Authentication-Info (RFC 7616 §3.5). Not for AKA: RES belongs to the nonce it came of.
    mutating func receive(info: String?) {
        guard case .password = credential, let info, let parsed = try? AuthenticationParameters(info: info),
            let next = parsed.parameters.value("nextnonce"), !next.isEmpty
        else { return }
        challenge?.nonce = next
        challenge?.isStale = false
        count = 0
    }

    /// Whether `rspauth` is that of the password (RFC 7616 §3.5); where there is none, nothing is said.
    func isRight(info: String?, uri: String) -> Bool {
        guard let info, let parsed = try? AuthenticationParameters(info: info),
            let given = parsed.parameters.value("rspauth"), case .response(let password)? = answer, let challenge,
            let algorithm = challenge.algorithm
        else { return true }
        let credentials = DigestCredentials(
            username: username, realm: challenge.realm, nonce: challenge.nonce, uri: uri, response: "",
            algorithm: algorithm, cnonce: parsed.parameters.value("cnonce"),
            quality: parsed.parameters.value("qop"),
            nonceCount: parsed.parameters.value("nc").flatMap { UInt32($0, radix: 16) })
        let secret = DigestResponse.userSecret(
            algorithm, username: username, realm: challenge.realm, password: password)
        let expected = DigestResponse.answer(credentials, algorithm, userSecret: secret)
        return constantTimeEqual(Array(expected.utf8), Array(given.lowercased().utf8))
    }

    /// The Authorization value for a request; nil before the first challenge of a password. An IMS UE with keys names itself in the first REGISTER
    /// (TS 24.229 §5.1.1.2).
    mutating func authorization(method: SIP.Method, uri: String, realm: String) -> String? {
        guard let challenge, let answer else {
            guard case .aka = credential else { return nil }
            return DigestCredentials(
                username: username, realm: realm, nonce: "", uri: uri, response: "", algorithm: .akaV1MD5
            ).description
        }
        count += 1
        switch answer {
        case .response(let password):
            return credentials(challenge, password, method, uri)?.description
        case .synchronisation(let token):
            return credentials(challenge, Secret(""), method, uri, auts: token.text)?.description
        case .refusal:
            return DigestCredentials(
                username: username, realm: challenge.realm, nonce: challenge.nonce, uri: uri, response: "",
                algorithm: challenge.algorithm, opaque: challenge.opaque
            ).description
        }
    }

    private func credentials(
        _ challenge: DigestChallenge, _ password: Secret, _ method: SIP.Method, _ uri: String, auts: String? = nil
    ) -> DigestCredentials? {
        DigestCredentials.answer(
            challenge, username: username, password: password, method: method, uri: uri, cnonce: cnonce(),
            nonceCount: count, auts: auts)
    }
}
