import NIOCore
import SIP
import WireSyntax

/// The registrations that pass through this P-CSCF, and what the REGISTERs in progress have said so far.
///
/// ```
///   UE -- REGISTER --> receive(register)  .forward(request with Path, without Security-*)  --> home
///                                         .refuse(423, 494, 503 …)
///   UE <-- response -- receive(response)  Security-Server added over protected Gm          <-- home
///                      401: the agreement is kept for the next REGISTER
///                      200: registration stored, renewed or dropped (expires 0)
///   flowClosed, timersDue: registrations that are gone
/// ```
struct RegistrationStore: Sendable {
    struct Limits: Hashable, Sendable {
        /// Registrations at a time.
        var registrations = 10_000
        /// REGISTER exchanges at a time: waiting for the home network, or for the UE's credentials.
        var exchanges = 10_000
        /// Those of one source address; its oldest gives way to a further one.
        var exchangesPerSource = 256
        /// Contacts that one flow may register.
        var perFlow = 4
        /// How long the first REGISTER is remembered for the one with credentials.
        var exchangeLife = TimeAmount.seconds(120)
        /// Longest expiry believed, seconds.
        var maximumExpires: Int64 = 7 * 24 * 3600
    }

    /// A REGISTER on its way to the home network.
    struct Pending: Hashable, Sendable {
        let key: ExchangeKey
        let token: String
        let flow: Flow
        let contact: URI?
        let expires: Int64?
        /// `Contact: *`
        let isWildcard: Bool
        let isDeregistration: Bool
        let identity: URI
        let agreement: SecurityAgreement
        /// An earlier response of this exchange has carried the network's indication already.
        let wasIndicated: Bool
    }

    /// The REGISTERs of one UE carry one Call-ID (RFC 3261 §10.2); with the address they come from they are told apart from anybody else's.
    struct ExchangeKey: Hashable, Sendable {
        let callID: String
        let source: IPAddress
    }

    private struct Exchange: Sendable {
        var agreement: SecurityAgreement
        var until: NIODeadline
        /// The 401 carried Security-Server.
        var wasIndicated = false
    }

    enum Verdict: Sendable {
        case forward(Request, Pending)
        case refuse(Response)
    }

    enum Change: Hashable, Sendable {
        case registered(Registration)
        /// The same contact on the same flow once more.
        case refreshed(Registration)
        case removed(Registration, Reason)
    }

    enum Reason: String, Hashable, Sendable { case deregistered, expired, flowClosed, replaced }

    let limits: Limits
    private var registrations: [String: Registration] = [:]
    private var tokensByFlow: [Flow: [String]] = [:]
    private var exchanges: [ExchangeKey: Exchange] = [:]
    /// The keys of `exchanges`, oldest first.
    private var keysBySource: [IPAddress: [ExchangeKey]] = [:]

    init(limits: Limits = Limits()) { self.limits = limits }

    var count: Int { registrations.count }
    var exchangeCount: Int { exchanges.count }
    var all: [Registration] { Array(registrations.values) }

    var nextDeadline: NIODeadline? {
        let expiry = registrations.values.lazy.map(\.expires).min()
        let exchange = exchanges.values.lazy.map(\.until).min()
        return [expiry, exchange].compactMap { $0 }.min()
    }

    /// Terminating: by the token of the Path.
    func registration(token: String) -> Registration? { registrations[token] }

    /// Originating: by the flow; where a flow has several, the one that owns `identity`.
    func registration(on flow: Flow, identity: URI? = nil) -> Registration? {
        let here = tokensByFlow[flow]?.compactMap { registrations[$0] } ?? []
        if here.count > 1, let identity, let owner = here.first(where: { $0.owns(identity) }) { return owner }
        return here.first
    }

    // MARK: REGISTER

    /// A REGISTER from a UE.
    ///
    /// - Parameters:
    ///   - path: makes the Path value (RFC 3327) of a token.
    ///   - newToken: an unguessable token for the user part of it.
    mutating func receive(
        register request: Request, over flow: Flow, security: SecurityContext, now: NIODeadline,
        path: (String) -> String, newToken: () -> String
    ) -> Verdict {
        let headers = request.headers
        let isWildcard = headers.isContactWildcard
        guard let to = try? headers.to(), let callID = headers.callID,
            let contacts = isWildcard ? [] : try? headers.contacts()
        else {
            return .refuse(.make(400, "Bad To, Call-ID or Contact", to: request, toTag: nil))
        }
        guard contacts.count <= 1 else {
            return .refuse(.make(400, "One Contact in a REGISTER", to: request, toTag: nil))
        }
        let contact = contacts.first
        let key = ExchangeKey(callID: callID, source: flow.remote.address)
        let here = tokensByFlow[flow]?.compactMap { registrations[$0] } ?? []
        // Several identities may have one contact (RFC 3261 §10.2): each is a registration of its own.
        let same = contact.map { contact in here.filter { $0.contact.isEquivalent(to: contact.uri) } } ?? []
        let known =
            same.first { $0.addressOfRecord.isSameIdentity(as: to.uri) } ?? same.first { $0.owns(to.uri) }
        // The list is the UE's, whichever identity it registers. Without a contact of its own (a query, or `*`) a REGISTER speaks for all of the flow.
        let told = known ?? (contact == nil ? here.first : same.first)
        let client = security.isProtected(flow) ? SecurityMechanism.list(headers, .securityClient) : []
        if let exchange = exchanges[key] {
            // The REGISTER with credentials: as the first one, and with the list that it was given (A2).
            if security.isProtected(flow), exchange.agreement.fault(in: headers, isRegister: true) != nil {
                return .refuse(disagreement(request, key, flow, security, now))
            }
        } else if security.isProtected(flow), headers.contains(.securityVerify) {
            guard let told, told.agreement.fault(in: headers, isRegister: false) == nil else {
                return .refuse(disagreement(request, key, flow, security, now))
            }
        }
        let expires = contact?.parameters.value("expires").flatMap { Int64($0) } ?? headers.expires.map { Int64($0) }
        let isDeregistration = expires == 0
        if !isDeregistration, known == nil {
            guard here.count < limits.perFlow, registrations.count < limits.registrations else {
                return .refuse(.make(503, "Too many registrations", to: request, toTag: nil))
            }
        }
        var agreement = exchanges[key]?.agreement ?? SecurityAgreement(client: client)
        if agreement.server.isEmpty, let told { agreement.server = told.agreement.server }
        if exchanges[key] == nil {
            guard makeRoom(for: key.source) else {
                return .refuse(.make(503, "Too many registrations in progress", to: request, toTag: nil))
            }
            // Remembered from the first message on, also over unprotected Gm: the protected one must equal it.
            var first = agreement
            first.client = SecurityMechanism.list(headers, .securityClient)
            remember(Exchange(agreement: first, until: now + limits.exchangeLife), key)
        }
        let pending = Pending(
            key: key, token: known?.token ?? newToken(), flow: flow, contact: contact?.uri, expires: expires,
            isWildcard: isWildcard, isDeregistration: isDeregistration, identity: to.uri, agreement: agreement,
            wasIndicated: exchanges[key]?.wasIndicated ?? false)
        var forwarded = request
        forwarded.headers.removeSecurityAgreement()
        // TS 24.229 §5.2.2.1: our own Path, and the registrar must understand it.
        forwarded.headers.remove(.path)
        forwarded.headers.prepend(.path, path(pending.token))
        if !forwarded.headers.tokens(.require).contains("path") { forwarded.headers.append(.require, "path") }
        return .forward(forwarded, pending)
    }

    /// RFC 3329 §2.3.1: 494 with the list, which the UE's next REGISTER echoes.
    private mutating func disagreement(
        _ request: Request, _ key: ExchangeKey, _ flow: Flow, _ security: SecurityContext, _ now: NIODeadline
    ) -> Response {
        let offer = security.offer(on: flow)
        forget(key)
        if !offer.isEmpty, makeRoom(for: key.source) {
            let agreement = SecurityAgreement(
                client: SecurityMechanism.list(request.headers, .securityClient), server: offer)
            remember(Exchange(agreement: agreement, until: now + limits.exchangeLife, wasIndicated: true), key)
        }
        var response = Response.make(494, nil, to: request, toTag: nil)
        response.headers.appendSecurityServer(offer)
        return response
    }

    // MARK: Exchanges

    /// Whether one more exchange of this source can be remembered; its own oldest gives way, never another's (A13).
    private mutating func makeRoom(for source: IPAddress) -> Bool {
        if let keys = keysBySource[source], keys.count >= limits.exchangesPerSource, let oldest = keys.first {
            forget(oldest)
        }
        return exchanges.count < limits.exchanges
    }

    private mutating func remember(_ exchange: Exchange, _ key: ExchangeKey) {
        if exchanges.updateValue(exchange, forKey: key) == nil { keysBySource[key.source, default: []].append(key) }
    }

    private mutating func forget(_ key: ExchangeKey) {
        guard exchanges.removeValue(forKey: key) != nil else { return }
        keysBySource[key.source]?.removeAll { $0 == key }
        if keysBySource[key.source]?.isEmpty == true { keysBySource[key.source] = nil }
    }

    /// The home network's response to a REGISTER; what goes to the UE, and what changed.
    mutating func receive(
        _ response: Response, to pending: Pending, security: SecurityContext, now: NIODeadline
    ) -> (Response, [Change]) {
        var response = response
        // The Path holds the token by which the core finds the UE: the UE has no use for it.
        for name in [HeaderName.securityClient, .securityServer, .securityVerify, .path] {
            response.headers.remove(name)
        }
        guard response.status >= 200 else { return (response, []) }
        let offer = security.offer(on: pending.flow)
        switch response.status {
        case 401, 407:
            response.headers.appendSecurityServer(offer)
            if var exchange = exchanges[pending.key] {
                if !offer.isEmpty {
                    exchange.agreement.server = offer
                    exchange.wasIndicated = true
                }
                exchange.until = now + limits.exchangeLife
                exchanges[pending.key] = exchange
            }
            return (response, [])
        case 200..<300:
            forget(pending.key)
            if !pending.isDeregistration { response.headers.appendSecurityServer(offer) }
            return (response, settle(response, pending, offer, security, now))
        default:
            forget(pending.key)
            return (response, [])
        }
    }

    /// No answer came.
    mutating func abandon(_ pending: Pending) { forget(pending.key) }

    private mutating func settle(
        _ response: Response, _ pending: Pending, _ offer: [SecurityMechanism], _ security: SecurityContext,
        _ now: NIODeadline
    ) -> [Change] {
        if pending.isWildcard, pending.isDeregistration {
            // RFC 3261 §10.2.2: every contact of the identity in To.
            return (tokensByFlow[pending.flow] ?? []).compactMap { token in
                registrations[token]?.isRegistered(for: pending.identity) == true ? remove(token, .deregistered) : nil
            }
        }
        guard let contact = pending.contact else { return [] }
        let granted = grantedExpiry(response, pending)
        guard granted > 0, !pending.isDeregistration else {
            return [pending.token].compactMap { remove($0, .deregistered) }
        }
        var agreement = pending.agreement
        if !offer.isEmpty { agreement.server = offer }
        let isProtected = security.isProtected(pending.flow)
        let identities = ((try? response.headers.addresses(.pAssociatedURI)) ?? []).map(\.uri)
        let registration = Registration(
            token: pending.token, flow: pending.flow, contact: contact, addressOfRecord: pending.identity,
            identities: identities.isEmpty ? [pending.identity] : identities,
            serviceRoute: response.headers.list(.serviceRoute),
            // What the UE has been told counts, in this registration or before it, even if the gateway has gone since.
            indications: Indications(
                ue: isProtected && agreement.clientIndicates,
                network: pending.wasIndicated || agreement.serverIndicates),
            agreement: agreement, expires: now + .seconds(granted))
        let before = registrations.updateValue(registration, forKey: pending.token)
        if before == nil { tokensByFlow[pending.flow, default: []].append(pending.token) }
        return [before == nil ? .registered(registration) : .refreshed(registration)]
    }

    /// RFC 3261 §10.3 step 8: the expires of our contact in the 200, then Expires, then what was asked for.
    private func grantedExpiry(_ response: Response, _ pending: Pending) -> Int64 {
        let contacts = (try? response.headers.contacts()) ?? []
        let mine = contacts.first { contact in pending.contact.map { $0.isEquivalent(to: contact.uri) } ?? false }
        if pending.isDeregistration { return 0 }
        guard let mine else { return 0 }
        let seconds =
            mine.parameters.value("expires").flatMap { Int64($0) } ?? response.headers.expires.map { Int64($0) }
            ?? pending.expires ?? 3600
        return min(max(seconds, 0), limits.maximumExpires)
    }

    // MARK: The end of registrations

    mutating func flowClosed(_ flow: Flow) -> [Change] {
        (tokensByFlow[flow] ?? []).compactMap { remove($0, .flowClosed) }
    }

    mutating func timersDue(now: NIODeadline) -> [Change] {
        for (key, exchange) in exchanges where exchange.until <= now { forget(key) }
        return registrations.values.filter { $0.expires <= now }.compactMap { remove($0.token, .expired) }
    }

    private mutating func remove(_ token: String, _ reason: Reason) -> Change? {
        guard let gone = registrations.removeValue(forKey: token) else { return nil }
        tokensByFlow[gone.flow]?.removeAll { $0 == token }
        if tokensByFlow[gone.flow]?.isEmpty == true { tokensByFlow[gone.flow] = nil }
        return .removed(gone, reason)
    }
}
