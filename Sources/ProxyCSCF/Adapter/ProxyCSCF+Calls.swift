import ApplicationLevelGateway
import Logging
import MediaSecurity
import NIOCore
import Observability
import SIP
import Transport
import WireSyntax

/// Call legs: begun, fed, and their actions carried out.
extension ProxyCSCF {
    func begin(_ invite: Request, _ direction: OfferDirection, _ served: Registration, _ server: TransactionID) {
        guard calls.count < settings.callLimit else {
            refuse("limit", served.flow, "too many calls")
            return answer(Refusal(503, "Too many calls", retryAfter: 10), to: invite, server)
        }
        guard shares.hasRoom(served.token) else {
            refuse("limit", served.flow, "too many calls of one registration")
            return answer(Refusal(503, "Too many calls", retryAfter: 10), to: invite, server)
        }
        var media = CallMedia(
            settings: settings.media(for: served, userAgent: served.userAgent, realm: settings.realm))
        media.gatewayCapable = gateways?.hasCapableGateway ?? false
        guard
            var leg = CallLeg(
                token: Tokens.make(), invite: invite, direction: direction, served: served, own: own,
                settings: callSettings, media: media, now: eventLoop.now)
        else { return answer(Refusal(400, "From without tag"), to: invite, server) }
        leg.chargingVector =
            direction == .originating ? newChargingVector() : answeringChargingVector(to: invite)
        if settings.allowUnprotected, served.flow.transport != .tls {
            events.emit(
                .warning(
                    "\(leg.callID): gm.allowUnprotected is on and this call's Gm is \(served.flow.transport.rawValue)")
            )
        }
        let entry = CallEntry(leg)
        entry.servers[CallLeg.first] = server
        serverIndex[server] = (entry, CallLeg.first)
        calls[leg.token] = entry
        shares.add(served.token)
        entry.deadline = deadlines.register { [weak self, weak entry] now in
            guard let self, let entry else { return }
            self.run(entry) { $0.timersDue(now: now) }
        }
        run(entry) { $0.start(now: self.eventLoop.now) }
    }

    func deliver(_ request: Request, from side: OfferSide, to entry: CallEntry, _ server: TransactionID?) {
        run(entry) { leg in
            let id = leg.receive(request, from: side, now: self.eventLoop.now)
            guard let id, let server else { return }
            entry.servers[id] = server
            self.serverIndex[server] = (entry, id)
        }
    }

    /// Changes a leg and does what it then wants.
    func run(_ entry: CallEntry, _ change: (inout CallLeg) -> Void) {
        guard !entry.isOver else { return }
        entry.leg.media.gatewayCapable = gateways?.hasCapableGateway ?? false
        change(&entry.leg)
        guard !entry.isRunning else { return }
        entry.isRunning = true
        while let action = entry.leg.nextAction() { perform(action, entry) }
        entry.isRunning = false
        if !entry.isOver { entry.deadline?.set(entry.leg.nextDeadline) }
    }

    private func perform(_ action: CallLeg.Action, _ entry: CallEntry) {
        switch action {
        case .send(let request, let id, let side): send(request, id, to: side, entry)
        case .sendAlone(let request, let side): sendAlone(request, to: side, entry)
        case .cancel(let id, let headers):
            switch entry.clients[id] {
            case .sent(let client): endpoint?.cancel(client, adding: headers)
            case .connecting: entry.clients[id] = .connecting(cancel: headers)
            case nil: break
            }
        case .respond(let response, let id):
            if let server = entry.servers[id] { endpoint?.respond(response, to: server) }
        case .reserve(let id, let terminations): reserve(id, terminations, entry)
        case .configure(let id, let termination, let change):
            guard let gateways else { return }
            gateways.configure(termination, change) { [weak self] result in
                guard let self else { return }
                self.run(entry) { $0.gatewayReplied(id, result, now: self.eventLoop.now) }
            }
        case .releaseContext(let context):
            contexts[context] = nil
            gateways?.release(context)
        case .event(let what):
            if case .warning(let text) = what { logger.warning("\(displayEscaped(text))") }
            events.emit(what)
        case .ended: forget(entry)
        }
    }

    private func send(_ request: Request, _ id: Exchange.ID, to side: OfferSide, _ entry: CallEntry) {
        // The second INVITE of a fall-back: the leg tells the responses of the first one's transaction apart, and acknowledges them.
        if case .sent(let before) = entry.clients[id] { entry.earlier = before }
        entry.clients[id] = .connecting(cancel: nil)
        let body: (Result<Flow, any Error>) -> Void = { [weak self] result in
            guard let self, !entry.isOver, case .connecting(let cancel) = entry.clients[id] else { return }
            guard case .success(let flow) = result, let endpoint = self.endpoint else {
                entry.clients[id] = nil
                return self.run(entry) { $0.failed(id, timedOut: false, now: self.eventLoop.now) }
            }
            // Cancelled before it could be sent: as if nobody had answered.
            guard cancel == nil else {
                entry.clients[id] = nil
                return self.run(entry) { $0.failed(id, timedOut: true, now: self.eventLoop.now) }
            }
            let client = endpoint.send(request, over: flow)
            entry.clients[id] = .sent(client)
            self.clientIndex[client] = (entry, id)
        }
        switch side {
        case .ue: toUE(entry.leg.served.flow, body)
        case .core: toCore(for: request, body)
        }
    }

    private func sendAlone(_ request: Request, to side: OfferSide, _ entry: CallEntry) {
        let body: (Result<Flow, any Error>) -> Void = { [weak self] result in
            guard case .success(let flow) = result else { return }
            self?.endpoint?.send(request, over: flow)
        }
        switch side {
        case .ue: toUE(entry.leg.served.flow, body)
        case .core: toCore(for: request, body)
        }
    }

    private func reserve(_ id: CallMedia.ProcedureID, _ terminations: [TerminationRequest], _ entry: CallEntry) {
        guard let gateways else {
            return run(entry) { $0.gatewayReplied(id, .failure(.noGateway), now: self.eventLoop.now) }
        }
        gateways.reserve(terminations) { [weak self, weak gateways] result in
            guard let self else { return }
            if case .success(let reserved) = result, let context = reserved.first?.handle.context {
                // A call that ended meanwhile needs it no more.
                guard !entry.isOver else { return gateways?.release(context) ?? () }
                self.contexts[context] = entry
            }
            self.run(entry) { $0.gatewayReplied(id, result, now: self.eventLoop.now) }
        }
    }

    private func forget(_ entry: CallEntry) {
        entry.isOver = true
        entry.deadline?.cancel()
        entry.deadline = nil
        calls[entry.leg.token] = nil
        shares.remove(entry.leg.served.token)
        for case .sent(let client) in entry.clients.values { clientIndex[client] = nil }
        if let earlier = entry.earlier { clientIndex[earlier] = nil }
        for server in entry.servers.values { serverIndex[server] = nil }
        for context in entry.leg.contexts {
            contexts[context] = nil
            gateways?.release(context)
        }
        entry.clients = [:]
        entry.servers = [:]
    }
}
