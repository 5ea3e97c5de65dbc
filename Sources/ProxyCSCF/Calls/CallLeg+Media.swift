import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP
import WireSyntax

/// What the ALG says, done.
extension CallLeg {
    mutating func drainMedia() {
        while let action = media.nextAction() {
            switch action {
            case .decided(let decision, let media, let direction):
                emit(
                    .event(
                        .decision(
                            .init(
                                callID: callID, direction: direction.rawValue, outcome: decision.outcome.rawValue,
                                reason: decision.reason, clause: decision.clause, media: media))))
                if decision.isNoteworthy { emit(.event(.warning("\(callID): \(decision)"))) }
            case .reserve(let id, let terminations): emit(.reserve(id, terminations))
            case .configure(let id, let termination, let change): emit(.configure(id, termination, change))
            case .release(let context):
                contexts.remove(context)
                emit(.releaseContext(context))
            case .forward(let description, _, let token): resume(token, description)
            case .refuse(let token, let refusal):
                refused(
                    token, Refusal(refusal.status, warning: refusal.text, retryAfter: refusal.retryAfter))
            case .fail(let cause): mediaFailed(cause)
            }
        }
    }

    /// The message that was held goes on, with the description for the other side.
    private mutating func resume(_ token: CallMedia.Token, _ description: SessionDescription?) {
        guard let work = working, work.token == token else { return }
        working = nil
        switch work.item {
        case .request(let id):
            guard let request = exchanges[id]?.request else { return }
            forward(id, request.replacing(work.part, by: description))
        case .response(let response, let id):
            if exchanges[id]?.offer == .inResponse { exchanges[id]?.offeredBack = description }
            pass(response.replacing(work.part, by: description), id)
        case .acknowledgement(let ack, let side):
            guard let cSeq = try? ack.headers.cSeq(), let id = inviteExchange(cSeq.number, from: side) else { return }
            passACK(ack.replacing(work.part, by: description), of: id, from: side)
        }
    }

    /// The offer in the message that was held is not passed on (media-security.md 4.3, 4.4).
    private mutating func refused(_ token: CallMedia.Token, _ refusal: Refusal) {
        guard let work = working, work.token == token else { return }
        working = nil
        switch work.item {
        case .request(let id):
            let refusal = glare(id, refusal)
            exchanges[id]?.offer = .none
            refuse(id, refusal)
        case .response(let response, let id): abandon(response, id, refusal)
        case .acknowledgement(let ack, let side):
            endUnanswered(ack, from: side, ReleaseCause(status: refusal.status, text: refusal.warning ?? ""))
        }
    }

    /// The session cannot go on; the ALG has given its contexts back (media-security.md 6).
    private mutating func mediaFailed(_ failure: CallMedia.FailureCause) {
        isMediaReleased = true
        let cause = ReleaseCause(
            status: failure.status, text: "\(failure)", retryAfter: failure.status == 503 ? settings.retryAfter : nil)
        let work = working
        working = nil
        switch work?.item {
        case .request(let id) where exchanges[id]?.method == .prack:
            refuse(id, Refusal(cause.status, warning: cause.text))
            release(cause)
        case .response(let response, let id):
            abandon(response, id, Refusal(cause.status, warning: cause.text, retryAfter: cause.retryAfter))
        case .acknowledgement(let ack, let side): endUnanswered(ack, from: side, cause)
        case .request, nil: release(cause)
        }
    }

    /// The answer in an ACK is no good: the ACK goes on without it, then BYE both ways.
    private mutating func endUnanswered(_ ack: Request, from side: OfferSide, _ cause: ReleaseCause) {
        if let cSeq = try? ack.headers.cSeq(), let id = inviteExchange(cSeq.number, from: side) {
            passACK(ack.withoutBody, of: id, from: side)
        }
        release(cause)
    }

    func inviteExchange(_ sequence: UInt32, from side: OfferSide) -> Exchange.ID? {
        exchanges.first { $0.value.method == .invite && $0.value.sequence == sequence && $0.value.from == side }?.key
    }
}
