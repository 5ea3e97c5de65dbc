import NIOCore
import Observability
import SIP
import Transport

/// The home network's word on the registrations that stand here (`RegistrationSubscription`).
extension ProxyCSCF {
    /// A registration has come: its state is subscribed to.
    func subscribe(to registration: Registration) {
        guard settings.subscribesToRegistrations else { return }
        let token = Tokens.make()
        subscriptions[token] = RegistrationSubscription(
            token: token, registration: registration.token, addressOfRecord: registration.identities[0],
            contact: "<sip:\(token)@\(own.mw);transport=tcp>", identity: "<sip:\(own.mw)>")
        subscriptionOf[registration.token] = token
        change(token) { $0.start() }
    }

    /// The registration is gone: later notifications find nobody, which ends them (RFC 6665 §4.2.2).
    func unsubscribe(_ registration: String) {
        guard let token = subscriptionOf.removeValue(forKey: registration) else { return }
        subscriptions[token] = nil
    }

    /// Changes a subscription, and sends what it wants.
    private func change(_ token: String, _ body: (inout RegistrationSubscription) -> Request?) {
        guard var subscription = subscriptions[token] else { return }
        let request = body(&subscription)
        subscriptions[token] = subscription
        if subscription.isOver {
            events.emit(.warning("no registration events for \(subscription.addressOfRecord)"))
            unsubscribe(subscription.registration)
        } else if let request {
            send(request, token)
        }
        updateSubscriptionTimer()
    }

    private func send(_ request: Request, _ token: String) {
        toHome { [weak self] result in
            guard let self, self.subscriptions[token] != nil else { return }
            guard case .success(let flow) = result, let endpoint = self.endpoint else {
                return self.change(token) { $0.receive(nil, to: request, now: self.eventLoop.now) }
            }
            self.subscribing[endpoint.send(request, over: flow)] = (token, request)
        }
    }

    /// A response to a SUBSCRIBE of ours; nil: none came.
    func subscribed(_ response: Response?, _ client: TransactionID) {
        guard let (token, request) = subscribing[client] else { return }
        if (response?.status ?? 408) >= 200 { subscribing[client] = nil }
        change(token) { $0.receive(response, to: request, now: eventLoop.now) }
    }

    func notify(_ token: String, _ request: Request, _ server: TransactionID) {
        guard let registration = subscriptions[token]?.registration else {
            return answer(Refusal(481), to: request, server)
        }
        var verdict = RegistrationSubscription.Answer.refuse(481)
        change(token) { subscription in
            let (answer, next) = subscription.receive(notify: request, now: eventLoop.now)
            verdict = answer
            return next
        }
        switch verdict {
        case .refuse(let status): answer(Refusal(status), to: request, server)
        case .accept(let information):
            endpoint?.respond(.make(200, nil, to: request, toTag: nil), to: server)
            if let information { apply(information, to: registration) }
        }
    }

    private func apply(_ information: RegistrationInformation, to token: String) {
        guard let registration = registrations.registration(token: token) else { return }
        let now = eventLoop.now
        apply(
            registrations.endedByNetwork(
                token, endedIdentities: information.endedIdentities,
                isGone: { information.hasEnded($0, of: registration.identities) },
                expires: { contact in
                    information.shortened(contact, of: registration.identities).map {
                        now + .seconds(min(max($0, 0), registrations.limits.maximumExpires))
                    }
                }))
    }

    func subscriptionsDue(_ now: NIODeadline) {
        for token in Array(subscriptions.keys) {
            if let due = subscriptions[token]?.nextDeadline, due <= now { change(token) { $0.timersDue(now: now) } }
        }
        updateSubscriptionTimer()
    }

    private func updateSubscriptionTimer() {
        subscriptionTimer?.set(subscriptions.values.lazy.compactMap(\.nextDeadline).min())
    }
}
