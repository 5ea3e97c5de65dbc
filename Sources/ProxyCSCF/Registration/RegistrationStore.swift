import NIOCore
import SIP
import WireSyntax

/// The registrations that pass through this P-CSCF, and what the REGISTERs in progress have said so far.
///
/// ```
///   UE -- REGISTER --> receive(register)  .forward(request with Path, without Security-*)  --> home
///                                         .refuse(421, 494, 503 …)
///   UE <-- response -- receive(response)  Security-Server added over protected Gm          <-- home
///                      401: the agreement is kept for the next REGISTER
///                      200: registration stored, renewed or dropped (expires 0)
///   flowClosed, timersDue: registrations that are gone
///   terminated (reg-event NOTIFY): contacts and identities that the home network has ended
/// ```
///
/// One registration is one identity on one flow, with all contacts that were registered for it there (RFC 3261 §10.2); the identities that came along
/// (P-Associated-URI) belong to it. Another identity, or the same on another flow, is a registration of its own.
struct RegistrationStore: Sendable {
    struct Limits: Hashable, Sendable {
        /// Registrations at a time.
        var registrations = 10_000
        /// REGISTER exchanges at a time: waiting for the home network, or for the UE's credentials.
        var exchanges = 10_000
        /// Those of one source address; its oldest gives way to a further one.
        var exchangesPerSource = 256
        /// Identities that one flow may register.
        var perFlow = 4
        /// Contacts of one of them, and of one REGISTER.
        var contacts = 8
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
        let callID: String
        /// The contacts that are to be registered or, with 0, given back; nil: the registrar decides how long.
        let contacts: [Wish]
        /// `Contact: *` with Expires 0
        let endsAll: Bool
        let identity: URI
        let userAgent: String?
        let agreement: SecurityAgreement
        struct Wish: Hashable, Sendable {
            let uri: URI
            let expires: Int64?
        }

        var isDeregistration: Bool { endsAll || !contacts.isEmpty && contacts.allSatisfy { $0.expires == 0 } }

        /// An earlier response of this exchange has carried the network's indication already.
        let wasIndicated: Bool
        /// It may make a registration, and holds its place until its final response.
        let isCounted: Bool
    }

    /// A registration that REGISTERs in progress may make; those of one identity on one flow make one.
    private struct Place: Sendable {
        let identity: URI
        let token: String
        var requests = 1
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
        /// The same identity on the same flow once more, with contacts or indications that may have changed.
        case refreshed(Registration)
        case removed(Registration, Reason)
    }

    enum Reason: String, Hashable, Sendable { case deregistered, expired, flowClosed, endedByNetwork }

    let limits: Limits
    private var registrations: [String: Registration] = [:]
    private var tokensByFlow: [Flow: [String]] = [:]
    private var places: [Flow: [Place]] = [:]
    private var exchanges: [ExchangeKey: Exchange] = [:]
    /// The keys of `exchanges`, oldest first.
    private var keysBySource: [IPAddress: [ExchangeKey]] = [:]

    init(limits: Limits = Limits()) { self.limits = limits }

    var count: Int { registrations.count }
    var exchangeCount: Int { exchanges.count }
    var all: [Registration] { Array(registrations.values) }

    /// No deadline is earlier; it may be that of something that is gone. `timersDue` makes it exact.
    private(set) var wakeUp: NIODeadline?

    private mutating func wake(at deadline: NIODeadline) { wakeUp = min(wakeUp ?? deadline, deadline) }

    /// Exact, by a look at everything.
    var nextDeadline: NIODeadline? {
        let expiry = registrations.values.lazy.compactMap { $0.contacts.map(\.expires).min() }.min()
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
        guard contacts.count <= limits.contacts else {
            return .refuse(.make(403, "Too many contacts", to: request, toTag: nil))
        }
        let key = ExchangeKey(callID: callID, source: flow.remote.address)
        let here = tokensByFlow[flow]?.compactMap { registrations[$0] } ?? []
        let known = here.first { $0.addressOfRecord.isSameIdentity(as: to.uri) } ?? here.first { $0.owns(to.uri) }
        // The list is the UE's, whichever identity it registers.
        let told = known ?? here.first
        if let fault = securityFault(request, key, flow, told, security) {
            return .refuse(disagreement(fault, request, key, flow, security, now))
        }
        let wishes = contacts.map { contact in
            Pending.Wish(
                uri: contact.uri,
                expires: contact.parameters.value("expires").flatMap { Int64($0) } ?? headers.expires.map { Int64($0) })
        }
        let isCounted = known == nil && wishes.contains { $0.expires != 0 }
        let place = known == nil ? places[flow]?.first { $0.identity.isSameIdentity(as: to.uri) } : nil
        if isCounted, place == nil {
            let open = places[flow]?.count { registrations[$0.token] == nil } ?? 0
            guard here.count + open < limits.perFlow, registrations.count < limits.registrations else {
                return .refuse(.make(503, "Too many registrations", to: request, toTag: nil))
            }
        }
        let isProtected = security.isProtected(flow)
        let client = isProtected ? SecurityMechanism.list(headers, .securityClient) : []
        var agreement = exchanges[key]?.agreement ?? SecurityAgreement(client: client)
        if agreement.server.isEmpty, let told { agreement.server = told.agreement.server }
        agreement.negotiates = agreement.negotiates || headers.requiresSecurityAgreement
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
            key: key, token: known?.token ?? place?.token ?? newToken(), flow: flow, callID: callID, contacts: wishes,
            endsAll: isWildcard && headers.expires == 0, identity: to.uri,
            userAgent: isProtected
                ? headers[.userAgent].map { String($0.prefix(Registration.maximumUserAgent)) } : nil,
            agreement: agreement, wasIndicated: exchanges[key]?.wasIndicated ?? false,
            isCounted: isCounted)
        if isCounted { hold(pending) }
        var forwarded = request
        forwarded.headers.removeSecurityAgreement()
        // TS 24.229 §5.2.2.1: our own Path, and the registrar must understand it.
        forwarded.headers.remove(.path)
        forwarded.headers.prepend(.path, path(pending.token))
        if !forwarded.headers.tokens(.require).contains("path") { forwarded.headers.append(.require, "path") }
        return .forward(forwarded, pending)
    }

    /// What is wrong with Security-Client, Security-Verify and the option tag of a REGISTER.
    private func securityFault(
        _ request: Request, _ key: ExchangeKey, _ flow: Flow, _ told: Registration?, _ security: SecurityContext
    ) -> SecurityAgreement.Fault? {
        let headers = request.headers
        if let fault = SecurityAgreement.tagFault(in: headers) { return fault }
        guard security.isProtected(flow) else { return nil }
        if let exchange = exchanges[key] {
            // The REGISTER with credentials: as the first one, and with the list that it was given (A2).
            return exchange.agreement.fault(inSecondRegister: headers)
        }
        guard let told else { return headers.contains(.securityVerify) ? .verifyMismatch : nil }
        // A refresh, which goes on with the Call-ID, echoes what was told; a UE that begins anew may have forgotten it.
        let isRefresh = told.callID == key.callID && headers.contains(.securityClient)
        return told.agreement.verifyFault(in: headers, isRequired: isRefresh)
    }

    /// RFC 3329 §2.3.1, §2.3.2: 494 or 421 with the list, which the UE's next REGISTER echoes.
    private mutating func disagreement(
        _ fault: SecurityAgreement.Fault, _ request: Request, _ key: ExchangeKey, _ flow: Flow,
        _ security: SecurityContext, _ now: NIODeadline
    ) -> Response {
        let asksForTag = fault == .tagMissing || fault == .tagSupported
        let negotiates = asksForTag || request.headers.requiresSecurityAgreement
        let offer = security.offer(on: flow, negotiates: negotiates)
        forget(key)
        if !offer.isEmpty, makeRoom(for: key.source) {
            let agreement = SecurityAgreement(
                client: SecurityMechanism.list(request.headers, .securityClient), server: offer,
                negotiates: negotiates)
            remember(
                Exchange(
                    agreement: agreement, until: now + limits.exchangeLife,
                    wasIndicated: agreement.serverIndicates), key)
        }
        var response = Response.make(fault.status, nil, to: request, toTag: nil)
        if asksForTag { response.headers.append(.require, "sec-agree") }
        response.headers.appendSecurityServer(offer)
        return response
    }

    // MARK: Places

    private mutating func hold(_ pending: Pending) {
        if let index = places[pending.flow]?.firstIndex(where: { $0.token == pending.token }) {
            places[pending.flow]?[index].requests += 1
        } else {
            places[pending.flow, default: []].append(Place(identity: pending.identity, token: pending.token))
        }
    }

    /// A REGISTER has its final response, or gets none.
    private mutating func giveBack(_ pending: Pending) {
        guard pending.isCounted, let index = places[pending.flow]?.firstIndex(where: { $0.token == pending.token })
        else { return }
        places[pending.flow]?[index].requests -= 1
        places[pending.flow]?.removeAll { $0.requests == 0 }
        if places[pending.flow]?.isEmpty == true { places[pending.flow] = nil }
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
        wake(at: exchange.until)
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
        giveBack(pending)
        let offer = security.offer(on: pending.flow, negotiates: pending.agreement.negotiates)
        switch response.status {
        case 401, 407:
            response.headers.appendSecurityServer(offer)
            if var exchange = exchanges[pending.key] {
                if !offer.isEmpty {
                    exchange.agreement.server = offer
                    exchange.wasIndicated = exchange.wasIndicated || exchange.agreement.serverIndicates
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
    mutating func abandon(_ pending: Pending) {
        giveBack(pending)
        forget(pending.key)
    }

    private mutating func settle(
        _ response: Response, _ pending: Pending, _ offer: [SecurityMechanism], _ security: SecurityContext,
        _ now: NIODeadline
    ) -> [Change] {
        if pending.endsAll {
            // RFC 3261 §10.2.2: every contact of the identity in To.
            return (tokensByFlow[pending.flow] ?? []).compactMap { token in
                registrations[token]?.isRegistered(for: pending.identity) == true ? remove(token, .deregistered) : nil
            }
        }
        guard !pending.contacts.isEmpty else { return [] }
        let before = registrations[pending.token]
        let contacts = settledContacts(before?.contacts ?? [], response, pending, now)
        guard !contacts.isEmpty else { return [pending.token].compactMap { remove($0, .deregistered) } }
        var agreement = pending.agreement
        if !offer.isEmpty { agreement.server = offer }
        let isProtected = security.isProtected(pending.flow)
        let identities = ((try? response.headers.addresses(.pAssociatedURI)) ?? []).map(\.uri)
        let registration = Registration(
            token: pending.token, flow: pending.flow, contacts: contacts,
            addressOfRecord: before?.addressOfRecord ?? pending.identity, callID: pending.callID,
            identities: identities.isEmpty ? before?.identities ?? [pending.identity] : identities,
            // RFC 3608 §5: of each 200 anew; none means none.
            serviceRoute: response.headers.list(.serviceRoute),
            // What the UE has been told counts, in this registration or before it, even if the gateway has gone since.
            indications: Indications(
                ue: isProtected && agreement.clientIndicates,
                network: pending.wasIndicated || agreement.serverIndicates),
            agreement: agreement, userAgent: pending.userAgent)
        registrations[pending.token] = registration
        for contact in contacts { wake(at: contact.expires) }
        if before == nil { tokensByFlow[pending.flow, default: []].append(pending.token) }
        return [before == nil ? .registered(registration) : .refreshed(registration)]
    }

    /// The contacts after a 200: those of the request as the registrar granted them, the others as they were.
    private func settledContacts(
        _ before: [Registration.Contact], _ response: Response, _ pending: Pending, _ now: NIODeadline
    ) -> [Registration.Contact] {
        let granted = (try? response.headers.contacts()) ?? []
        var after = before
        for wish in pending.contacts {
            after.removeAll { $0.uri.isEquivalent(to: wish.uri) }
            // RFC 3261 §10.3 step 8: expires of the contact in the 200, then Expires, then what was asked for.
            guard wish.expires != 0, let mine = granted.first(where: { $0.uri.isEquivalent(to: wish.uri) }) else {
                continue
            }
            let seconds =
                mine.parameters.value("expires").flatMap { Int64($0) } ?? response.headers.expires.map { Int64($0) }
                ?? wish.expires ?? 3600
            guard seconds > 0, after.count < limits.contacts else { continue }
            after.append(.init(uri: wish.uri, expires: now + .seconds(min(seconds, limits.maximumExpires))))
        }
        return after
    }

    // MARK: The end of registrations

    mutating func flowClosed(_ flow: Flow) -> [Change] {
        (tokensByFlow[flow] ?? []).compactMap { remove($0, .flowClosed) }
    }

    mutating func timersDue(now: NIODeadline) -> [Change] {
        for (key, exchange) in exchanges where exchange.until <= now { forget(key) }
        var changes: [Change] = []
        for (token, registration) in registrations {
            let rest = registration.contacts.filter { $0.expires > now }
            guard rest.count < registration.contacts.count else { continue }
            if let change = keep(rest, of: token, .expired) { changes.append(change) }
        }
        wakeUp = nextDeadline
        return changes
    }

    /// What the home network has ended (RFC 3680 §5, TS 24.229 §5.2.5.2), or shortened.
    ///
    /// - Parameters:
    ///   - isGone: whether a contact is not registered any more.
    ///   - expires: a new end of a contact that stays, where it was shortened.
    ///   - endedIdentities: public identities that are not registered any more.
    mutating func endedByNetwork(
        _ token: String, endedIdentities: [URI], isGone: (URI) -> Bool, expires: (URI) -> NIODeadline?
    ) -> [Change] {
        guard var registration = registrations[token] else { return [] }
        let before = registration
        registration.identities.removeAll { own in endedIdentities.contains { $0.isSameIdentity(as: own) } }
        registration.contacts.removeAll { isGone($0.uri) }
        for index in registration.contacts.indices {
            if let end = expires(registration.contacts[index].uri) {
                registration.contacts[index].expires = min(registration.contacts[index].expires, end)
            }
        }
        guard !registration.identities.isEmpty, !registration.contacts.isEmpty else {
            return [token].compactMap { remove($0, .endedByNetwork) }
        }
        guard registration != before else { return [] }
        registrations[token] = registration
        for contact in registration.contacts { wake(at: contact.expires) }
        return [.refreshed(registration)]
    }

    private mutating func keep(_ contacts: [Registration.Contact], of token: String, _ reason: Reason) -> Change? {
        guard !contacts.isEmpty else { return remove(token, reason) }
        registrations[token]?.contacts = contacts
        return registrations[token].map { .refreshed($0) }
    }

    private mutating func remove(_ token: String, _ reason: Reason) -> Change? {
        guard let gone = registrations.removeValue(forKey: token) else { return nil }
        tokensByFlow[gone.flow]?.removeAll { $0 == token }
        if tokensByFlow[gone.flow]?.isEmpty == true { tokensByFlow[gone.flow] = nil }
        return .removed(gone, reason)
    }
}
