import NIOCore
import Observability
import SIP
import Transport

/// REGISTER through to the home network, and what follows from its responses.
extension ProxyCSCF {
    func register(_ request: Request, _ server: TransactionID, _ flow: Flow) {
        let verdict = registrations.receive(
            register: request, over: flow, security: security, now: eventLoop.now, path: own.path,
            newToken: Tokens.make)
        updateRegistrationTimer()
        switch verdict {
        case .refuse(let response):
            if response.status == 494 || response.status == 421 {
                refuse(
                    "securityVerify", flow, "REGISTER whose Security-Client, Security-Verify or option tag does not fit"
                )
            }
            endpoint?.respond(response.tagged("pcscf-\(Tokens.make().prefix(12))"), to: server)
        case .forward(let withPath, let pending):
            let forwarded = withPath.toRegistrar(
                visitedNetwork: settings.visitedNetwork, chargingVector: newChargingVector())
            toHome { [weak self] result in
                guard let self, let endpoint = self.endpoint else { return }
                switch result {
                case .success(let home):
                    let client = endpoint.send(forwarded, over: home)
                    self.registers[client] = RegisterInProgress(pending: pending, server: server, request: request)
                case .failure:
                    self.registrations.abandon(pending)
                    self.answer(Refusal(503, "Home network cannot be reached", retryAfter: 10), to: request, server)
                }
            }
        }
    }

    func registered(_ response: Response, _ register: RegisterInProgress, _ client: TransactionID) {
        var (back, changes) = registrations.receive(
            response, to: register.pending, security: security, now: eventLoop.now)
        if response.status >= 200 { registers[client] = nil }
        guard response.status > 100 else { return }
        back.headers.removeFirst(.via)
        endpoint?.respond(back, to: register.server)
        apply(changes)
        // What came while the UE's connection went is gone with it.
        if !changes.isEmpty, endpoint?.isOpen(register.pending.flow) != true {
            apply(registrations.flowClosed(register.pending.flow))
        }
        if back.status >= 400, back.status != 401, back.status != 407 {
            events.emit(
                .milestone(
                    .init(.registrationFailed, callID: back.headers.callID, detail: "\(back.status) \(back.reason)")))
        }
    }

    /// What follows from registrations that came or went.
    func apply(_ changes: [RegistrationStore.Change]) {
        for change in changes {
            switch change {
            case .registered(let registration):
                let indications = registration.indications
                events.emit(
                    .milestone(
                        .init(
                            .registered,
                            detail:
                                "\(registration.identities[0]) U=\(indications.ue ? 1 : 0) N=\(indications.network ? 1 : 0)"
                        )))
                subscribe(to: registration)
            case .refreshed: break
            case .removed(let registration, let reason):
                events.emit(
                    .milestone(.init(.deregistered, detail: "\(registration.identities[0]) \(reason.rawValue)")))
                dialogs.registrationEnded(registration.token)
                unsubscribe(registration.token)
                for entry in Array(calls.values) where entry.leg.served.token == registration.token {
                    let cause: ReleaseCause = reason == .flowClosed ? .flowClosed : .registrationLost
                    run(entry) { $0.end(cause, now: self.eventLoop.now) }
                }
            }
        }
        updateRegistrationTimer()
    }

    func registrationsDue(_ now: NIODeadline) { apply(registrations.timersDue(now: now)) }

    private func updateRegistrationTimer() { registrationTimer?.set(registrations.wakeUp) }
}

extension Response {
    /// With a tag in To where it has none.
    func tagged(_ tag: String) -> Response {
        guard var to = try? headers.to(), to.tag == nil else { return self }
        var copy = self
        to.parameters.set("tag", to: tag)
        copy.headers.set(.to, to: "\(to)")
        return copy
    }
}
