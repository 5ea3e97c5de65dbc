import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP

/// Every way out of a call: final responses of ours, CANCEL, ACK and BYE on behalf of either side, and the media given back.
extension CallLeg {
    /// Answers a request that is not going on. A refused first INVITE ends the leg, a refused offer changes nothing.
    mutating func refuse(_ id: Exchange.ID, _ refusal: Refusal) {
        guard let exchange = exchanges[id], !exchange.isAnswered else { return }
        emit(.respond(refusal.response(to: exchange.request, tag: localTag(for: exchange), agent: settings.agent), id))
        exchanges[id]?.isAnswered = true
        if id == Self.first, phase == .inviting {
            emit(.event(.milestone(.init(.callFailed, callID: callID, detail: refusal.summary))))
            wind(down: nil, status: 487, except: id)
        } else if exchange.offer == .inRequest, !isEnding {
            withdrawOffer(of: id)
        }
    }

    /// The offer of this request comes to nothing; the session is what it was before.
    mutating func withdrawOffer(of id: Exchange.ID) {
        dropWork(of: id)
        exchanges[id]?.offer = .none
        media.offerFailed()
        drainMedia()
    }

    /// A To tag for responses of our own to the first INVITE; requests inside the call have theirs.
    private func localTag(for exchange: Exchange) -> String? {
        (try? exchange.request.headers.to())?.tag == nil ? "pcscf-" + token.prefix(12) : nil
    }

    /// Ends the call by our own decision.
    mutating func release(_ cause: ReleaseCause) {
        if cause.isUEGone { isUEGone = true }
        guard !isEnding else { return releaseMedia() }
        switch phase {
        case .inviting:
            emit(.event(.milestone(.init(.callFailed, callID: callID, detail: cause.text))))
            wind(down: cause, status: cause.status, except: nil)
        case .confirmed:
            emit(.event(.milestone(.init(.ended, callID: callID, detail: cause.text))))
            wind(down: cause, status: 487, except: nil)
            for dialog in dialogs.values where dialog.isConfirmed {
                // RFC 3261 §15: the callee's side sends no BYE before it has its ACK, or waits for it no longer.
                let waits = exchanges[Self.first].map { $0.acknowledgement == nil && $0.keepUntil != nil } ?? false
                for side in [OfferSide.ue, .core] {
                    if side == caller, waits, !(side == .ue && isUEGone) {
                        owedBYE = (dialog, cause)
                    } else {
                        sendBYE(to: side, dialog, cause)
                    }
                }
            }
        case .ending, .ended: break
        }
    }

    /// RFC 4028 §8.3: the session was not refreshed. Its state and its media go; a proxy sends no BYE, and what comes later gets 481.
    mutating func expire() {
        emit(.event(.milestone(.init(.ended, callID: callID, detail: ReleaseCause.sessionExpired.text))))
        wind(down: .sessionExpired, status: 408, except: nil)
    }

    /// Into `ending`: the media goes, open requests are answered, forwarded INVITEs cancelled.
    ///
    /// - Parameter except: the exchange that brought us here and is answered in its own way.
    mutating func wind(down cause: ReleaseCause?, status: Int, except: Exchange.ID?) {
        guard !isEnding else { return }
        phase = .ending(until: now + settings.transactionTimeout * 2)
        let waiting = (working.map { [$0.item] } ?? []) + inbox
        working = nil
        inbox.removeAll()
        if bye == nil { releaseMedia() }
        for (id, exchange) in exchanges where id != except && !exchange.isAnswered {
            let refusal = Refusal(
                exchange.method == .invite ? status : 481, warning: cause?.text, retryAfter: cause?.retryAfter)
            emit(
                .respond(
                    refusal.response(to: exchange.request, tag: localTag(for: exchange), agent: settings.agent), id))
            exchanges[id]?.isAnswered = true
        }
        for (id, exchange) in exchanges where exchange.method == .invite {
            if exchange.from.other == .ue, isUEGone {
                exchanges[id]?.isFinished = true
            } else {
                cancelForwarded(id, cause?.reason)
            }
            if exchange.acknowledgement != nil || exchange.successes.isEmpty { exchanges[id]?.keepUntil = nil }
        }
        if isUEGone { for id in exchanges.keys where exchanges[id]?.from == .core { exchanges[id]?.isFinished = true } }
        // A 2xx that waited behind a gateway must still be acknowledged and ended.
        for case .response(let response, let id) in waiting {
            if let exchange = exchanges[id], exchange.method == .invite, (200..<300).contains(response.status),
                exchange.successes.isEmpty, id != except
            {
                acknowledgeAndEnd(
                    response, of: exchange, cause ?? ReleaseCause(status: status, text: "The call is ended"))
            }
        }
    }

    mutating func releaseMedia() {
        bye = nil
        guard !isMediaReleased else { return }
        isMediaReleased = true
        media.released()
        drainMedia()
    }

    /// A response that does not pass: what it said cannot be read, or what it answered is not what was asked for (media-security.md 6).
    ///
    /// ```
    ///                     towards the callee      towards the caller
    ///   1xx of the first  CANCEL                  488
    ///   2xx of the first  ACK, BYE                488
    ///   1xx, 2xx later    ACK to a 2xx, BYE       488, BYE
    /// ```
    mutating func abandon(_ response: Response, _ id: Exchange.ID, _ refusal: Refusal) {
        guard let exchange = exchanges[id] else { return }
        let cause = ReleaseCause(
            status: refusal.status, text: refusal.warning ?? refusal.reason ?? "not acceptable here")
        working = nil
        if id == Self.first, phase == .inviting {
            if response.status >= 200 { acknowledgeAndEnd(response, of: exchange, cause) }
            emit(
                .respond(
                    refusal.response(to: exchange.request, tag: localTag(for: exchange), agent: settings.agent), id))
            exchanges[id]?.isAnswered = true
            emit(.event(.milestone(.init(.callFailed, callID: callID, detail: refusal.summary))))
            wind(down: cause, status: 487, except: id)
        } else {
            if response.status >= 200, exchange.method == .invite {
                emit(.sendAlone(acknowledgement(of: response, exchange), to: exchange.from.other))
            }
            refuse(id, refusal)
            release(cause)
        }
    }

    // MARK: Requests of our own

    /// ACK and BYE to the sender of a 2xx that nobody wants. One to a later INVITE gets the ACK alone: its dialog is ended by its own BYE.
    mutating func acknowledgeAndEnd(_ response: Response, of exchange: Exchange, _ cause: ReleaseCause) {
        let side = exchange.from.other
        guard !(side == .ue && isUEGone) else { return }
        emit(.sendAlone(acknowledgement(of: response, exchange), to: side))
        guard exchange.id == Self.first,
            let dialog = DialogRecord(
                invite: exchange.request, response: response, direction: direction, own: own, ownToken: token)
        else { return }
        sendBYE(to: side, dialog, cause)
    }

    /// RFC 3261 §13.2.2.4, on behalf of the sender of the INVITE.
    func acknowledgement(of response: Response, _ exchange: Exchange) -> Request {
        let side = exchange.from.other
        var headers = Headers()
        headers.append(.maxForwards, "70")
        let dialog = DialogRecord(
            invite: exchange.request, response: response, direction: direction, own: own, ownToken: token)
        if side == .core { for route in dialog?.coreRoutes ?? [] { headers.append(.route, route) } }
        if let from = response.headers[.from] { headers.append(.from, from) }
        if let to = response.headers[.to] { headers.append(.to, to) }
        headers.append(.callID, callID)
        // The number of the INVITE that it answers: of two attempts each has its own.
        let number = (try? response.headers.cSeq())?.number
        headers.append(
            .cSeq, "\(number ?? Self.shifted(exchange.sequence, side == .ue ? sequenceOffset : 0)) ACK")
        let target = (try? response.headers.contacts())?.first?.uri ?? exchange.request.uri
        return Request(method: .ack, uri: target, headers: headers, body: ByteBuffer())
    }

    /// TS 24.229 §5.2.8.1.2: a BYE to one side, as the other would have sent it.
    private mutating func sendBYE(to side: OfferSide, _ dialog: DialogRecord, _ cause: ReleaseCause) {
        guard !(side == .ue && isUEGone), let target = dialog.targets[side] else { return }
        let callerName = side == caller ? invite.headers[.from] ?? "" : concealedCaller
        let calleeName = Self.tagged(invite.headers[.to] ?? "", dialog.calleeTag)
        let isCaller = side == caller
        let number = (sequences[side.other] ?? 0) + 1
        sequences[side.other] = number
        var headers = Headers()
        headers.append(.maxForwards, "70")
        if side == .core { for route in dialog.coreRoutes { headers.append(.route, route) } }
        headers.append(.from, isCaller ? calleeName : callerName)
        headers.append(.to, isCaller ? callerName : calleeName)
        headers.append(.callID, callID)
        headers.append(.cSeq, "\(Self.shifted(number, side == .ue ? sequenceOffset : 0)) BYE")
        headers.append("Reason", cause.reason)
        emit(.sendAlone(Request(method: .bye, uri: target, headers: headers, body: ByteBuffer()), to: side))
    }

    mutating func sendOwedBYE() {
        guard let owed = owedBYE else { return }
        owedBYE = nil
        sendBYE(to: caller, owed.dialog, owed.cause)
    }

    private static func tagged(_ value: String, _ tag: String) -> String {
        guard var address = try? NameAddress(value) else { return value }
        address.parameters.set("tag", to: tag)
        return "\(address)"
    }

    private mutating func dropWork(of id: Exchange.ID) {
        switch working?.item {
        case .request(id), .response(_, id): working = nil
        default: break
        }
    }
}

extension Refusal {
    /// `488 Not Acceptable Here: why`.
    var summary: String {
        guard let why = warning ?? reason else { return "\(status)" }
        return "\(status): \(why)"
    }
}
