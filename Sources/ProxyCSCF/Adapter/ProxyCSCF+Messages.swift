import MediaSecurity
import NIOCore
import Observability
import SIP
import Transport
import WireSyntax

/// Whom a message is for.
extension ProxyCSCF: SIPUser {
    package func sipEndpoint(
        _ endpoint: SIPEndpoint, received request: Request, transaction: TransactionID?, over flow: Flow,
        listener: String
    ) {
        eventLoop.preconditionInEventLoop()
        let admission = Admission(own: own, peers: peers, security: security)
        let verdict = admission.judge(
            request, over: flow, isAccess: listener != "mw", registrations, dialogs,
            isSubscription: { subscriptions[$0] != nil }, callFlow: { calls[$0]?.leg.served.flow })
        if let transaction, request.method != .ack, isLoop(request, transaction, verdict) {
            return answer(Refusal(482), to: request, transaction)
        }
        switch verdict {
        case .register(let request):
            if let transaction { register(request, transaction, flow) }
        case .call(let token, let request, let side):
            if let entry = calls[token] { deliver(request, from: side, to: entry, transaction) }
        case .begin(let request, let direction, let registration):
            if let transaction { begin(request, direction, registration, transaction) }
        case .relay(let request, let side, let registration, let dialog):
            if let transaction { relay(request, from: side, registration, transaction, dialog: dialog) }
        case .notification(let token, let request):
            if let transaction { notify(token, request, transaction) }
        case .drop: break
        case .refuse(let refusal, let count):
            if let count { refuse(count.kind, flow, count.reason) }
            answer(refusal, to: request, transaction)
        case .turnAway(let refusal, let count): turnAway(request, transaction, flow, refusal, count)
        }
    }

    /// RFC 3261 §16.3 step 4.
    private func isLoop(_ request: Request, _ transaction: TransactionID, _ verdict: Admission.Verdict) -> Bool {
        switch verdict {
        case .refuse, .turnAway, .drop: return false
        case .register, .call, .begin, .relay, .notification:
            return !loops.begin(request, transaction) && own.hasPassed(request.headers)
        }
    }

    /// One answer without a transaction, so that over UDP nothing is repeated towards an address that may be forged; or none. Both are counted.
    private func turnAway(
        _ request: Request, _ transaction: TransactionID?, _ flow: Flow, _ refusal: Refusal, _ count: Admission.Count
    ) {
        let isAnswered = refusalBudget.mayAnswer(flow.remote.address, now: eventLoop.now)
        if isAnswered {
            refuse(count.kind, flow, count.reason)
            let response = refusal.response(
                to: request, tag: "pcscf-\(Tokens.make().prefix(12))", agent: "\(own.mw)")
            endpoint?.sendStateless(.response(response), over: flow)
        } else {
            refusals[count.kind, default: 0] += 1
        }
        if let transaction { endpoint?.drop(transaction) }
    }

    func answer(_ refusal: Refusal, to request: Request, _ transaction: TransactionID?) {
        guard let transaction, request.method != .ack else { return }
        endpoint?.respond(
            refusal.response(to: request, tag: "pcscf-\(Tokens.make().prefix(12))", agent: "\(own.mw)"), to: transaction
        )
    }

    // MARK: CANCEL, responses, ends

    package func sipEndpoint(
        _ endpoint: SIPEndpoint, cancel request: Request, transaction: TransactionID, of invite: TransactionID?,
        over flow: Flow
    ) {
        eventLoop.preconditionInEventLoop()
        guard let invite, let (entry, id) = serverIndex[invite] else {
            // A sender that is not served is not told even this.
            let isServed =
                endpoint.name(of: flow) == "mw"
                ? peers.contains(flow.remote.address.unmapped) : registrations.registration(on: flow) != nil
            guard isServed else {
                return turnAway(
                    request, transaction, flow, Refusal(403),
                    .init(kind: "unregistered", reason: "CANCEL from a sender that is not served"))
            }
            return answer(Refusal(481), to: request, transaction)
        }
        // A12: over the flow of the registration; on the core side the transaction layer has compared the address.
        let isOfUE = entry.leg.exchanges[id]?.from == .ue
        guard !isOfUE || entry.leg.served.flow == flow else {
            refuse("foreignFlow", flow, "CANCEL for a call of another registration")
            return answer(Refusal(481), to: request, transaction)
        }
        endpoint.respond(.make(200, nil, to: request, toTag: nil), to: transaction)
        run(entry) { $0.cancelled(id, reason: request.headers["Reason"], now: self.eventLoop.now) }
    }

    package func sipEndpoint(
        _ endpoint: SIPEndpoint, received response: Response, transaction: TransactionID?, over flow: Flow
    ) {
        eventLoop.preconditionInEventLoop()
        guard let transaction else { return }
        if let (entry, id) = clientIndex[transaction] {
            run(entry) { $0.receive(response, of: id, now: self.eventLoop.now) }
        } else if let register = registers[transaction] {
            registered(response, register, transaction)
        } else if let relay = relays[transaction] {
            relayed(response, relay, transaction)
        } else {
            subscribed(response, transaction)
        }
    }

    package func sipEndpoint(_ endpoint: SIPEndpoint, failed transaction: TransactionID, timedOut: Bool) {
        eventLoop.preconditionInEventLoop()
        if let (entry, id) = clientIndex[transaction] {
            guard entry.isCurrent(transaction, of: id) else { return }
            run(entry) { $0.failed(id, timedOut: timedOut, now: self.eventLoop.now) }
        } else if let (entry, id) = serverIndex[transaction] {
            run(entry) { $0.serverFailed(id, now: self.eventLoop.now) }
        } else if let register = registers.removeValue(forKey: transaction) {
            registrations.abandon(register.pending)
            answer(Refusal(timedOut ? 504 : 503, retryAfter: 10), to: register.request, register.server)
        } else if let relay = relays.removeValue(forKey: transaction) {
            answer(Refusal(timedOut ? 408 : relay.from == .ue ? 500 : 480), to: relay.request, relay.server)
        } else {
            subscribed(nil, transaction)
        }
    }

    package func sipEndpoint(_ endpoint: SIPEndpoint, terminated transaction: TransactionID) {
        eventLoop.preconditionInEventLoop()
        if let (entry, id) = clientIndex.removeValue(forKey: transaction) {
            entry.terminated(client: transaction, of: id)
        }
        if let (entry, id) = serverIndex.removeValue(forKey: transaction) {
            entry.terminated(server: transaction, of: id)
        }
        registers[transaction] = nil
        relays[transaction] = nil
        subscribing[transaction] = nil
        loops.ended(transaction)
    }

    package func sipEndpoint(_ endpoint: SIPEndpoint, closed flow: Flow) {
        eventLoop.preconditionInEventLoop()
        apply(registrations.flowClosed(flow))
        for entry in Array(calls.values) where entry.leg.served.flow == flow {
            run(entry) { $0.end(.flowClosed, now: self.eventLoop.now) }
        }
    }
}
