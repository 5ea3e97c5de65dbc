import MediaSecurity
import SIP
import WireSyntax

/// Who is served, and what a request is for (TS 24.229 §5.2.6; attack row A12).
///
/// ```
///   listener gm ── REGISTER ───────────────────────────────▶ register
///       │          flow without registration ──────────────▶ 403, counted
///       │          Route names a call of this flow ────────▶ that call      of another flow: 403, counted
///       │          INVITE without To tag ──────────────────▶ a new call, originating
///       └───────── the rest ───────────────────────────────▶ relayed, or 481
///   listener mw ── from an address that is no peer ────────▶ 403, counted
///       │          Route names a call ─────────────────────▶ that call
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
        case relay(Request, from: OfferSide, Registration, isInDialog: Bool)
        /// An ACK that belongs to nothing.
        case drop
        case refuse(Refusal, counted: Count?)
    }

    /// A refusal that is seen by the operator.
    struct Count: Hashable, Sendable {
        /// `unregistered`, `foreignFlow`, `foreignCore`, `securityVerify`.
        let kind: String
        let reason: String
    }

    let own: OwnAddresses
    let peers: Set<IPAddress>
    let security: SecurityContext

    /// - Parameter callFlow: the flow of the UE that a call leg serves, by its token.
    func judge(
        _ request: Request, over flow: Flow, isAccess: Bool, _ registrations: RegistrationStore,
        callFlow: (String) -> Flow?
    ) -> Verdict {
        if request.method != .ack {
            // RFC 3261 §16.3.
            if request.headers.maxForwards == 0 { return .refuse(Refusal(483), counted: nil) }
            let unknown = Hygiene.unsupportedTags(request.headers)
            guard unknown.isEmpty else {
                return .refuse(Refusal(420, headers: [.unsupported: unknown.joined(separator: ", ")]), counted: nil)
            }
        }
        do throws(SyntaxError) {
            return isAccess
                ? try judge(fromUE: request, flow, registrations, callFlow)
                : try judge(fromCore: request, flow, registrations, callFlow)
        } catch {
            return .refuse(Refusal(400, warning: "\(error)"), counted: nil)
        }
    }

    private func judge(
        fromUE request: Request, _ flow: Flow, _ registrations: RegistrationStore, _ callFlow: (String) -> Flow?
    ) throws(SyntaxError) -> Verdict {
        if request.method == .register { return .register(request) }
        guard let registration = registrations.registration(on: flow, identity: request.preferredIdentity) else {
            return counted(
                Refusal(403, "Not registered"), "unregistered",
                "\(request.method) from a sender that is not registered over this flow")
        }
        // RFC 3329 §2.6: no 494 to ACK and CANCEL.
        if request.method != .ack, registration.agreement.fault(in: request.headers, isRegister: false) != nil {
            var list = Headers()
            list.appendSecurityServer(security.offer(on: flow))
            return counted(
                Refusal(494, headers: list[.securityServer].map { [.securityServer: $0] } ?? [:]), "securityVerify",
                "Security-Verify is not the list that was sent")
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
            guard let token, registrations.registration(token: token)?.flow == flow,
                request.method.isRelayed(inDialog: true)
            else {
                return .refuse(Refusal(481), counted: nil)
            }
            return .relay(request, from: .ue, registration, isInDialog: true)
        }
        if own.isOwn(request.uri), request.uri.sip?.user == nil {
            return .refuse(
                request.method == .options ? Refusal(200) : Refusal(405, headers: [.allow: "OPTIONS, REGISTER"]),
                counted: nil)
        }
        if request.method == .invite { return .begin(request, .originating, registration) }
        return request.method.isRelayed(inDialog: false)
            ? .relay(request, from: .ue, registration, isInDialog: false) : .refuse(Refusal(481), counted: nil)
    }

    private func judge(
        fromCore request: Request, _ flow: Flow, _ registrations: RegistrationStore, _ callFlow: (String) -> Flow?
    ) throws(SyntaxError) -> Verdict {
        guard peers.contains(flow.remote.address.unmapped) else {
            return counted(
                Refusal(403), "foreignCore", "\(request.method) at Mw from an address that is no peer")
        }
        var request = request
        try own.undoStrictRouting(&request)
        let token = try own.takeRoutes(&request.headers)
        if let token, callFlow(token) != nil { return .call(token, request, from: .core) }
        if request.method == .ack { return .drop }
        let isInDialog = try request.headers.to().tag != nil
        guard let token, let registration = registrations.registration(token: token), request.method != .register else {
            return .refuse(isInDialog ? Refusal(481) : Refusal(404, "No such registration"), counted: nil)
        }
        guard request.method == .invite else {
            return request.method.isRelayed(inDialog: isInDialog)
                ? .relay(request, from: .core, registration, isInDialog: isInDialog)
                : .refuse(Refusal(481), counted: nil)
        }
        return isInDialog ? .refuse(Refusal(481), counted: nil) : .begin(request, .terminating, registration)
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
