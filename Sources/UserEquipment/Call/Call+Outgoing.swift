import NIOCore
import SDP
import SIP
import WireSyntax

/// The caller's side of the first INVITE: several branches, reliable provisional responses, the 2xx that decides.
extension Call {
    struct Parameters: Sendable {
        var identity: SIPURI
        var target: URI
        var contact: String
        /// The P-CSCF, then the Service-Route.
        var routes: [String]
        var callID: String
        var tag: String
        var options = Options()
    }

    /// One early dialog (RFC 3261 §12.1.2), with what its reliable responses have brought.
    struct Branch: Sendable {
        var dialog: Dialog
        /// RSeq of the last reliable response; nil before the first.
        var lastRSeq: UInt32?
        /// From an answer (or offer) in a reliable response.
        var plan: MediaPlan?
        var remote: SessionDescription?
        /// Our answer, where the peer offered.
        var local: SessionDescription?
    }

    init(calling parameters: Parameters, media: LocalMedia, now: NIODeadline) {
        let options = parameters.options
        var headers = Headers()
        headers.append(.maxForwards, "70")
        for route in parameters.routes { headers.append(.route, route) }
        // RFC 3323 §4.1.1.3: an anonymous From names nobody.
        let from = options.isAnonymous ? Self.anonymous : "<\(parameters.identity)>"
        headers.append(.from, "\(from);tag=\(parameters.tag)")
        headers.append(.to, "<\(parameters.target)>")
        headers.append(.callID, parameters.callID)
        headers.append(.cSeq, "1 INVITE")
        headers.append(.contact, parameters.contact)
        headers.append(.pPreferredIdentity, "<\(parameters.identity)>")
        if options.isAnonymous { headers.append(.privacy, "id") }
        headers.append(.allow, Self.allowed)
        headers.append(.supported, Self.supported)
        headers.append(.accept, "application/sdp, multipart/mixed")
        let timer = SessionTimer(wanted: options.sessionExpires)
        timer.apply(to: &headers)
        invite = Request(method: .invite, uri: parameters.target, headers: headers)
        if !options.offersLate {
            let offer = media.offer()
            invite.carry(offer)
            self.offer = offer
            localDescription = offer
        }
        callID = parameters.callID
        peer = "\(parameters.target)"
        contact = parameters.contact
        self.options = options
        isOutgoing = true
        localTag = parameters.tag
        nextRSeq = options.firstRSeq
        self.timer = timer
        self.media = media
        state = .calling
        timeout = now + Self.answerTimeout
        actions.append(.send(invite))
    }

    /// RFC 3323 §4.1.1.3, RFC 3325 §10.
    static let anonymous = "\"Anonymous\" <sip:anonymous@anonymous.invalid>"

    /// A response to the first INVITE, or a 2xx to any INVITE that matches no transaction any more.
    mutating func receive(inviteResponse response: Response, now: NIODeadline) {
        guard state == .calling || state == .cancelling, isOfFirstInvite(response) else {
            return strayResponse(response)
        }
        if response.isProvisional { return provisional(response, now: now) }
        guard response.isSuccess else {
            if response.status == 422, state == .calling, timer.refused(response.headers) {
                return inviteAgain()
            }
            // RFC 3261 §9.1: 487 is what a CANCEL wants.
            let cause = state == .cancelling ? ending.cause : reasonText(response)
            return finish(Ending(status: response.status, cause: cause))
        }
        success(response, now: now)
    }

    private func isOfFirstInvite(_ response: Response) -> Bool {
        (try? response.headers.cSeq())?.number == (try? invite.headers.cSeq())?.number
    }

    /// RFC 4028 §7.3: with the interval that is taken, and the next CSeq.
    private mutating func inviteAgain() {
        let number = ((try? invite.headers.cSeq())?.number ?? 0) + 1
        invite.headers.set(.cSeq, to: "\(number) INVITE")
        invite.headers.remove(.sessionExpires)
        invite.headers.remove(.minSE)
        timer.apply(to: &invite.headers)
        branches = [:]
        actions.append(.send(invite))
    }

    // MARK: Provisional

    private mutating func provisional(_ response: Response, now: NIODeadline) {
        guard response.status != 100 else { return }
        if state == .calling { actions.append(.ringing) }
        guard let tag = try? response.headers.to().tag, !tag.isEmpty else { return }
        if branches[tag] == nil, branches.count < Self.maximumBranches,
            let dialog = try? Dialog(uac: invite, response: response)
        {
            branches[tag] = Branch(dialog: dialog)
        }
        learnMethods(response.headers)
        guard response.headers.tokens(.require).contains(ReliableProvisional.optionTag),
            let number = response.headers[.rSeq].flatMap({ UInt32($0) }), var branch = branches[tag]
        else { return }
        // RFC 3262 §4: in order, each once; after a gap the sender repeats what is missing.
        if let last = branch.lastRSeq, number != last &+ 1 { return }
        branch.lastRSeq = number
        var prack = branch.dialog.makeRequest(.prack)
        let sequence = (try? invite.headers.cSeq())?.number ?? 1
        prack.headers.append(.rAck, "\(ResponseAcknowledgement(number: number, sequence: sequence))")
        do throws(MediaRefusal) {
            if branch.plan == nil, state == .calling, let found = try description(of: .response(response)) {
                try take(found, &branch)
                if let answer = branch.local, offer == nil { prack.carry(answer) }
            }
            branches[tag] = branch
            actions.append(.send(prack))
        } catch {
            // media-security 6: an answer that gives less than was asked for, in a provisional response.
            branches[tag] = branch
            actions.append(.send(prack))
            hangUp(error.reason, isNormal: false, now: now)
        }
    }

    /// The peer's first description: the answer to our offer, or an offer.
    private func take(_ found: SessionDescription, _ branch: inout Branch) throws(MediaRefusal) {
        guard let media else { throw MediaRefusal("no media") }
        branch.remote = found
        if let offer {
            branch.local = offer
            branch.plan = try knowing(media).plan(offer: offer, answer: found)
        } else {
            let (answer, plan) = try knowing(media).answer(found)
            branch.local = answer
            branch.plan = plan
        }
    }

    // MARK: Success

    private mutating func success(_ response: Response, now: NIODeadline) {
        let tag = (try? response.headers.to().tag) ?? ""
        var branch: Branch
        do throws(SyntaxError) {
            let fresh = try Dialog(uac: invite, response: response)
            branch = branches[tag] ?? Branch(dialog: fresh)
            try branch.dialog.receive(response, first: true)
        } catch {
            return finish(Ending(status: response.status, cause: "the 200 cannot be read: \(error)"))
        }
        branches = [:]
        learnMethods(response.headers)
        guard state == .calling else {
            // The 200 crossed the CANCEL.
            dialog = branch.dialog
            acknowledge(branch, nil)
            return leave(ending, now: now)
        }
        timeout = nil
        timer.accepted(response.headers, now: now)
        var answer: SessionDescription?
        do throws(MediaRefusal) {
            if branch.plan == nil {
                guard let found = try description(of: .response(response)) else {
                    throw MediaRefusal(offer == nil ? "a 200 without an offer" : "a 200 without an answer")
                }
                try take(found, &branch)
                if offer == nil { answer = branch.local }
            }
            guard let plan = branch.plan else { throw MediaRefusal("nothing was settled") }
            dialog = branch.dialog
            localDescription = branch.local
            remoteDescription = branch.remote
            self.plan = plan
            acknowledge(branch, answer)
            state = .confirmed
            if plan.needsOfferWithoutCEMA {
                changes.insert(Change(kind: .withoutCEMA), at: 0)
            } else {
                actions.append(.media(plan))
            }
            beginNextChange(now: now)
        } catch {
            dialog = branch.dialog
            // RFC 3261 §13.2.1: an offer that is not taken is answered all the same, with nothing left in it.
            let refused = offer == nil ? branch.remote.map { refusal(of: $0) } : nil
            acknowledge(branch, refused)
            leave(Ending(cause: error.reason), now: now)
        }
    }

    /// The answer that refuses every line (RFC 3264 §6).
    private func refusal(of offer: SessionDescription) -> SessionDescription {
        var description = media?.empty ?? offer
        description.media = offer.media.map(\.rejection)
        return description
    }

    private mutating func acknowledge(_ branch: Branch, _ answer: SessionDescription?) {
        var ack = branch.dialog.makeACK(for: invite)
        if let answer { ack.carry(answer) }
        acknowledgement = ((try? invite.headers.cSeq())?.number ?? 1, ack)
        actions.append(.acknowledge(ack))
    }

    private func reasonText(_ response: Response) -> String {
        let warning = response.headers[.warning].map { " (\($0))" } ?? ""
        return response.reason + warning
    }

    /// The 2xx again, or one of another branch: that one is acknowledged and ended (RFC 3261 §13.2.2.4).
    private mutating func strayResponse(_ response: Response) {
        guard response.isSuccess, let tag = try? response.headers.to().tag,
            let number = (try? response.headers.cSeq())?.number
        else { return }
        if tag == dialog?.id.remoteTag {
            if let acknowledgement, acknowledgement.sequence == number {
                actions.append(.acknowledge(acknowledgement.request))
            }
            return
        }
        guard isOutgoing, isOfFirstInvite(response), var other = try? Dialog(uac: invite, response: response) else {
            return
        }
        actions.append(.acknowledge(other.makeACK(for: invite)))
        actions.append(.send(other.makeRequest(.bye)))
    }

    /// The INVITE was not answered, or could not be sent.
    mutating func inviteFailed(_ reason: String) {
        guard state == .calling || state == .cancelling else { return }
        finish(Ending(cause: reason))
    }
}
