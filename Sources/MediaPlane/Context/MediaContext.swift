import ApplicationLevelGateway
import MSRP
import MediaSecurity
import NIOCore
import NIOPosix
import Observability
import SDP
import Transport
import WireSyntax

/// One MSRP session through the gateway: at most two terminations and what passes between them.
///
/// The thin end: `ContextMachine` has the rules, `LegHandler` moves the octets, this class carries actions out.
// Confined to `eventLoop`: the package functions hop there, everything else checks it or is called by a channel of that loop.
package final class MediaContext: @unchecked Sendable {
    package let id: UInt32
    package let eventLoop: any EventLoop
    let plane: MediaPlane
    private let onEvent: @Sendable (String, TerminationEvent) -> Void
    private let driver: DeadlineDriver
    private var registration: DeadlineRegistration?
    private(set) var machine: ContextMachine
    /// What a termination has besides its rules.
    private var resources: [String: TerminationResources] = [:]
    private var connections: [ConnectionID: LegHandler] = [:]
    private var binding: Set<String> = []
    private var hasEnded = false

    init(
        id: UInt32, eventLoop: any EventLoop, driver: DeadlineDriver, plane: MediaPlane,
        onEvent: @escaping @Sendable (String, TerminationEvent) -> Void
    ) {
        self.id = id
        self.eventLoop = eventLoop
        self.driver = driver
        self.plane = plane
        self.onEvent = onEvent
        machine = ContextMachine(
            timers: plane.settings.timers, policy: plane.settings.fingerprints,
            pendingLimit: plane.settings.limits.pendingPerTermination)
    }

    // MARK: Procedures

    /// *Reserve*, or *Reserve and Configure*: binds the listening port of a termination, for the termination's life.
    ///
    /// - Returns: what was chosen, complete. Fails with `GatewayFailure` and has then changed nothing.
    package func add(_ request: TerminationRequest, name: String) -> EventLoopFuture<LocalDescription> {
        eventLoop.flatSubmit { self.reserve(request, name) }
    }

    /// *Configure*. A Remote that differs in address, port or fingerprints closes the termination's connection and starts anew; the same does nothing.
    ///
    /// - Returns: Local, unchanged. Fails with `GatewayFailure` and has then changed nothing.
    package func modify(_ name: String, _ change: TerminationChange) -> EventLoopFuture<LocalDescription> {
        eventLoop.submit {
            try self.machine.modify(name, change, now: self.eventLoop.now)
            self.perform()
            guard let termination = self.machine[name], var local = self.resources[name]?.local else {
                throw GatewayFailure(code: 430, text: "unknown termination")
            }
            local.role = termination.role
            return local
        }
    }

    /// *Release*: closes the listener and the connection of a termination at once. The last one ends the context.
    package func subtract(_ name: String) -> EventLoopFuture<TerminationStatistics> {
        eventLoop.submit { try self.release(name) }
    }

    /// Subtracts whatever is there.
    package func end() -> EventLoopFuture<Void> {
        eventLoop.submit {
            for termination in self.machine.terminations { _ = try? self.release(termination.name) }
            self.endIfEmpty()
        }
    }

    private func reserve(_ request: TerminationRequest, _ name: String) -> EventLoopFuture<LocalDescription> {
        let reservation: TerminationResources.Reservation
        do throws(GatewayFailure) {
            guard !hasEnded else { throw GatewayFailure(code: 411, text: "the context has ended") }
            guard !binding.contains(name) else { throw GatewayFailure(code: 433, text: "already in the context") }
            // On a copy: the port comes first, and where there is none nothing has changed.
            var trial = machine
            try trial.add(request, name: name, now: eventLoop.now)
            reservation = try TerminationResources.Reservation(
                request, settings: plane.settings, identity: plane.identity(of: request.realm))
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
        binding.insert(name)
        return bind(at: reservation.address, name, isTLS: request.transport.isTLS)
            .flatMapErrorThrowing { _ in throw GatewayFailure(code: 510, text: "no port or file is free") }
            .assumeIsolated()
            .flatMapThrowing { channel in
                self.binding.remove(name)
                do {
                    guard !self.hasEnded else { throw GatewayFailure(code: 411, text: "the context has ended") }
                    guard let endpoint = channel.localEndpoint else {
                        throw GatewayFailure(code: 510, text: "no port is free")
                    }
                    try self.machine.add(request, name: name, now: self.eventLoop.now)
                    let resources = reservation.resources(listener: channel, endpoint: endpoint)
                    self.resources[name] = resources
                    self.perform()
                    return resources.local
                } catch {
                    channel.close(promise: nil)
                    throw error
                }
            }
            .nonisolated()
            .always { _ in self.binding.remove(name) }
    }

    private func release(_ name: String) throws(GatewayFailure) -> TerminationStatistics {
        for leg in connections.values where leg.termination == name { leg.reason = "released" }
        try machine.subtract(name)
        perform()
        var statistics = resources[name]?.statistics ?? TerminationStatistics()
        for leg in connections.values where leg.termination == name {
            statistics.add(leg)
            leg.close("released")
        }
        resources.removeValue(forKey: name)?.listener.close(promise: nil)
        endIfEmpty()
        return statistics
    }

    private func endIfEmpty() {
        guard !hasEnded, machine.terminations.isEmpty, binding.isEmpty else { return }
        hasEnded = true
        registration?.cancel()
        registration = nil
        plane.contextEnded()
    }

    // MARK: Actions

    private func perform() {
        eventLoop.preconditionInEventLoop()
        while let action = machine.nextAction() { perform(action) }
        guard !hasEnded else { return }
        if registration == nil, machine.nextDeadline != nil {
            registration = driver.register { [weak self] now in
                self?.machine.timersDue(now: now)
                self?.perform()
            }
        }
        registration?.set(machine.nextDeadline)
    }

    private func perform(_ action: ContextMachine.Action) {
        switch action {
        case .close(let connection, let reason): connections[connection]?.close(reason)
        case .finish(let connection): connections[connection]?.finish()
        case .handshake(let connection, let name): beginHandshake(connection, name)
        case .readFirstRequest(let connection, _):
            guard let leg = connections[connection] else { return }
            announce(leg, .accepted)
            leg.stage = .firstRequest
        case .connect(let connection, let name, let endpoint): connect(connection, name, endpoint)
        case .attach(let connection, _):
            guard let leg = connections[connection] else { return }
            settle(leg)
            announce(leg, leg.isOutgoing ? .connected : .accepted)
            leg.stage = .up
        case .recouple: recouple()
        case .notify(let name, let event): onEvent(name, event)
        case .refused(let connection, let name, let source, let reason, let isStranger):
            connections[connection]?.reason = reason
            refused(name, source, reason, isStranger: isStranger)
        }
    }

    private func beginHandshake(_ connection: ConnectionID, _ name: String) {
        guard let leg = connections[connection], let channel = leg.channel, let tls = resources[name]?.tls,
            let termination = machine[name]
        else { return }
        announce(leg, leg.isOutgoing ? .connected : .accepted)
        let role: HandshakeRole = leg.isOutgoing ? .client : .server
        do {
            leg.pinned = try tls.install(
                on: channel, role: role, position: .before(leg), serverName: serverName(termination)
            ) { [weak self] certificate, answer in
                guard let self, let remote = self.machine[name]?.remote else {
                    return answer(.refused("the session has ended"))
                }
                answer(
                    self.plane.settings.fingerprints.verdict(on: certificate, expecting: remote.fingerprints))
            }
            leg.stage = .handshaking
        } catch {
            machine.handshakeFailed(connection, HandshakeFailure(.handshake, "\(error)"))
        }
    }

    /// RFC 4975 §14.2: the host of the peer's URI, where it is a name.
    private func serverName(_ termination: Termination) -> String? {
        guard termination.role == .active, let path = termination.remote?.paths.first,
            case .name(let name)? = (try? MSRPURI(path))?.host
        else { return nil }
        return name
    }

    private func connect(_ connection: ConnectionID, _ name: String, _ endpoint: Endpoint) {
        guard let resources = resources[name] else { return }
        let local = resources.local.endpoint.address
        if let refusal = resources.policy.refusal(of: endpoint) {
            machine.connectFailed(connection, reason: refusal)
            return
        }
        let leg = LegHandler(
            connection, termination: name, isTLS: resources.tls != nil, isOutgoing: true, owner: self)
        connections[connection] = leg
        connecting(leg, from: local, to: endpoint)
        ClientBootstrap(group: eventLoop)
            .connectTimeout(plane.settings.timers.tcpEstablishment)
            .mediaOptions()
            .channelInitializer { [capture = plane.settings.capture] channel in
                channel.eventLoop.makeCompletedFuture {
                    if let capture {
                        try channel.pipeline.syncOperations.addHandler(CaptureTap(capture, isClient: true))
                    }
                    try channel.pipeline.syncOperations.addHandler(leg)
                }
            }
            .bind(to: SocketAddress(Endpoint(local, 0)))
            .connect(to: SocketAddress(endpoint))
            .assumeIsolated()
            .whenComplete { result in
                switch result {
                case .success: self.machine.connected(connection, now: self.eventLoop.now)
                case .failure(let error):
                    self.connections[connection] = nil
                    let reason = String("\(error)".prefix(160))
                    self.connectFailed(leg, from: local, to: endpoint, reason)
                    self.machine.connectFailed(connection, reason: "the TCP connection failed")
                }
                self.perform()
            }
    }

    private func recouple() {
        let terminations = machine.terminations
        let legs = terminations.map { termination in termination.leg.flatMap { connections[$0] } }
        guard terminations.count == 2, let one = legs[0], let other = legs[1] else {
            for leg in legs { leg?.couple(to: nil, mayForward: false) { relay, _ in relay } }
            return
        }
        let pair = [(one, other, terminations[0], terminations[1]), (other, one, terminations[1], terminations[0])]
        let isAware = terminations[0].transport.isAware
        for (leg, partner, from, to) in pair {
            leg.couple(to: partner, mayForward: from.receives && to.sends) { relay, isNewConnection in
                guard isAware, let fromPaths = paths(from), let toPaths = paths(to) else { return nil }
                guard var relay else {
                    return AwareDirection(
                        from: fromPaths, to: toPaths, isObserved: plane.events.isEnabled,
                        waitingLimit: plane.settings.limits.waitingAnswers)
                }
                relay.update(from: fromPaths, to: toPaths, isNewConnection: isNewConnection)
                return relay
            }
        }
        one.deliverWaiting()
        other.deliverWaiting()
    }

    private func paths(_ termination: Termination) -> SessionPaths? {
        guard let own = resources[termination.name]?.ownURI, let remote = termination.remote else { return nil }
        return SessionPaths(own: own, peer: remote.paths.compactMap { try? MSRPURI($0) })
    }

    func localEndpoint(_ name: String) -> Endpoint? { resources[name]?.local.endpoint }
    func ownFingerprint(_ name: String) -> Fingerprint? { resources[name]?.local.fingerprints.first }

    // MARK: Listening

    private func bind(at address: IPAddress, _ name: String, isTLS: Bool) -> EventLoopFuture<any Channel> {
        let bootstrap = ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: TerminationResources.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .mediaOptions()
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let leg = LegHandler(
                        self.machine.makeConnectionID(), termination: name, isTLS: isTLS, isOutgoing: false, owner: self
                    )
                    if let capture = self.plane.settings.capture {
                        try channel.pipeline.syncOperations.addHandler(CaptureTap(capture, isClient: false))
                    }
                    try channel.pipeline.syncOperations.addHandler(leg)
                }
            }
        guard let range = plane.settings.ports else { return bootstrap.bind(to: SocketAddress(Endpoint(address, 0))) }
        let ports = TerminationResources.candidates(in: range)
        return bind(bootstrap, address, ports[...])
    }

    private func bind(_ bootstrap: ServerBootstrap, _ address: IPAddress, _ ports: ArraySlice<UInt16>)
        -> EventLoopFuture<
            any Channel
        >
    {
        guard let port = ports.first else { return eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel) }
        return bootstrap.bind(to: SocketAddress(Endpoint(address, port))).assumeIsolated().flatMapError { _ in
            self.bind(bootstrap, address, ports.dropFirst())
        }.nonisolated()
    }

    /// The connection is nobody's guess any more: it has been checked, or is gone.
    private func settle(_ leg: LegHandler) {
        guard leg.isPending else { return }
        leg.isPending = false
        plane.givePendingBack()
    }
}

extension MediaContext: LegOwner {
    func accepted(_ leg: LegHandler) {
        guard let source = leg.remote, resources[leg.termination] != nil else { return leg.close() }
        guard plane.takePending() else {
            refused(leg.termination, source, "too many connections wait", isStranger: false)
            return leg.close()
        }
        leg.isPending = true
        connections[leg.id] = leg
        machine.accepted(leg.id, on: leg.termination, from: source, now: eventLoop.now)
        perform()
    }

    func handshakeEnded(_ outcome: HandshakeOutcome, on leg: LegHandler) {
        tlsEnded(outcome, on: leg, expected: machine[leg.termination]?.remote?.fingerprints ?? [])
        switch outcome {
        case .accepted:
            machine.passed(leg.id, now: eventLoop.now)
        case .refused(_, let failure):
            leg.reason = failure.reason
            machine.handshakeFailed(leg.id, failure)
        }
        perform()
    }

    func firstRequest(_ event: MSRPDecoder.Event?, on leg: LegHandler) {
        guard case .head(let head)? = event, let termination = machine[leg.termination],
            let paths = paths(termination)
        else {
            machine.firstRequestRefused(leg.id, reason: "not an MSRP request", now: eventLoop.now)
            return perform()
        }
        if paths.isOwn(head.toPath), paths.isPeer(head.fromPath) {
            machine.passed(leg.id, now: eventLoop.now)
        } else {
            if head.method != .report, head.effectiveFailureReport != .no {
                var buffer = ByteBuffer()
                ResponseHead(481, to: head, own: firstURI(of: head.toPath)).write(into: &buffer)
                leg.answer(buffer)
            }
            machine.firstRequestRefused(leg.id, reason: "a request of another session", now: eventLoop.now)
        }
        perform()
    }

    func halfClosed(_ leg: LegHandler) {
        machine.halfClosed(leg.id, now: eventLoop.now)
        perform()
    }

    func closed(_ leg: LegHandler) {
        settle(leg)
        connections[leg.id] = nil
        resources[leg.termination]?.statistics.add(leg)
        ended(leg)
        machine.closed(leg.id, reason: leg.reason ?? "the connection was lost", now: eventLoop.now)
        perform()
    }

    func passed(_ messages: [PassedMessage], from: LegHandler, to: LegHandler) {
        for message in messages { report(message, from: from, to: to) }
    }
}

/// Octets of payload that passed a termination, for its Subtract and for events.
package struct TerminationStatistics: Hashable, Sendable {
    package var octetsReceived = 0
    package var octetsSent = 0

    mutating func add(_ leg: LegHandler) {
        octetsReceived += leg.octetsReceived
        octetsSent += leg.octetsSent
    }
}
