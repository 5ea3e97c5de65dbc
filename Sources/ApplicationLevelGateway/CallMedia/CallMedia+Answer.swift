import MediaSecurity
import SDP
import WireSyntax

extension CallMedia {
    mutating func takeAnswer(
        _ answer: SessionDescription, from side: OfferSide, branch: String, isFinal: Bool, _ token: Token
    ) {
        guard isAccepted(branch, of: side) else {
            guard !isFinal, let again = lastSent[side.other] else {
                return emit(.refuse(token, Refusal(status: 488, text: "another branch was accepted")))
            }
            return emit(.forward(again, to: side.other, token))
        }
        guard let current = exchange, current.from == side.other else {
            return repeatAnswer(from: side, branch: branch, isFinal: isFinal, token)
        }
        if let cause = fault(in: answer, to: current) { return fail(cause) }
        let passedOn = rewritten(answer, to: current)
        guard isFinal else {
            guard current.answers[branch] != nil || current.answers.count < CallMedia.maximumBranches else {
                return fail(.tooMany("branches answered"))
            }
            exchange?.answers[branch] = answer
            exchange?.lastBranch = branch
            lastSent[current.from] = passedOn
            return emit(.forward(passedOn, to: current.from, token))
        }
        commit(answer, current)
        lastSent[current.from] = passedOn
        acceptedBranches[side] = branch
        configure(Completion(description: passedOn, side: current.from, token: token))
    }

    /// A description that came already, in a later response or once more: it says nothing new (RFC 3261 §13.2.1), and what was sent before goes on in its
    /// place. One where none belongs does not pass.
    private mutating func repeatAnswer(from side: OfferSide, branch: String, isFinal: Bool, _ token: Token) {
        guard let again = lastSent[side.other] else {
            return emit(.refuse(token, Refusal(status: 488, text: "an answer without an offer")))
        }
        guard isFinal else { return emit(.forward(again, to: side.other, token)) }
        accept(again, from: side, branch: branch, token)
    }

    private func isAccepted(_ branch: String, of side: OfferSide) -> Bool {
        acceptedBranches[side].map { $0 == branch } ?? true
    }

    mutating func takeAcceptance(from side: OfferSide, branch: String, _ token: Token) {
        guard isAccepted(branch, of: side) else {
            return emit(.refuse(token, Refusal(status: 488, text: "another branch was accepted")))
        }
        if let current = exchange, current.answers[branch] == nil, lines.isEmpty {
            return fail(.invalidAnswer("a 2xx without SDP, and no answer before it"))
        }
        accept(nil, from: side, branch: branch, token)
    }

    /// The 2xx to INVITE: what this branch and the other side agreed before now holds, whoever of them offered.
    private mutating func accept(
        _ description: SessionDescription?, from side: OfferSide, branch: String, _ token: Token
    ) {
        if let current = exchange, let answer = current.answers[branch] { commit(answer, current) }
        acceptedBranches[side] = branch
        configure(Completion(description: description, side: side.other, token: token))
    }

    // MARK: Checking

    private func fault(in answer: SessionDescription, to current: Exchange) -> FailureCause? {
        do throws(SyntaxError) {
            try answer.checkAnswers(current.offer)
        } catch {
            return .invalidAnswer(error.reason)
        }
        for (index, plan) in current.plans.enumerated() where !answer.media[index].isRejected {
            switch plan {
            case .untouched:
                // What passes unread does not turn into what is read.
                // Of transports that nobody here reads, only the one that was offered.
                let (given, offered) = (answer.media[index], current.offer.media[index])
                let isOther = given.proto.lowercased() != offered.proto.lowercased()
                if answer.messageMedia(at: index) != nil || given.isSessionMessages && isOther {
                    return .invalidAnswer("media line \(index + 1) was not offered as MSRP")
                }
            case .off, .refused: return .invalidAnswer("media line \(index + 1) was offered with port 0")
            case .handled(let handling):
                if let cause = fault(inLine: index, of: answer, handling, from: current.from.other) { return cause }
            }
        }
        return nil
    }

    /// No answer makes a line less than it was offered as.
    private func fault(
        inLine index: Int, of answer: SessionDescription, _ handling: Handling, from side: OfferSide
    ) -> FailureCause? {
        guard let line = answer.messageMedia(at: index) else {
            return .invalidAnswer("media line \(index + 1) is not MSRP")
        }
        switch handling.mode {
        case .e2ae where side == .ue:
            guard line.isTLS else { return .notProtected("it answers with \(line.media.proto)") }
            guard !settings.fingerprints.usable(line.fingerprints).isEmpty else {
                return .notProtected("it answers without a usable fingerprint")
            }
        case .e2ae, .plain:
            guard !line.isTLS else { return .invalidAnswer("TLS where plain MSRP was offered") }
        case .transparent, .transparentByU4:
            guard line.isTLS else { return .invalidAnswer("plain MSRP where TLS was offered") }
        case .off: break
        }
        if let cause = roleFault(in: line, handling) { return cause }
        return fault(in: line, handling.decision.outcome, from: side).map { .invalidAnswer($0) }
    }

    /// RFC 4145 §4.1: two ends that both wait never meet, and two that both connect are two connections. Where TLS passes through, the offer that the
    /// answerer saw has the offerer's own setup; elsewhere ours, `actpass` or, on a standing connection of ours, `active`.
    private func roleFault(in answer: MSRPMedia, _ handling: Handling) -> FailureCause? {
        guard handling.decision.outcome == .transparent, let offered = handling.offerer.remote?.setup else {
            return nil
        }
        switch (offered, answer.setup) {
        case (.active, .active), (.passive, .passive):
            return .invalidAnswer("setup:\(offered.rawValue) was offered, and answered with the same")
        default: return nil
        }
    }

    // MARK: What was negotiated

    /// The answer holds: lines become what it says. The gateway is told by `configure`.
    mutating func commit(_ answer: SessionDescription, _ current: Exchange) {
        for (index, plan) in current.plans.enumerated() {
            let media = current.offer.media[index]
            if !lines.indices.contains(index) {
                lines.append(Line(mediaType: media.media.lowercased(), isMSRP: false))
            }
            lines[index].mediaType = media.media.lowercased()
            lines[index].isMSRP = plan != .untouched
            let old = lines[index].context
            if let handling = plan.handling, var context = handling.context, !answer.media[index].isRejected,
                let line = answer.messageMedia(at: index)
            {
                let legs = CallMedia.legs(handling, answer: line, from: current.from.other, context)
                context[current.from].wanted = legs.offerer
                context[current.from.other].wanted = legs.answerer
                if let old, old.handle != context.handle { retired.append(old.handle) }
                lines[index].context = context
                lines[index].mode = handling.mode
                lines[index].agreed[current.from] = current.offer.messageMedia(at: index)?.standalone
                lines[index].agreed[current.from.other] = line.standalone
            } else {
                if let old { retired.append(old.handle) }
                if let handling = plan.handling, handling.isNew, let context = handling.context {
                    retired.append(context.handle)
                }
                lines[index].context = nil
                lines[index].mode = .off
                lines[index].agreed = [:]
            }
        }
        exchange = nil
    }

    /// What both terminations are to know once a line is answered.
    ///
    /// Where TLS passes through, the ends agree who connects, and the gateway connects to the one that waits. Elsewhere each leg has its own roles, and only
    /// the answerer's is still open.
    private static func legs(
        _ handling: Handling, answer: MSRPMedia, from side: OfferSide, _ context: LineContext
    ) -> (offerer: Leg, answerer: Leg) {
        let answererConnects = answer.setup == .active
        var offerer = handling.offerer
        if handling.decision.outcome == .transparent, handling.offerer.remote?.setup == .actpass {
            offerer.role = answererConnects ? .active : .passive
        }
        let remote = CallMedia.remote(
            answer, isAware: handling.isAware, withFingerprints: handling.mode == .e2ae && side == .ue)
        return (offerer, Leg(remote: remote, role: answererConnects ? .passive : .active))
    }

    // MARK: The answer for the offerer

    /// RFC 6714 §4.2: an offerer with CEMA offers again without it where the answerer has none and connects, for that one goes to the offerer's own path, past
    /// the gateway. It learns that from `a=setup:active`, with `c=` and `m=` that are not those of the path; so that is what it gets in place of a role of the
    /// gateway's own. Nobody connects to the gateway then, nor does it: with the next offer there is another context, which knows MSRP.
    private static func mustFallBack(_ handling: Handling, answer: MSRPMedia) -> Bool {
        handling.decision.outcome != .transparent && !handling.isAware && !answer.hasCEMA && answer.setup == .active
            && handling.offerer.remote?.setup == .actpass
    }

    private func rewritten(_ answer: SessionDescription, to current: Exchange) -> SessionDescription {
        let side = current.from
        var result = answer
        var rewrittenLines: Set<Int> = []
        var terminated: Set<Int> = []
        for (index, plan) in current.plans.enumerated() where plan != .untouched {
            guard let handling = plan.handling, let context = handling.context, !answer.media[index].isRejected,
                let line = answer.messageMedia(at: index)
            else {
                var rejection = answer.media[index].rejection
                rejection.proto = current.offer.media[index].proto
                result.media[index] = rejection
                continue
            }
            let isActive = handling.offerer.role == .active || CallMedia.mustFallBack(handling, answer: line)
            let rewriting = LineRewriting(
                mode: handling.mode, isAware: handling.isAware, side: side, local: context[side].local,
                setup: isActive ? .active : .passive,
                saysApplied: handling.isRequested && settings.appliedInAnswers, content: settings.content,
                isAnswer: true)
            result.media[index] = rewriting.apply(to: line)
            rewrittenLines.insert(index)
            if handling.decision.outcome != .transparent { terminated.insert(index) }
        }
        result.rewriteSessionLevel(rewritten: rewrittenLines, terminated: terminated)
        if anonymous.contains(current.from.other) { result.removeIdentity() }
        return result
    }
}
