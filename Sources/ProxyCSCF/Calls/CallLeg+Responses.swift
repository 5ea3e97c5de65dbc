import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP

/// Responses on their way back: RFC 3261 §16.7.
extension CallLeg {
    mutating func handleResponse(_ response: Response, _ id: Exchange.ID) {
        guard let exchange = exchanges[id], response.status > 100, !takesEarlier(response, id) else { return }
        let tag = (try? response.headers.to())?.tag ?? ""
        let isSuccess = (200..<300).contains(response.status)
        if exchange.isAnswered, exchange.method == .invite, isSuccess {
            if let before = exchange.successes[tag] {
                emit(.respond(before, id))
            } else {
                // The call is ended, or another branch was first: RFC 3261 §13.2.2.4.
                acknowledgeAndEnd(
                    response, of: exchange,
                    ReleaseCause(status: 487, text: "The call is answered elsewhere or ended"))
                if id != Self.first {
                    // The sides now differ about what the session is.
                    release(ReleaseCause(status: 408, text: "The answer to a later INVITE came too late"))
                }
            }
            return
        }
        guard !exchange.isAnswered, !takesFallback(response, exchange) else { return }
        if id == Self.first, response.status < 300, !tag.isEmpty, dialogs[tag] == nil {
            guard dialogs.count < settings.dialogLimit else {
                if isSuccess { abandon(response, id, Refusal(500, warning: "too many branches")) }
                return
            }
            dialogs[tag] = DialogRecord(
                invite: exchange.request, response: response, direction: direction, own: own, ownToken: token)
        } else if response.status < 300, exchange.method.refreshesTarget {
            dialogs[branch(response.headers, from: exchange.from)]?.refresh(exchange.from.other, response.headers)
        }
        if response.status < 200, let sequence = response.headers[.rSeq], let before = exchange.provisionals[tag],
            before.sequence == sequence
        {
            emit(.respond(before.response, id))
            return
        }
        guard exchange.method.carriesSession else {
            pass(response, id)
            return
        }
        guard response.status < 300 else {
            // What it says of sessions (RFC 3261 §21.4.26) was not negotiated here: it does not pass unread (A11).
            pass(response.withoutSession, id)
            return
        }
        switch SessionBody.find(in: .response(response)) {
        case .unreadable(let refusal): abandon(response, id, refusal)
        case .found(let description, let part): describe(description, part, in: response, id)
        case .none where isSuccess && id != Self.first && exchange.offer == .inRequest && !exchange.hasAnswer:
            // RFC 3264 §5: an offer without an answer changes nothing; after an INVITE nobody knows what the other side believes.
            if exchange.method == .invite {
                abandon(response, id, Refusal(488, warning: "the offer was not answered"))
            } else {
                withdrawOffer(of: id)
                pass(response, id)
            }
        case .none where isSuccess && exchange.method == .invite:
            // What an earlier response answered now holds; if none did, this ends the call.
            let token = hold(.response(response, id), nil)
            media.accepted(
                from: exchange.from.other, branch: branch(response.headers, from: exchange.from), token: token)
            drainMedia()
        case .none: pass(response, id)
        }
    }

    private mutating func describe(
        _ description: SessionDescription, _ part: BodyPart, in response: Response, _ id: Exchange.ID
    ) {
        guard let exchange = exchanges[id] else { return }
        let side = exchange.from.other
        let isFinal = response.status >= 200 && (exchange.method == .invite || phase == .confirmed)
        switch exchange.offer {
        case .inRequest, .answered:
            exchanges[id]?.hasAnswer = true
            let token = hold(.response(response, id), part)
            media.answer(
                description, from: side, branch: branch(response.headers, from: exchange.from), isFinal: isFinal,
                token: token)
            drainMedia()
        case .none where exchange.method == .invite:
            exchanges[id]?.offer = .inResponse
            exchanges[id]?.offered = description
            media.offer(
                description, from: side, isInResponse: true, token: hold(.response(response, id), part))
            drainMedia()
        case .inResponse where exchange.offered == description:
            // RFC 3261 §13.2.1: the same once more, in the 2xx after the reliable 1xx that had it.
            pass(response.replacing(part, by: exchange.offeredBack), id)
        case .none, .inResponse:
            // RFC 3311 §5.2: no offer in the response to UPDATE or PRACK, nor a second one before the first is answered.
            abandon(response, id, Refusal(488, warning: "a session description where none belongs"))
        }
    }

    /// Sends a response back, with its body as it is now.
    mutating func pass(_ response: Response, _ id: Exchange.ID) {
        guard let exchange = exchanges[id], !exchange.isAnswered else { return }
        let tag = (try? response.headers.to())?.tag ?? ""
        var back = backwards(response, of: exchange)
        if id == Self.first, exchange.from == .core, let chargingVector {
            back.headers.set(.pChargingVector, to: chargingVector)
        }
        if response.status == 503 {
            // RFC 3261 §16.7 step 6: it would say that this P-CSCF serves nobody any more.
            back.status = 500
            back.reason = Response.reasonPhrase(500)
        }
        if (200..<300).contains(response.status), let timer = exchange.sessionTimer {
            sessionExpiry = timer.complete(&back.headers).map { now + .seconds(Int64($0)) }
        }
        emit(.respond(back, id))
        guard response.status >= 200 else {
            if let sequence = response.headers[.rSeq],
                exchange.provisionals[tag] != nil || exchange.provisionals.count < settings.dialogLimit
            {
                exchanges[id]?.provisionals[tag] = Exchange.Provisional(sequence: sequence, response: back)
            }
            if response.status == 180, id == Self.first {
                emit(.event(.milestone(.init(.ringing, callID: callID, detail: direction.rawValue))))
            }
            return
        }
        exchanges[id]?.isAnswered = true
        if exchange.method == .invite, response.status < 300 {
            exchanges[id]?.successes[tag] = back
            exchanges[id]?.keepUntil = now + settings.transactionTimeout
            if exchange.offer == .inRequest { exchanges[id]?.offer = .answered }
            if id == Self.first, phase == .inviting {
                dialogs = dialogs.filter { $0.key == tag }
                dialogs[tag]?.isConfirmed = true
                phase = .confirmed
                emit(.event(.milestone(.init(.established, callID: callID, detail: direction.rawValue))))
            }
        } else if response.status >= 300 {
            refused(exchange, response.status)
        }
    }

    /// A final response above 299 has gone back.
    private mutating func refused(_ exchange: Exchange, _ status: Int) {
        if exchange.id == Self.first, phase == .inviting {
            emit(.event(.milestone(.init(.callFailed, callID: callID, detail: "\(status)"))))
            wind(down: nil, status: 487, except: exchange.id)
            return
        }
        guard !isEnding else { return }
        if exchange.offer == .inRequest {
            media.offerFailed()
            drainMedia()
        }
        // RFC 3261 §12.2.1.2, RFC 5057: the other side does not know the dialog, or is not there.
        if status == 481 || status == 408, exchange.method != .bye { release(.dialogGone) }
    }

    mutating func backwards(_ response: Response, of exchange: Exchange) -> Response {
        let side = exchange.from
        if exchange.method == .invite, Privacy(response.headers).asks(for: "header") {
            hiddenContacts.insert(side.other)
        }
        var back = response
        back.headers.removeFirst(.via)
        switch side {
        case .core:
            Hygiene.clean(fromUE: &back.headers, asserting: served.identities[0])
            // What the UE makes of Via and Record-Route steers nothing (TS 24.229 §5.2.6.4).
            let isRecorded = exchange.id == Self.first && response.headers.contains(.recordRoute)
            Hygiene.restorePath(
                of: &back.headers, from: exchange.request.headers, ownRoute: isRecorded ? own.coreRoute(token) : nil)
        case .ue:
            Hygiene.clean(fromCore: &back.headers)
            own.turnRecordRoute(&back.headers, token: token, to: own.accessRoute(token, on: served.flow))
        }
        conceal(&back.headers, of: side.other, isRequest: false)
        reveal(&back.headers, of: exchange)
        unshift(&back.headers, of: exchange)
        return back
    }

    // MARK: No response

    mutating func requestFailed(_ id: Exchange.ID, timedOut: Bool) {
        // What has not gone on, or not yet for the second time, cannot fail.
        guard let exchange = exchanges[id], exchange.isForwarded, !exchange.isFinished else { return }
        exchanges[id]?.isFinished = true
        exchanges[id]?.timerC = nil
        guard !exchange.isAnswered else { return }
        // §16.8, §16.9: as if 408 or 503 had come; a 503 of somebody else's is not handed on as such (§16.7 step 6).
        let refusal =
            exchange.isCancelled && !isFallingBack && timedOut
            ? Refusal(487)
            : timedOut ? Refusal(408) : Refusal(exchange.from == .core ? 480 : 500, "Next hop cannot be reached")
        refuse(id, refusal)
    }

    /// RFC 3261 §16.8: cancelled where the other side has shown itself, given up otherwise.
    mutating func timerCFired(_ id: Exchange.ID) {
        guard let exchange = exchanges[id], !exchange.isFinished else { return }
        if exchange.hasProvisional {
            cancelForwarded(id, ReleaseCause(status: 408, text: "Timer C").reason)
        } else {
            cancelForwarded(id, nil)
            refuse(id, Refusal(408))
        }
    }
}
