import Authentication
import SIP
import WireSyntax

/// The client side of digest for one user (RFC 7616 §3.4): takes the strongest challenge, counts nonces, and uses them until they are stale.
struct DigestClient: Sendable {
    let username: String
    let password: Secret
    /// Random text, new for each answer.
    private let cnonce: @Sendable () -> String
    private var challenge: DigestChallenge?
    private var count: UInt32 = 0

    init(username: String, password: Secret, cnonce: @escaping @Sendable () -> String) {
        self.username = username
        self.password = password
        self.cnonce = cnonce
    }

    /// The last challenge said that only the nonce was too old.
    var isStale: Bool { challenge?.isStale ?? false }

    /// - Returns: false where none of the challenges can be answered.
    mutating func receive(challenges: [String]) -> Bool {
        guard let best = DigestChallenge.best(of: challenges) else { return false }
        challenge = best
        count = 0
        return true
    }

    /// `nextnonce` of Authentication-Info (RFC 7616 §3.5).
    mutating func receive(info: String?) {
        guard let info, let parsed = try? AuthenticationParameters(info: info),
            let next = parsed.parameters.value("nextnonce"), !next.isEmpty
        else { return }
        challenge?.nonce = next
        challenge?.isStale = false
        count = 0
    }

    /// The Authorization value for a request; nil before the first challenge.
    mutating func authorization(method: SIP.Method, uri: String) -> String? {
        guard let challenge else { return nil }
        count += 1
        return DigestCredentials.answer(
            challenge, username: username, password: password, method: method, uri: uri, cnonce: cnonce(),
            nonceCount: count
        )?.description
    }
}
