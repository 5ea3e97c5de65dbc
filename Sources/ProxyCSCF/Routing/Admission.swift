import MediaSecurity
import SIP
import WireSyntax

/// Who is served, and what a request is for (TS 24.229 §5.2.6; attack row A12).
///
/// ```
///   listener gm ── REGISTER ───────────────────────────────▶ register
///       │          flow without registration ──────────────▶ 403, counted, not often (A13); an ACK: nothing
///       │          Route names a call of this flow ────────▶ that call      of another flow: 403, counted
///       │          Route names a dialog of this flow ──────▶ relayed by the routes of that dialog
///       │          INVITE without To tag ──────────────────▶ a new call, originating
///       └───────── the rest ───────────────────────────────▶ relayed, or 481
///   listener mw ── from an address that is no peer ────────▶ 403, counted, not often
///       │          NOTIFY to a subscription of our own ────▶ it
///       │          Route names a call or a dialog ─────────▶ that call, or relayed
///       └───────── Route names a registration (Path) ──────▶ a new call, terminating, or relayed
/// ```
///
/// What is core is decided by the listener and the list of peers, never by what a message says; what is a UE's, by the flow of its registration.
struct Admission {
    enum Verdict {
        case register(Request)
        /// For the call leg of this token, from this side; own Route values taken off.
        case call(String, Request, from: OfferSide)
        case begin(Request, OfferDirection, Registration)
        /// `dialog`: the token of the relayed dialog that it is in; nil where it begins one, or is alone.
        case relay(Request, from: OfferSide, Registration, dialog: String?)
        /// A NOTIFY to a subscription of this P-CSCF's own, of this token.
        case notification(String, Request)
        /// An ACK that belongs to nothing.
        case drop
        case refuse(Refusal, counted: Count?)
        /// A sender that is not served at all: answered as often as `RefusalBudget` allows, and nothing is kept.
        case turnAway(Refusal, Count)
    }

    /// A refusal that is seen by the operator.
    struct Count: Hashable, Sendable {
        /// `unregistered`, `foreignFlow`, `foreignCore`, `securityVerify`.
        let kind: String
        let reason: String
    }

    /// Schemes of Request-URIs that a home network routes, beside sip and sips: numbers (RFC 3966), services (RFC 5031).
    static let knownSchemes: Set<String> = ["tel", "urn"]

    let own: OwnAddresses
    /// Unmapped: an IPv4 peer that comes over an IPv6 socket is the same one.
    let peers: Set<IPAddress>
    let security: SecurityContext

    init(own: OwnAddresses, peers: Set<IPAddress>, security: SecurityContext) {
        self.own = own
        self.peers = Set(peers.map(\.unmapped))
        self.security = security
    }

    /// - Parameter callFlow: the flow of the UE that a call leg serves, by its token.
    func judge(
        _ request: Request, over flow: Flow, isAccess: Bool, _ registrations: RegistrationStore,
        _ dialogs: RelayedDialogs = RelayedDialogs(), isSubscription: (String) -> Bool = { _ in false },
        callFlow: (String) -> Flow?
    ) -> Verdict {
        // Who it is from comes first: a sender that is not served learns nothing else.
        var served: Registration?
        if isAccess {
            served = registrations.registration(on: flow, identity: request.preferredIdentity)
            guard served != nil || request.method == .register else {
                return turnedAway(
                    request, Refusal(403, "Not registered"), "unregistered",
                    "\(request.method) from a sender that is not registered over this flow")
            }
        } else if !isPeer(flow) {
            return turnedAway(
                request, Refusal(403), "foreignCore", "\(request.method) at Mw from an address that is no peer")
        }
        if request.method != .ack {
            // RFC 3261 §16.3. Schemes that a proxy can do nothing with: 416 (step 2).
            if case .other(let scheme, _) = request.uri, !Self.knownSchemes.contains(scheme.lowercased()) {
                return .refuse(Refusal(416), counted: nil)
            }
            if request.headers.maxForwards == 0 { return .refuse(Refusal(483), counted: nil) }
            let unknown = Hygiene.unsupportedTags(request.headers)
            guard unknown.isEmpty else {
                return .refuse(Refusal(420, headers: [.unsupported: unknown.joined(separator: ", ")]), counted: nil)
            }
        }
        do throws(SyntaxError) {
            if !isAccess, request.method == .notify, own.isOwn(request.uri), let user = request.uri.sip?.user,
                isSubscription(user)
            {
                return .notification(user, request)
            }
            guard isAccess else { return try judge(fromCore: request, registrations, dialogs, callFlow) }
            guard request.method != .register, let served else { return .register(request) }
            return try judge(fromUE: request, flow, served, registrations, dialogs, callFlow)
        } catch {
            return .refuse(Refusal(400, warning: "\(error)"), counted: nil)
        }
    }

    /// Whether this end of a flow at Mw is one of the core's.
    func isPeer(_ flow: Flow) -> Bool { peers.contains(flow.remote.address.unmapped) }

    private func judge(
        fromUE request: Request, _ flow: Flow, _ registration: Registration, _ registrations: RegistrationStore,
        _ dialogs: RelayedDialogs, _ callFlow: (String) -> Flow?
    ) throws(SyntaxError) -> Verdict {
        // RFC 3329 §2.6: no 494 to ACK and CANCEL.
        if request.method != .ack, let fault = registration.agreement.fault(in: request.headers) {
            let list = registration.agreement.server.map { "\($0)" }.joined(separator: ", ")
            var headers: [HeaderName: String] = list.isEmpty ? [:] : [.securityServer: list]
            if fault == .tagMissing { headers[.require] = "sec-agree" }
            return counted(
                Refusal(fault.status, headers: headers), "securityVerify",
                fault == .tagMissing
                    ? "sec-agree is missing from Require" : "Security-Verify is not the list that was sent")
        }
        var request = request
        try own.undoStrictRouting(&request)
        let token = try own.takeRoutes(&request.headers)
        if let token, let served = callFlow(token) {
            guard served == flow else {
                return counted(
                    Refusal(403, "Not your call"), "foreignFlow", "\(request.method) for a call of another registration"
                )
            }
            return .call(token, request, from: .ue)
        }
        if request.method == .ack { return .drop }
        if try request.headers.to().tag != nil {
            guard let token, let dialog = dialogs[token], dialog.admits(request, from: .ue),
                let owner = registrations.registration(token: dialog.registration), owner.flow == flow,
                request.method.isRelayed(inDialog: true)
            else {
                return .refuse(Refusal(481), counted: nil)
            }
            return .relay(request, from: .ue, owner, dialog: token)
        }
        if own.isOwn(request.uri), request.uri.sip?.user == nil {
            return .refuse(
                request.method == .options ? Refusal(200) : Refusal(405, headers: [.allow: "OPTIONS, REGISTER"]),
                counted: nil)
        }
        if request.method == .invite { return .begin(request, .originating, registration) }
        return request.method.isRelayed(inDialog: false)
            ? .relay(request, from: .ue, registration, dialog: nil) : .refuse(Refusal(481), counted: nil)
    }

    private func judge(
        fromCore request: Request, _ registrations: RegistrationStore, _ dialogs: RelayedDialogs,
        _ callFlow: (String) -> Flow?
    ) throws(SyntaxError) -> Verdict {
        var request = request
        try own.undoStrictRouting(&request)
        let token = try own.takeRoutes(&request.headers)
        if let token, callFlow(token) != nil { return .call(token, request, from: .core) }
        if request.method == .ack { return .drop }
        if try request.headers.to().tag != nil {
            guard let token, let dialog = dialogs[token], dialog.admits(request, from: .core),
                let owner = registrations.registration(token: dialog.registration),
                request.method.isRelayed(inDialog: true)
            else { return .refuse(Refusal(481), counted: nil) }
            return .relay(request, from: .core, owner, dialog: token)
        }
        guard let token, let registration = registrations.registration(token: token), request.method != .register else {
            // RFC 5626 §5.3: the core forgets the contact, as it would not on a word of the UE.
            return .refuse(Refusal(430, "Flow Failed"), counted: nil)
        }
        if request.method == .invite { return .begin(request, .terminating, registration) }
        return request.method.isRelayed(inDialog: false)
            ? .relay(request, from: .core, registration, dialog: nil) : .refuse(Refusal(481), counted: nil)
    }

    /// RFC 3261 §17.2: an ACK has no answer, and is not counted beside its INVITE.
    private func turnedAway(_ request: Request, _ refusal: Refusal, _ kind: String, _ reason: String) -> Verdict {
        request.method == .ack ? .drop : .turnAway(refusal, Count(kind: kind, reason: reason))
    }

    private func counted(_ refusal: Refusal, _ kind: String, _ reason: String) -> Verdict {
        .refuse(refusal, counted: Count(kind: kind, reason: reason))
    }
}

extension Method {
    /// Methods that belong to no INVITE dialog. Those that do belong to one pass through its call leg alone, where their session descriptions are read
    /// (media-security.md 4.4); inside a dialog that is no call there are only subscriptions.
    fileprivate func isRelayed(inDialog: Bool) -> Bool {
        if inDialog { return [.subscribe, .notify, .refer].contains(self) }
        return ![.invite, .ack, .bye, .prack, .update, .info, .cancel, .register].contains(self)
    }
}
