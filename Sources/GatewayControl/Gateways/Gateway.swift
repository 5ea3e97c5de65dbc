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
    /// Contexts whose Subtract is unanswered: gone for us, but not yet for the gateway.
    var releasing: Set<ContextID> = []
    /// Reserves under way, in the order of their numbers.
    private var reserves: Set<UInt64> = []
    private var lastReserve: UInt64 = 0
    /// Contexts that nobody here knows, and the last Reserve that was under way then: one of them may have made it.
    var suspects: [ContextID: UInt64] = [:]
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

    /// Of `suspects`; more are found by a later audit.
    static let maximumSuspects = 16_384

    var load: Int { contexts.count + reserves.count }

    /// It asked for no new contexts, and the old ones have gone.
    var hasDrained: Bool { state == .draining && load == 0 && releasing.isEmpty }

    mutating func beginReserve() -> UInt64 {
        lastReserve += 1
        reserves.insert(lastReserve)
        return lastReserve
    }

    /// - Returns: suspects that no Reserve can have made any more.
    mutating func endReserve(_ number: UInt64, bringing context: ContextID?) -> [ContextID] {
        reserves.remove(number)
        if let context { suspects[context] = nil }
        guard !suspects.isEmpty else { return [] }
        let first = reserves.min() ?? .max
        let unknown = suspects.filter { $0.value < first }.map(\.key)
        for context in unknown { suspects[context] = nil }
        return unknown.filter { contexts[$0] == nil && !releasing.contains($0) }
    }

    /// A context of which the gateway speaks.
    ///
    /// - Returns: whether nobody here knows it and no Reserve under way can have made it.
    mutating func suspect(_ context: ContextID) -> Bool {
        guard context.isSpecific, contexts[context] == nil, !releasing.contains(context) else { return false }
        guard !reserves.isEmpty else { return true }
        if suspects[context] == nil, suspects.count < Self.maximumSuspects { suspects[context] = lastReserve }
        return false
    }
}
