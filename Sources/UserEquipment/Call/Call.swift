import NIOCore
import SDP
import SIP
import WireSyntax

/// One call of a UE: an INVITE dialog with one message line (RFC 3261 §13–15, RFC 3264).
///
/// ```
///   outgoing   calling ─ 180 ▶ calling ─ 200 ▶ ACK, media ─▶ confirmed ─ BYE ▶ ended
///                 │ cancel ▶ CANCEL ─ 487 ▶ ended       3xx–6xx ▶ ended       200 that cannot be taken ▶ ACK, BYE, ended
///   incoming   ringing ─ accept ▶ 200 … ACK ▶ media ─▶ confirmed            CANCEL ▶ 487, ended     no ACK ▶ BYE, ended
/// ```
/// The media begins after the 200: for the caller with its ACK, for the callee with the ACK that comes (media-security 1).
struct Call: Sendable {
    /// Names a request that is to be answered; the owner knows what it stands for.
    typealias Token = Int

    enum Action: Hashable, Sendable {
        /// INVITE or BYE, as a transaction.
        case send(Request)
        /// ACK to a 2xx.
        case acknowledge(Request)
        /// CANCEL of the INVITE.
        case cancel
        case respond(Response, Token)
        /// A 2xx once more, outside of its transaction.
        case repeatSuccess(Response, Token)
        case ringing
        /// Signalling is done: the connection may be opened, or waited for.
        case media(MediaPlan)
        /// Nothing more comes; media and resources go.
        case ended(Ending)
    }

    struct Ending: Hashable, Sendable {
        /// A final response of the peer or the network; 0 otherwise.
        var status = 0
        var cause: String
        /// By a BYE of either side, after the call stood.
        var isNormal = false
    }

    enum State: Hashable, Sendable { case calling, cancelling, ringing, accepted, confirmed, leaving, ended }

    /// From INVITE to the final response; then CANCEL.
    static let answerTimeout = TimeAmount.seconds(90)
    /// From BYE or CANCEL to its end.
    static let leaveTimeout = TimeAmount.seconds(32)
    /// How long the BYE may take that explains a media connection closed by the peer.
    static let lostMediaTime = TimeAmount.seconds(2)
    static let allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE"

    let callID: String
    /// The peer's identity as received.
    let peer: String
    /// `<sip:…>`: where this UE is reached.
    let contact: String
    private(set) var state: State
    private(set) var plan: MediaPlan?
    private var actions: [Action] = []
    private var media: LocalMedia?
    private var offer: SessionDescription?
    /// What this UE said last, repeated where nothing changes.
    private var localDescription: SessionDescription?
    private var remoteDescription: SessionDescription?
    private var invite: Request
    private var inviteToken: Token?
    private var dialog: Dialog?
    private var localTag: String
    private var success: (response: Response, machine: SuccessRetransmission)?
    private var timeout: NIODeadline?
    private var ending = Ending(cause: "ended")
    private var byeWanted = false

    var nextDeadline: NIODeadline? { [timeout, success?.machine.nextDeadline].compactMap { $0 }.min() }

    mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    // MARK: Outgoing

    struct Parameters: Sendable {
        var identity: SIPURI
        var target: URI
        var contact: String
        /// The P-CSCF, then the Service-Route.
        var routes: [String]
        var callID: String
        var tag: String
    }

    init(calling parameters: Parameters, media: LocalMedia, now: NIODeadline) {
        var headers = Headers()
        headers.append(.maxForwards, "70")
        for route in parameters.routes { headers.append(.route, route) }
        headers.append(.from, "<\(parameters.identity)>;tag=\(parameters.tag)")
        headers.append(.to, "<\(parameters.target)>")
        headers.append(.callID, parameters.callID)
        headers.append(.cSeq, "1 INVITE")
        headers.append(.contact, parameters.contact)
        headers.append(.pPreferredIdentity, "<\(parameters.identity)>")
        headers.append(.allow, Self.allowed)
        headers.append(.accept, "application/sdp, multipart/mixed")
        headers.append(.contentType, "application/sdp")
        let offer = media.offer()
        invite = Request(method: .invite, uri: parameters.target, headers: headers, body: offer.octets)
        callID = parameters.callID
        peer = "\(parameters.target)"
        contact = parameters.contact
        localTag = parameters.tag
        self.media = media
        self.offer = offer
        localDescription = offer
        state = .calling
        timeout = now + Self.answerTimeout
        actions.append(.send(invite))
    }

    /// A response to the INVITE.
    mutating func receive(inviteResponse response: Response, now: NIODeadline) {
        guard state == .calling || state == .cancelling else { return strayResponse(response) }
        if response.isProvisional {
            if response.status != 100, state == .calling { actions.append(.ringing) }
            return
        }
        guard response.isSuccess else {
            // RFC 3261 §9.1: 487 is what a CANCEL wants.
            let cause = state == .cancelling ? ending.cause : reasonText(response)
            return finish(Ending(status: response.status, cause: cause))
        }
        do throws(SyntaxError) {
            var dialog = try Dialog(uac: invite, response: response)
            try dialog.receive(response, first: true)
            self.dialog = dialog
        } catch {
            return finish(Ending(status: response.status, cause: "the 200 cannot be read: \(error)"))
        }
        acknowledge()
        guard state == .calling else {
            // The 200 crossed the CANCEL.
            return leave(ending, now: now)
        }
        timeout = nil
        do throws(MediaRefusal) {
            guard let media, let offer else { throw MediaRefusal("no offer") }
            guard let answer = try description(of: .response(response)) else {
                throw MediaRefusal("a 200 without an answer")
            }
            remoteDescription = answer
            let plan = try media.plan(offer: offer, answer: answer)
            state = .confirmed
            self.plan = plan
            actions.append(.media(plan))
        } catch {
            leave(Ending(cause: error.reason), now: now)
        }
    }

    private func reasonText(_ response: Response) -> String {
        let warning = response.headers[.warning].map { " (\($0))" } ?? ""
        return response.reason + warning
    }

    /// The 2xx again, or one of another branch: that one is acknowledged and ended (RFC 3261 §13.2.2.4).
    private mutating func strayResponse(_ response: Response) {
        guard response.isSuccess, let tag = try? response.headers.to().tag else { return }
        if tag == dialog?.id.remoteTag { return acknowledge() }
        guard var other = try? Dialog(uac: invite, response: response) else { return }
        actions.append(.acknowledge(other.makeACK(for: invite)))
        actions.append(.send(other.makeRequest(.bye)))
    }

    private mutating func acknowledge() {
        guard let dialog else { return }
        actions.append(.acknowledge(dialog.makeACK(for: invite)))
    }

    /// The INVITE was not answered, or could not be sent.
    mutating func inviteFailed(_ reason: String) {
        guard state == .calling || state == .cancelling else { return }
        finish(Ending(cause: reason))
    }

    // MARK: Incoming

    /// - Parameter token: of the INVITE.
    init(ringing request: Request, token: Token, localTag: String, contact: String) {
        invite = request
        inviteToken = token
        callID = request.headers.callID ?? ""
        let asserted = (try? request.headers.addresses(.pAssertedIdentity).first)?.uri
        peer = (asserted ?? (try? request.headers.from())?.uri).map { "\($0)" } ?? ""
        self.contact = contact
        self.localTag = localTag
        state = .ringing
        do throws(SyntaxError) {
            dialog = try Dialog(uas: request, localTag: localTag, isEarly: true)
        } catch {
            respond(400, nil, warning: "\(error)")
            finish(Ending(status: 400, cause: "\(error)"))
            return
        }
        do throws(MediaRefusal) {
            offer = try description(of: .request(request))
        } catch {
            respond(error.status, nil, warning: error.reason)
            finish(Ending(status: error.status, cause: error.reason))
            return
        }
        respond(180, nil)
        actions.append(.ringing)
    }

    /// The roles that the answer may take: whether a listener is needed before `accept`.
    func needsListener(preferring setup: SDP.Setup) -> Bool {
        guard let offer else { return setup != .active }
        for index in offer.messageMediaIndices {
            switch offer.messageMedia(at: index)?.setup {
            case .passive?: continue
            case .actpass?: if setup == .passive { return true }
            case .active?, .holdconn?, nil: return true
            }
        }
        return false
    }

    /// Takes the call: the answer, or an offer where the INVITE had none.
    mutating func accept(_ media: LocalMedia, now: NIODeadline) {
        guard state == .ringing else { return }
        self.media = media
        do throws(MediaRefusal) {
            let description: SessionDescription
            if let offer {
                let (answer, plan) = try media.answer(offer)
                self.plan = plan
                remoteDescription = offer
                description = answer
            } else {
                description = media.offer()
            }
            localDescription = description
            var response = makeResponse(200)
            response.headers.append(.contentType, "application/sdp")
            response.body = description.octets
            dialog?.confirm()
            state = .accepted
            success = (response, SuccessRetransmission(now: now))
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

    private mutating func acknowledged(_ request: Request, now: NIODeadline) {
        guard state == .accepted, success != nil else { return }
        success = nil
        do throws(MediaRefusal) {
            if plan == nil {
                guard let media, let mine = localDescription, let answer = try description(of: .request(request)) else {
                    throw MediaRefusal("an ACK without an answer")
                }
                remoteDescription = answer
                plan = try media.plan(offer: mine, answer: answer)
            }
            state = .confirmed
            if byeWanted { return leave(ending, now: now) }
            if let plan { actions.append(.media(plan)) }
        } catch {
            state = .confirmed
            leave(Ending(cause: error.reason), now: now)
        }
    }

    // MARK: In the dialog

    /// A request of this dialog other than CANCEL.
    mutating func receive(_ request: Request, token: Token?, now: NIODeadline) {
        if request.method == .ack { return acknowledged(request, now: now) }
        guard let token else { return }
        guard state != .ended, var dialog else { return respond(481, to: request, token) }
        let verdict = dialog.receive(request)
        self.dialog = dialog
        switch verdict {
        case .notThisDialog: return respond(481, to: request, token)
        case .outOfOrder: return respond(500, to: request, token)
        case .ok: break
        }
        switch request.method {
        case .bye:
            respond(200, to: request, token)
            if state == .ringing { respond(487, nil) }
            let reason = request.headers[.reason].map { "ended by the peer: \($0)" } ?? "ended by the peer"
            finish(Ending(cause: reason, isNormal: request.headers[.reason] == nil))
        case .invite, .update: renegotiate(request, token, now: now)
        case .options: respond(200, to: request, token)
        default: respond(501, to: request, token)
        }
    }

    /// An offer that changes nothing gets the same answer; another one is refused and the session goes on (media-security 4.3).
    private mutating func renegotiate(_ request: Request, _ token: Token, now: NIODeadline) {
        guard state == .confirmed, let localDescription else { return respond(491, to: request, token) }
        do throws(MediaRefusal) {
            if let offer = try description(of: .request(request)) {
                guard let remoteDescription, offer.describesSameMedia(as: remoteDescription) else {
                    throw MediaRefusal("the media of a call is not changed")
                }
            }
            var response = Response.make(200, to: request, toTag: localTag)
            response.headers.append(.contact, contact)
            if request.method == .invite || request.body.readableBytes > 0 {
                response.headers.append(.contentType, "application/sdp")
                response.body = settled(localDescription, isAnswer: request.body.readableBytes > 0).octets
            }
            actions.append(.respond(response, token))
        } catch {
            var response = Response.make(error.status, to: request, toTag: localTag)
            response.headers.append(.warning, warningText(error.reason))
            actions.append(.respond(response, token))
        }
    }

    /// What this end said before; in an answer with the role that it has, where it had offered both, and without what only an offer says.
    private func settled(_ description: SessionDescription, isAnswer: Bool) -> SessionDescription {
        guard isAnswer, let plan, var line = description.messageMedia(at: plan.line) else { return description }
        line.setup = plan.isActive ? .active : .passive
        line.threeGE2AE = nil
        var description = description
        description.media[plan.line] = line.media
        return description
    }

    // MARK: The end

    /// Hangs up, whatever the state. `cause` is what the user is told.
    mutating func hangUp(_ cause: String, isNormal: Bool = true, now: NIODeadline) {
        let wanted = Ending(cause: cause, isNormal: isNormal)
        switch state {
        case .calling:
            state = .cancelling
            ending = wanted
            timeout = now + Self.leaveTimeout
            actions.append(.cancel)
        case .ringing:
            respond(480, nil)
            finish(wanted)
        case .accepted:
            // RFC 3261 §15: a callee sends no BYE before the ACK.
            byeWanted = true
            ending = wanted
        case .confirmed: leave(wanted, now: now)
        case .cancelling, .leaving, .ended: break
        }
    }

    /// The peer (the gateway, for us) has closed the media connection. Whoever ends a call closes it too, so that his BYE is on its way; where none comes, ours
    /// goes.
    mutating func mediaLost(_ cause: String, now: NIODeadline) {
        guard state == .confirmed else { return hangUp(cause, isNormal: false, now: now) }
        ending = Ending(cause: cause)
        timeout = now + Self.lostMediaTime
    }

    private mutating func leave(_ ending: Ending, now: NIODeadline) {
        guard var dialog else { return finish(ending) }
        state = .leaving
        self.ending = ending
        timeout = now + Self.leaveTimeout
        var bye = dialog.makeRequest(.bye)
        if !ending.isNormal {
            bye.headers.append(.reason, "SIP;cause=488;text=\(quoted(ending.cause))")
        }
        self.dialog = dialog
        actions.append(.send(bye))
    }

    /// The BYE was answered (any final response ends the call), or nobody answered it.
    mutating func byeDone() {
        guard state == .leaving else { return }
        finish(ending)
    }

    mutating func timersDue(now: NIODeadline) {
        if let response = success?.response, var machine = success?.machine {
            machine.timersDue(now: now)
            success = (response, machine)
            switch machine.nextAction() {
            case .retransmit?: if let inviteToken { actions.append(.repeatSuccess(response, inviteToken)) }
            case .gaveUp?:
                success = nil
                leave(Ending(cause: "no ACK"), now: now)
            case nil: break
            }
        }
        guard let due = timeout, due <= now else { return }
        timeout = nil
        switch state {
        case .calling: hangUp("no answer", isNormal: false, now: now)
        case .confirmed: leave(ending, now: now)
        case .cancelling, .leaving: finish(ending)
        default: break
        }
    }

    private mutating func finish(_ ending: Ending) {
        guard state != .ended else { return }
        state = .ended
        timeout = nil
        success = nil
        actions.append(.ended(ending))
    }

    // MARK: Parts

    private func description(of message: Message) throws(MediaRefusal) -> SessionDescription? {
        let part: BodyPart?
        do throws(SessionBodyError) {
            part = try message.sessionDescription()
        } catch {
            throw MediaRefusal(error.reason, status: error.status)
        }
        guard let part else { return nil }
        do throws(SyntaxError) {
            return try SessionDescription(octets: part.content)
        } catch {
            throw MediaRefusal("SDP: \(error)", status: 400)
        }
    }

    private func makeResponse(_ status: Int) -> Response {
        var response = Response.make(status, to: invite, toTag: localTag)
        for route in invite.headers.values(.recordRoute) { response.headers.append(.recordRoute, route) }
        if status < 300 {
            response.headers.append(.contact, contact)
            response.headers.append(.allow, Self.allowed)
        }
        return response
    }

    private mutating func send(_ response: Response) {
        if let inviteToken { actions.append(.respond(response, inviteToken)) }
    }

    /// To the INVITE.
    private mutating func respond(_ status: Int, _ reason: String?, warning: String? = nil) {
        var response = makeResponse(status)
        if let reason { response.reason = reason }
        if let warning { response.headers.append(.warning, warningText(warning)) }
        send(response)
    }

    private mutating func respond(_ status: Int, to request: Request, _ token: Token) {
        var response = Response.make(status, to: request, toTag: localTag)
        if status == 405 || request.method == .options { response.headers.append(.allow, Self.allowed) }
        actions.append(.respond(response, token))
    }
}

/// RFC 3261 §20.43, code 399: what is wrong, for people.
func warningText(_ reason: String) -> String { "399 ue \(quoted(displayEscaped(reason, limit: 200)))" }

extension SessionDescription {
    /// Each line goes to the same place by the same transport, with the same paths and fingerprints. Roles may be said anew: a refresh offers actpass.
    func describesSameMedia(as other: SessionDescription) -> Bool {
        media.count == other.media.count
            && zip(media, other.media).allSatisfy { mine, theirs in
                let one = MSRPMedia(mine, in: self)
                let two = MSRPMedia(theirs, in: other)
                return mine.media == theirs.media && mine.port == theirs.port
                    && mine.proto.uppercased() == theirs.proto.uppercased()
                    && connection(of: mine) == other.connection(of: theirs) && one.paths == two.paths
                    && one.fingerprints == two.fingerprints
            }
    }
}
