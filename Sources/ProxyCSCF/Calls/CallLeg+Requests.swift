import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP

/// Requests on their way through: RFC 3261 §16.6, and who offers in them (RFC 3264, RFC 3262 §5, RFC 3311 §5).
extension CallLeg {
    mutating func handleRequest(_ id: Exchange.ID) {
        guard let exchange = exchanges[id], !exchange.isAnswered else { return }
        let request = exchange.request
        guard !isEnding, belongsToCall(exchange) else {
            refuse(id, Refusal(481))
            return
        }
        if id != Self.first { note(exchange) }
        if request.method.refreshesSession {
            switch ProxySessionTimer.examine(request.headers, settings.sessionTimer) {
            case .tooSmall(let minimum):
                refuse(id, Refusal(422, headers: [.minSE: "\(minimum)"]))
                return
            case .proceed(let timer): exchanges[id]?.sessionTimer = timer
            }
        }
        guard request.method.carriesSession else { return forward(id, request) }
        switch SessionBody.find(in: .request(request)) {
        case .unreadable(let refusal): refuse(id, refusal)
        case .found(let description, let part):
            let token = hold(.request(id), part)
            // The offer of a response is answered by the sender of the INVITE alone.
            if request.method == .prack, let open = openResponseOffer, exchanges[open]?.from == exchange.from {
                exchanges[open]?.offer = .answered
                media.answer(
                    description, from: exchange.from, branch: branch(request.headers, from: exchange.from),
                    isFinal: phase == .confirmed, token: token)
            } else {
                exchanges[id]?.offer = .inRequest
                media.offer(description, from: exchange.from, token: token)
            }
            drainMedia()
        case .none: forward(id, request)
        }
    }

    /// Sends a request on, with its body as it is now.
    mutating func forward(_ id: Exchange.ID, _ request: Request) {
        guard let exchange = exchanges[id], !exchange.isAnswered else { return }
        let side = exchange.from.other
        var forwarded = onwards(request, to: side, isFirst: id == Self.first)
        exchange.sessionTimer?.apply(to: &forwarded.headers)
        exchanges[id]?.isForwarded = true
        if exchange.method == .invite {
            exchanges[id]?.timerC = now + settings.timerC
            exchanges[id]?.ringingEnd = now + settings.ringingLimit
        }
        emit(.send(forwarded, id, to: side))
    }

    /// RFC 3261 §16.6 steps 3 to 7, and what may not cross (TS 24.229 §5.2.6.3).
    func onwards(_ request: Request, to side: OfferSide, isFirst: Bool) -> Request {
        var forwarded = request
        forwarded.headers.set(.maxForwards, to: "\(max((request.headers.maxForwards ?? 71) - 1, 0))")
        switch side {
        case .core:
            let identity = served.identity(preferred: request.preferredIdentity)
            Hygiene.clean(fromUE: &forwarded.headers, asserting: request.method == .ack ? nil : identity)
            // What the UE wrote into Route does not steer this proxy: the registration's and the dialog's routes do.
            forwarded.headers.setRoutes(isFirst ? served.serviceRoute : coreRoutes(for: request))
            if isFirst {
                forwarded.headers.remove(.recordRoute)
                forwarded.headers.prepend(.recordRoute, own.coreRoute(token))
                if let chargingVector { forwarded.headers.set(.pChargingVector, to: chargingVector) }
            }
        case .ue:
            Hygiene.clean(fromCore: &forwarded.headers)
            forwarded.headers.setRoutes([])
            if isFirst { forwarded.headers.prepend(.recordRoute, own.accessRoute(token, on: served.flow)) }
        }
        conceal(&forwarded.headers, of: side.other, isRequest: true)
        reveal(&forwarded, to: side)
        shift(&forwarded.headers, to: side)
        return forwarded
    }

    /// The route set of the dialog that the request names; of any where it names none that is known (an early one of a fork).
    private func coreRoutes(for request: Request) -> [String] {
        let tags = [(try? request.headers.to())?.tag, (try? request.headers.from())?.tag].compactMap { $0 }
        let dialog = tags.lazy.compactMap { dialogs[$0] }.first ?? dialogs.values.first
        return dialog?.coreRoutes ?? served.serviceRoute
    }

    // MARK: CANCEL, BYE, ACK

    /// RFC 3261 §9.2 and §16.10.
    mutating func handleCANCEL(_ id: Exchange.ID, _ reason: String?) {
        guard let exchange = exchanges[id], exchange.method == .invite, !exchange.isAnswered else { return }
        if exchange.isForwarded {
            // The final response comes from the far end, and goes back; a 2xx that was faster as well.
            cancelForwarded(id, reason)
            // The caller does not want the second attempt any more.
            if id == Self.first { isFallingBack = false }
        } else {
            refuse(id, Refusal(487))
        }
    }

    mutating func cancelForwarded(_ id: Exchange.ID, _ reason: String?) {
        guard let exchange = exchanges[id], exchange.isForwarded, !exchange.isFinished, !exchange.isCancelled else {
            return
        }
        exchanges[id]?.isCancelled = true
        exchanges[id]?.timerC = nil
        var headers = Headers()
        if let reason { headers.append("Reason", reason) }
        emit(.cancel(id, headers))
    }

    /// A BYE waits for nothing: it goes on, and with its final response, or without one in time, the media goes.
    mutating func handleBYE(_ id: Exchange.ID) {
        guard let exchange = exchanges[id] else { return }
        guard phase != .ended, belongsToCall(exchange) else {
            refuse(id, Refusal(481))
            return
        }
        note(exchange)
        forward(id, exchange.request)
        // The caller may end one early dialog of a fork (RFC 3261 §15.1.1) and keep the call.
        let endsEarly = phase == .inviting
        guard !endsEarly, !isEnding else { return }
        emit(.event(.milestone(.init(.ended, callID: callID, detail: "BYE"))))
        bye = id
        wind(down: nil, status: 487, except: id)
    }

    /// RFC 3261 §13.2.2.4, §16.11: outside transactions.
    mutating func handleACK(_ ack: Request, from side: OfferSide) {
        guard let cSeq = try? ack.headers.cSeq(),
            let (id, exchange) = exchanges.first(where: {
                $0.value.method == .invite && $0.value.sequence == cSeq.number && $0.value.from == side
            })
        else { return }
        if let before = exchange.acknowledgement {
            emit(.sendAlone(before, to: side.other))
            return
        }
        guard !exchange.successes.isEmpty else { return }
        switch SessionBody.find(in: .request(ack)) {
        case .found(let description, let part) where exchange.offer == .inResponse && !isEnding:
            exchanges[id]?.offer = .answered
            let token = hold(.acknowledgement(ack, from: side), part)
            media.answer(
                description, from: side, branch: branch(ack.headers, from: side), isFinal: true, token: token)
            drainMedia()
        case .unreadable(let refusal) where !isEnding:
            passACK(ack.withoutBody, of: id, from: side)
            release(ReleaseCause(status: refusal.status, text: refusal.warning ?? "unreadable session description"))
        case .none where exchange.offer == .inResponse && !isEnding:
            // An offer without an answer (RFC 3261 §13.2.1).
            passACK(ack, of: id, from: side)
            release(ReleaseCause(status: 488, text: "the offer was not answered"))
        case .found, .unreadable:
            // Neither offer nor answer: it does not pass.
            passACK(ack.withoutBody, of: id, from: side)
        case .none: passACK(ack, of: id, from: side)
        }
    }

    mutating func passACK(_ ack: Request, of id: Exchange.ID, from side: OfferSide) {
        let forwarded = onwards(ack, to: side.other, isFirst: false)
        exchanges[id]?.acknowledgement = forwarded
        emit(.sendAlone(forwarded, to: side.other))
        if id == Self.first { sendOwedBYE() }
    }

    // MARK: Inside the call

    /// RFC 3261 §12.2.2: Call-ID and both tags, in the order that fits the side; the first INVITE has only one.
    func belongsToCall(_ exchange: Exchange) -> Bool {
        if exchange.id == Self.first { return true }
        guard exchange.request.headers.callID == callID, let from = try? exchange.request.headers.from(),
            let to = try? exchange.request.headers.to(), let fromTag = from.tag, let toTag = to.tag
        else { return false }
        let (caller, callee) = exchange.from == self.caller ? (fromTag, toTag) : (toTag, fromTag)
        guard caller == callerTag, let dialog = dialogs[callee] else { return false }
        return dialog.isConfirmed || phase == .inviting
    }

    private mutating func note(_ exchange: Exchange) {
        sequences[exchange.from] = max(sequences[exchange.from] ?? 0, exchange.sequence)
        guard exchange.method.refreshesTarget else { return }
        let tags = [(try? exchange.request.headers.to())?.tag, (try? exchange.request.headers.from())?.tag]
        for tag in tags.compactMap({ $0 }) { dialogs[tag]?.refresh(exchange.from, exchange.request.headers) }
    }

    /// RFC 3261 §14.2, RFC 3311 §5.2: an offer while one is under way. Whoever waits for the other's answer gets 491; whoever has not been answered itself gets
    /// 500, and tries again after 0 to 10 seconds.
    func glare(_ id: Exchange.ID, _ refusal: Refusal) -> Refusal {
        guard refusal.status == 491, let side = exchanges[id]?.from else { return refusal }
        let isOwn = exchanges.values.contains { other in
            guard other.id != id else { return false }
            switch other.offer {
            case .inRequest: return other.from == side
            case .inResponse: return other.from == side.other
            case .none, .answered: return false
            }
        }
        guard isOwn else { return refusal }
        // The token is random, and nobody outside can tell what is made of it.
        let random = token.utf8.reduce(UInt64(id.number)) { $0 &* 31 &+ UInt64($1) }
        return Refusal(500, warning: refusal.warning, retryAfter: Int(random % 11))
    }

    /// The exchange whose INVITE got its offer in a response that is not answered yet.
    var openResponseOffer: Exchange.ID? { exchanges.first { $0.value.offer == .inResponse }?.key }

    /// The dialog of a request from this side, or of the response to one: the callee's tag, of which a forked call has several.
    func branch(_ headers: Headers, from side: OfferSide) -> String {
        (side == caller ? try? headers.to() : try? headers.from())?.tag ?? ""
    }
}

extension Method {
    /// RFC 3261 §13.2.1, RFC 3262 §5, RFC 3311 §5.1: requests whose session description is an offer or an answer.
    var carriesSession: Bool { [.invite, .update, .prack].contains(self) }

    /// RFC 4028 §3: session refresh requests.
    var refreshesSession: Bool { [.invite, .update].contains(self) }
}
