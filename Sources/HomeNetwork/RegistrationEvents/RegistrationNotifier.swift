import NIOCore
import SIP
import WireSyntax

/// The notifier of the event package `reg` (RFC 3680, RFC 6665 §4.2, TS 24.229 §5.4.2.1): tells P-CSCF and UE what becomes of a registration.
///
/// ```
///   SUBSCRIBE ─▶ 200, NOTIFY (full)      a contact changes ─▶ NOTIFY (partial), one at a time, not sooner than 5 s after the last
///                                        a contact ends, or the last one ─▶ NOTIFY at once; with the last the subscription ends
/// ```
///
/// A value: requests, changes and the time go in; NOTIFYs come out of `nextAction()`.
package struct RegistrationNotifier: Sendable {
    package enum Action: Sendable {
        /// Send it along its Route, and report what came of it for this subscription.
        case notify(Request, subscription: UInt64)
    }

    package static let eventPackage = "reg"
    /// RFC 3680 §4.4, where a SUBSCRIBE names no time.
    static let defaultExpires: UInt32 = 3761
    static let minimumExpires: UInt32 = 60
    /// What TS 24.229 §5.1.1.3 lets a UE ask for.
    static let maximumExpires: UInt32 = 600_000
    /// RFC 3680 §4.10.
    static let interval = TimeAmount.seconds(5)
    /// Subscriptions to one registration set; the oldest of a UE gives way.
    static let maximumPerSet = 32
    static let maximumSubscriptions = 20_000
    /// Changes that wait for one NOTIFY; beyond them it carries the full state.
    static let maximumPending = 64

    private struct Subscription: Sendable {
        var dialog: Dialog
        var key: String
        /// A UE's, not a P-CSCF's.
        var isOfUE: Bool
        /// Event as it came, with its `id`.
        var event: String
        var expires: NIODeadline
        var version: UInt32 = 0
        var isFullDue = true
        var isUrgent = true
        var changes: [ContactChange] = []
        /// Reason of `Subscription-State: terminated`.
        var ending: String?
        /// A NOTIFY has not been answered yet.
        var isBusy = false
        var nextAllowed: NIODeadline

        var isDue: Bool { isFullDue || !changes.isEmpty || ending != nil }

        /// Of each contact the last change waits, and of the changes so many: what had to go is made good by the full state.
        mutating func add(_ contacts: [ContactChange]) {
            for contact in contacts {
                changes.removeAll { $0.binding.id == contact.binding.id }
                changes.append(contact)
            }
            guard changes.count > RegistrationNotifier.maximumPending else { return }
            changes.removeFirst(changes.count - RegistrationNotifier.maximumPending)
            isFullDue = true
        }
    }

    /// Contact of this notifier; nil until the sockets are bound.
    package var contact: String?
    private var subscriptions: [UInt64: Subscription] = [:]
    private var byDialog: [Dialog.ID: UInt64] = [:]
    private var byKey: [String: [UInt64]] = [:]
    private var nextID: UInt64 = 1
    private var actions = CircularBuffer<Action>()
    /// Not later than the first thing to do.
    package private(set) var nextDeadline: NIODeadline?

    package init() {}

    package var count: Int { subscriptions.count }

    package mutating func nextAction() -> Action? { actions.popFirst() }

    // MARK: Events

    /// Whether a request is this notifier's to answer.
    package static func takes(_ request: Request) -> Bool {
        guard request.method == .subscribe, let event = request.headers[.event] else { return false }
        return event.prefix { $0 != ";" }.filter { $0 != " " }.lowercased() == eventPackage
    }

    /// - Parameters:
    ///   - isServed: the request came by the Service-Route, so that it is a UE's; otherwise it is the P-CSCF's own.
    ///   - tag: random.
    package mutating func subscribe(
        _ request: Request, isServed: Bool, registrar: Registrar, now: NIODeadline, tag: String
    ) -> Response {
        let answer = { (status: Int) in Response.make(status, to: request, toTag: tag) }
        let expires = request.headers.expires ?? Self.defaultExpires
        guard expires == 0 || expires >= Self.minimumExpires else {
            var response = answer(423)
            response.headers.append(.minExpires, "\(Self.minimumExpires)")
            return response
        }
        let accepted = request.headers.list(.accept).map { item in
            item.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
        }
        let mayAccept = [RegistrationInformation.mediaType, "application/*", "*/*"]
        guard accepted.isEmpty || accepted.contains(where: mayAccept.contains) else { return answer(406) }
        let granted = min(expires, Self.maximumExpires)
        let id: UInt64
        if (try? request.headers.to().tag) != nil {
            switch refresh(request) {
            case .success(let found): id = found
            case .failure(let failure): return answer(failure.status)
            }
        } else {
            switch begin(request, isServed: isServed, registrar, now, tag) {
            case .success(let made): id = made
            case .failure(let failure): return answer(failure.status)
            }
        }
        subscriptions[id]?.expires = now + .seconds(Int64(granted))
        subscriptions[id]?.isFullDue = true
        subscriptions[id]?.isUrgent = true
        // RFC 6665 §4.2.1.4: also a fetch gets its NOTIFY.
        if granted == 0 { subscriptions[id]?.ending = "timeout" }
        var response = answer(200)
        response.headers.append(.expires, "\(granted)")
        if let contact { response.headers.append(.contact, "<\(contact)>") }
        for value in request.headers.values(.recordRoute) { response.headers.append(.recordRoute, value) }
        flush(id, registrar, now)
        return response
    }

    private struct Failure: Error { var status: Int }

    private mutating func refresh(_ request: Request) -> Result<UInt64, Failure> {
        let headers = request.headers
        let identifier = Dialog.ID(
            callID: headers.callID ?? "", localTag: (try? headers.to().tag) ?? "",
            remoteTag: (try? headers.from().tag) ?? "")
        guard let id = byDialog[identifier], let verdict = subscriptions[id]?.dialog.receive(request) else {
            return .failure(Failure(status: 481))
        }
        return verdict == .ok ? .success(id) : .failure(Failure(status: verdict == .outOfOrder ? 500 : 481))
    }

    private mutating func begin(
        _ request: Request, isServed: Bool, _ registrar: Registrar, _ now: NIODeadline, _ tag: String
    ) -> Result<UInt64, Failure> {
        guard let uri = request.uri.sip, registrar.isHome(uri), let key = registrar.setKey(uri) else {
            return .failure(Failure(status: 404))
        }
        // TS 24.229 §5.4.2.1.1: a UE sees its own registration, and only while it has one.
        // Whoever is asserted to be a user of ours is a UE, whatever way the request took.
        let identities = (try? request.headers.addresses(.pAssertedIdentity)) ?? []
        let asserted = identities.compactMap(\.uri.sip).filter(registrar.isHome).compactMap(registrar.setKey)
        let isOfUE = isServed || !asserted.isEmpty
        if isOfUE {
            guard !asserted.isEmpty, asserted.allSatisfy({ $0 == key }),
                !registrar.snapshot(key, now: now).bindings.isEmpty
            else { return .failure(Failure(status: 403)) }
        }
        guard subscriptions.count < Self.maximumSubscriptions else { return .failure(Failure(status: 503)) }
        guard let dialog = try? Dialog(uas: request, localTag: tag), byDialog[dialog.id] == nil else {
            return .failure(Failure(status: 400))
        }
        if let others = byKey[key], others.count >= Self.maximumPerSet {
            // A UE never takes the place of a P-CSCF.
            guard let oldest = others.first(where: { subscriptions[$0]?.isOfUE == true }) ?? (isOfUE ? nil : others[0])
            else { return .failure(Failure(status: 503)) }
            subscriptions[oldest]?.ending = "giveup"
            subscriptions[oldest]?.isBusy = false
            flush(oldest, registrar, now)
        }
        let id = nextID
        nextID += 1
        subscriptions[id] = Subscription(
            dialog: dialog, key: key, isOfUE: isOfUE, event: request.headers[.event] ?? Self.eventPackage,
            expires: now, nextAllowed: now)
        byDialog[dialog.id] = id
        byKey[key, default: []].append(id)
        return .success(id)
    }

    /// What has happened to registrations, in its order.
    package mutating func changed(_ changes: [RegistrationChange], registrar: Registrar, now: NIODeadline) {
        for change in changes {
            let isOver = registrar.snapshot(change.key, now: now).bindings.isEmpty
            for id in byKey[change.key] ?? [] {
                subscriptions[id]?.add(change.contacts)
                if change.contacts.contains(where: { !$0.event.isActive }) { subscriptions[id]?.isUrgent = true }
                // TS 24.229 §5.4.2.1.2: with the registration the subscription ends.
                if isOver, subscriptions[id]?.ending == nil { subscriptions[id]?.ending = "noresource" }
                flush(id, registrar, now)
            }
        }
    }

    /// A NOTIFY was answered, or nobody answered it.
    ///
    /// - Parameter status: nil where there was no answer.
    package mutating func answered(_ id: UInt64, status: Int?, registrar: Registrar, now: NIODeadline) {
        guard subscriptions[id] != nil else { return }
        // RFC 6665 §4.2.2: who is not there, or knows nothing of it, is told nothing more.
        guard let status, (200..<300).contains(status) else { return remove(id) }
        subscriptions[id]?.isBusy = false
        flush(id, registrar, now)
    }

    package mutating func timersDue(now: NIODeadline, registrar: Registrar) {
        guard let due = nextDeadline, due <= now else { return }
        nextDeadline = nil
        for id in subscriptions.keys.sorted() {
            if let subscription = subscriptions[id], subscription.expires <= now {
                subscriptions[id]?.ending = subscription.ending ?? "timeout"
                subscriptions[id]?.isBusy = false
            }
            flush(id, registrar, now)
        }
    }

    // MARK: Steps

    private mutating func flush(_ id: UInt64, _ registrar: Registrar, _ now: NIODeadline) {
        guard var subscription = subscriptions[id] else { return }
        guard subscription.isDue, !subscription.isBusy else { return note(subscription.expires) }
        guard subscription.isUrgent || subscription.ending != nil || subscription.nextAllowed <= now else {
            return note(min(subscription.nextAllowed, subscription.expires))
        }
        let information = RegistrationInformation(
            version: subscription.version, isFull: subscription.isFullDue,
            snapshot: registrar.snapshot(subscription.key, now: now), changes: subscription.changes, now: now)
        var request = subscription.dialog.makeRequest(.notify)
        if let contact { request.headers.append(.contact, "<\(contact)>") }
        request.headers.append(.event, subscription.event)
        let rest = max(0, (subscription.expires - now).nanoseconds / 1_000_000_000)
        request.headers.append(
            .subscriptionState, subscription.ending.map { "terminated;reason=\($0)" } ?? "active;expires=\(rest)")
        request.headers.append(.contentType, RegistrationInformation.mediaType)
        request.body = ByteBuffer(string: information.text)
        actions.append(.notify(request, subscription: id))
        guard subscription.ending == nil else { return remove(id) }
        subscription.version += 1
        subscription.isFullDue = false
        subscription.isUrgent = false
        subscription.changes = []
        subscription.isBusy = true
        subscription.nextAllowed = now + Self.interval
        subscriptions[id] = subscription
        note(subscription.expires)
    }

    private mutating func remove(_ id: UInt64) {
        guard let subscription = subscriptions.removeValue(forKey: id) else { return }
        byDialog[subscription.dialog.id] = nil
        byKey[subscription.key]?.removeAll { $0 == id }
        if byKey[subscription.key]?.isEmpty == true { byKey[subscription.key] = nil }
    }

    private mutating func note(_ deadline: NIODeadline) { nextDeadline = min(nextDeadline ?? deadline, deadline) }
}
