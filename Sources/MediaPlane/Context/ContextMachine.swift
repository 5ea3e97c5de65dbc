import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Transport
import WireSyntax

/// The rules of one context: who is let in on either side, when the gateway connects itself, what is notified. A value: no sockets, no clock.
///
/// ```
///              accepted                    expected source
///   listening ──────────▶ held (unread) ─────────────────▶ check (TLS, first request) ──yes──▶ leg is up
///       │                    │ stranger, 5th, 30 s             │ no                               │ closed
///       │                    ▼                                 ▼                                  ▼
///       │                  closed, counted            closed, notified once            released, notified once
///       └── own role active, both Remotes known, the passive side up ──▶ connecting ──▶ check or up
/// ```
/// A changed Remote takes a termination back to the beginning; its other half stays and waits.
struct ContextMachine {
    enum Action: Hashable {
        /// Close at once, whatever is under way. The reason is for events, where there is one to say.
        case close(ConnectionID, reason: String? = nil)
        /// Close when what was already given to it has been sent.
        case finish(ConnectionID)
        /// Begin TLS on a connection that was accepted.
        case handshake(ConnectionID, termination: String)
        /// Read the head of the first request, and no more.
        case readFirstRequest(ConnectionID, termination: String)
        /// Open a TCP connection; with TLS the handshake follows `connected`.
        case connect(ConnectionID, termination: String, to: Endpoint)
        /// The connection is the termination's leg now.
        case attach(ConnectionID, termination: String)
        /// Whether octets may pass between the two legs may have changed.
        case recouple
        case notify(termination: String, TerminationEvent)
        /// Closed and counted, never notified.
        case refused(ConnectionID, termination: String, source: Endpoint, reason: String, isStranger: Bool)
    }

    static let maximumTerminations = 2

    private(set) var terminations: [Termination] = []
    private var actions: [Action] = []
    private var nextConnection: UInt64 = 1
    /// Connections that are being finished, and until when.
    private var ending: [(connection: ConnectionID, deadline: NIODeadline)] = []
    private let timers: MediaTimers
    private let policy: FingerprintPolicy
    private let pendingLimit: Int

    init(timers: MediaTimers, policy: FingerprintPolicy, pendingLimit: Int) {
        self.timers = timers
        self.policy = policy
        self.pendingLimit = pendingLimit
    }

    mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    var nextDeadline: NIODeadline? {
        (terminations.compactMap(\.nextDeadline) + ending.map(\.deadline)).min()
    }

    subscript(_ name: String) -> Termination? { terminations.first { $0.name == name } }

    mutating func makeConnectionID() -> ConnectionID {
        defer { nextConnection += 1 }
        return ConnectionID(value: nextConnection)
    }

    // MARK: Procedures

    mutating func add(_ request: TerminationRequest, name: String, now: NIODeadline) throws(GatewayFailure) {
        try TerminationRules.check(request, policy: policy)
        guard self[name] == nil else { throw GatewayFailure(code: 433, text: "already in the context") }
        guard terminations.count < ContextMachine.maximumTerminations else {
            throw GatewayFailure(code: 434, text: "a context has two terminations")
        }
        if let other = terminations.first, other.transport.isAware != request.transport.isAware {
            throw GatewayFailure(code: 449, text: "both terminations read MSRP, or neither")
        }
        terminations.append(Termination(request, name: name))
        start(now)
    }

    mutating func modify(_ name: String, _ change: TerminationChange, now: NIODeadline) throws(GatewayFailure) {
        guard let index = index(name) else { throw GatewayFailure(code: 430, text: "unknown termination") }
        let role = change.role ?? terminations[index].role
        if let remote = change.remote {
            try TerminationRules.check(remote, terminations[index].transport, role: role, policy: policy)
        } else if role == .active, terminations[index].role == .passive, let remote = terminations[index].remote {
            try TerminationRules.check(remote, terminations[index].transport, role: role, policy: policy)
        }
        if let sources = change.permittedSources { terminations[index].permittedSources = sources }
        if let mode = change.mode { terminations[index].mode = mode }
        let isNewRole = role != terminations[index].role
        terminations[index].role = role
        if isNewRole, role == .passive { stopConnecting(index) }
        if let remote = change.remote {
            let old = terminations[index].remote
            terminations[index].remote = remote
            if let old, old.needsNewConnection(for: remote) { restart(index) }
        }
        if isNewRole, role == .active { refuseWaiting(index, "the gateway connects on this side") }
        judge(index, now)
        start(now)
        actions.append(.recouple)
    }

    /// Closes what the termination has, and forgets it.
    mutating func subtract(_ name: String) throws(GatewayFailure) {
        guard let index = index(name) else { throw GatewayFailure(code: 430, text: "unknown termination") }
        closeAll(index)
        terminations.remove(at: index)
        actions.append(.recouple)
    }

    // MARK: Connections

    /// Somebody connected to the port of a termination.
    mutating func accepted(_ connection: ConnectionID, on name: String, from source: Endpoint, now: NIODeadline) {
        guard let index = index(name) else { return actions.append(.close(connection)) }
        let termination = terminations[index]
        if let reason = closedDoor(termination, source) {
            return refuse(connection, index, source, reason, isStranger: !termination.expects(source.address))
        }
        // One of a source waits: the newer one, since the older may be dead without our knowing.
        if let older = termination.held.firstIndex(where: { $0.source.address == source.address }) {
            dropHeld(index, at: older, "the same source connected again")
        }
        if terminations[index].held.count >= pendingLimit {
            dropHeld(index, at: 0, "too many wait, the oldest gives way")
        }
        terminations[index].held.append(
            .init(connection: connection, source: source, deadline: now + timers.hold))
        judge(index, now)
    }

    /// Why nobody gets in here now, whoever it is.
    private func closedDoor(_ termination: Termination, _ source: Endpoint) -> String? {
        if termination.isStranger(source.address) { return "not the session's address" }
        if termination.leg != nil { return "the session has its connection" }
        if termination.isOver { return "the session has failed" }
        if termination.role == .active, termination.remote != nil { return "the gateway connects on this side" }
        if termination.checks.contains(where: { $0.kind == .tls && $0.source.address == source.address }) {
            return "this source is being checked already"
        }
        return nil
    }

    /// TCP of an own connection stands.
    mutating func connected(_ connection: ConnectionID, now: NIODeadline) {
        guard let index = terminations.firstIndex(where: { $0.connecting?.connection == connection }) else {
            return actions.append(.close(connection))
        }
        terminations[index].connecting = nil
        if terminations[index].transport.isTLS, let endpoint = terminations[index].remoteEndpoint {
            terminations[index].checks.append(
                .init(
                    connection: connection, source: endpoint, kind: .tls, deadline: now + timers.tlsHandshake,
                    isExpected: true))
            actions.append(.handshake(connection, termination: terminations[index].name))
        } else {
            attach(connection, index, now)
        }
    }

    mutating func connectFailed(_ connection: ConnectionID, reason: String) {
        guard let index = terminations.firstIndex(where: { $0.connecting?.connection == connection }) else { return }
        terminations[index].connecting = nil
        fail(index, .tcpFailed(reason: reason))
    }

    /// The check of a connection has ended: the certificate is right, or the first request is the session's.
    mutating func passed(_ connection: ConnectionID, now: NIODeadline) {
        guard let (index, place) = check(connection) else { return actions.append(.close(connection)) }
        terminations[index].checks.remove(at: place)
        attach(connection, index, now)
    }

    /// TLS failed. The one who was expected ends the session; anybody else is closed and counted.
    mutating func handshakeFailed(_ connection: ConnectionID, _ failure: HandshakeFailure) {
        guard let (index, place) = check(connection) else { return }
        let check = terminations[index].checks.remove(at: place)
        if check.isExpected {
            actions.append(.close(connection, reason: failure.reason))
            fail(index, .tlsFailed(reason: failure.reason))
        } else {
            refuse(connection, index, check.source, failure.reason, isStranger: true)
        }
    }

    /// The first request was another session's, or was not MSRP.
    mutating func firstRequestRefused(_ connection: ConnectionID, reason: String, now: NIODeadline) {
        guard let (index, place) = check(connection) else { return }
        let check = terminations[index].checks.remove(at: place)
        actions.append(
            .refused(
                connection, termination: terminations[index].name, source: check.source, reason: reason,
                isStranger: true))
        finish(connection, now)
    }

    /// The peer has finished sending, and what it sent was passed on.
    mutating func halfClosed(_ connection: ConnectionID, now: NIODeadline) {
        guard let index = terminations.firstIndex(where: { $0.leg == connection }) else { return }
        if terminations[index].lingerDeadline == nil { terminations[index].lingerDeadline = now + timers.linger }
    }

    /// A connection is gone. Does nothing for one that was closed by an action.
    mutating func closed(_ connection: ConnectionID, reason: String, now: NIODeadline) {
        if let index = terminations.firstIndex(where: { $0.leg == connection }) {
            legClosed(index, reason, now)
        } else if let (index, place) = check(connection) {
            let check = terminations[index].checks.remove(at: place)
            if check.kind == .tls, check.isExpected { fail(index, .tlsFailed(reason: reason)) }
        } else if let index = terminations.firstIndex(where: { $0.connecting?.connection == connection }) {
            terminations[index].connecting = nil
            fail(index, .tcpFailed(reason: reason))
        } else {
            ending.removeAll { $0.connection == connection }
            for index in terminations.indices { terminations[index].held.removeAll { $0.connection == connection } }
        }
    }

    /// The session is over. The side that went first is notified; the end of the other follows from it.
    private mutating func legClosed(_ index: Int, _ reason: String, _ now: NIODeadline) {
        let halfClosedBefore = terminations.indices.first { other in
            other != index && terminations[other].lingerDeadline != nil && terminations[index].lingerDeadline == nil
        }
        terminations[index].leg = nil
        notify(halfClosedBefore ?? index, .released(reason: reason))
        for each in terminations.indices {
            terminations[each].lingerDeadline = nil
            guard each == index || terminations[each].leg != nil else { continue }
            terminations[each].isOver = true
            terminations[each].isNotified = true
            if let leg = terminations[each].leg { finish(leg, now) }
            terminations[each].leg = nil
        }
        actions.append(.recouple)
    }

    private mutating func finish(_ connection: ConnectionID, _ now: NIODeadline) {
        ending.append((connection, now + timers.linger))
        actions.append(.finish(connection))
    }

    // MARK: Time

    mutating func timersDue(now: NIODeadline) {
        for one in ending where one.deadline <= now { actions.append(.close(one.connection)) }
        ending.removeAll { $0.deadline <= now }
        for index in terminations.indices {
            while let place = terminations[index].held.firstIndex(where: { $0.deadline <= now }) {
                dropHeld(index, at: place, "nobody said in time whom to expect")
            }
            for check in terminations[index].checks where check.deadline <= now { overdue(check, now) }
            if let connecting = terminations[index].connecting, connecting.deadline <= now {
                terminations[index].connecting = nil
                actions.append(.close(connecting.connection))
                fail(index, .tcpFailed(reason: "no TCP connection in time"))
            }
            if let deadline = terminations[index].tcpDeadline, deadline <= now { tcpOverdue(index) }
            if let deadline = terminations[index].lingerDeadline, deadline <= now,
                let leg = terminations[index].leg
            {
                closed(leg, reason: "the connection stayed half closed", now: now)
                actions.append(.close(leg))
            }
        }
    }

    private mutating func overdue(_ check: Termination.Check, _ now: NIODeadline) {
        switch check.kind {
        case .tls:
            handshakeFailed(check.connection, HandshakeFailure(.timedOut, "TLS handshake not finished in time"))
        case .firstRequest:
            firstRequestRefused(check.connection, reason: "no request in time", now: now)
        }
    }

    private mutating func tcpOverdue(_ index: Int) {
        terminations[index].tcpDeadline = nil
        let termination = terminations[index]
        // TCP stands: TLS, or the wait for a fingerprint, has a timer of its own.
        if termination.checks.contains(where: { $0.kind == .tls && $0.isExpected }) { return }
        if termination.held.contains(where: { termination.expects($0.source.address) }) { return }
        // Somebody is about to show a first request: if it is not the session's, the time is up then.
        if let check = termination.checks.first(where: { $0.kind == .firstRequest }) {
            terminations[index].tcpDeadline = check.deadline
            return
        }
        // An active side that still waits for the passive one has not failed. If the other fails it says so; if it comes, this one connects then.
        if termination.role == .active, !isTurn(index) { return }
        fail(index, .tcpFailed(reason: "no TCP connection in time"))
    }

    // MARK: Steps

    private func index(_ name: String) -> Int? { terminations.firstIndex { $0.name == name } }

    private func check(_ connection: ConnectionID) -> (index: Int, place: Int)? {
        for index in terminations.indices {
            if let place = terminations[index].checks.firstIndex(where: { $0.connection == connection }) {
                return (index, place)
            }
        }
        return nil
    }

    /// Looks at those who wait, once it is known whom to expect.
    private mutating func judge(_ index: Int, _ now: NIODeadline) {
        while let place = terminations[index].held.firstIndex(where: {
            terminations[index].isStranger($0.source.address)
        }) {
            dropHeld(index, at: place, "not the session's address")
        }
        let termination = terminations[index]
        guard !termination.held.isEmpty, termination.canJudge(policy) else { return }
        if termination.role == .active { return refuseWaiting(index, "the gateway connects on this side") }
        terminations[index].held = []
        for held in termination.held {
            let isExpected = termination.expects(held.source.address)
            makeRoom(index, for: held.source)
            if terminations[index].leg != nil {
                refuse(held.connection, index, held.source, "the session has its connection", isStranger: !isExpected)
            } else if termination.transport.isTLS {
                terminations[index].checks.append(
                    .init(
                        connection: held.connection, source: held.source, kind: .tls,
                        deadline: now + timers.tlsHandshake, isExpected: isExpected))
                actions.append(.handshake(held.connection, termination: termination.name))
            } else if termination.readsFirstRequest {
                terminations[index].checks.append(
                    .init(
                        connection: held.connection, source: held.source, kind: .firstRequest,
                        deadline: now + timers.firstRequest, isExpected: isExpected))
                actions.append(.readFirstRequest(held.connection, termination: termination.name))
            } else {
                attach(held.connection, index, now)
            }
        }
    }

    /// iq-h248.md 10, Start: timers run once both Remotes are known; the active side connects then, after the passive one.
    private mutating func start(_ now: NIODeadline) {
        guard terminations.count == ContextMachine.maximumTerminations,
            terminations.allSatisfy({ $0.isReady(policy) })
        else { return }
        for index in terminations.indices where !terminations[index].hasStarted && !terminations[index].isOver {
            terminations[index].hasStarted = true
            if terminations[index].leg == nil { terminations[index].tcpDeadline = now + timers.tcpEstablishment }
        }
        for index in terminations.indices where isTurn(index) { connect(index, now) }
    }

    /// Whether an active termination has to connect now.
    private func isTurn(_ index: Int) -> Bool {
        let termination = terminations[index]
        guard termination.role == .active, termination.hasStarted, !termination.isOver, termination.leg == nil,
            termination.connecting == nil, termination.checks.isEmpty
        else { return false }
        return terminations.allSatisfy { $0.name == termination.name || $0.role == .active || $0.leg != nil }
    }

    private mutating func connect(_ index: Int, _ now: NIODeadline) {
        guard let endpoint = terminations[index].remoteEndpoint else {
            return fail(index, .tcpFailed(reason: "no address to connect to"))
        }
        let connection = makeConnectionID()
        terminations[index].tcpDeadline = nil
        terminations[index].connecting = .init(connection: connection, deadline: now + timers.tcpEstablishment)
        actions.append(.connect(connection, termination: terminations[index].name, to: endpoint))
    }

    private mutating func attach(_ connection: ConnectionID, _ index: Int, _ now: NIODeadline) {
        terminations[index].leg = connection
        terminations[index].tcpDeadline = nil
        refuseWaiting(index, "the session has its connection")
        actions.append(.attach(connection, termination: terminations[index].name))
        actions.append(.recouple)
        start(now)
    }

    private mutating func restart(_ index: Int) {
        closeAll(index)
        terminations[index].hasStarted = false
        terminations[index].isOver = false
        terminations[index].isNotified = false
        actions.append(.recouple)
    }

    private mutating func closeAll(_ index: Int) {
        if let leg = terminations[index].leg { actions.append(.close(leg)) }
        for connection in terminations[index].pending { actions.append(.close(connection)) }
        terminations[index].leg = nil
        terminations[index].held = []
        terminations[index].checks = []
        terminations[index].connecting = nil
        terminations[index].tcpDeadline = nil
        terminations[index].lingerDeadline = nil
    }

    private mutating func fail(_ index: Int, _ event: TerminationEvent) {
        refuseWaiting(index, "the session has failed")
        closeAll(index)
        terminations[index].isOver = true
        notify(index, event)
    }

    private mutating func notify(_ index: Int, _ event: TerminationEvent) {
        guard !terminations[index].isNotified else { return }
        terminations[index].isNotified = true
        actions.append(.notify(termination: terminations[index].name, event))
    }

    /// The oldest gives way: a first request to a newer connection of its source, and at the limit a check that nobody expects before one that is.
    private mutating func makeRoom(_ index: Int, for source: Endpoint) {
        let checks = terminations[index].checks
        let older = checks.firstIndex { $0.kind == .firstRequest && $0.source.address == source.address }
        let overLimit =
            checks.count < pendingLimit ? nil : checks.firstIndex { !$0.isExpected } ?? checks.indices.first
        guard let place = older ?? overLimit else { return }
        let check = terminations[index].checks.remove(at: place)
        refuse(
            check.connection, index, check.source, "a newer connection took its place", isStranger: !check.isExpected)
    }

    /// What the gateway began itself on this side ends with the active role.
    private mutating func stopConnecting(_ index: Int) {
        guard terminations[index].leg == nil else { return }
        for connection in terminations[index].checks.map(\.connection) { actions.append(.close(connection)) }
        if let connecting = terminations[index].connecting { actions.append(.close(connecting.connection)) }
        terminations[index].checks = []
        terminations[index].connecting = nil
        terminations[index].hasStarted = false
    }

    private mutating func refuseWaiting(_ index: Int, _ reason: String) {
        let (held, checks) = (terminations[index].held, terminations[index].checks)
        terminations[index].held = []
        terminations[index].checks = []
        for one in held {
            refuse(
                one.connection, index, one.source, reason,
                isStranger: !terminations[index].expects(one.source.address))
        }
        for one in checks { refuse(one.connection, index, one.source, reason, isStranger: !one.isExpected) }
    }

    private mutating func dropHeld(_ index: Int, at place: Int, _ reason: String) {
        let held = terminations[index].held.remove(at: place)
        refuse(held.connection, index, held.source, reason, isStranger: true)
    }

    private mutating func refuse(
        _ connection: ConnectionID, _ index: Int, _ source: Endpoint, _ reason: String, isStranger: Bool
    ) {
        actions.append(
            .refused(
                connection, termination: terminations[index].name, source: source, reason: reason,
                isStranger: isStranger))
        actions.append(.close(connection))
    }
}

extension Termination {
    var remoteEndpoint: Endpoint? {
        guard let remote, let address = remote.usableAddress, let port = remote.port else { return nil }
        return Endpoint(address, port)
    }
}
