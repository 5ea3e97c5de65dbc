import NIOCore
import SDP
import SIP
import WireSyntax

/// The callee's side of the first INVITE.
extension Call {
    /// - Parameter token: of the INVITE.
    init(
        ringing request: Request, token: Token, localTag: String, contact: String, options: Options = Options(),
        now: NIODeadline
    ) {
        invite = request
        inviteToken = token
        callID = request.headers.callID ?? ""
        let asserted = (try? request.headers.addresses(.pAssertedIdentity).first)?.uri
        peer = (asserted ?? (try? request.headers.from())?.uri).map { "\($0)" } ?? ""
        self.contact = contact
        self.options = options
        isOutgoing = false
        self.localTag = localTag
        nextRSeq = max(options.firstRSeq, 1)
        timer = SessionTimer(wanted: options.sessionExpires)
        state = .ringing
        do throws(SyntaxError) {
            dialog = try Dialog(uas: request, localTag: localTag, isEarly: true)
        } catch {
            respond(400, nil, warning: "\(error)")
            finish(Ending(status: 400, cause: "\(error)"))
            return
        }
        learnMethods(request.headers)
        if let minimum = timer.refusal(of: request.headers) {
            var response = makeResponse(422)
            response.headers.append(.minSE, "\(minimum)")
            send(response)
            finish(Ending(status: 422, cause: "session interval too small"))
            return
        }
        do throws(MediaRefusal) {
            offer = try description(of: .request(request))
        } catch {
            respond(error.status, nil, warning: error.reason)
            finish(Ending(status: error.status, cause: error.reason))
            return
        }
        if !willAnswerEarly { alert(makeResponse(180), now: now) }
        actions.append(.ringing)
    }

    // MARK: Provisional

    private var callerRequires100rel: Bool {
        invite.headers.tokens(.require).contains(ReliableProvisional.optionTag)
    }

    private var callerHas100rel: Bool {
        callerRequires100rel || invite.headers.tokens(.supported).contains(ReliableProvisional.optionTag)
    }

    /// The description goes in a reliable 183, as soon as there is media.
    var willAnswerEarly: Bool { options.answersEarly && callerHas100rel }

    /// RFC 3262 §3: reliably where the caller requires it, and where this end wants to and the caller can.
    private mutating func alert(_ response: Response, now: NIODeadline) {
        guard callerRequires100rel || callerHas100rel && (options.isReliable || hasAnsweredEarly) else {
            return send(response)
        }
        let reliable = ReliableProvisional(response, number: nextRSeq, now: now)
        nextRSeq += 1
        self.reliable = reliable
        send(reliable.response)
    }

    /// A reliable 183 with the answer, or with an offer where the INVITE had none.
    private mutating func answerEarly(_ media: LocalMedia, now: NIODeadline) {
        guard state == .ringing, !hasAnsweredEarly, reliable == nil else { return }
        self.media = media
        do throws(MediaRefusal) {
            let description = try firstDescription(media)
            var response = makeResponse(183)
            response.carry(description)
            hasAnsweredEarly = true
            alert(response, now: now)
        } catch {
            respond(error.status, nil, warning: error.reason)
            finish(Ending(status: error.status, cause: error.reason))
        }
    }

    private mutating func firstDescription(_ media: LocalMedia) throws(MediaRefusal) -> SessionDescription {
        let description: SessionDescription
        if let offer {
            let (answer, plan) = try knowing(media).answer(offer)
            self.plan = plan
            remoteDescription = offer
            description = answer
        } else {
            description = media.offer()
        }
        localDescription = description
        return description
    }

    /// RFC 3262 §3: a PRACK that matches stops the repetition, any other gets 481. It may carry the answer to an offer in the 183.
    mutating func acknowledgeProvisional(_ request: Request, _ token: Token, now: NIODeadline) {
        guard let reliable, let acknowledged = ResponseAcknowledgement(request.headers[.rAck]),
            acknowledged.number == reliable.number, acknowledged.method == .invite,
            acknowledged.sequence == (try? invite.headers.cSeq())?.number
        else { return respond(481, to: request, token) }
        do throws(MediaRefusal) {
            if let found = try description(of: .request(request)) {
                guard hasAnsweredEarly, plan == nil, let media, let mine = localDescription else {
                    throw MediaRefusal("no offer can be taken in a PRACK")
                }
                remoteDescription = found
                plan = try knowing(media).plan(offer: mine, answer: found)
            }
            self.reliable = nil
            respond(200, to: request, token)
        } catch {
            self.reliable = nil
            respond(error.status, to: request, token, warning: error.reason)
            if hasAnsweredEarly, plan == nil { return refuse(error.status, error.reason) }
        }
        if acceptsAfterPRACK, let media { accept(media, now: now) }
    }

    // MARK: Answer

    /// There is media, and the user has not taken the call yet.
    mutating func offerMedia(_ media: LocalMedia, now: NIODeadline) {
        if willAnswerEarly { answerEarly(media, now: now) }
    }

    /// Takes the call: the answer, or an offer where the INVITE had none.
    mutating func accept(_ media: LocalMedia, now: NIODeadline) {
        guard state == .ringing else { return }
        if willAnswerEarly, !hasAnsweredEarly { answerEarly(media, now: now) }
        guard state == .ringing else { return }
        if self.media == nil || !hasAnsweredEarly { self.media = media }
        guard reliable == nil else {
            // RFC 3262 §3: no 2xx before the PRACK of a response that carries a description.
            acceptsAfterPRACK = true
            return
        }
        do throws(MediaRefusal) {
            var response = makeResponse(200)
            if !hasAnsweredEarly { response.carry(try firstDescription(media)) }
            timer.accept(invite.headers, in: &response.headers, now: now)
            dialog?.confirm()
            state = .accepted
            let next: Accepted.Next =
                plan.map { .begin($0) } ?? localDescription.map { .answer(offer: $0) } ?? .nothing
            accepted = Accepted(
                response: response, machine: SuccessRetransmission(now: now), token: inviteToken ?? 0,
                sequence: (try? invite.headers.cSeq())?.number ?? 0, next: next)
            send(response)
        } catch {
            respond(error.status, nil, warning: error.reason)
            finish(Ending(status: error.status, cause: error.reason))
        }
    }

    /// Does not take the call.
    mutating func refuse(_ status: Int, _ reason: String) {
        guard state == .ringing else { return }
        respond(status, nil, warning: reason)
        finish(Ending(status: status, cause: reason))
    }

    /// RFC 3261 §9.2. The CANCEL itself is answered by the owner.
    mutating func cancelled() {
        guard state == .ringing else { return }
        respond(487, nil)
        finish(Ending(cause: "cancelled by the caller"))
    }

    /// The ACK to a 2xx of ours: to the first one, or to that of a re-INVITE.
    mutating func acknowledged(_ request: Request, now: NIODeadline) {
        guard let accepted, (try? request.headers.cSeq())?.number == accepted.sequence else { return }
        self.accepted = nil
        let isFirst = state == .accepted
        if isFirst { state = .confirmed }
        guard state == .confirmed else { return }
        if byeWanted { return leave(ending, now: now) }
        do throws(MediaRefusal) {
            switch accepted.next {
            case .begin(let plan): begin(plan, now: now)
            case .direction(let direction): actions.append(.direction(direction))
            case .nothing: break
            case .answer(let mine):
                guard let media, let answer = try description(of: .request(request)) else {
                    throw MediaRefusal("an ACK without an answer")
                }
                try settle(offer: mine, answer: answer, media: media, now: now)
            }
        } catch {
            return leave(Ending(cause: error.reason), now: now)
        }
        beginNextChange(now: now)
    }

    // MARK: Responses to the INVITE

    func makeResponse(_ status: Int) -> Response {
        var response = Response.make(status, to: invite, toTag: localTag)
        for route in invite.headers.values(.recordRoute) { response.headers.append(.recordRoute, route) }
        if status < 300 {
            response.headers.append(.contact, contact)
            response.headers.append(.allow, Self.allowed)
            response.headers.append(.supported, Self.supported)
            if options.isAnonymous { response.headers.append(.privacy, "id") }
        }
        return response
    }

    mutating func send(_ response: Response) {
        if let inviteToken { actions.append(.respond(response, inviteToken)) }
    }

    mutating func respond(_ status: Int, _ reason: String?, warning: String? = nil) {
        var response = makeResponse(status)
        if let reason { response.reason = reason }
        if let warning { response.headers.append(.warning, warningText(warning)) }
        send(response)
    }
}
