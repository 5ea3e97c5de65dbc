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
        do {
            if request.method != .ack { try check(request) }
            if listener == "gm" {
                try receive(fromUE: request, transaction, flow)
            } else {
                try receive(fromCore: request, transaction, flow)
            }
        } catch let refusal as Refusal {
            answer(refusal, to: request, transaction)
        } catch {
            answer(Refusal(400, warning: "\(error)"), to: request, transaction)
        }
    }

    /// RFC 3261 §16.3.
    private func check(_ request: Request) throws(Refusal) {
        if request.headers.maxForwards == 0 { throw Refusal(483) }
        let unknown = Hygiene.unsupportedTags(request.headers)
        guard unknown.isEmpty else {
            throw Refusal(420, headers: [.unsupported: unknown.joined(separator: ", ")])
        }
    }

    func answer(_ refusal: Refusal, to request: Request, _ transaction: TransactionID?) {
        guard let transaction, request.method != .ack else { return }
        endpoint?.respond(
            refusal.response(to: request, tag: "pcscf-\(Tokens.make().prefix(12))", agent: "\(own.mw)"), to: transaction
        )
    }

    // MARK: Gm

    private func receive(fromUE request: Request, _ transaction: TransactionID?, _ flow: Flow) throws {
        if request.method == .register {
            guard let transaction else { return }
            return register(request, transaction, flow)
        }
        var request = request
        guard let registration = registrations.registration(on: flow, identity: request.preferredIdentity) else {
            refuse("unregistered", flow, "\(request.method) from a sender that is not registered over this flow")
            throw Refusal(403, "Not registered")
        }
        if request.method != .ack, registration.agreement.fault(in: request.headers, isRegister: false) != nil {
            refuse("securityVerify", flow, "Security-Verify is not the list that was sent")
            var list = Headers()
            list.appendSecurityServer(security.offer(on: flow))
            throw Refusal(494, headers: list[.securityServer].map { [.securityServer: $0] } ?? [:])
        }
        let token = try own.takeRoutes(&request.headers)
        if let token, let entry = calls[token] {
            // A12: the call belongs to the flow of the registration that it was made with.
            guard entry.leg.served.flow == flow else {
                refuse("foreignFlow", flow, "\(request.method) for a call of another registration")
                throw Refusal(403, "Not your call")
            }
            return deliver(request, from: .ue, to: entry, transaction)
        }
        guard let transaction else { return }
        if (try? request.headers.to())?.tag != nil {
            guard let token, registrations.registration(token: token)?.flow == flow, request.method != .invite else {
                throw Refusal(481)
            }
            return relay(request, from: .ue, registration, transaction, isInDialog: true)
        }
        if own.isOwn(request.uri), case .sip(let uri) = request.uri, uri.user == nil {
            throw request.method == .options ? Refusal(200) : Refusal(405)
        }
        if request.method == .invite {
            begin(request, .originating, registration, transaction)
        } else {
            relay(request, from: .ue, registration, transaction, isInDialog: false)
        }
    }

    // MARK: Mw

    private func receive(fromCore request: Request, _ transaction: TransactionID?, _ flow: Flow) throws {
        // A12: core is who comes to this listener from a configured address.
        guard settings.peers.contains(flow.remote.address) else {
            refuse("foreignCore", flow, "\(request.method) at Mw from an address that is no peer")
            throw Refusal(403)
        }
        var request = request
        let token = try own.takeRoutes(&request.headers)
        if let token, let entry = calls[token] { return deliver(request, from: .core, to: entry, transaction) }
        guard let transaction else { return }
        guard let token, let registration = registrations.registration(token: token) else {
            throw (try? request.headers.to())?.tag != nil ? Refusal(481) : Refusal(404, "No such registration")
        }
        if request.method == .invite {
            guard (try? request.headers.to())?.tag == nil else { throw Refusal(481) }
            begin(request, .terminating, registration, transaction)
        } else {
            relay(
                request, from: .core, registration, transaction,
                isInDialog: (try? request.headers.to())?.tag != nil)
        }
    }

    // MARK: CANCEL, responses, ends

    package func sipEndpoint(
        _ endpoint: SIPEndpoint, cancel request: Request, transaction: TransactionID, of invite: TransactionID?,
        over flow: Flow
    ) {
        eventLoop.preconditionInEventLoop()
        guard let invite, let (entry, id) = serverIndex[invite] else {
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
        }
    }

    package func sipEndpoint(_ endpoint: SIPEndpoint, failed transaction: TransactionID, timedOut: Bool) {
        eventLoop.preconditionInEventLoop()
        if let (entry, id) = clientIndex[transaction] {
            run(entry) { $0.failed(id, timedOut: timedOut, now: self.eventLoop.now) }
        } else if let (entry, id) = serverIndex[transaction] {
            run(entry) { $0.serverFailed(id, now: self.eventLoop.now) }
        } else if let register = registers.removeValue(forKey: transaction) {
            registrations.abandon(register.pending)
            answer(Refusal(timedOut ? 504 : 503, retryAfter: 10), to: register.request, register.server)
        } else if let relay = relays.removeValue(forKey: transaction) {
            answer(Refusal(timedOut ? 408 : relay.from == .ue ? 500 : 480), to: relay.request, relay.server)
        }
    }

    package func sipEndpoint(_ endpoint: SIPEndpoint, terminated transaction: TransactionID) {
        eventLoop.preconditionInEventLoop()
        clientIndex[transaction] = nil
        serverIndex[transaction] = nil
        registers[transaction] = nil
        relays[transaction] = nil
    }

    package func sipEndpoint(_ endpoint: SIPEndpoint, closed flow: Flow) {
        eventLoop.preconditionInEventLoop()
        apply(registrations.flowClosed(flow))
        for entry in Array(calls.values) where entry.leg.served.flow == flow {
            run(entry) { $0.end(.flowClosed, now: self.eventLoop.now) }
        }
    }
}
