import Authentication
import NIOCore
import SIP
import WireSyntax

/// The registrar of the home domain (RFC 3261 §10.3, RFC 3327, RFC 3608, TS 24.229 §5.4.1), as one value: a REGISTER in, its response and what
/// happened out.
///
/// ```
///   REGISTER ─▶ domain ─▶ Require ─▶ digest ─▶ whose AOR? ─▶ bindings, all or none ─▶ 200 Contact*, Path, Service-Route, P-Associated-URI
///                 404       420        401       403/404       400 423 500
/// ```
///
/// The public identities of one user are registered together (TS 23.228 §5.2.1a): bindings belong to the first of them, and each finds them.
package struct Registrar: Sendable {
    package enum Event: Hashable, Sendable {
        /// The first binding of the set, or a renewed one.
        case registered(String)
        /// The last binding of the set is gone.
        case deregistered(String, expired: Bool)
        /// Credentials that did not fit.
        case failed(user: String, reason: String)
    }

    package struct Result: Sendable {
        package var response: Response
        package var events: [Event] = []
    }

    /// Option tags that a REGISTER may require. `mediasec` asks nothing of a registrar and is never refused.
    private static let extensions: Set<String> = ["path", "mediasec"]

    private let domain: Host
    private let settings: RegistrarSettings
    /// Own addresses, where a Request-URI may point in the place of the domain.
    package var ownEndpoints: [Endpoint] = []
    /// Value of Service-Route (RFC 3608): nil until the sockets are bound.
    package var serviceRoute: String?
    private var usersByName: [String: Subscriber]
    /// Any public identity → the first of its set.
    private var setKeys: [String: String]
    private var setMembers: [String: [SIPURI]]
    /// The first user of a set.
    private var privateIdentities: [String: String]
    private var nextContact: UInt64 = 1
    private var changes: [RegistrationChange] = []
    /// Identities of sets that are no more.
    private var retired: [String: [SIPURI]] = [:]
    private var authenticator: DigestAuthenticator
    package private(set) var locations = LocationService()

    package init(domain: Host, users: [Subscriber], settings: RegistrarSettings, nonceKey: Secret) {
        self.domain = domain
        self.settings = settings
        let index = Self.index(users)
        usersByName = index.users
        setKeys = index.keys
        setMembers = index.members
        privateIdentities = index.names
        authenticator = DigestAuthenticator(
            realm: domain.description, algorithms: settings.algorithms, nonceKey: nonceKey,
            nonceLifetime: settings.nonceLifetime)
    }

    private struct Index {
        var users: [String: Subscriber]
        var keys: [String: String]
        var members: [String: [SIPURI]]
        var names: [String: String]
    }

    private static func index(_ users: [Subscriber]) -> Index {
        let byName = Dictionary(users.map { ($0.privateIdentity, $0) }) { first, _ in first }
        var keys: [String: String] = [:]
        var members: [String: [SIPURI]] = [:]
        var names: [String: String] = [:]
        for user in users {
            guard let first = user.publicIdentities.first?.addressOfRecord else { continue }
            if names[first] == nil { names[first] = user.privateIdentity }
            for identity in user.publicIdentities where keys.updateValue(first, forKey: identity.addressOfRecord) == nil
            {
                members[first, default: []].append(identity)
            }
        }
        return Index(users: byName, keys: keys, members: members, names: names)
    }

    package var nextDeadline: NIODeadline? { locations.nextDeadline }

    package mutating func timersDue(now: NIODeadline) -> [Event] {
        locations.removeExpired(now: now).compactMap { expired in
            let contacts = expired.removed.map { ContactChange(binding: $0, event: .expired) }
            changes.append(RegistrationChange(key: expired.key, contacts: contacts))
            return expired.isEmpty ? .deregistered(expired.key, expired: true) : nil
        }
    }

    // MARK: - What subscribers are told

    /// What has happened to contacts since the last call.
    package mutating func takeChanges() -> [RegistrationChange] {
        defer { changes = [] }
        return changes
    }

    /// A set as it stands.
    package func snapshot(_ key: String, now: NIODeadline) -> RegistrationSnapshot {
        RegistrationSnapshot(
            identities: setMembers[key] ?? retired[key] ?? [], bindings: locations.bindings(of: key, now: now))
    }

    /// Stores the bindings of a set, and notes what is new, renewed, and gone for the reason given.
    private mutating func store(_ key: String, _ before: [Binding], _ after: [Binding], gone: ContactEvent) {
        var contacts: [ContactChange] = []
        for binding in after {
            guard let old = before.first(where: { $0.id == binding.id }) else {
                contacts.append(ContactChange(binding: binding, event: .registered))
                continue
            }
            guard old != binding else { continue }
            contacts.append(
                ContactChange(binding: binding, event: binding.expires < old.expires ? .shortened : .refreshed))
        }
        for binding in before where !after.contains(where: { $0.id == binding.id }) {
            contacts.append(ContactChange(binding: binding, event: gone))
        }
        locations.replace(key, with: after)
        if !contacts.isEmpty { changes.append(RegistrationChange(key: key, contacts: contacts)) }
    }

    /// Takes another list of users. Where one of the users of a set is not in it any more, or has other keys or identities, the set is registered no longer (TS 24.229 §5.4.1.5: network-initiated
    /// de-registration); the others keep their registrations.
    package mutating func replaceUsers(_ users: [Subscriber], now: NIODeadline) -> [Event] {
        let index = Self.index(users)
        // A binding does not say which of the users of its set made it.
        var changed: Set<String> = []
        for (name, user) in usersByName {
            guard let key = user.publicIdentities.first?.addressOfRecord else { continue }
            let isKept =
                index.users[name].map {
                    $0.publicIdentities.first?.addressOfRecord == key && $0.credential.isSame(as: user.credential)
                } ?? false
            if !isKept { changed.insert(key) }
        }
        var events: [Event] = []
        for (key, members) in setMembers.sorted(by: { $0.key < $1.key }) {
            let isKept = index.members[key] == members && !changed.contains(key)
            let before = locations.bindings(of: key, now: now)
            guard !isKept, !before.isEmpty else { continue }
            store(key, before, [], gone: .rejected)
            events.append(.deregistered(key, expired: false))
        }
        // Whoever is told of it is told with the identities that it knows.
        for (key, members) in setMembers where index.members[key] == nil { retired[key] = members }
        usersByName = index.users
        setKeys = index.keys
        setMembers = index.members
        privateIdentities = index.names
        return events
    }

    /// Whether the URI is in the home domain, or is this server itself.
    package func isHome(_ uri: SIPURI) -> Bool {
        if uri.host == domain { return true }
        guard let address = uri.host.address else { return false }
        return ownEndpoints.contains(Endpoint(address, uri.port ?? 5060))
    }

    package enum Lookup: Sendable {
        case unknown
        case bindings([Binding])
    }

    /// The bindings of an address of record (§16.5).
    package func lookUp(_ uri: SIPURI, now: NIODeadline) -> Lookup {
        guard let key = setKey(uri) else { return .unknown }
        return .bindings(locations.bindings(of: key, now: now))
    }

    /// The set that a URI names: its user at the home domain.
    package func setKey(_ uri: SIPURI) -> String? {
        var canonical = uri
        canonical.host = domain
        canonical.port = nil
        return setKeys[canonical.addressOfRecord]
    }

    // MARK: - REGISTER

    /// - Parameters:
    ///   - seconds: a clock that does not go back, for nonces.
    ///   - salt: random.
    ///   - tag: for To.
    package mutating func register(
        _ request: Request, now: NIODeadline, seconds: UInt64, salt: UInt64, tag: String
    ) -> Result {
        let answer = { (status: Int) in Result(response: Response.make(status, to: request, toTag: tag)) }
        // Steps 1, 2
        guard let uri = request.uri.sip, isHome(uri) else { return answer(404) }
        let unknown = request.headers.tokens(.require).filter { !Self.extensions.contains($0) }
        guard unknown.isEmpty else {
            var result = answer(420)
            result.response.headers.append(.unsupported, unknown.joined(separator: ", "))
            return result
        }
        // Step 3
        var userName: String?
        let users = usersByName
        // Whom to challenge where the request does not say: the user of the address that is registered.
        let presumed = (try? request.headers.to().uri.sip).flatMap(setKey).flatMap { privateIdentities[$0] }
        let outcome = authenticator.judge(request, presumed: presumed, now: seconds, salt: salt) { name in
            userName = name
            return users[name].map { DigestAuthenticator.User(name: name, credential: $0.credential) }
        }
        let information: String
        switch outcome {
        case .challenge(let values, let reason):
            // TS 24.229 §5.4.1.2.3: a UE that takes the network for a foreign one is not challenged for ever; one whose numbers are used up cannot be.
            var result = answer(reason == .challengeRefused || values.isEmpty ? 403 : 401)
            if result.response.status == 403 {
                result.events = [.failed(user: userName ?? "", reason: "\(reason)")]
                return result
            }
            for value in values { result.response.headers.append(.wwwAuthenticate, value) }
            if reason.isFailure { result.events = [.failed(user: userName ?? "", reason: "\(reason)")] }
            return result
        case .accepted(let text): information = text
        }
        // Steps 4, 5
        guard let to = try? request.headers.to().uri.sip, isHome(to), let key = setKey(to) else { return answer(404) }
        guard let name = userName, let user = users[name], user.publicIdentities.first?.addressOfRecord == key else {
            return answer(403)
        }
        // Steps 6, 7
        let expired = timersDue(now: now)
        let before = locations.bindings(of: key, now: now)
        let after: [Binding]
        switch update(before, with: request, now: now) {
        case .success(let bindings): after = bindings
        case .failure(let refusal):
            var result = answer(refusal.status)
            if refusal.status == 423 { result.response.headers.append(.minExpires, "\(settings.minimumExpires)") }
            result.events = expired
            return result
        }
        store(key, before, after, gone: .unregistered)
        // Step 8
        var result = answer(200)
        result.events = expired
        fill(&result.response.headers, request: request, key: key, bindings: after, now: now)
        if !information.isEmpty { result.response.headers.append(.authenticationInfo, information) }
        if after.isEmpty, !before.isEmpty { result.events.append(.deregistered(key, expired: false)) }
        if !after.isEmpty, after != before { result.events.append(.registered(key)) }
        return result
    }

    /// The edge says that it has no way to a contact any more (RFC 5626 §5.3: 430): the binding goes, if it is
    /// still the one that was tried.
    package mutating func flowFailed(_ binding: Binding, of uri: SIPURI, now: NIODeadline) -> [Event] {
        guard let key = setKey(uri) else { return [] }
        let before = locations.bindings(of: key, now: now)
        let after = before.filter { $0 != binding }
        guard after.count < before.count else { return [] }
        store(key, before, after, gone: .deactivated)
        return after.isEmpty ? [.deregistered(key, expired: false)] : [.registered(key)]
    }

    private struct Refusal: Error { var status: Int }

    /// The bindings after the request, or why none of it may be carried out.
    private mutating func update(
        _ before: [Binding], with request: Request, now: NIODeadline
    ) -> Swift.Result<[Binding], Refusal> {
        let headers = request.headers
        guard let cSeq = try? headers.cSeq().number, let callID = headers.callID,
            let contacts = try? headers.contacts()
        else { return .failure(Refusal(status: 400)) }
        /// Whether a binding is older than this request.
        func precedes(_ binding: Binding) -> Bool { binding.callID != callID || binding.cSeq < cSeq }
        if headers.isContactWildcard {
            guard headers.expires == 0 else { return .failure(Refusal(status: 400)) }
            return before.allSatisfy(precedes) ? .success([]) : .failure(Refusal(status: 500))
        }
        // "*" beside others, or in several fields
        guard !headers.values(.contact).contains("*") else { return .failure(Refusal(status: 400)) }
        let path = (try? headers.routes(.path))?.map(\.description) ?? []
        var after = before
        for contact in contacts {
            let lifetime = lifetime(of: contact, headers)
            if lifetime > 0, lifetime < settings.minimumExpires { return .failure(Refusal(status: 423)) }
            // RFC 5626 §6: the same device on another flow takes the place of what it had. TS 24.229 §5.4.1.2 does so without reg-id as well.
            let isSame = { (binding: Binding) in
                binding.contact.uri.isEquivalent(to: contact.uri) || binding.isOfDevice(contact)
            }
            guard before.filter(isSame).allSatisfy(precedes) else {
                return .failure(Refusal(status: 500))
            }
            let known = after.first { $0.contact.uri.isEquivalent(to: contact.uri) }
            after.removeAll(where: isSame)
            guard lifetime > 0 else { continue }
            guard after.count < settings.contactLimit else { return .failure(Refusal(status: 403)) }
            var stored = contact
            stored.parameters.remove("expires")
            after.append(
                Binding(
                    contact: stored, callID: callID, cSeq: cSeq,
                    expires: now + .seconds(Int64(min(lifetime, settings.maximumExpires))), path: path,
                    id: known?.id ?? nextContact))
            if known == nil { nextContact += 1 }
        }
        return .success(after)
    }

    /// `expires` of the contact, then Expires, then the default. A malformed `expires` counts as 3600 (RFC 3261 §20.10).
    private func lifetime(of contact: NameAddress, _ headers: Headers) -> UInt32 {
        if contact.parameters.has("expires") {
            let text = contact.parameters.value("expires") ?? ""
            guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return 3600 }
            return UInt32(text) ?? .max
        }
        return headers.expires ?? settings.defaultExpires
    }

    private func fill(
        _ headers: inout Headers, request: Request, key: String, bindings: [Binding], now: NIODeadline
    ) {
        for binding in bindings {
            var contact = binding.contact
            // Rounded up: a binding that lives is never shown as 0.
            let rest = ((binding.expires - now).nanoseconds + 999_999_999) / 1_000_000_000
            contact.parameters.set("expires", to: "\(rest)")
            headers.append(.contact, contact.description)
        }
        // RFC 3327 §5.3
        for value in request.headers.values(.path) { headers.append(.path, value) }
        guard !bindings.isEmpty else { return }
        if let serviceRoute { headers.append(.serviceRoute, serviceRoute) }
        let identities = (setMembers[key] ?? []).map { "<\($0)>" }
        if !identities.isEmpty { headers.append(.pAssociatedURI, identities.joined(separator: ", ")) }
    }
}
