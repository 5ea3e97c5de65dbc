import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP
import WireSyntax

/// One passage of a call through this P-CSCF: from a served UE to the core (originating) or from the core to a served UE (terminating).
///
/// A call between two UEs of one P-CSCF passes twice, as two legs that know nothing of each other. The leg is a call-stateful proxy (RFC 3261 §16) whose
/// SDP goes through the IMS-ALG, and which can end the call towards both sides by itself (TS 24.229 §5.2.8).
///
/// ```
///   UE                     CallLeg · CallMedia              gateway        core
///    | INVITE offer ------->  | offer ----- reserve ------->  |             |
///    | <--------------- 100   | <---------- reserved -------  |             |
///    |                        | INVITE other offer -----------------------> |
///    |                        | <----------------------------- 180, 200 answer
///    |                        | answer ---- configure ----->  |             |
///    | <--- 200 other answer  | <---------- done -----------  |             |
///    | ACK -----------------> | ------------------------------------------> |
///    |                        | <---------- tlsFailed ------  |             |
///    | <---------------- BYE  | BYE ---------------------------------------> |   both with Reason
///    |                        | subtract ------------------>  |             |
/// ```
///
/// Messages are worked on one at a time and in the order in which they came: what needs a gateway holds back what follows, so that a 200 never
/// overtakes the 183 before it. Only what ends the call does not wait: BYE, CANCEL, a notification, a lost flow.
///
/// States: `inviting` (no final response to the first INVITE) → `confirmed` → `ending` (nothing new; waiting for the last responses) → ended. Whatever
/// the way there, the media is released at the first step into `ending` (after a BYE: with its final response, so that the far side learns of the end
/// by the BYE and not by a lost connection), and `.ended` comes exactly once.
struct CallLeg: Sendable {
    enum Phase: Hashable, Sendable {
        case inviting
        case confirmed
        /// Gives up waiting then.
        case ending(until: NIODeadline)
        case ended
    }

    enum Action: Sendable {
        /// A request in a client transaction of its own.
        case send(Request, Exchange.ID, to: OfferSide)
        /// A request of ours, or an ACK: nobody waits for its response.
        case sendAlone(Request, to: OfferSide)
        case cancel(Exchange.ID, Headers)
        case respond(Response, Exchange.ID)
        /// One context; the reply comes back with `gatewayReplied`.
        case reserve(CallMedia.ProcedureID, [TerminationRequest])
        /// The reply comes back with `gatewayReplied`.
        case configure(CallMedia.ProcedureID, TerminationHandle, TerminationChange)
        case releaseContext(ContextHandle)
        case event(FlowEvent.What)
        case ended
    }

    /// A message, waiting for its turn or for a gateway.
    enum Item: Sendable {
        case request(Exchange.ID)
        case response(Response, Exchange.ID)
        case acknowledgement(Request, from: OfferSide)
    }

    let token: String
    let direction: OfferDirection
    let callID: String
    let callerTag: String
    /// As it was received.
    let invite: Request
    let served: Registration
    let own: OwnAddresses
    let settings: CallSettings
    /// What the caller asks for (RFC 3323).
    let privacy: Privacy
    let sessionEnd: NIODeadline
    /// RFC 4028 §8.2: when the session is over unless it is refreshed; nil without a session timer.
    var sessionExpiry: NIODeadline?

    /// P-Charging-Vector of the first INVITE towards the core, or of the responses to it (`ChargingVector`); nil: none.
    var chargingVector: String?

    var phase = Phase.inviting
    var media: CallMedia
    var exchanges: [Exchange.ID: Exchange] = [:]
    var dialogs: [String: DialogRecord] = [:]
    /// Highest CSeq number seen from either side.
    var sequences: [OfferSide: UInt32] = [:]
    var inbox = CircularBuffer<Item>()
    /// What is with the ALG or the gateway right now, and the body part that its description came in.
    var working: Work?
    /// Whose Contact the other side does not see (RFC 3323 §5.1).
    var hiddenContacts: Set<OfferSide> = []
    /// The caller's BYE, which waits for its ACK (RFC 3261 §15).
    var owedBYE: (dialog: DialogRecord, cause: ReleaseCause)?
    /// The second INVITE, with the plain offer, is on its way to the UE or has gone (media-security.md 4.2).
    var hasFallenBack = false
    /// The first is being cancelled for it.
    var isFallingBack = false
    /// Dialogs of the first attempt that were acknowledged and ended, by To tag.
    var endedAttempts: Set<String> = []
    /// By how much the UE's CSeq numbers are ahead of the core's.
    var sequenceOffset: UInt32 = 0
    /// Ended by us, or by a BYE: the UE is not to be written to any more.
    var isUEGone = false
    var isMediaReleased = false
    /// The BYE with whose final response the media goes.
    var bye: Exchange.ID?
    /// Contexts that the gateway gave and that were not released yet: by them notifications find the leg.
    var contexts: Set<ContextHandle> = []
    var now: NIODeadline
    private var lastToken: CallMedia.Token = 0
    private var nextNumber = 1
    private var actions = CircularBuffer<Action>()

    /// A message held until the ALG says what becomes of it.
    struct Work: Sendable {
        let item: Item
        /// Where its description stood; nil where it has none.
        let part: BodyPart?
        let token: CallMedia.Token
    }

    /// The exchange of the INVITE that makes the call.
    static let first = Exchange.ID(number: 0)

    /// - Returns: nil where the INVITE lacks what every request has (RFC 3261 §8.1.1).
    init?(
        token: String, invite: Request, direction: OfferDirection, served: Registration, own: OwnAddresses,
        settings: CallSettings, media: CallMedia, now: NIODeadline
    ) {
        let from: OfferSide = direction == .originating ? .ue : .core
        guard let callID = invite.headers.callID, let tag = (try? invite.headers.from())?.tag,
            let exchange = Exchange(Self.first, invite, from: from)
        else { return nil }
        self.token = token
        self.direction = direction
        self.callID = callID
        callerTag = tag
        self.invite = invite
        self.served = served
        self.own = own
        self.settings = settings
        self.media = media
        self.now = now
        sessionEnd = now + settings.sessionLimit
        privacy = Privacy(invite.headers)
        if ["user", "header", "id"].contains(where: privacy.asks(for:)) { self.media.anonymous.insert(from) }
        if privacy.asks(for: "header") { hiddenContacts.insert(from) }
        exchanges[Self.first] = exchange
        sequences[from] = exchange.sequence
    }

    /// The caller's side.
    var caller: OfferSide { direction == .originating ? .ue : .core }
    var callee: OfferSide { caller.other }
    var isEnding: Bool {
        switch phase {
        case .ending, .ended: true
        case .inviting, .confirmed: false
        }
    }

    mutating func nextAction() -> Action? { actions.popFirst() }

    mutating func emit(_ action: Action) { actions.append(action) }

    /// Holds a message for the ALG.
    mutating func hold(_ item: Item, _ part: BodyPart?) -> CallMedia.Token {
        lastToken += 1
        working = Work(item: item, part: part, token: lastToken)
        return lastToken
    }

    // MARK: Events

    /// Begins: 100 to the caller, then the offer to the ALG.
    mutating func start(now: NIODeadline) {
        self.now = now
        emit(.respond(.make(100, nil, to: invite, toTag: nil), Self.first))
        if let failure = privacy.failure {
            refuse(Self.first, Refusal(500, failure))
        } else {
            take(.request(Self.first))
        }
        settle()
    }

    /// A request inside the call, ACK included. Returns the exchange by which its responses are known; nil for an ACK.
    mutating func receive(_ request: Request, from side: OfferSide, now: NIODeadline) -> Exchange.ID? {
        self.now = now
        if request.method == .ack {
            take(.acknowledgement(request, from: side))
            settle()
            return nil
        }
        let id = Exchange.ID(number: nextNumber)
        guard let exchange = Exchange(id, request, from: side) else { return nil }
        nextNumber += 1
        // What ends the call finds room where nothing else does.
        let limit = settings.exchangeLimit + (request.method == .bye ? settings.byeAllowance : 0)
        let isFull = exchanges.count >= limit
        exchanges[id] = exchange
        if isFull {
            refuse(id, Refusal(503, "Too many requests in the call", retryAfter: 1))
        } else if request.method == .bye {
            handleBYE(id)
        } else {
            if request.method == .invite { emit(.respond(.make(100, nil, to: request, toTag: nil), id)) }
            take(.request(id))
        }
        settle()
        return id
    }

    /// A response to a request that was sent for `id`.
    mutating func receive(_ response: Response, of id: Exchange.ID, now: NIODeadline) {
        self.now = now
        guard !takesEarlier(response, id) else { return settle() }
        if (101..<200).contains(response.status) {
            exchanges[id]?.hasProvisional = true
            if let exchange = exchanges[id], exchange.timerC != nil {
                let renewed = now + settings.timerC
                exchanges[id]?.timerC = min(renewed, exchange.ringingEnd ?? renewed)
            }
        } else if response.status >= 200 {
            exchanges[id]?.timerC = nil
            exchanges[id]?.isFinished = true
        }
        take(.response(response, id))
        settle()
    }

    /// The request of `id` got no final response in time, or could not be sent.
    mutating func failed(_ id: Exchange.ID, timedOut: Bool, now: NIODeadline) {
        self.now = now
        requestFailed(id, timedOut: timedOut)
        settle()
    }

    /// The server transaction of `id` has failed: its sender hears nothing any more.
    mutating func serverFailed(_ id: Exchange.ID, now: NIODeadline) {
        self.now = now
        guard let exchange = exchanges[id], !exchange.isAnswered else { return }
        exchanges[id]?.isAnswered = true
        if id == Self.first, phase == .inviting {
            release(ReleaseCause(status: 503, text: "The caller cannot be reached"))
            settle()
            return
        }
        if exchange.method == .invite, exchange.isForwarded, !exchange.isFinished { cancelForwarded(id, nil) }
        if exchange.offer == .inRequest, !isEnding {
            // Nobody will hear the answer: the session is what it was before.
            withdrawOffer(of: id)
            pump()
        }
        settle()
    }

    /// The sender of `id` has cancelled it; its CANCEL is answered already.
    ///
    /// - Parameter reason: its Reason header.
    mutating func cancelled(_ id: Exchange.ID, reason: String?, now: NIODeadline) {
        self.now = now
        handleCANCEL(id, reason)
        settle()
    }

    mutating func gatewayReplied(
        _ id: CallMedia.ProcedureID, _ result: Result<[ReservedTermination], GatewayFailure>, now: NIODeadline
    ) {
        self.now = now
        if case .success(let terminations) = result, let context = terminations.first?.handle.context {
            contexts.insert(context)
            emit(.event(.link(.init(callID: callID, gateway: context.gateway, context: context.context))))
        }
        media.gatewayReplied(id, result)
        drainMedia()
        pump()
        settle()
    }

    mutating func gatewayNotified(_ termination: TerminationHandle, _ event: TerminationEvent, now: NIODeadline) {
        self.now = now
        media.gatewayNotified(termination, event)
        drainMedia()
        settle()
    }

    /// A gateway is out of service: nothing that it held is left.
    mutating func gatewayLost(_ gateway: String, now: NIODeadline) {
        self.now = now
        media.gatewayLost(gateway)
        drainMedia()
        settle()
    }

    /// Ends the call towards both sides, at whatever step it is.
    mutating func end(_ cause: ReleaseCause, now: NIODeadline) {
        self.now = now
        release(cause)
        settle()
    }

    // MARK: Time

    var nextDeadline: NIODeadline? {
        var next: NIODeadline?
        func consider(_ deadline: NIODeadline?) {
            if let deadline { next = min(next ?? deadline, deadline) }
        }
        switch phase {
        case .ended: return nil
        case .ending(let until): consider(until)
        case .inviting: consider(sessionEnd)
        case .confirmed:
            consider(sessionEnd)
            consider(sessionExpiry)
        }
        for exchange in exchanges.values {
            consider(exchange.timerC)
            consider(exchange.keepUntil)
        }
        return next
    }

    mutating func timersDue(now: NIODeadline) {
        self.now = now
        if case .ending(let until) = phase, until <= now {
            exchanges = [:]
            settle()
            return
        }
        if !isEnding, sessionEnd <= now { release(.sessionLimit) }
        if phase == .confirmed, let expiry = sessionExpiry, expiry <= now { expire() }
        for (id, exchange) in exchanges {
            if let until = exchange.keepUntil, until <= now {
                exchanges[id]?.keepUntil = nil
                // RFC 3261 §13.3.1.4: whoever sent the INVITE is not there any more, or its route does not lead here.
                if exchange.acknowledgement == nil { release(.notAcknowledged) }
                if id == Self.first { sendOwedBYE() }
            }
            if let timerC = exchange.timerC, timerC <= now {
                exchanges[id]?.timerC = nil
                timerCFired(id)
            }
        }
        settle()
    }

    // MARK: Order

    mutating func take(_ item: Item) {
        guard inbox.count < settings.queueLimit else {
            switch item {
            case .request(let id): refuse(id, Refusal(503, retryAfter: 1))
            case .response(let response, let id) where response.status >= 200: takeFinal(response, id)
            case .response, .acknowledgement: break
            }
            return
        }
        inbox.append(item)
        pump()
    }

    /// A final response that finds the queue full waits all the same, one of each exchange: nothing else would end its request. Another branch's 2xx
    /// is acknowledged and ended.
    private mutating func takeFinal(_ response: Response, _ id: Exchange.ID) {
        guard let exchange = exchanges[id] else { return }
        let waiting = ((working.map { [$0.item] } ?? []) + inbox).compactMap { item -> String? in
            if case .response(let other, id) = item, other.status >= 200 { return other.headers[.to] ?? "" }
            return nil
        }
        if waiting.isEmpty {
            inbox.append(.response(response, id))
            pump()
        } else if exchange.method == .invite, response.status < 300, !waiting.contains(response.headers[.to] ?? "") {
            acknowledgeAndEnd(response, of: exchange, ReleaseCause(status: 500, text: "Too many responses"))
        }
    }

    /// Works on what waits, as long as nothing is with the gateway.
    mutating func pump() {
        while working == nil, let item = inbox.popFirst() {
            switch item {
            case .request(let id): handleRequest(id)
            case .response(let response, let id): handleResponse(response, id)
            case .acknowledgement(let ack, let side): handleACK(ack, from: side)
            }
        }
    }

    /// Forgets exchanges that are over, and the leg with the last of them.
    mutating func settle() {
        for (id, exchange) in exchanges where exchange.isOver || isEnding && exchange.isDone {
            if id == Self.first, owedBYE != nil, exchange.keepUntil != nil { continue }
            exchanges[id] = nil
        }
        if let bye, exchanges[bye] == nil { releaseMedia() }
        guard case .ending(let until) = phase, exchanges.isEmpty, media.isIdle || until <= now else { return }
        phase = .ended
        inbox.removeAll()
        emit(.ended)
    }
}

extension Exchange {
    /// Answered and finished: only copies could still come.
    var isDone: Bool { (isFinished || !isForwarded) && isAnswered }
}
