import MSRP
import NIOCore
import SDP
import SIP
import WireSyntax

/// One call of a UE: an INVITE dialog with one message line (RFC 3261 §13–15, RFC 3264).
///
/// ```
///   outgoing   calling ─ 180 ▶ calling ─ 200 ▶ ACK, media ─▶ confirmed ─ BYE ▶ ended
///                 │ cancel ▶ CANCEL ─ 487 ▶ ended       3xx–6xx ▶ ended       200 that cannot be taken ▶ ACK, BYE, ended
///   incoming   ringing ─ accept ▶ 200 … ACK ▶ media ─▶ confirmed            CANCEL ▶ 487, ended     no ACK ▶ BYE, ended
///   confirmed  change ▶ re-INVITE or UPDATE ─ 200 ▶ ACK, the connection that is there or a new one    491 ▶ again after a while
///              re-INVITE or UPDATE of the peer ▶ 200, 488, 491 or 500, and the call goes on
/// ```
/// The media begins after the 200: for the caller with its ACK, for the callee with the ACK that comes (media-security 1).
///
/// By subject: `Call+Outgoing`, `Call+Incoming`, `Call+Requests` (in the dialog), `Call+Changes` (ours), `Call+Offers` (the peer's), `Call+Ending`.
struct Call: Sendable {
    /// Names a request that is to be answered; the owner knows what it stands for.
    typealias Token = Int

    enum Action: Hashable, Sendable {
        /// INVITE, BYE, PRACK or UPDATE, as a transaction.
        case send(Request)
        /// ACK to a 2xx.
        case acknowledge(Request)
        /// CANCEL of the INVITE.
        case cancel
        case respond(Response, Token)
        /// A 2xx once more, outside of its transaction.
        case repeatSuccess(Response, Token)
        case ringing
        /// Signalling is done: the connection may be opened, or waited for; one that is there gives way to it.
        case media(MediaPlan)
        /// What this end may do on the connection that is there.
        case direction(MediaDirection)
        /// The peer's session has another path; the connection is the one that is there.
        case peerPath([MSRPURI])
        /// The peer has ended the message line; the call goes on without.
        case mediaOff
        /// A change of ours has come to its end.
        case changed(Change.Kind, ChangeOutcome)
        /// The peer has changed something, and it stands.
        case changedByPeer(ChangeOutcome)
        /// Nothing more comes; media and resources go.
        case ended(Ending)
    }

    struct Ending: Hashable, Sendable {
        /// A final response of the peer or the network; 0 otherwise.
        var status = 0
        var cause: String
        /// By a BYE of either side, after the call stood.
        var isNormal = false
    }

    enum State: Hashable, Sendable { case calling, cancelling, ringing, accepted, confirmed, leaving, ended }

    /// What the user wants of every call.
    struct Options: Sendable {
        /// Seconds of the session timer that is asked for; nil: none.
        var sessionExpires: UInt32?
        /// 18x are sent reliably where the caller can.
        var isReliable = false
        /// The answer is sent in a reliable 183 where the caller can.
        var answersEarly = false
        /// The INVITE carries no offer: it comes in the 200, the answer goes in the ACK.
        var offersLate = false
        /// RFC 3323, RFC 3325: nobody but the network learns who this is.
        var isAnonymous = false
        /// First RSeq (RFC 3262 §3), random.
        var firstRSeq: UInt32 = 1
    }

    /// A 2xx of ours that waits for its ACK, and what the ACK brings.
    struct Accepted: Sendable {
        enum Next: Sendable {
            /// The connection of the call, or a new one in its place.
            case begin(MediaPlan)
            case direction(MediaDirection)
            /// Our offer was in the 2xx: the answer is in the ACK.
            case answer(offer: SessionDescription)
            case nothing
        }

        var response: Response
        var machine: SuccessRetransmission
        var token: Token
        var sequence: UInt32
        var next: Next
    }

    /// From INVITE to the final response; then CANCEL.
    static let answerTimeout = TimeAmount.seconds(90)
    /// From BYE or CANCEL to its end.
    static let leaveTimeout = TimeAmount.seconds(32)
    /// How long the BYE, or the new offer, may take that explains a media connection closed by the peer.
    static let lostMediaTime = TimeAmount.seconds(2)
    /// How long an offer may take that names another path, where the first could not be reached.
    static let newOfferTime = TimeAmount.seconds(10)
    static let allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE"
    static let supported = "100rel, timer"
    /// What a request may require.
    static let understood: Set<String> = ["100rel", "timer"]
    /// Branches of one INVITE that are followed.
    static let maximumBranches = 16

    let callID: String
    /// The peer's identity as received.
    let peer: String
    /// `<sip:…>`: where this UE is reached.
    let contact: String
    let options: Options
    /// This end made the Call-ID (RFC 3261 §14.1).
    let isOutgoing: Bool
    var state: State
    var plan: MediaPlan?
    /// Looked up by the owner before it hands over a description that has names.
    var names = HostNames()
    var actions: [Action] = []
    var media: LocalMedia?
    /// Of the first INVITE.
    var offer: SessionDescription?
    /// What this UE said last, repeated where nothing changes.
    var localDescription: SessionDescription?
    var remoteDescription: SessionDescription?
    var invite: Request
    var inviteToken: Token?
    var dialog: Dialog?
    var localTag: String
    /// Early dialogs by the peer's tag (RFC 3261 §12.1).
    var branches: [String: Branch] = [:]
    var accepted: Accepted?
    /// The ACK that went out last, for a 2xx that comes again.
    var acknowledgement: (sequence: UInt32, request: Request)?
    var reliable: ReliableProvisional?
    var nextRSeq: UInt32
    /// The user took the call while a reliable provisional response waited for its PRACK.
    var acceptsAfterPRACK = false
    /// The answer (or our offer) stands in a reliable 183.
    var hasAnsweredEarly = false
    var timer: SessionTimer
    /// Methods that the peer allows; nil while it has not said.
    var peerAllows: Set<String>?
    var pending: Pending?
    var changes: [Change] = []
    /// When the first of `changes` is tried again after a glare.
    var retry: NIODeadline?
    var timeout: NIODeadline?
    /// The peer has ended the message line with port 0.
    var isMediaOff = false
    var lostMedia: (due: NIODeadline, ending: Ending)?
    var ending = Ending(cause: "ended")
    var byeWanted = false

    var nextDeadline: NIODeadline? {
        [
            timeout, accepted?.machine.nextDeadline, reliable?.nextDeadline, state == .confirmed ? retry : nil,
            lostMedia?.due, state == .confirmed ? timer.nextDeadline : nil,
        ].compactMap { $0 }.min()
    }

    mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    // MARK: Parts

    /// With the names that were looked up.
    func knowing(_ media: LocalMedia) -> LocalMedia {
        var media = media
        media.names = names
        return media
    }

    func description(of message: Message) throws(MediaRefusal) -> SessionDescription? {
        let part: BodyPart?
        do throws(SessionBodyError) {
            part = try message.sessionDescription()
        } catch {
            throw MediaRefusal(error.reason, status: error.status)
        }
        guard let part else { return nil }
        do throws(SyntaxError) {
            return try SessionDescription(octets: part.content)
        } catch {
            throw MediaRefusal("SDP: \(error)", status: 400)
        }
    }

    mutating func learnMethods(_ headers: Headers) {
        let allowed = headers.list(.allow)
        if !allowed.isEmpty { peerAllows = Set(allowed) }
    }

    /// A response to a request other than the first INVITE. A 2xx to INVITE or UPDATE says where this UE is and what it can.
    mutating func respond(
        _ status: Int, to request: Request, _ token: Token, warning: String? = nil, retryAfter: Int? = nil,
        body: SessionDescription? = nil
    ) {
        var response = Response.make(status, to: request, toTag: localTag)
        if let warning { response.headers.append(.warning, warningText(warning)) }
        // RFC 3261 §14.2: some time between 0 and 10 s.
        if let retryAfter { response.headers.append(.retryAfter, "\(retryAfter)") }
        if status == 405 || request.method == .options { response.headers.append(.allow, Self.allowed) }
        if let body { response.carry(body) }
        actions.append(.respond(response, token))
    }
}

/// RFC 3261 §20.43, code 399: what is wrong, for people.
func warningText(_ reason: String) -> String { "399 ue \(quoted(displayEscaped(reason, limit: 200)))" }

extension Response {
    mutating func carry(_ description: SessionDescription) {
        headers.append(.contentType, "application/sdp")
        body = description.octets
    }
}

extension Request {
    mutating func carry(_ description: SessionDescription) {
        headers.append(.contentType, "application/sdp")
        body = description.octets
    }
}
