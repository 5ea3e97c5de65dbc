import Configuration
import MSRP
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP
import Transport
import WireSyntax

/// How calls begin, go on and end: the machine of each, brought together with its transactions.
extension UserAgent {
    // MARK: Beginnings

    func dial(_ target: String, _ completion: @escaping (Result<CallHandle, UserEquipmentError>) -> Void) {
        eventLoop.preconditionInEventLoop()
        guard !isStopping, let flow, let registration, registration.isRegistered else {
            return completion(.failure(.notRegistered))
        }
        guard calls.count < settings.maximumCalls else {
            return completion(.failure(.refused(status: 0, reason: "too many calls")))
        }
        let uri: URI
        do throws(SyntaxError) { uri = try URI(target) } catch {
            return completion(.failure(.refused(status: 0, reason: "not a URI: \(error)")))
        }
        let callID = randomText()
        guard let identity = callIdentity() else {
            return completion(.failure(.refused(status: 0, reason: "no certificate for the call")))
        }
        let leg = MediaLeg(media, callID: callID, identity: identity)
        reservePort(leg, isWanted: settings.setup != .active) { port in
            guard case .success(let port) = port else {
                leg.close("no port")
                return completion(.failure(.refused(status: 0, reason: "no port for the media")))
            }
            let call = Call(
                calling: .init(
                    identity: self.settings.identity, target: uri, contact: "<\(self.callContact(on: flow))>",
                    routes: ["<\(self.outboundProxy)>"] + registration.serviceRoute.map { "\($0)" }, callID: callID,
                    tag: self.randomText(), options: self.callOptions),
                media: self.localMedia(port: port, leg), now: self.eventLoop.now)
            let active = ActiveCall(call, leg: leg, flow: flow)
            active.standing.append(completion)
            self.add(active)
        }
    }

    func receiveInvite(_ request: Request, _ transaction: TransactionID, over flow: Flow) {
        let refuse = { (status: Int, headers: [(HeaderName, String)]) in
            var response = Response.make(status, to: request, toTag: self.randomText())
            for (name, value) in headers { response.headers.append(name, value) }
            self.endpoint.respond(response, to: transaction)
        }
        let unknown = request.headers.tokens(.require).filter { !Call.understood.contains($0) }
        guard unknown.isEmpty else {
            return refuse(420, [(.unsupported, unknown.joined(separator: ", "))])
        }
        guard let callID = request.headers.callID, calls[callID] == nil else { return refuse(482, []) }
        guard !isStopping, registration?.isRegistered == true else { return refuse(480, []) }
        guard calls.count < settings.maximumCalls, settings.answers || !waiting.isEmpty else { return refuse(486, []) }
        guard let identity = callIdentity() else { return refuse(500, []) }
        let leg = MediaLeg(media, callID: callID, identity: identity)
        let call = Call(
            ringing: request, token: 0, localTag: randomText(), contact: "<\(callContact(on: flow))>",
            options: callOptions, now: eventLoop.now)
        let active = ActiveCall(call, leg: leg, flow: flow)
        active.transactions[0] = transaction
        if !waiting.isEmpty { active.standing.append(waiting.removeFirst()) }
        add(active)
        guard active.call.state == .ringing else { return }
        withNames(of: .request(request), active) {
            self.reservePort(leg, isWanted: true) { port in
                switch port {
                case .success(let port): self.take(active, self.localMedia(port: port, leg))
                case .failure: active.call.refuse(500, "no port for the media")
                }
                self.perform(active)
            }
        }
    }

    /// There is media: the call is taken, at once or when it has rung for long enough.
    private func take(_ active: ActiveCall, _ media: LocalMedia) {
        guard settings.ring > .nanoseconds(0) else { return active.call.accept(media, now: eventLoop.now) }
        active.call.offerMedia(media, now: eventLoop.now)
        active.ring = self.media.deadlines.register { [weak self, weak active] now in
            guard let self, let active else { return }
            active.call.accept(media, now: now)
            self.perform(active)
        }
        active.ring?.set(eventLoop.now + settings.ring)
    }

    private func add(_ active: ActiveCall) {
        calls[active.call.callID] = active
        active.deadline = media.deadlines.register { [weak self, weak active] now in
            guard let self, let active else { return }
            active.call.timersDue(now: now)
            self.perform(active)
        }
        watch(active.leg, of: active)
        perform(active)
    }

    private var outboundProxy: SIPURI {
        var parameters = SIP.Parameters()
        if settings.pcscf.transport != .udp {
            parameters.set("transport", to: settings.pcscf.transport.rawValue)
        }
        parameters.set("lr")
        let endpoint = settings.pcscf.endpoint
        return SIPURI(host: .address(endpoint.address), port: endpoint.port, parameters: parameters)
    }

    private var callOptions: Call.Options {
        Call.Options(
            sessionExpires: settings.sessionExpires, isReliable: settings.reliable, answersEarly: settings.earlyAnswer,
            offersLate: settings.lateOffer, isAnonymous: settings.privacy == .id,
            firstRSeq: UInt32.random(in: 1..<ReliableProvisional.highestFirst))
    }

    /// RFC 3323 §4.1.1.3: the Contact of an anonymous call reaches this UE and names nobody.
    private func callContact(on flow: Flow) -> SIPURI {
        var contact = contact(on: flow)
        if settings.privacy == .id { contact.user = nil }
        return contact
    }

    // MARK: In a call

    func receive(_ request: Request, _ transaction: TransactionID?, _ active: ActiveCall) {
        var token: Call.Token?
        if let transaction {
            let number = (active.transactions.keys.max() ?? 0) + 1
            active.transactions[number] = transaction
            token = number
        }
        withNames(of: .request(request), active) {
            active.call.receive(request, token: token, now: self.eventLoop.now)
            self.perform(active)
        }
    }

    /// Looks up the names in the message's description before `then`; without names, at once.
    func withNames(_ names: [String], _ active: ActiveCall, _ then: @escaping () -> Void) {
        guard let name = names.first else { return then() }
        media.addresses(of: name).assumeIsolated().whenComplete { result in
            active.call.names.note(name, (try? result.get()) ?? [])
            self.withNames(Array(names.dropFirst()), active, then)
        }
    }

    func withNames(of message: Message, _ active: ActiveCall, _ then: @escaping () -> Void) {
        guard message.body.readableBytes > 0, let part = try? message.sessionDescription(),
            let description = try? SessionDescription(octets: part.content)
        else { return then() }
        let known = active.call.names.addresses
        withNames(HostNames.names(in: description).filter { known[$0] == nil }, active, then)
    }

    /// Carries out what the machine wants.
    func perform(_ active: ActiveCall) {
        let callID = active.call.callID
        while let action = active.call.nextAction() {
            switch action {
            case .send(let request):
                let transaction = endpoint.send(request, over: active.flow)
                if request.method == .invite, !request.hasToTag {
                    active.invite = transaction
                    transactions[transaction] = .invite(callID)
                } else {
                    let sequence = (try? request.headers.cSeq())?.number ?? 0
                    transactions[transaction] = .inDialog(callID, request.method, sequence)
                }
            case .acknowledge(let request): endpoint.sendStateless(.request(request), over: active.flow)
            case .cancel: if let invite = active.invite { endpoint.cancel(invite) }
            case .respond(let response, let token):
                if let transaction = active.transactions[token] { endpoint.respond(response, to: transaction) }
                if token != 0, response.isFinal { active.transactions[token] = nil }
            case .repeatSuccess(let response, _): endpoint.sendStateless(.response(response), over: active.flow)
            case .ringing:
                milestone(.ringing, callID: callID, detail: active.call.peer)
                tell(.ringing(callID: callID, peer: active.call.peer))
            case .media(let plan): begin(plan, active)
            case .direction(let direction): active.session?.direction = direction
            case .peerPath(let paths): active.session?.peerMoved(to: paths)
            case .mediaOff: replaceLeg(active, cause: "the peer has ended the message line")
            case .changed(let kind, let outcome): changed(kind, outcome, active)
            case .changedByPeer(let outcome): changedByPeer(outcome, active)
            case .ended(let ending): ended(ending, active)
            }
        }
        active.deadline?.set(active.call.nextDeadline)
    }

    private func ended(_ ending: Call.Ending, _ active: ActiveCall) {
        let callID = active.call.callID
        active.deadline?.cancel()
        active.ring?.cancel()
        calls[callID] = nil
        active.leg.onFailed = nil
        active.leg.close(ending.cause)
        active.next?.leg.close(ending.cause)
        active.next = nil
        active.session?.onFailed = nil
        let stood = active.security != nil
        milestone(stood ? .ended : .callFailed, callID: callID, detail: ending.text)
        tell(.ended(callID: callID, cause: ending.text))
        let standing = active.standing
        active.standing = []
        if active.isIncoming, !isStopping {
            // A caller who gave up: whoever waits for a call waits for the next one.
            waiting.insert(contentsOf: standing, at: 0)
        } else {
            for completion in standing { completion(.failure(.refused(status: ending.status, reason: ending.cause))) }
        }
        let changing = active.changing.map(\.completion) + active.connecting
        active.changing = []
        active.connecting = []
        for completion in changing { completion("the call is over") }
        for completion in active.ending { completion(ending) }
        active.ending = []
    }
}

extension Call.Ending {
    /// `488 Not Acceptable Here`, or the cause alone.
    var text: String { status == 0 ? cause : "\(status) \(cause)" }
}
