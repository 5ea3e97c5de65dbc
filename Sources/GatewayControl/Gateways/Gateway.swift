import ApplicationLevelGateway
import H248
import WireSyntax

/// One configured gateway as the controller sees it.
///
/// ```
///   unknown ──ServiceChange, or an audit answered──▶ auditing ──Packages──▶ inService
///      ▲                                                                      │ Graceful: draining
///      └────────── lost: T-MAX of a transaction, ServiceChange Forced ◀───────┘
/// ```
struct Gateway {
    enum State: Hashable {
        /// Never heard, or lost.
        case outOfService
        /// Associated; its packages are being asked for.
        case auditing
        case inService
        /// It asked for no new contexts.
        case draining
    }

    struct Termination {
        var transport: MediaTransport
        var realm: Realm
        var local: LocalDescription
    }

    struct Context {
        /// By TerminationID.
        var terminations: [TerminationID: Termination] = [:]
    }

    let peer: Peer
    /// How handles and events name it.
    let name: String
    /// Where requests go: configured, or from ServiceChangeAddress.
    var endpoint: Endpoint
    /// Whether that is known: a port was configured, or the gateway has said it.
    var isReachable: Bool
    var state = State.outOfService
    var packages: [PackageItem] = []
    var contexts: [ContextID: Context] = [:]
    /// Reserves under way, for the choice between gateways.
    var reserving = 0
    /// A supervising audit is unanswered.
    var isBeingAudited = false
    /// It was heard before and is being asked again: contexts that nobody here knows are to be subtracted.
    var needsCleaning = false
    /// The gateway knows tcpbcc and tlsbsc (U6), as far as we know.
    var takesConnectionPackages = true

    init(peer: Peer) {
        self.peer = peer
        name = peer.description
        endpoint = peer.endpoint
        isReachable = peer.port != nil
    }

    var load: Int { contexts.count + reserving }
}
