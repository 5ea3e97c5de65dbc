import Configuration
import MSRP
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP
import Transport
import WireSyntax

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
        let leg = MediaLeg(media, callID: callID)
        reservePort(leg, isWanted: settings.setup != .active) { port in
            guard case .success(let port) = port else {
                leg.close("no port")
                return completion(.failure(.refused(status: 0, reason: "no port for the media")))
            }
            let call = Call(
                calling: .init(
                    identity: self.settings.identity, target: uri, contact: "<\(self.contact(on: flow))>",
                    routes: ["<\(self.outboundProxy)>"] + registration.serviceRoute.map { "\($0)" }, callID: callID,
                    tag: self.randomText()),
                media: self.localMedia(port: port), now: self.eventLoop.now)
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
        let required = request.headers.tokens(.require)
        guard required.isEmpty else {
            return refuse(420, [(.unsupported, required.joined(separator: ", "))])
        }
        guard let callID = request.headers.callID, calls[callID] == nil else { return refuse(482, []) }
        guard !isStopping, registration?.isRegistered == true else { return refuse(480, []) }
        guard calls.count < settings.maximumCalls, settings.answers || !waiting.isEmpty else { return refuse(486, []) }
        let leg = MediaLeg(media, callID: callID)
        let call = Call(
            ringing: request, token: 0, localTag: randomText(), contact: "<\(contact(on: flow))>")
        let active = ActiveCall(call, leg: leg, flow: flow)
        active.transactions[0] = transaction
        if !waiting.isEmpty { active.standing.append(waiting.removeFirst()) }
        add(active)
        guard active.call.state == .ringing else { return }
        reservePort(leg, isWanted: active.call.needsListener(preferring: settings.setup)) { port in
            switch port {
            case .success(let port): active.call.accept(self.localMedia(port: port), now: self.eventLoop.now)
            case .failure: active.call.refuse(500, "no port for the media")
            }
            self.perform(active)
        }
    }

    private func add(_ active: ActiveCall) {
        let callID = active.call.callID
        calls[callID] = active
        active.deadline = media.deadlines.register { [weak self, weak active] now in
            guard let self, let active else { return }
            active.call.timersDue(now: now)
            self.perform(active)
        }
        active.leg.onEstablished = { [weak self, weak active] info in
            guard let self, let active else { return }
            active.security = info
            self.milestone(.established, callID: callID, detail: active.call.peer)
            self.tell(.established(callID: callID, info))
            let handle = CallHandle(self, callID: callID, peer: active.call.peer)
            let standing = active.standing
            active.standing = []
            for completion in standing { completion(.success(handle)) }
        }
        active.leg.onFailed = { [weak self, weak active] reason, byPeer in
            guard let self, let active else { return }
            if byPeer {
                active.call.mediaLost(reason, now: self.eventLoop.now)
                self.perform(active)
            } else {
                self.mediaFailed(active, reason)
            }
        }
        perform(active)
    }

    private func mediaFailed(_ active: ActiveCall, _ reason: String) {
        active.call.hangUp(reason, isNormal: false, now: eventLoop.now)
        perform(active)
    }

    private func reservePort(
        _ leg: MediaLeg, isWanted: Bool, _ then: @escaping (Result<UInt16?, any Error>) -> Void
    ) {
        guard isWanted else { return then(.success(nil)) }
        leg.listen().assumeIsolated().whenComplete { then($0.map { $0 }) }
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

    /// Types that the session takes: files only where there is a folder for them.
    var acceptTypes: [String] {
        if settings.style == .rcs { return ["message/cpim"] }
        return ["message/cpim", "text/plain"] + (settings.folder == nil ? [] : ["*"])
    }

    private func localMedia(port: UInt16?) -> LocalMedia {
        LocalMedia(
            address: settings.address, port: port, sessionID: randomText(),
            descriptionID: UInt64.random(in: 0..<(1 << 62)),
            fingerprints: settings.fingerprints.compactMap { media.announced.fingerprint($0) }, setup: settings.setup,
            cema: settings.cema, acceptTypes: acceptTypes, maximumSize: UInt64(settings.maximumSize),
            policy: settings.e2ae, isAgreed: registration?.agreement.isAgreed ?? false,
            fingerprintPolicy: media.fingerprintPolicy, style: settings.style, refusesTLS: settings.refuseTLS,
            answersPlain: settings.answerPlain)
    }

    // MARK: In a call

    func receive(_ request: Request, _ transaction: TransactionID?, _ active: ActiveCall) {
        var token: Call.Token?
        if let transaction {
            let number = (active.transactions.keys.max() ?? 0) + 1
            active.transactions[number] = transaction
            token = number
        }
        active.call.receive(request, token: token, now: eventLoop.now)
        perform(active)
    }

    /// Carries out what the machine wants.
    func perform(_ active: ActiveCall) {
        let callID = active.call.callID
        while let action = active.call.nextAction() {
            switch action {
            case .send(let request):
                let transaction = endpoint.send(request, over: active.flow)
                if request.method == .invite {
                    active.invite = transaction
                    transactions[transaction] = .invite(callID)
                } else {
                    transactions[transaction] = .bye(callID)
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
            case .ended(let ending): ended(ending, active)
            }
        }
        active.deadline?.set(active.call.nextDeadline)
    }

    private func begin(_ plan: MediaPlan, _ active: ActiveCall) {
        let session = MessageSession(
            media, plan: plan, callID: active.call.callID, peer: active.call.peer, acceptTypes: acceptTypes)
        session.onEvent = { [weak self] event in self?.tell(event) }
        session.onFailed = { [weak self, weak active] reason in
            guard let self, let active else { return }
            self.mediaFailed(active, reason)
        }
        active.session = session
        active.leg.begin(plan, session: session)
    }

    private func ended(_ ending: Call.Ending, _ active: ActiveCall) {
        let callID = active.call.callID
        active.deadline?.cancel()
        calls[callID] = nil
        active.leg.onFailed = nil
        active.leg.close(ending.cause)
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
        for completion in active.ending { completion(ending) }
        active.ending = []
    }
}

extension Call.Ending {
    /// `488 Not Acceptable Here`, or the cause alone.
    var text: String { status == 0 ? cause : "\(status) \(cause)" }
}
