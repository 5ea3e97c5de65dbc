import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import WireSyntax

/// Names a connection within a context.
struct ConnectionID: Hashable, Sendable {
    var value: UInt64
}

/// What a termination knows: who is expected, who waits, who is being checked, who is in. `ContextMachine` moves it.
struct Termination {
    /// Accepted and unread: nobody knows yet whom to expect.
    struct Held: Hashable {
        var connection: ConnectionID
        var source: Endpoint
        var deadline: NIODeadline
    }

    /// Being checked: TLS, or the first request on the core listener in aware mode.
    struct Check: Hashable {
        enum Kind { case tls, firstRequest }
        var connection: ConnectionID
        var source: Endpoint
        var kind: Kind
        var deadline: NIODeadline
        /// From an address that the session expects, so that a failure is notified. False only where latching lets others try.
        var isExpected: Bool
    }

    /// The TCP connection that the termination opens itself.
    struct Connecting: Hashable {
        var connection: ConnectionID
        var deadline: NIODeadline
    }

    let name: String
    let realm: Realm
    let transport: MediaTransport
    let latches: Bool
    var role: ConnectionRole
    var remote: RemoteDescription?
    var permittedSources: [IPAddress]
    var mode: StreamMode

    var held: [Held] = []
    var checks: [Check] = []
    var connecting: Connecting?
    /// The connection that is in.
    var leg: ConnectionID?
    /// TCP establishment (X3).
    var tcpDeadline: NIODeadline?
    /// Until when a leg may stay half closed.
    var lingerDeadline: NIODeadline?
    /// Both Remotes were known once; timers run or ran.
    var hasStarted = false
    /// It failed or ended, and nothing more happens until a changed Remote.
    var isOver = false
    /// A failure or release was notified: once is enough.
    var isNotified = false

    init(_ request: TerminationRequest, name: String) {
        self.name = name
        realm = request.realm
        transport = request.transport
        latches = request.latch
        role = request.local.role
        remote = request.remote
        permittedSources = request.permittedSources
        mode = request.mode
    }

    /// iq-h248.md 10, Source: the c= address of Remote, and what `gm/sam` adds. Empty: nobody knows yet.
    var expectedSources: [IPAddress] {
        guard let remote else { return [] }
        return (remote.usableAddress.map { [$0] } ?? []) + permittedSources.map(\.unmapped)
    }

    func expects(_ source: IPAddress) -> Bool { expectedSources.contains(source.unmapped) }

    /// Whether it is known whom to expect. Where latching is asked for anybody may come, and the fingerprint decides.
    var knowsWhomToExpect: Bool { remote != nil && (latches || !expectedSources.isEmpty) }

    /// Not from an address of the session.
    func isStranger(_ source: IPAddress) -> Bool { knowsWhomToExpect && !latches && !expects(source) }

    /// An aware termination needs the peer's path: without it no From-Path can be checked and nothing can be addressed.
    private var knowsPath: Bool { !transport.isAware || remote?.paths.isEmpty == false }

    /// Whether who is at the door can be judged: an expected address, a path where MSRP is read and a fingerprint with TLS are known.
    func canJudge(_ policy: FingerprintPolicy) -> Bool {
        guard knowsWhomToExpect, knowsPath, let remote else { return false }
        return !transport.isTLS || !policy.usable(remote.fingerprints).isEmpty
    }

    /// iq-h248.md 10, Start: address and port in Remote, and a fingerprint on an active TLS leg.
    func isReady(_ policy: FingerprintPolicy) -> Bool {
        guard let remote, remote.port != nil, knowsPath else { return false }
        switch role {
        case .passive: return knowsWhomToExpect
        case .active:
            return remote.usableAddress != nil && (!transport.isTLS || !policy.usable(remote.fingerprints).isEmpty)
        }
    }

    /// The core listener in aware mode reads a To-Path of its own session before it lets anybody in.
    var readsFirstRequest: Bool { realm == .core && transport.isAware && !transport.isTLS && role == .passive }

    /// The gateway takes octets from this side.
    var receives: Bool { mode == .sendReceive || mode == .receiveOnly }
    /// The gateway gives octets to this side.
    var sends: Bool { mode == .sendReceive || mode == .sendOnly }

    var nextDeadline: NIODeadline? {
        var all = held.map(\.deadline) + checks.map(\.deadline)
        if let connecting { all.append(connecting.deadline) }
        if let tcpDeadline { all.append(tcpDeadline) }
        if let lingerDeadline { all.append(lingerDeadline) }
        return all.min()
    }

    var pending: [ConnectionID] {
        held.map(\.connection) + checks.map(\.connection) + (connecting.map { [$0.connection] } ?? [])
    }
}
