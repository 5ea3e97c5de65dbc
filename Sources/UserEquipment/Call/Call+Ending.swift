import NIOCore
import SIP
import WireSyntax

/// How a call ends, and what time does to it (RFC 3261 §15).
extension Call {
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

    /// The peer (the gateway, for us) has closed the media connection. Whoever ends a call closes it too, so that his BYE is on its way, and whoever changes one
    /// closes it after the answer, so that this is; where neither comes, our BYE goes.
    mutating func mediaLost(_ cause: String, now: NIODeadline) {
        guard state == .confirmed else { return hangUp(cause, isNormal: false, now: now) }
        lostMedia = (now + Self.lostMediaTime, Ending(cause: cause))
    }

    /// No connection to where the peer's path says. RFC 6714 §4.2: an offerer that finds a middlebox between itself and an answerer without CEMA offers again,
    /// with a path that can be reached; so who answered without waits for that a while. Else the call ends.
    mutating func mediaUnreachable(_ cause: String, now: NIODeadline) {
        guard state == .confirmed, !isOutgoing, let plan, plan.isActive, !plan.byConnectionLine else {
            return hangUp(cause, isNormal: false, now: now)
        }
        lostMedia = (now + Self.newOfferTime, Ending(cause: cause))
    }

    mutating func leave(_ ending: Ending, now: NIODeadline) {
        guard var dialog else { return finish(ending) }
        state = .leaving
        self.ending = ending
        timeout = now + Self.leaveTimeout
        dropChanges(ending.cause)
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
        if var accepted {
            accepted.machine.timersDue(now: now)
            self.accepted = accepted
            switch accepted.machine.nextAction() {
            case .retransmit?: actions.append(.repeatSuccess(accepted.response, accepted.token))
            case .gaveUp?:
                self.accepted = nil
                leave(Ending(cause: "no ACK"), now: now)
            case nil: break
            }
            if self.accepted != nil { self.accepted = accepted }
        }
        provisionalDue(now: now)
        if let due = retry, due <= now, state == .confirmed {
            retry = nil
            beginNextChange(now: now)
        }
        if state == .confirmed { sessionDue(now: now) }
        if let lost = lostMedia, lost.due <= now {
            lostMedia = nil
            if state == .confirmed { leave(lost.ending, now: now) }
        }
        guard let due = timeout, due <= now else { return }
        timeout = nil
        switch state {
        case .calling: hangUp("no answer", isNormal: false, now: now)
        case .cancelling, .leaving: finish(ending)
        default: break
        }
    }

    private mutating func provisionalDue(now: NIODeadline) {
        guard var reliable, state == .ringing else { return }
        let due = reliable.timersDue(now: now)
        self.reliable = reliable
        switch due {
        case .retransmit?: send(reliable.response)
        case .gaveUp?:
            // RFC 3262 §3: refused with a 5xx.
            self.reliable = nil
            refuse(504, "no PRACK")
        case nil: break
        }
    }

    private mutating func sessionDue(now: NIODeadline) {
        switch timer.timersDue(now: now) {
        case .refresh?: refreshSession(now: now)
        // RFC 4028 §10.
        case .expired?: leave(Ending(cause: "the session was not refreshed"), now: now)
        case nil: break
        }
    }

    mutating func finish(_ ending: Ending) {
        guard state != .ended else { return }
        dropChanges(ending.cause)
        state = .ended
        timeout = nil
        accepted = nil
        reliable = nil
        retry = nil
        lostMedia = nil
        actions.append(.ended(ending))
    }
}
