import MediaSecurity
import SDP

extension CallMedia {
    /// What a termination is to know of its peer, and its own role.
    struct Leg: Hashable, Sendable {
        var remote: RemoteDescription?
        var role: ConnectionRole

        /// Whether the gateway would do the same with both. The peer's own words about setup do not count once our role is known.
        func isSame(as other: Leg) -> Bool {
            var one = remote
            var two = other.remote
            one?.setup = nil
            two?.setup = nil
            one?.fingerprints = []
            two?.fingerprints = []
            return one == two && role == other.role
                && Set(remote?.fingerprints ?? []) == Set(other.remote?.fingerprints ?? [])
        }
    }

    /// One termination: what the gateway chose, what it knows, what it is to know.
    struct Termination: Hashable, Sendable {
        let handle: TerminationHandle
        let local: LocalDescription
        var configured: Leg
        var wanted: Leg
    }

    /// A context that stands at a gateway.
    struct LineContext: Hashable, Sendable {
        let handle: ContextHandle
        let transports: Transports
        var access: Termination
        var core: Termination

        subscript(side: OfferSide) -> Termination {
            get { side == .ue ? access : core }
            set {
                switch side {
                case .ue: access = newValue
                case .core: core = newValue
                }
            }
        }
    }

    /// What the two terminations of a line speak; another pair needs another context.
    struct Transports: Hashable, Sendable {
        let access: MediaTransport
        let core: MediaTransport

        init(mode: LineMode, isAware: Bool) {
            access = MediaTransport(isTLS: mode == .e2ae, isAware: isAware)
            core = MediaTransport(isTLS: false, isAware: isAware)
        }

        subscript(side: OfferSide) -> MediaTransport { side == .ue ? access : core }
    }

    /// One m= line as it was negotiated last.
    struct Line: Hashable, Sendable {
        /// `message`, `audio`, …, in lower case.
        var mediaType: String
        var isMSRP: Bool
        var mode: LineMode = .off
        /// Stands exactly while the mode is not `off`.
        var context: LineContext?
        /// What each side said of the line last, as far as it was agreed.
        var agreed: [OfferSide: MediaDescription] = [:]
    }

    /// What becomes of one line of an offer that is under way.
    enum Plan: Hashable, Sendable {
        /// Not MSRP: passes as it is.
        case untouched
        /// Offered with port 0.
        case off
        /// Port 0 towards both sides.
        case refused(Decision)
        case handled(Handling)

        var handling: Handling? {
            if case .handled(let handling) = self { return handling }
            return nil
        }
    }

    struct Handling: Hashable, Sendable {
        var decision: Decision
        let isAware: Bool
        /// `requested` stood in the offer.
        let isRequested: Bool
        /// What the offer says of the offerer, and our role towards it.
        let offerer: Leg
        /// The context that stands, or the one reserved for this offer; nil while the gateway is asked.
        var context: LineContext?
        /// The context was reserved for this offer.
        var isNew = false

        var mode: LineMode { decision.mode }
        var transports: Transports { Transports(mode: mode, isAware: isAware) }
    }

    /// An offer that is not yet answered for good.
    struct Exchange: Sendable {
        let from: OfferSide
        let offer: SessionDescription
        /// Its sender cannot be refused with a response.
        let isInResponse: Bool
        var token: Token
        var plans: [Plan]
        /// Early answers by branch, checked and passed on; the gateway knows none of them.
        var answers: [String: SessionDescription] = [:]
        var lastBranch: String?
        /// It is the plain offer after a refused one.
        var isFallback = false
    }
}
