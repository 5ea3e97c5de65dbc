import MediaSecurity
import SDP
import WireSyntax

extension CallMedia {
    mutating func startExchange(
        _ offer: SessionDescription, from side: OfferSide, isInResponse: Bool, _ token: Token
    ) {
        var offer = offer
        if let current = exchange {
            guard let branch = current.lastBranch, let answer = current.answers[branch] else {
                return emit(.refuse(token, Refusal(status: 491, text: "an offer is already under way")))
            }
            commit(answer, current)
        }
        guard follows(offer) else {
            return emit(.refuse(token, Refusal(status: 488, text: "a media line is missing or changed its type")))
        }
        var plans: [Plan] = []
        var messageLines = 0
        for index in offer.media.indices {
            guard let line = offer.messageMedia(at: index) else {
                plans.append(planUnread(offer.media[index], at: index, from: side))
                continue
            }
            messageLines += line.media.isRejected ? 0 : 1
            let plan =
                messageLines > CallMedia.maximumMessageLines
                ? .refused(.unacceptable("more than \(CallMedia.maximumMessageLines) MSRP lines"))
                : self.plan(line, at: index, from: side)
            guard case .refused(let decision) = plan, isLive(index) else {
                plans.append(plan)
                continue
            }
            guard isInResponse, let agreed = lines[index].agreed[side], let kept = keep(index, agreed, from: side)
            else {
                return emit(.refuse(token, refusal(decision)))
            }
            offer.media[index] = agreed
            plans.append(.handled(kept))
        }
        exchange = Exchange(from: side, offer: offer, isInResponse: isInResponse, token: token, plans: plans)
        guard refuseIfNothingIsLeft() else { return }
        for index in plans.indices { reserveIfNeeded(index) }
        forwardOfferIfReady()
    }

    /// RFC 3264 §8: lines stay in their places and keep their type while they live.
    private func follows(_ offer: SessionDescription) -> Bool {
        guard offer.media.count >= lines.count else { return false }
        return zip(lines, offer.media).allSatisfy { line, media in
            media.isRejected || line.mode == .off || line.mediaType == media.media.lowercased()
        }
            && lines.indices.allSatisfy {
                !isLive($0) || offer.media[$0].isRejected || offer.messageMedia(at: $0) != nil
            }
    }

    private func isLive(_ index: Int) -> Bool { lines.indices.contains(index) && lines[index].mode != .off }

    // MARK: Deciding about a line

    private mutating func plan(_ line: MSRPMedia, at index: Int, from side: OfferSide) -> Plan {
        guard !line.media.isRejected else { return .off }
        let decision = decide(about: line, at: index, from: side, gatewayCapable: gatewayCapable)
        guard decision.outcome != .refuse else { return .refused(decision) }
        if let fault = fault(in: line, decision.outcome, from: side) {
            let refused = Decision.unacceptable(fault)
            emit(.decided(refused, media: index, direction: OfferDirection(from: side)))
            return .refused(refused)
        }
        return .handled(handling(line, at: index, from: side, decision))
    }

    /// A line that is not MSRP as we know it.
    private mutating func planUnread(_ media: MediaDescription, at index: Int, from side: OfferSide) -> Plan {
        let bothIndicated = settings.ueIndicated && settings.networkIndicated
        guard media.isSessionMessages, !media.isRejected,
            let decision = decideUnknownTransport(media.proto, bothIndicated: bothIndicated)
        else { return .untouched }
        emit(.decided(decision, media: index, direction: OfferDirection(from: side)))
        return .refused(decision)
    }

    /// The line as it stands, instead of a change that is not made.
    private func keep(_ index: Int, _ agreed: MediaDescription, from side: OfferSide) -> Handling? {
        let line = lines[index]
        guard let context = line.context else { return nil }
        let outcome: Decision.Outcome =
            switch line.mode {
            case .e2ae: .e2ae
            case .plain: .plain
            case .transparent, .transparentByU4: .transparent
            case .off: .refuse
            }
        let decision = Decision(
            outcome, "the change is not made", clause: "docs/media-security.md 4.4 (ours)",
            isByU4: line.mode == .transparentByU4)
        let values = agreed.attributes.values(EndToAccessEdge.attributeName)
        return Handling(
            decision: decision, isAware: context.transports.core.isAware,
            isRequested: side == .ue && values.contains { EndToAccessEdge(parsing: $0) == .requested },
            offerer: context[side].wanted, context: context)
    }

    private mutating func decide(
        about line: MSRPMedia, at index: Int, from side: OfferSide, gatewayCapable: Bool
    ) -> Decision {
        let direction = OfferDirection(from: side)
        let decision = MediaSecurity.decide(input(line, at: index, from: side, gatewayCapable: gatewayCapable))
        emit(.decided(decision, media: index, direction: direction))
        return decision
    }

    /// What the decision about a line depends on.
    func input(_ line: MSRPMedia, at index: Int, from side: OfferSide, gatewayCapable: Bool) -> DecisionInput {
        let direction = OfferDirection(from: side)
        return DecisionInput(
            direction: direction, ueIndicated: settings.ueIndicated, networkIndicated: settings.networkIndicated,
            rcs51: settings.rcs51.applies(to: direction), gatewayCapable: gatewayCapable, strict: settings.strict,
            unhonouredRequest: settings.unhonouredRequest,
            kind: classify(line, from: side, policy: settings.fingerprints),
            existing: lines.indices.contains(index) ? lines[index].mode : nil)
    }

    func handling(
        _ line: MSRPMedia, at index: Int, from side: OfferSide, _ decision: Decision
    ) -> Handling {
        let isAware = decision.outcome != .transparent && !line.hasCEMA
        let transports = Transports(mode: decision.mode, isAware: isAware)
        var standing = lines.indices.contains(index) ? lines[index].context : nil
        if standing?.transports != transports { standing = nil }
        let role = CallMedia.role(towardsOffererOf: line.setup, current: standing?[side].wanted.role)
        let remote = CallMedia.remote(
            line, isAware: isAware, withFingerprints: decision.outcome == .e2ae && side == .ue)
        return Handling(
            decision: decision, isAware: isAware, isRequested: side == .ue && line.threeGE2AE == .requested,
            offerer: Leg(remote: remote, role: role), context: standing)
    }

    /// Our role towards an offerer: it wishes one, or leaves it to us. Without a choice of its own we stay what we are, else let it connect, which opens
    /// its NAT. No setup: the offerer is active (RFC 4975 §5.4).
    static func role(towardsOffererOf setup: Setup?, current: ConnectionRole?) -> ConnectionRole {
        switch setup {
        case .passive: .active
        case .actpass: current ?? .passive
        case .active, .holdconn, nil: .passive
        }
    }

    static func remote(_ line: MSRPMedia, isAware: Bool, withFingerprints: Bool) -> RemoteDescription {
        RemoteDescription(
            address: line.address, port: line.port, paths: isAware ? line.paths : [], setup: line.setup,
            fingerprints: withFingerprints ? line.fingerprints : [])
    }

    /// What keeps a line from being handled: nothing of a peer's reaches a gateway unread.
    func fault(in line: MSRPMedia, _ outcome: Decision.Outcome, from side: OfferSide) -> String? {
        guard line.port != nil else { return "the port is above 65535" }
        guard let address = line.address else { return "c= has no Internet address" }
        if case .address(let address) = address, address.isMulticast { return "c= is a multicast address" }
        if side == .ue, let fault = addressFault(address) { return fault }
        if outcome == .transparent { return nil }
        guard line.fingerprints.count <= CallMedia.maximumFingerprints else {
            return "more than \(CallMedia.maximumFingerprints) fingerprints"
        }
        if let fault = settings.content.fault(in: line) { return fault }
        guard !line.paths.isEmpty else { return "a=path is missing" }
        guard line.paths.count <= CallMedia.maximumPathURIs, line.paths.allSatisfy(CallMedia.isMessageURI) else {
            return "a=path is not a list of MSRP URIs"
        }
        return nil
    }

    /// A10: to where a UE's SDP may not steer the gateway. Its own address, as its signalling shows it, tells which of them its realm has.
    private func addressFault(_ host: Host) -> String? {
        guard case .address(let given) = host else { return nil }
        let address = given.unmapped
        let source = settings.ueSource?.unmapped
        if address.isUnspecified { return "c= is no address to connect to" }
        if address.isMulticast { return "c= is a multicast address" }
        if address.isLoopback, source?.isLoopback == false { return "c= is a loopback address" }
        if address.isLinkLocal, source?.isLinkLocal != true { return "c= is a link-local address" }
        return nil
    }

    /// The characters of an MSRP URI and its beginning (RFC 4975 §9); what it means is for the gateway.
    private static func isMessageURI(_ text: String) -> Bool {
        let lower = text.lowercased()
        guard lower.hasPrefix("msrp://") || lower.hasPrefix("msrps://"), text.utf8.count <= maximumURIOctets else {
            return false
        }
        return text.utf8.allSatisfy { octet in
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: "-._~:/?#[]@!$&'()*+,;=%".utf8.contains(octet)
            }
        }
    }

    // MARK: Reserving

    mutating func reserveIfNeeded(_ index: Int) {
        guard let exchange, let handling = exchange.plans[index].handling, handling.context == nil else { return }
        let id = newProcedure(.reserve(line: index))
        let requests = [OfferSide.ue, .core].map { request($0, handling, offerer: exchange.from) }
        waiting = .reservation
        emit(.reserve(id, requests))
    }

    private func request(_ side: OfferSide, _ handling: Handling, offerer: OfferSide) -> TerminationRequest {
        let leg = side == offerer ? handling.offerer : Leg(remote: nil, role: .passive)
        let transport = handling.transports[side]
        let family: AddressFamily
        if case .address(let address)? = leg.remote?.address {
            family = address.isV6 ? .v6 : .v4
        } else {
            family = side == .ue ? settings.accessFamily : settings.coreFamily
        }
        return TerminationRequest(
            realm: side.realm, transport: transport,
            local: LocalRequest(
                family: family, role: leg.role, fingerprintHashes: transport.isTLS ? settings.localHashes : []),
            remote: leg.remote, permittedSources: side == .ue ? settings.ueSource.map { [$0] } ?? [] : [],
            latch: settings.latch && transport.isTLS, heartbeat: settings.heartbeat)
    }

    /// The gateway's reply for one line.
    mutating func reserved(_ index: Int, _ result: Result<[ReservedTermination], GatewayFailure>) {
        guard var current = exchange, var handling = current.plans[index].handling else { return }
        switch result {
        case .success(let terminations):
            if let context = context(terminations, handling, offerer: current.from) {
                handling.context = context
                handling.isNew = true
                current.plans[index] = .handled(handling)
                exchange = current
            } else {
                if let context = terminations.first?.handle.context { emit(.release(context)) }
                reservationRefused(index, GatewayFailure(code: 500, text: "the reply lacks what was asked for"))
            }
        case .failure(let failure): reservationRefused(index, failure)
        }
        forwardOfferIfReady()
    }

    private func context(
        _ terminations: [ReservedTermination], _ handling: Handling, offerer: OfferSide
    ) -> LineContext? {
        guard terminations.count == 2, terminations[0].handle.context == terminations[1].handle.context else {
            return nil
        }
        let usable = zip(terminations, [handling.transports.access, handling.transports.core]).allSatisfy {
            $0.local.endpoint.port != 0 && (!$1.isAware || $0.local.path != nil)
                && (!$1.isTLS || !$0.local.fingerprints.isEmpty)
        }
        guard usable else { return nil }
        let legs = [OfferSide.ue, .core].map { $0 == offerer ? handling.offerer : Leg(remote: nil, role: .passive) }
        let built = zip(terminations, legs).map {
            Termination(handle: $0.handle, local: $0.local, configured: $1, wanted: $1)
        }
        return LineContext(
            handle: terminations[0].handle.context, transports: handling.transports, access: built[0], core: built[1])
    }

    /// e2ae could not be given: never less where both indicated; otherwise what the tables say without a gateway that can.
    private mutating func reservationRefused(_ index: Int, _ failure: GatewayFailure) {
        guard let current = exchange, let handling = current.plans[index].handling,
            let line = current.offer.messageMedia(at: index)
        else { return }
        let fallsBack = handling.mode == .e2ae && !(settings.ueIndicated && settings.networkIndicated)
        if fallsBack, !isLive(index) {
            let decision = decide(about: line, at: index, from: current.from, gatewayCapable: false)
            if decision.outcome != .refuse {
                let again = self.handling(line, at: index, from: current.from, decision)
                exchange?.plans[index] = .handled(again)
                return reserveIfNeeded(index)
            }
        }
        let decision = Decision(
            .refuse, "the gateway refused: \(failure)", clause: "docs/media-security.md 6 (ours)",
            refusal: failure.isShortage ? .serviceUnavailable : .notAcceptableHere, isNoteworthy: true)
        emit(.decided(decision, media: index, direction: OfferDirection(from: current.from)))
        exchange?.plans[index] = .refused(decision)
    }

    // MARK: Sending the offer on

    mutating func forwardOfferIfReady() {
        guard let current = exchange, !procedures.values.contains(where: { $0.isReserve }) else { return }
        waiting = .nothing
        let refusedLive = current.plans.indices.compactMap { index -> Decision? in
            if case .refused(let decision) = current.plans[index], isLive(index) { return decision }
            return nil
        }
        if let decision = refusedLive.first {
            abandonExchange()
            emit(.refuse(current.token, refusal(decision)))
        } else if refuseIfNothingIsLeft() {
            let passedOn = rewritten(current)
            lastSent[current.from.other] = passedOn
            emit(.forward(passedOn, to: current.from.other, current.token))
        }
        drain()
    }

    /// False where every line is refused: then the offer is.
    private mutating func refuseIfNothingIsLeft() -> Bool {
        guard let current = exchange else { return false }
        var refused: [Decision] = []
        for (plan, media) in zip(current.plans, current.offer.media) {
            switch plan {
            case .refused(let decision): refused.append(decision)
            case .handled: return true
            case .untouched where !media.isRejected: return true
            case .untouched, .off: continue
            }
        }
        guard let decision = refused.first(where: { $0.refusal == .serviceUnavailable }) ?? refused.first else {
            return true
        }
        abandonExchange()
        emit(.refuse(current.token, refusal(decision)))
        return false
    }

    private func refusal(_ decision: Decision) -> Refusal {
        let refusal = decision.refusal ?? .notAcceptableHere
        return Refusal(
            status: refusal.rawValue, text: decision.reason,
            retryAfter: refusal == .serviceUnavailable ? settings.retryAfter : nil)
    }

    private func rewritten(_ current: Exchange) -> SessionDescription {
        let side = current.from.other
        var result = current.offer
        var rewrittenLines: Set<Int> = []
        var terminated: Set<Int> = []
        for (index, plan) in current.plans.enumerated() {
            guard let line = current.offer.messageMedia(at: index) else {
                if case .refused = plan { result.media[index] = current.offer.media[index].rejection }
                continue
            }
            switch plan {
            case .untouched: continue
            case .off, .refused:
                let mode = lines.indices.contains(index) ? lines[index].mode : .off
                result.media[index] = LineRewriting.rejection(of: line, mode: mode, to: side)
            case .handled(let handling):
                guard let context = handling.context else { continue }
                let isActive = !handling.isNew && context[side].wanted.role == .active
                let rewriting = LineRewriting(
                    mode: handling.mode, isAware: handling.isAware, side: side, local: context[side].local,
                    setup: isActive ? .active : .actpass,
                    saysApplied: settings.ueIndicated && settings.networkIndicated, content: settings.content)
                result.media[index] = rewriting.apply(to: line)
                rewrittenLines.insert(index)
                if handling.decision.outcome != .transparent { terminated.insert(index) }
            }
        }
        result.rewriteSessionLevel(rewritten: rewrittenLines, terminated: terminated)
        if anonymous.contains(current.from) { result.removeIdentity() }
        return result
    }
}

extension MediaDescription {
    /// Session messages, whatever carries them.
    var isSessionMessages: Bool {
        media.lowercased() == "message" || proto.uppercased().split(separator: "/").contains("MSRP")
    }
}

extension CallMedia.Purpose {
    var isReserve: Bool {
        if case .reserve = self { return true }
        return false
    }
}

extension Decision {
    fileprivate static func unacceptable(_ reason: String) -> Decision {
        Decision(
            .refuse, reason, clause: "RFC 4975 8, RFC 3264 6", refusal: .notAcceptableHere, isNoteworthy: true)
    }
}
