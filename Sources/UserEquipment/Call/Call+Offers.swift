import MSRP
import NIOCore
import SDP
import SIP
import WireSyntax

/// What the peer changes in a call that stands (RFC 3264 §8, RFC 3261 §14.2, RFC 3311 §5.2; media-security 4.3 and 5.4).
///
/// An offer that changes nothing gets the answer that stands, and no handshake is made; a new address, path or certificate of the peer gets a new connection, the
/// old one being closed after the answer; what cannot be had gets 488 and the call goes on.
extension Call {
    mutating func renegotiate(_ request: Request, _ token: Token, now: NIODeadline) {
        let isInvite = request.method == .invite
        let hasBody = request.body.readableBytes > 0
        if let status = obstacle(isInvite: isInvite, hasBody: hasBody) {
            return respond(status, to: request, token, retryAfter: status == 500 ? 1 : nil)
        }
        if let minimum = timer.refusal(of: request.headers) {
            var response = Response.make(422, to: request, toTag: localTag)
            response.headers.append(.minSE, "\(minimum)")
            return actions.append(.respond(response, token))
        }
        learnMethods(request.headers)
        do throws(MediaRefusal) {
            guard let offer = try description(of: .request(request)) else {
                return answerWithoutOffer(request, token, now: now)
            }
            let (answer, next, outcome) = try answer(to: offer)
            accept(request, token, body: answer, next: next, now: now)
            actions.append(.changedByPeer(outcome))
        } catch {
            respond(error.status, to: request, token, warning: error.reason)
        }
    }

    /// Why an offer cannot be looked at now.
    private func obstacle(isInvite: Bool, hasBody: Bool) -> Int? {
        guard isInvite || hasBody else { return nil }
        // RFC 3261 §14.2: while an INVITE of ours is under way; RFC 3311 §5.2: while an offer of ours is unanswered.
        if let pending, isInvite && pending.request.method == .invite || pending.offer != nil { return 491 }
        if case .answer? = accepted?.next { return 491 }
        // One of his is not finished.
        guard state == .confirmed, accepted == nil else { return 500 }
        return nil
    }

    /// Nothing is offered: an UPDATE refreshes target and timer, a re-INVITE asks for an offer of ours.
    private mutating func answerWithoutOffer(_ request: Request, _ token: Token, now: NIODeadline) {
        guard request.method == .invite else { return accept(request, token, body: nil, next: .nothing, now: now) }
        guard let localDescription, let plan, let media else {
            return accept(request, token, body: nil, next: .nothing, now: now)
        }
        let offer = repeated(localDescription, plan, isAnswer: false, direction: media.direction)
        accept(request, token, body: offer, next: .answer(offer: offer), now: now)
    }

    private mutating func accept(
        _ request: Request, _ token: Token, body: SessionDescription?, next: Accepted.Next, now: NIODeadline
    ) {
        var response = Response.make(200, to: request, toTag: localTag)
        response.headers.append(.contact, contact)
        response.headers.append(.allow, Self.allowed)
        response.headers.append(.supported, Self.supported)
        if options.isAnonymous { response.headers.append(.privacy, "id") }
        timer.accept(request.headers, in: &response.headers, now: now)
        if let body { response.carry(body) }
        actions.append(.respond(response, token))
        if request.method == .invite {
            accepted = Accepted(
                response: response, machine: SuccessRetransmission(now: now), token: token,
                sequence: (try? request.headers.cSeq())?.number ?? 0, next: next)
            return
        }
        switch next {
        case .begin(let plan): begin(plan, now: now)
        case .direction(let direction): actions.append(.direction(direction))
        case .answer, .nothing: break
        }
    }

    /// The answer to a later offer, and what follows from it.
    private mutating func answer(
        to offer: SessionDescription
    ) throws(MediaRefusal) -> (SessionDescription, Accepted.Next, ChangeOutcome) {
        guard let media, let plan, let localDescription, let remoteDescription else {
            throw MediaRefusal("there is no media")
        }
        do throws(SyntaxError) { try offer.checkFollows(remoteDescription) } catch {
            throw MediaRefusal("the offer does not follow the one before: \(error)")
        }
        let line = offer.messageMedia(at: plan.line)
        guard let line, !line.media.isRejected else { return end(plan, offer) }
        // With CEMA the path is the other UE's, and says nothing of the connection to the access edge.
        let isAnchored = plan.byConnectionLine && plan.leg != .tls
        if offer.line(plan.line, describesSameAs: remoteDescription, ignoringPaths: isAnchored), !isMediaOff {
            let paths = line.paths.compactMap { try? MSRPURI($0) }
            guard paths.count == line.paths.count, paths.last?.sessionID != nil else { throw MediaRefusal("path") }
            if paths != plan.peer {
                self.plan?.peer = paths
                actions.append(.peerPath(paths))
            }
            let direction = line.direction.reversed.limited(to: media.direction)
            var answer = repeated(localDescription, plan, isAnswer: true, direction: direction)
            answer.fill(from: offer)
            self.plan?.direction = direction
            self.localDescription = answer
            self.remoteDescription = offer
            return (answer, .direction(direction), .settled(newConnection: false))
        }
        // media-security 4.3: a line keeps its mode.
        guard line.isTLS || !plan.isTLS else { throw MediaRefusal("the line has TLS, and keeps it") }
        var (answer, changed) = try knowing(media).answer(offer, only: plan.line)
        answer.follow(localDescription)
        // What was asked for and had as e2ae stays that, whether the network says it again or not (U2).
        if plan.leg == .e2ae, changed.leg == .tls { changed.leg = .e2ae }
        self.plan = changed
        self.localDescription = answer
        self.remoteDescription = offer
        isMediaOff = false
        return (answer, .begin(changed), .settled(newConnection: true))
    }

    /// RFC 3264 §8.2: the line ends with port 0, and so does its answer.
    private mutating func end(
        _ plan: MediaPlan, _ offer: SessionDescription
    ) -> (SessionDescription, Accepted.Next, ChangeOutcome) {
        var answer = localDescription ?? offer
        answer.media = offer.media.map(\.rejection)
        if let localDescription { answer.follow(localDescription) }
        localDescription = answer
        remoteDescription = offer
        isMediaOff = true
        lostMedia = nil
        actions.append(.mediaOff)
        return (answer, .nothing, .settled(newConnection: false))
    }

    /// What this end said before. In an offer the role may be had anew (RFC 6135 §4.2.2), in an answer it is the one that stands.
    func repeated(
        _ description: SessionDescription, _ plan: MediaPlan, isAnswer: Bool, direction: MediaDirection
    ) -> SessionDescription {
        guard var line = description.messageMedia(at: plan.line) else { return description }
        if isAnswer {
            line.setup = plan.isActive ? .active : .passive
            line.threeGE2AE = nil
        } else {
            let isActive = line.port == LocalMedia.discardPort || media?.setup == .active
            line.setup = isActive ? .active : .actpass
            line.threeGE2AE = plan.leg == .e2ae ? .requested : nil
            line.hasCEMA = media?.cema == true
        }
        let saysAlways = media?.style == .rcs
        for other in MediaDirection.allCases { line.media.attributes.remove(other.rawValue) }
        if saysAlways || direction != .sendrecv { line.direction = direction }
        var next = description
        next.media[plan.line] = line.media
        next.follow(description)
        return next
    }

    mutating func begin(_ plan: MediaPlan, now: NIODeadline) {
        lostMedia = nil
        guard !plan.needsOfferWithoutCEMA else {
            changes.insert(Change(kind: .withoutCEMA), at: 0)
            return
        }
        actions.append(.media(plan))
    }
}

extension SessionDescription {
    /// The line goes to the same place by the same transport, with the same paths and fingerprints. Roles and directions may be said anew.
    func line(_ index: Int, describesSameAs other: SessionDescription, ignoringPaths: Bool = false) -> Bool {
        guard let one = messageMedia(at: index), let two = other.messageMedia(at: index) else { return false }
        return one.media.port == two.media.port && one.media.proto.uppercased() == two.media.proto.uppercased()
            && one.address == two.address && (ignoringPaths || one.paths == two.paths)
            && Set(one.fingerprints) == Set(two.fingerprints)
    }

    /// RFC 3264 §8: the same session; the version grows by one where anything is different.
    mutating func follow(_ previous: SessionDescription) {
        origin = previous.origin
        if self != previous { origin.bumpVersion() }
    }

    /// Lines that an offer adds are refused in their place.
    mutating func fill(from offer: SessionDescription) {
        let before = self
        while media.count < offer.media.count { media.append(offer.media[media.count].rejection) }
        if self != before { origin.bumpVersion() }
    }
}
