import NIOCore
import SDP
import SIP
import WireSyntax

/// What this end changes in a call that stands, one change after the other (RFC 3261 §14.1, RFC 3311 §5.1, RFC 3264 §8).
extension Call {
    /// - Parameters:
    ///   - media: what comes in place of the media that is there, for another port or another certificate.
    ///   - byUpdate: by UPDATE where there is a choice.
    mutating func change(_ change: CallChange, media: LocalMedia? = nil, byUpdate: Bool = false, now: NIODeadline) {
        let kind = Change.Kind.wanted(change)
        guard state == .confirmed || state == .accepted, plan != nil || state == .accepted else {
            return actions.append(.changed(kind, .failed(status: 0, reason: "the call does not stand")))
        }
        guard changes.count < Self.maximumChanges else {
            return actions.append(.changed(kind, .failed(status: 0, reason: "too many changes wait")))
        }
        changes.append(Change(kind: kind, media: media, byUpdate: byUpdate && change != .refresh || change == .update))
        beginNextChange(now: now)
    }

    /// RFC 3261 §14.1: never while another INVITE of either side is under way.
    mutating func beginNextChange(now: NIODeadline) {
        guard state == .confirmed, pending == nil, accepted == nil, retry == nil, !changes.isEmpty else { return }
        let change = changes.removeFirst()
        if change.byUpdate, let peerAllows, !peerAllows.contains(SIP.Method.update.rawValue) {
            finish(change, .failed(status: 0, reason: "the peer takes no UPDATE"))
            return beginNextChange(now: now)
        }
        guard let candidate = candidate(for: change), var dialog else {
            finish(change, .failed(status: 0, reason: "there is no media"))
            return beginNextChange(now: now)
        }
        var request = dialog.makeRequest(change.byUpdate ? .update : .invite)
        self.dialog = dialog
        request.headers.append(.contact, contact)
        request.headers.append(.allow, Self.allowed)
        request.headers.append(.supported, Self.supported)
        if options.isAnonymous { request.headers.append(.privacy, "id") }
        timer.apply(to: &request.headers)
        var offer: SessionDescription?
        if !(change.kind == .sessionRefresh && change.byUpdate) {
            let made = self.offer(for: change, candidate)
            request.carry(made)
            offer = made
        }
        pending = Pending(change: change, request: request, media: candidate, offer: offer)
        actions.append(.send(request))
    }

    private func candidate(for change: Change) -> LocalMedia? {
        guard var candidate = change.media ?? media, plan != nil, localDescription != nil else { return nil }
        candidate.direction = media?.direction ?? .sendrecv
        switch change.kind {
        case .wanted(.hold): candidate.direction = .inactive
        case .wanted(.resume): candidate.direction = .sendrecv
        case .withoutCEMA: candidate.cema = false
        default: break
        }
        return candidate
    }

    private func offer(for change: Change, _ candidate: LocalMedia) -> SessionDescription {
        guard let localDescription, let plan else { return candidate.offer() }
        guard change.media != nil || change.kind == .withoutCEMA || isMediaOff else {
            return repeated(localDescription, plan, isAnswer: false, direction: candidate.direction)
        }
        let fresh = candidate.offer(as: plan.leg)
        var offer = localDescription
        // Fresh lines stand on the session level of their own description.
        offer.connection = fresh.connection
        if let line = fresh.media.first, offer.media.indices.contains(plan.line) { offer.media[plan.line] = line }
        offer.follow(localDescription)
        return offer
    }

    // MARK: Responses

    /// A response to a request of ours in the dialog.
    /// - Parameter random: for the pause after a glare.
    mutating func receive(_ response: Response, now: NIODeadline, random: UInt64) {
        guard response.isFinal, let cSeq = try? response.headers.cSeq() else { return }
        if cSeq.method == .bye { return byeDone() }
        guard let pending, pending.sequence == cSeq.number, cSeq.method == pending.request.method else {
            return strayInDialog(response, cSeq)
        }
        guard state == .confirmed else {
            // The call ends while the answer comes: an INVITE's 2xx is acknowledged all the same.
            self.pending = nil
            if response.isSuccess { acknowledge(pending) }
            return
        }
        self.pending = nil
        if response.isSuccess {
            succeeded(pending, response, now: now)
        } else {
            failed(pending, response.status, response.reason, response.headers, now: now, random: random)
        }
    }

    private mutating func strayInDialog(_ response: Response, _ cSeq: CSeq) {
        guard response.isSuccess, cSeq.method == .invite, let acknowledgement,
            acknowledgement.sequence == cSeq.number
        else { return }
        actions.append(.acknowledge(acknowledgement.request))
    }

    /// A request of ours was not answered, or could not be sent: as with 408 (RFC 3261 §8.1.3.1).
    mutating func requestFailed(_ method: SIP.Method, sequence: UInt32, _ reason: String, now: NIODeadline) {
        if method == .bye { return byeDone() }
        guard let pending, pending.sequence == sequence, pending.request.method == method else { return }
        self.pending = nil
        guard state == .confirmed else { return }
        failed(pending, 408, reason, Headers(), now: now, random: 0)
    }

    private mutating func acknowledge(_ pending: Pending) {
        guard pending.request.method == .invite, let dialog, let sequence = pending.sequence else { return }
        let ack = dialog.makeACK(for: pending.request)
        acknowledgement = (sequence, ack)
        actions.append(.acknowledge(ack))
    }

    private mutating func succeeded(_ pending: Pending, _ response: Response, now: NIODeadline) {
        if var dialog {
            try? dialog.receive(response)
            self.dialog = dialog
        }
        learnMethods(response.headers)
        timer.accepted(response.headers, now: now)
        acknowledge(pending)
        do throws(MediaRefusal) {
            var isNew = false
            if let offer = pending.offer {
                guard let answer = try description(of: .response(response)) else {
                    throw MediaRefusal("a 2xx without an answer")
                }
                isNew = try settle(offer: offer, answer: answer, media: pending.media, now: now)
            }
            finish(pending.change, .settled(newConnection: isNew))
        } catch {
            // media-security 6: less than what stands is no answer; BYE with the cause.
            finish(pending.change, .failed(status: response.status, reason: error.reason))
            return leave(Ending(cause: error.reason), now: now)
        }
        beginNextChange(now: now)
    }

    /// An offer of ours in a call that stands has its answer.
    /// - Returns: whether the media gets a new connection.
    @discardableResult
    mutating func settle(
        offer: SessionDescription, answer: SessionDescription, media: LocalMedia, now: NIODeadline
    ) throws(MediaRefusal) -> Bool {
        let index = plan?.line ?? 0
        var settled = try knowing(media).plan(offer: offer, answer: answer, line: index)
        let wasWaiting = plan?.needsOfferWithoutCEMA ?? true
        let isSame =
            !wasWaiting && !isMediaOff
            && localDescription.map { offer.line(index, describesSameAs: $0) } ?? false
            && remoteDescription.map { answer.line(index, describesSameAs: $0) } ?? false
        if let plan, isSame {
            // The connection stays, and with it who opened it and where.
            let direction = settled.direction
            settled = plan
            settled.direction = direction
        }
        self.media = media
        localDescription = offer
        remoteDescription = answer
        plan = settled
        isMediaOff = false
        if isSame { actions.append(.direction(settled.direction)) } else { begin(settled, now: now) }
        return !isSame
    }

    private mutating func failed(
        _ pending: Pending, _ status: Int, _ reason: String, _ headers: Headers, now: NIODeadline, random: UInt64
    ) {
        var change = pending.change
        change.attempts += 1
        let canTryAgain = change.attempts < Self.maximumAttempts
        switch status {
        case 491 where canTryAgain:
            changes.insert(change, at: 0)
            retry = now + glarePause(random)
        case 500 where canTryAgain && headers[.retryAfter] != nil:
            let seconds = headers[.retryAfter].flatMap { Int64($0.prefix { $0.isNumber }) } ?? 1
            changes.insert(change, at: 0)
            retry = now + .seconds(min(max(seconds, 1), 10))
        case 422 where canTryAgain && timer.refused(headers):
            changes.insert(change, at: 0)
            beginNextChange(now: now)
        case 408, 481:
            // RFC 3261 §12.2.1.2: the dialog is gone.
            finish(change, .failed(status: status, reason: reason))
            leave(Ending(status: status, cause: "\(pending.request.method): \(reason)"), now: now)
        default:
            finish(change, .failed(status: status, reason: reason))
            if change.kind == .withoutCEMA {
                return leave(Ending(status: status, cause: "the offer without CEMA: \(reason)"), now: now)
            }
            beginNextChange(now: now)
        }
    }

    /// RFC 3261 §14.1: 2.1 to 4 s for who made the Call-ID, 0 to 2 s for the other, in steps of 10 ms.
    private func glarePause(_ random: UInt64) -> TimeAmount {
        isOutgoing ? .milliseconds(2100 + Int64(random % 191) * 10) : .milliseconds(Int64(random % 201) * 10)
    }

    private mutating func finish(_ change: Change, _ outcome: ChangeOutcome) {
        actions.append(.changed(change.kind, outcome))
    }

    /// RFC 4028 §7.4: by UPDATE where the peer takes it, by re-INVITE otherwise.
    mutating func refreshSession(now: NIODeadline) {
        let byUpdate = peerAllows?.contains(SIP.Method.update.rawValue) ?? false
        changes.append(Change(kind: .sessionRefresh, byUpdate: byUpdate))
        beginNextChange(now: now)
    }

    /// The call ends: nothing more is changed.
    mutating func dropChanges(_ reason: String) {
        let open = (pending.map { [$0.change] } ?? []) + changes
        changes = []
        retry = nil
        for change in open { actions.append(.changed(change.kind, .failed(status: 0, reason: reason))) }
    }
}
