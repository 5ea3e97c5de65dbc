import MediaSecurity
import SDP
import WireSyntax

/// The media of one passage of a call through a P-CSCF, originating or terminating: the IMS-ALG's part of it (TS 23.334 §6.2.10, TS 33.328).
///
/// SDP goes in with the SIP message that carried it; procedures for the gateway and the SDP for the other side come out of `nextAction()`. Two call legs
/// through the same P-CSCF (caller and callee registered there) are two of these.
///
///     UE            P-CSCF             CallMedia                          gateway             core
///     │── INVITE ─────►│── offer(.ue) ────►│ decided                          │                 │
///     │                │                   │── reserve [access, core] ───────►│ Add, Add        │
///     │                │◄── forward(.core) │◄─ gatewayReplied ────────────────│                 │
///     │                │── INVITE ─────────────────────────────────────────────────────────────►│
///     │                │◄──────────────────────────────────────────────────────────── 183 SDP ──│
///     │                │── answer(early) ─►│   (kept; the gateway is not told)                  │
///     │◄── 183 ────────│◄── forward(.ue) ──│                                  │                 │
///     │                │◄──────────────────────────────────────────────────────────── 200 SDP ──│
///     │                │── answer(final) ─►│── configure core ───────────────►│ Modify          │
///     │◄── 200 ────────│◄── forward(.ue) ──│◄─ gatewayReplied ────────────────│                 │
///     │══ TCP, TLS, MSRP ═══════════════════════════════════════════════════►│═══ TCP, MSRP ══►│
///     │── BYE ────────►│── released ──────►│── release ──────────────────────►│ Subtract        │
///
/// The terminating passage is the same with `offer(.core)` and `answer(.ue)`.
///
/// **What the caller owes.** Every message that carries SDP is held and given here once, with a token; it comes back as `forward` or `refuse`, unless
/// `fail` ends the call. A final answer is one in a 2xx to INVITE, in the ACK to a 2xx, or in a 2xx to UPDATE or PRACK after the INVITE's 2xx; others
/// are early. A 2xx to INVITE without SDP is given to `accepted`. A 4xx–6xx to a request whose offer was forwarded (or its CANCEL) is told by
/// `offerFailed`; the end of the call, whoever ends it and in whatever state, by `released`.
///
/// **What a refusal is**, by the carrier of the offer: a request gets the response. An offer in a response that leaves no line gets ACK and BYE to its
/// sender, and 488 to the other side; later on, a line that stands is kept as it was in both directions instead (`isInResponse`). **What a failure is**, by the carrier of the answer: in a 1xx CANCEL to its sender and
/// `cause.status` to the other side; in a 2xx ACK and BYE, and `cause.status`; in PRACK 488 and then the same; in ACK and later BYE both ways.
///
/// Several MSRP lines have a context each; other lines pass as they are. A line that is refused while others stand goes on with port 0. Inputs that come
/// while the gateway is being asked wait in order.
package struct CallMedia: Sendable {
    /// MSRP lines of one description, so contexts of one call.
    package static let maximumMessageLines = 8
    /// Branches of a forked offer with an early answer.
    package static let maximumBranches = 16
    /// Messages that wait for the gateway.
    package static let maximumWaiting = 32
    /// `a=fingerprint` lines handed to the gateway.
    package static let maximumFingerprints = 16
    /// URIs of one `a=path`, and octets of each.
    package static let maximumPathURIs = 8
    package static let maximumURIOctets = 1_024

    package let settings: CallMediaSettings
    /// Whether a registered gateway can do e2ae; the caller keeps it current.
    package var gatewayCapable = true
    /// Sides whose party asked for privacy (RFC 3323): their descriptions go on without names.
    package var anonymous: Set<OfferSide> = []

    enum Input: Sendable {
        case offer(SessionDescription, from: OfferSide, isInResponse: Bool, Token)
        case answer(SessionDescription, from: OfferSide, branch: String, isFinal: Bool, Token)
        case accepted(from: OfferSide, branch: String, Token)
    }

    enum Purpose: Hashable, Sendable {
        case reserve(line: Int)
        case configure
        /// The offer is gone; what comes is released.
        case abandoned
    }

    /// A message that goes on when the gateway knows what it says.
    struct Completion: Sendable {
        let description: SessionDescription?
        let side: OfferSide
        let token: Token
    }

    /// What is waited for at the gateway.
    enum Waiting: Sendable {
        case nothing
        case reservation
        case configuration(Completion)
    }

    var hasEnded = false
    /// The branch of each side whose final answer passed; others are strangers (one dialog has one branch).
    var acceptedBranches: [OfferSide: String] = [:]
    var lines: [Line] = []
    var exchange: Exchange?
    var waiting = Waiting.nothing
    var procedures: [ProcedureID: Purpose] = [:]
    /// Contexts that no line uses any more, released with the next configuration.
    var retired: [ContextHandle] = []
    /// What each side was told last, for repeated messages.
    var lastSent: [OfferSide: SessionDescription] = [:]

    private var inputs: [Input] = []
    private var actions: [Action] = []
    private var lastProcedure: UInt64 = 0

    package init(settings: CallMediaSettings) { self.settings = settings }

    package mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    /// Nothing of this call stands at a gateway, nor is on its way to.
    package var isIdle: Bool {
        procedures.isEmpty && retired.isEmpty && lines.allSatisfy { $0.context == nil } && exchange == nil
    }

    /// What the lines are, in the order of the SDP: for a log or a page.
    package var modes: [LineMode] { lines.map(\.mode) }

    // MARK: Events of the signalling

    /// An offer, in whatever message.
    ///
    /// - Parameter isInResponse: its sender cannot be refused with a response. A change of a standing line that is not accepted is then not made: the line
    ///   goes on, and is answered, as it was.
    package mutating func offer(
        _ description: SessionDescription, from side: OfferSide, isInResponse: Bool = false, token: Token
    ) {
        take(.offer(description, from: side, isInResponse: isInResponse, token), token)
    }

    /// An answer to the offer under way, or the same one again.
    ///
    /// - Parameter branch: the dialog that answers (its remote tag), so that branches of a forked request are told apart.
    package mutating func answer(
        _ description: SessionDescription, from side: OfferSide, branch: String, isFinal: Bool, token: Token
    ) {
        take(.answer(description, from: side, branch: branch, isFinal: isFinal, token), token)
    }

    /// A 2xx to INVITE without SDP: what was answered before now holds.
    package mutating func accepted(from side: OfferSide, branch: String, token: Token) {
        take(.accepted(from: side, branch: branch, token), token)
    }

    /// The request with the offer failed: the session is what it was before.
    package mutating func offerFailed() {
        guard !hasEnded else { return }
        if case .configuration = waiting { return }
        abandonExchange()
        waiting = .nothing
        drain()
    }

    /// The call is over. Everything is released; calling it again does nothing.
    package mutating func released() { end() }

    // MARK: Inside

    mutating func emit(_ action: Action) { actions.append(action) }

    mutating func newProcedure(_ purpose: Purpose) -> ProcedureID {
        lastProcedure += 1
        let id = ProcedureID(number: lastProcedure)
        procedures[id] = purpose
        return id
    }

    private mutating func take(_ input: Input, _ token: Token) {
        guard !hasEnded else { return emit(.refuse(token, Refusal(status: 481, text: "the call has ended"))) }
        guard inputs.count < CallMedia.maximumWaiting else { return fail(.tooMany("messages wait for the gateway")) }
        inputs.append(input)
        drain()
    }

    /// Works off what waits, until the gateway has to be asked.
    mutating func drain() {
        while !hasEnded, case .nothing = waiting, !inputs.isEmpty {
            switch inputs.removeFirst() {
            case .offer(let description, let side, let isInResponse, let token):
                startExchange(description, from: side, isInResponse: isInResponse, token)
            case .answer(let description, let side, let branch, let isFinal, let token):
                takeAnswer(description, from: side, branch: branch, isFinal: isFinal, token)
            case .accepted(let side, let branch, let token): takeAcceptance(from: side, branch: branch, token)
            }
        }
    }

    mutating func fail(_ cause: FailureCause) {
        guard !hasEnded else { return }
        emit(.fail(cause))
        end()
    }

    private mutating func end() {
        guard !hasEnded else { return }
        hasEnded = true
        inputs = []
        waiting = .nothing
        abandonExchange()
        for index in lines.indices {
            if let context = lines[index].context { retired.append(context.handle) }
            lines[index].context = nil
            lines[index].mode = .off
        }
        releaseRetired()
        for (id, purpose) in procedures where purpose == .configure { procedures[id] = nil }
    }

    mutating func releaseRetired() {
        for context in retired { emit(.release(context)) }
        retired = []
    }

    /// Drops the offer under way with what was reserved for it.
    mutating func abandonExchange() {
        for case .handled(let handling) in exchange?.plans ?? [] where handling.isNew {
            if let context = handling.context { emit(.release(context.handle)) }
        }
        exchange = nil
        for (id, purpose) in procedures {
            if case .reserve = purpose { procedures[id] = .abandoned }
        }
    }
}
