import MediaSecurity
import NIOCore
import SDP
import SIP

/// One request through a call leg and its responses: a server transaction towards whoever sent it, a client transaction towards the other side.
struct Exchange: Sendable {
    /// Number of an exchange within its leg.
    struct ID: Hashable, Sendable, CustomStringConvertible {
        let number: Int
        var description: String { "exchange \(number)" }
    }

    /// RFC 3264: who offers in this exchange.
    enum Offer: Hashable, Sendable {
        case none
        /// In the request, to be answered by a response.
        case inRequest
        /// In a response of this INVITE, to be answered by PRACK or ACK.
        case inResponse
        /// Offer and answer are through.
        case answered
    }

    let id: ID
    let from: OfferSide
    /// As received, for responses of our own.
    let request: Request
    let sequence: UInt32
    /// Sent on.
    var isForwarded = false
    /// A final response went back.
    var isAnswered = false
    /// The client transaction has its final response, or failed.
    var isFinished = false
    /// We have asked for CANCEL.
    var isCancelled = false
    /// A 101–199 came (RFC 3261 §16.8).
    var hasProvisional = false
    var offer = Offer.none
    /// A response has answered the offer of the request.
    var hasAnswer = false
    /// The offer of a response as it came and as it went on, while it is not answered: a 2xx may repeat the one of the 1xx before it.
    var offered: SessionDescription?
    var offeredBack: SessionDescription?
    /// RFC 4028 §8.1: what is remembered of a session refresh request until its 2xx.
    var sessionTimer: ProxySessionTimer?
    /// Timer C (RFC 3261 §16.6 step 11).
    var timerC: NIODeadline?
    /// No provisional response puts timer C off any longer than this.
    var ringingEnd: NIODeadline?
    /// 2xx to INVITE as they went back, by To tag, to be repeated when they come again.
    var successes: [String: Response] = [:]
    /// The last reliable provisional response as it went back, by To tag: the next one comes only after its PRACK (RFC 3262 §3).
    var provisionals: [String: Provisional] = [:]
    /// The ACK as it went on.
    var acknowledgement: Request?
    /// A finished INVITE exchange stays until then, for 2xx and ACK that come again.
    var keepUntil: NIODeadline?

    struct Provisional: Sendable {
        /// RSeq
        let sequence: String
        let response: Response
    }

    var method: Method { request.method }
    /// Nothing more will come of it.
    var isOver: Bool { (isFinished || !isForwarded) && isAnswered && keepUntil == nil }

    init?(_ id: ID, _ request: Request, from: OfferSide) {
        guard let cSeq = try? request.headers.cSeq() else { return nil }
        self.id = id
        self.from = from
        self.request = request
        sequence = cSeq.number
    }
}
