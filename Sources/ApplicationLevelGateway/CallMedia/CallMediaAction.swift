import MediaSecurity
import SDP

extension CallMedia {
    /// Names a SIP message with or without SDP that the caller holds until it is told what to do with it. The caller's choice.
    package typealias Token = UInt64

    /// Names a procedure that waits for the gateway's reply; unique within one `CallMedia`.
    package struct ProcedureID: Hashable, Sendable, CustomStringConvertible {
        let number: UInt64
        package var description: String { "\(number)" }
    }

    package enum Action: Hashable, Sendable {
        /// What was decided about an offered line: for logs and events. `media` is the index of the m= line.
        case decided(Decision, media: Int, direction: OfferDirection)
        /// One context with two terminations: access first, then core. Answer with `gatewayReplied`, giving them in that order.
        case reserve(ProcedureID, [TerminationRequest])
        /// Answer with `gatewayReplied`.
        case configure(ProcedureID, TerminationHandle, TerminationChange)
        /// Subtract every termination of the context. No answer is waited for.
        case release(ContextHandle)
        /// Send the message of that token on to this side, its SDP replaced; nil: as it is, it has none.
        case forward(SessionDescription?, to: OfferSide, Token)
        /// Do not send the message on. A request gets the response; see `CallMedia` for the other carriers.
        case refuse(Token, Refusal)
        /// The session cannot go on: release it towards both sides, with the cause. Messages still held are dropped; nothing else follows but `release`.
        case fail(FailureCause)
    }

    /// A final response for an offer that is not passed on.
    package struct Refusal: Hashable, Sendable {
        package var status: Int
        /// For a Warning 399 and the log, without quotes.
        package var text: String
        /// Seconds for Retry-After.
        package var retryAfter: Int?

        package init(status: Int, text: String, retryAfter: Int? = nil) {
            self.status = status
            self.text = text
            self.retryAfter = retryAfter
        }
    }

    /// Why a session ended before its parties ended it.
    package enum FailureCause: Hashable, Sendable, CustomStringConvertible {
        /// The UE was offered e2ae and answered without it. Never downgraded.
        case notProtected(String)
        /// An answer that does not fit its offer.
        case invalidAnswer(String)
        case gatewayRefused(GatewayFailure)
        case gatewayLost
        /// Handshake or fingerprint.
        case tlsFailed(Realm, reason: String)
        case tcpFailed(Realm, reason: String)
        case mediaReleased(Realm, reason: String)
        /// More events at once than a call can cause.
        case tooMany(String)

        /// Cause for `Reason: SIP;cause=…` (RFC 3326), and the final response where one is still owed.
        package var status: Int {
            switch self {
            case .notProtected, .invalidAnswer, .tlsFailed: 488
            case .gatewayRefused(let failure): failure.isShortage ? 503 : 488
            case .gatewayLost, .tooMany: 503
            case .tcpFailed, .mediaReleased: 480
            }
        }

        package var description: String {
            switch self {
            case .notProtected(let reason): "the UE did not accept e2ae: \(reason)"
            case .invalidAnswer(let reason): "invalid answer: \(reason)"
            case .gatewayRefused(let failure): "the gateway refused: \(failure)"
            case .gatewayLost: "the gateway is lost"
            case .tlsFailed(let realm, let reason): "TLS failed on the \(realm.rawValue) side: \(reason)"
            case .tcpFailed(let realm, let reason): "TCP failed on the \(realm.rawValue) side: \(reason)"
            case .mediaReleased(let realm, let reason): "media released on the \(realm.rawValue) side: \(reason)"
            case .tooMany(let what): "too many \(what)"
            }
        }
    }
}

extension GatewayFailure {
    /// No gateway, or one without means at the moment: 503 and Retry-After. Everything else it cannot do at all.
    package var isShortage: Bool { [0, 432, 502, 503, 510, 511, 518, 526, 529].contains(code) }
}

extension OfferSide {
    /// The side of the gateway that faces it.
    package var realm: Realm { self == .ue ? .access : .core }
}
