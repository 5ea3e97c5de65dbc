import Authentication
import NIOCore
import SIP
import WireSyntax

/// Registers and keeps registered (RFC 3261 §10.2, TS 24.229 §5.1.1).
///
/// ```
///   start ─▶ REGISTER ─┬─ 401 ──▶ REGISTER with credentials and Security-Verify
///                      ├─ 423 ──▶ REGISTER with Min-Expires     ├─ 494 ──▶ REGISTER with Security-Verify
///                      ├─ 420 ──▶ REGISTER without the option tag (U8)
///                      ├─ 200 ──▶ registered ── before expiry ──▶ REGISTER
///                      └─ else ─▶ failed ── once it had been registered: again after a while
///   stop ─▶ REGISTER, Expires: 0 ─▶ ended
/// ```
struct Registration: Sendable {
    struct Settings: Sendable {
        var identity: SIPURI
        /// Seconds.
        var expires: UInt32
        var indicates: Bool
        var optionTag: Bool
        /// Route values before the home network is known: none, since the REGISTER is sent to the P-CSCF itself.
        var callID: String
        var tag: String
        /// `urn:uuid:…` of this UE (RFC 5626 §4.1): a registration on a new flow then takes the place of the old one.
        var instance: String?
        /// User-Agent of REGISTER.
        var userAgent: String?
    }

    enum Action: Hashable, Sendable {
        case send(Request)
        /// AKA: to be kept before the request that follows goes out; if it cannot be, `failed`.
        case keep(SequenceWindow)
        /// For the first time, or again.
        case registered(expires: UInt32)
        /// `status` 0: no answer.
        case failed(status: Int, reason: String)
        /// The de-registration has been answered, or nobody answered it.
        case ended
    }

    private enum State: Hashable, Sendable { case idle, registering, registered, leaving, ended }

    /// Attempts for one registration: challenge, stale nonce, agreement, interval, option tag.
    static let maximumAttempts = 6
    /// Seconds; no network makes the UE refresh more often.
    static let minimumRefreshInterval: UInt32 = 5
    /// Pause before a lost registration is tried again; it doubles with each failure (RFC 5626 §4.5).
    static let retryInterval = TimeAmount.seconds(30)
    static let maximumRetryInterval = TimeAmount.seconds(1800)

    let settings: Settings
    private(set) var agreement: SecurityAgreement
    private(set) var serviceRoute: [NameAddress] = []
    private(set) var associatedIdentities: [String] = []
    private var digest: DigestClient
    private var state = State.idle
    private var actions: [Action] = []
    private var sequence: UInt32 = 0
    private var expires: UInt32
    private var usesOptionTag: Bool
    private var attempts = 0
    private var wasChallenged = false
    private var contact = ""
    private var refresh: NIODeadline?
    /// A registration that stood once is tried again for as long as the UE runs.
    private var hasBeenRegistered = false
    /// Failures since the last success.
    private var failures = 0
    private var usesAgreementTag = false

    init(_ settings: Settings, digest: DigestClient) {
        self.settings = settings
        self.digest = digest
        expires = settings.expires
        usesOptionTag = settings.optionTag
        agreement = SecurityAgreement(indicates: settings.indicates)
    }

    var nextDeadline: NIODeadline? { refresh }
    var isRegistered: Bool { state == .registered || state == .registering && !serviceRoute.isEmpty }

    mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    // MARK: Events

    /// - Parameter contact: the URI under which this UE is reached on its flow.
    mutating func start(contact: SIPURI) {
        // A new flow: what was agreed on another one is not known there.
        agreement.reset()
        // One REGISTER at a time: a refresh that was due for the old flow would be a second one.
        refresh = nil
        self.contact = "<\(contact)>" + (settings.instance.map { ";+sip.instance=\"<\($0)>\"" } ?? "")
        begin(.registering)
    }

    /// Gives the registration back.
    mutating func stop() {
        refresh = nil
        guard state == .registered || state == .registering else {
            state = .ended
            return actions.append(.ended)
        }
        begin(.leaving)
    }

    mutating func timersDue(now: NIODeadline) {
        guard let due = refresh, due <= now else { return }
        refresh = nil
        begin(.registering)
    }

    /// A response to the REGISTER that was sent last.
    mutating func receive(_ response: Response, now: NIODeadline) {
        guard state == .registering || state == .leaving, response.isFinal else { return }
        agreement.receive(response.headers)
        guard response.status != 200 else { return accepted(response, now: now) }
        guard attempts < Self.maximumAttempts, canTryAgain(response) else {
            return fail(response.status, response.reason, now: now, retryAfter: response.retryAfter)
        }
        send()
    }

    /// The REGISTER was not answered, or could not be sent.
    mutating func failed(_ reason: String, now: NIODeadline) {
        guard state == .registering || state == .leaving else { return }
        actions.removeAll { if case .send = $0 { true } else { false } }
        fail(0, reason, now: now)
    }

    // MARK: Steps

    private mutating func begin(_ next: State) {
        state = next
        digest.beginAttempt()
        attempts = 0
        wasChallenged = false
        send()
    }

    private mutating func canTryAgain(_ response: Response) -> Bool {
        switch response.status {
        case 401:
            // Once, and once more for a nonce that grew stale meanwhile (RFC 7616 §3.3) or a challenge that the UE asked for (RFC 3310 §3.4).
            let isExpected = digest.expectsChallenge
            let before = digest.window
            let accepted = digest.receive(challenges: response.headers.values(.wwwAuthenticate))
            if let window = digest.window, window != before { actions.append(.keep(window)) }
            defer { wasChallenged = true }
            return accepted && (!wasChallenged || isExpected || digest.isStale)
        case 423:
            // RFC 3261 §10.2.8.
            guard let minimum = response.headers.minExpires, minimum > expires else { return false }
            expires = minimum
            return true
        case 420:
            guard usesOptionTag, response.headers.tokens(.unsupported).contains(SecurityAgreement.parameter) else {
                return false
            }
            usesOptionTag = false
            return true
        case 421:
            // RFC 3329 §2.3.1: the network wants the option tag.
            guard !usesAgreementTag, response.headers.tokens(.require).contains(SecurityAgreement.optionTag) else {
                return false
            }
            usesAgreementTag = true
            return true
        case 494:
            // RFC 3329 §2.3.1: the list is in it.
            return !agreement.serverEntries.isEmpty
        default: return false
        }
    }

    private mutating func accepted(_ response: Response, now: NIODeadline) {
        let information = response.headers[.authenticationInfo]
        guard digest.isRight(info: information, uri: "\(registrar)") else {
            return fail(response.status, "the network does not know the password", now: now)
        }
        digest.receive(info: information)
        let granted = grantedExpiry(response)
        if state == .leaving {
            state = .ended
            agreement.reset()
            return actions.append(.ended)
        }
        guard granted > 0 else { return fail(response.status, "the network granted no time", now: now) }
        serviceRoute = (try? response.headers.routes(.serviceRoute)) ?? []
        associatedIdentities = (try? response.headers.addresses(.pAssociatedURI).map { "\($0.uri)" }) ?? []
        state = .registered
        failures = 0
        hasBeenRegistered = true
        // TS 24.229 §5.1.1.4.1: 600 s before the end, or at half time where that is sooner.
        let pause = granted > 1200 ? granted - 600 : max(granted / 2, Self.minimumRefreshInterval)
        refresh = now + .seconds(Int64(pause))
        actions.append(.registered(expires: granted))
    }

    private func grantedExpiry(_ response: Response) -> UInt32 {
        let own = try? NameAddress(contact)
        let contacts = (try? response.headers.contacts()) ?? []
        let mine = contacts.first { candidate in own.map { candidate.uri.isEquivalent(to: $0.uri) } ?? false }
        return mine?.parameters.value("expires").flatMap { UInt32($0) } ?? response.headers.expires ?? expires
    }

    /// - Parameter retryAfter: seconds, as the network asks for (RFC 3261 §20.33).
    private mutating func fail(_ status: Int, _ reason: String, now: NIODeadline, retryAfter: UInt32? = nil) {
        serviceRoute = []
        let reason = digest.hasRefusedNetwork ? "\(reason): the challenge was not the home network's" : reason
        if state == .leaving {
            state = .ended
            return actions.append(.ended)
        }
        state = .idle
        agreement.reset()
        if hasBeenRegistered { refresh = now + pause(retryAfter) }
        failures += 1
        actions.append(.failed(status: status, reason: reason))
    }

    /// Never sooner than the network says, and ever longer (RFC 5626 §4.5, TS 24.229 §5.1.1.2.1).
    private func pause(_ retryAfter: UInt32?) -> TimeAmount {
        let own = Self.retryInterval.nanoseconds << Int64(min(failures, 10))
        let asked = Int64(min(retryAfter ?? 0, 86_400)) * 1_000_000_000
        return .nanoseconds(max(min(own, Self.maximumRetryInterval.nanoseconds), asked))
    }

    /// Request-URI of REGISTER (RFC 3261 §10.2), and therefore the digest-uri.
    private var registrar: SIPURI { SIPURI(host: settings.identity.host) }

    private mutating func send() {
        attempts += 1
        sequence += 1
        var headers = Headers()
        headers.append(.maxForwards, "70")
        headers.append(.from, "<\(settings.identity)>;tag=\(settings.tag)")
        headers.append(.to, "<\(settings.identity)>")
        headers.append(.callID, settings.callID)
        headers.append(.cSeq, "\(sequence) REGISTER")
        headers.append(.contact, contact)
        headers.append(.expires, "\(state == .leaving ? 0 : expires)")
        headers.append(.supported, "path")
        if let userAgent = settings.userAgent { headers.append(.userAgent, userAgent) }
        if let value = digest.authorization(
            method: .register, uri: "\(registrar)", realm: "\(settings.identity.host)")
        {
            headers.append(.authorization, value)
        }
        agreement.apply(to: &headers, optionTag: usesOptionTag, agreementTag: usesAgreementTag)
        actions.append(.send(Request(method: .register, uri: .sip(registrar), headers: headers)))
    }
}

extension Response {
    /// Seconds of Retry-After (RFC 3261 §20.33).
    fileprivate var retryAfter: UInt32? {
        headers[.retryAfter].flatMap { UInt32($0.prefix { $0.isASCII && $0.isNumber }) }
    }
}
