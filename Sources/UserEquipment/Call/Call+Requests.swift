import NIOCore
import SDP
import SIP
import WireSyntax

/// Requests of the peer in the dialog (RFC 3261 §12.2.2).
extension Call {
    /// A request of this dialog other than CANCEL.
    mutating func receive(_ request: Request, token: Token?, now: NIODeadline) {
        if request.method == .ack { return acknowledged(request, now: now) }
        guard let token else { return }
        if state == .calling { return receiveEarly(request, token) }
        guard state != .ended, var dialog else { return respond(481, to: request, token) }
        let verdict = dialog.receive(request)
        self.dialog = dialog
        switch verdict {
        case .notThisDialog: return respond(481, to: request, token)
        case .outOfOrder: return respond(500, to: request, token)
        case .ok: break
        }
        let unknown = request.headers.tokens(.require).filter { !Self.understood.contains($0) }
        guard unknown.isEmpty else {
            var response = Response.make(420, to: request, toTag: localTag)
            response.headers.append(.unsupported, unknown.joined(separator: ", "))
            return actions.append(.respond(response, token))
        }
        switch request.method {
        case .bye:
            respond(200, to: request, token)
            if state == .ringing { respond(487, nil) }
            let reason = request.headers[.reason].map { "ended by the peer: \($0)" } ?? "ended by the peer"
            finish(Ending(cause: reason, isNormal: request.headers[.reason] == nil))
        case .invite, .update: renegotiate(request, token, now: now)
        case .prack: acknowledgeProvisional(request, token, now: now)
        case .options: respond(200, to: request, token)
        default: respond(501, to: request, token)
        }
    }

    /// From a callee, before his 2xx (RFC 3311 §5.2): an UPDATE without an offer, or with the description that stands already.
    private mutating func receiveEarly(_ request: Request, _ token: Token) {
        guard let tag = try? request.headers.from().tag, var branch = branches[tag] else {
            return respond(481, to: request, token)
        }
        let verdict = branch.dialog.receive(request)
        branches[tag] = branch
        guard verdict == .ok else { return respond(verdict == .outOfOrder ? 500 : 481, to: request, token) }
        guard request.method == .update else {
            return respond(request.method == .options ? 200 : 481, to: request, token)
        }
        do throws(MediaRefusal) {
            guard let found = try description(of: .request(request)) else {
                return acceptTarget(request, token, nil)
            }
            // RFC 3311 §5.2: an offer of ours is still unanswered.
            guard let plan = branch.plan, let remote = branch.remote, let local = branch.local else {
                return respond(491, to: request, token)
            }
            guard found.line(plan.line, describesSameAs: remote) else {
                throw MediaRefusal("the media is not changed before the call stands")
            }
            acceptTarget(request, token, repeated(local, plan, isAnswer: true, direction: plan.direction))
        } catch {
            respond(error.status, to: request, token, warning: error.reason)
        }
    }

    private mutating func acceptTarget(_ request: Request, _ token: Token, _ body: SessionDescription?) {
        var response = Response.make(200, to: request, toTag: localTag)
        response.headers.append(.contact, contact)
        response.headers.append(.allow, Self.allowed)
        if let body { response.carry(body) }
        actions.append(.respond(response, token))
    }
}
