import MSRP
import MediaSecurity
import NIOCore
import NIOPosix
import Observability
import SDP
import Transport
import WireSyntax

/// The connection under one call's media: the listener reserved with the offer, the connection that is opened or waited for once signalling is done, TLS by
/// fingerprints on it, and the one peer that gets through to the session.
///
/// ```
///   listen ─▶ bound, accepting nothing        begin ─┬─ active:  connect ─▶ [TLS client] ─▶ session
///                                                    └─ passive: accept ─┬▶ [TLS server: fingerprint] ─▶ session
///                                                                        └▶ first To-Path is ours ─▶ session   (plain)
/// ```
/// A stranger who connects first is closed (or gets 481) and counted, and the right peer still succeeds.
// Confined to `environment.eventLoop`: entry points check it.
final class MediaLeg: @unchecked Sendable {
    private let environment: MediaEnvironment
    private let callID: String
    let identity: MediaIdentity
    private var listener: MediaListener?
    private var plan: MediaPlan?
    private var table = SessionTable<Int>()
    private var pending: [MessageHandler] = []
    private var bound: MessageHandler?
    private var nextNumber: UInt64 = 1
    private var deadline: DeadlineRegistration?
    private var handshakes: [UInt64: DeadlineRegistration] = [:]
    private var isClosed = false
    private var isEstablished = false
    private var strangers = 0
    private var session: MessageSession?

    /// The peer has proved itself and spoken MSRP.
    var onEstablished: ((SecurityInfo) -> Void)?
    /// The media cannot come about, or is lost: why, and whose doing it was.
    var onFailed: ((String, Failure) -> Void)?

    enum Failure: Hashable, Sendable {
        /// The other end closed the connection.
        case byPeer
        /// There is no way to where the peer's path says.
        case unreachable
        case other
    }

    /// - Parameter identity: what this leg shows; the UE's own unless given.
    init(_ environment: MediaEnvironment, callID: String, identity: MediaIdentity? = nil) {
        self.environment = environment
        self.identity = identity ?? environment.identity
        self.callID = callID
    }

    // MARK: Life

    /// Reserves a port. Connections wait in the kernel until `begin`.
    func listen() -> EventLoopFuture<UInt16> {
        let eventLoop = environment.eventLoop
        eventLoop.preconditionInEventLoop()
        return MediaListener.bind(environment.settings.address, on: eventLoop).flatMapThrowing { listener in
            guard !self.isClosed else {
                listener.close()
                throw UserEquipmentError.stopped
            }
            self.adopt(listener)
            return listener.port
        }
    }

    var listens: Bool { listener != nil }

    /// Takes over the port of a leg whose place this one takes.
    func adopt(_ listener: MediaListener?) {
        self.listener = listener
        listener?.leg = self
    }

    /// Gives the port away, to whoever takes the place of this leg.
    func giveListener() -> MediaListener? {
        defer { listener = nil }
        listener?.accept(false)
        return listener
    }

    /// Signalling is done: the connection may be had.
    func begin(_ plan: MediaPlan, session: MessageSession) {
        environment.eventLoop.preconditionInEventLoop()
        guard !isClosed, self.plan == nil else { return }
        self.plan = plan
        self.session = session
        _ = table.add(plan.own, key: 0)
        environment.events.emit(.link(.init(callID: callID, msrpSession: plan.own.sessionID)))
        let deadline = environment.deadlines.register { [weak self] _ in
            self?.fail("the media did not come about within \(MediaLimits.establishTime.nanoseconds / 1_000_000_000) s")
        }
        deadline.set(environment.eventLoop.now + MediaLimits.establishTime)
        self.deadline = deadline
        if plan.isActive {
            connect(plan)
        } else if let listener {
            listener.accept(true)
        } else {
            fail("no listener for a passive role")
        }
    }

    func close(_ reason: String) {
        environment.eventLoop.preconditionInEventLoop()
        closeListener()
        end(reason)
    }

    private func end(_ reason: String) {
        guard !isClosed else { return }
        isClosed = true
        deadline?.cancel()
        deadline = nil
        let handlers = pending + (bound.map { [$0] } ?? [])
        pending = []
        session?.end(reason)
        for handler in handlers { handler.close(reason) }
        bound = nil
        session = nil
    }

    private func closeListener() {
        listener?.close()
        listener = nil
    }

    /// The port stays reserved, for a leg that takes the place of this one; `close` gives it back.
    private func fail(_ reason: String, _ failure: Failure = .other) {
        guard !isClosed else { return }
        let onFailed = onFailed
        listener?.accept(false)
        end(reason)
        onFailed?(reason, failure)
    }

    // MARK: Connections

    private func connect(_ plan: MediaPlan) {
        guard let target = plan.target, let port = target.port else { return fail("no target") }
        switch target.host {
        case .address(let address): connect(to: Endpoint(address, port))
        case .name(let name):
            environment.addresses(of: name).assumeIsolated().whenComplete { result in
                guard !self.isClosed else { return }
                let own = self.environment.settings.address
                guard let address = (try? result.get())?.first(where: { $0.isV6 == own.isV6 }) else {
                    return self.fail("\(displayEscaped(name)): no address was found")
                }
                self.connect(to: Endpoint(address, port))
            }
        }
    }

    private func connect(to remote: Endpoint) {
        emit(.connecting, local: "\(environment.settings.address)", remote: remote)
        Sockets.connection(
            on: environment.eventLoop, from: environment.settings.address, to: remote,
            timeout: MediaLimits.connectTime
        ) { channel in
            channel.eventLoop.makeCompletedFuture { try self.prepare(channel, role: .client) }
        }.whenFailure { error in
            self.emit(.failed, local: "\(self.environment.settings.address)", remote: remote, reason: "\(error)")
            self.fail("no connection to \(remote): \(error)", .unreachable)
        }
    }

    /// From the listener.
    func accept(_ channel: any Channel) throws {
        guard !isClosed, bound == nil else { throw UserEquipmentError.stopped }
        if pending.count >= MediaLimits.pendingConnections {
            refuse(pending.removeFirst(), "too many connections before the peer's")
        }
        try prepare(channel, role: .server)
    }

    private func prepare(_ channel: any Channel, role: HandshakeRole) throws {
        guard !isClosed, let plan else { throw UserEquipmentError.stopped }
        let handler = MessageHandler(number: nextNumber, leg: self)
        nextNumber += 1
        try channel.syncOptions?.setOption(
            .writeBufferWaterMark, value: .init(low: MediaLimits.writeLowMark, high: MediaLimits.writeHighMark))
        let pipeline = channel.pipeline.syncOperations
        if let capture = environment.capture {
            try pipeline.addHandler(CaptureTap(capture, isClient: role == .client))
        }
        if plan.isTLS {
            let pinned = try identity.tls.install(
                on: channel, role: role,
                verifier: environment.fingerprintPolicy.verifier(expecting: plan.peerFingerprints))
            let deadline = environment.deadlines.register { [weak pinned] _ in pinned?.timeOut() }
            deadline.set(environment.eventLoop.now + MediaLimits.handshakeTime)
            handshakes[handler.number] = deadline
        }
        try pipeline.addHandler(handler)
        pending.append(handler)
    }

    // MARK: From the handlers

    func connected(_ handler: MessageHandler) {
        guard let plan, let channel = handler.context?.channel else { return }
        emit(plan.isActive ? .connected : .accepted, channel)
        // Over TLS the handshake decides; a plain listener waits for the first To-Path.
        if !plan.isTLS, plan.isActive { bind(handler) }
    }

    func handshake(_ outcome: HandshakeOutcome, _ handler: MessageHandler) {
        handshakes.removeValue(forKey: handler.number)?.cancel()
        switch outcome {
        case .accepted(let report):
            emit(report, failure: nil, handler)
            handler.handshake = report
            guard bound == nil else { return refuse(handler, "the session has its connection") }
            bind(handler)
        case .refused(let report, let failure):
            emit(report, failure: failure, handler)
            if plan?.isActive == true {
                fail("TLS: \(failure)", failure.kind == .closed ? .byPeer : .other)
            } else {
                refuse(handler, "TLS: \(failure)")
            }
        }
    }

    func received(_ event: MSRPDecoder.Event, _ handler: MessageHandler) {
        if bound === handler {
            if !isEstablished { established(handler) }
            session?.received(event)
            return
        }
        // RFC 4975 §5.4: on a plain listener the first To-Path tells whose connection this is.
        guard let plan, !plan.isTLS, case .head(let head) = event else {
            return refuse(handler, "no request of the session")
        }
        switch table.admit(head, connection: handler.number) {
        case .session:
            guard let path = try? parsePath(head.fromPath), path.last == plan.peer.last else {
                return refuse(handler, head, 481)
            }
            bind(handler)
            established(handler)
            session?.received(event)
        case .refuse(let status): refuse(handler, head, status)
        }
    }

    func readComplete(_ handler: MessageHandler) {
        if bound === handler { session?.pump() }
    }

    func writabilityChanged(_ handler: MessageHandler) {
        if bound === handler { session?.pump() }
    }

    func closed(_ handler: MessageHandler, reason: String?) {
        handshakes.removeValue(forKey: handler.number)?.cancel()
        let isPending = pending.contains { $0 === handler }
        pending.removeAll { $0 === handler }
        guard bound === handler || isPending else { return }
        if let channel = handler.context?.channel {
            emit(.closed, channel, received: handler.bytesReceived, sent: handler.bytesSent, reason: reason)
        }
        if bound === handler {
            bound = nil
            fail(reason ?? "the media connection was closed by the peer", reason == nil ? .byPeer : .other)
        } else if plan?.isActive == true {
            fail(reason ?? "the media connection was closed before it was ready", reason == nil ? .byPeer : .other)
        }
    }

    // MARK: Steps

    private func bind(_ handler: MessageHandler) {
        guard let session, let channel = handler.context?.channel else { return }
        pending.removeAll { $0 === handler }
        bound = handler
        // The port stays reserved: a change of the call may need it again.
        listener?.accept(false)
        for other in pending { refuse(other, "another connection is the session's") }
        session.begin(on: channel, counting: handler)
    }

    private func established(_ handler: MessageHandler) {
        guard let plan, let channel = handler.context?.channel else { return }
        isEstablished = true
        deadline?.cancel()
        deadline = nil
        onEstablished?(
            SecurityInfo(
                leg: plan.leg, local: channel.localEndpoint.map { "\($0)" } ?? "",
                remote: channel.remoteEndpoint.map { "\($0)" } ?? "", version: handler.handshake?.parameters.version,
                cipher: handler.handshake?.parameters.cipher,
                peerFingerprint: handler.handshake?.peerCertificate.flatMap { digest($0, plan) },
                ownFingerprint: plan.isTLS ? identity.tls.identity.fingerprint()?.description : nil,
                expectedFingerprints: plan.peerFingerprints.map(\.description), callID: callID))
    }

    private func refuse(_ handler: MessageHandler, _ head: RequestHead, _ status: UInt16) {
        if head.method != .report, head.effectiveFailureReport != .no, let plan, let context = handler.context {
            var octets = ByteBuffer()
            ResponseHead(status, to: head, own: ByteBuffer(string: plan.own.description)).write(into: &octets)
            context.writeAndFlush(NIOAny(octets), promise: nil)
        }
        refuse(handler, "\(status): the request is of another session")
    }

    private func refuse(_ handler: MessageHandler, _ reason: String) {
        strangers += 1
        if let channel = handler.context?.channel {
            environment.events.emit(
                .refused(
                    .init(
                        kind: "stranger", remote: channel.remoteEndpoint.map { "\($0)" } ?? "",
                        local: channel.localEndpoint.map { "\($0)" }, reason: reason, count: strangers)))
        }
        handler.close(reason)
    }

    // MARK: Events

    private func emit(
        _ state: FlowEvent.Connection.State, _ channel: any Channel, received: Int? = nil, sent: Int? = nil,
        reason: String? = nil
    ) {
        guard environment.events.isEnabled else { return }
        environment.events.emit(
            .connection(
                .init(
                    state: state, local: channel.localEndpoint.map { "\($0)" } ?? "",
                    remote: channel.remoteEndpoint.map { "\($0)" } ?? "", leg: "msrp", callID: callID,
                    bytesReceived: received, bytesSent: sent, reason: reason)))
    }

    private func emit(_ state: FlowEvent.Connection.State, local: String, remote: Endpoint, reason: String? = nil) {
        environment.events.emit(
            .connection(
                .init(state: state, local: local, remote: "\(remote)", leg: "msrp", callID: callID, reason: reason)))
    }

    private func emit(_ report: HandshakeReport, failure: HandshakeFailure?, _ handler: MessageHandler) {
        guard environment.events.isEnabled, let plan, let channel = handler.context?.channel else { return }
        environment.events.emit(
            .tls(
                .init(
                    role: report.role == .client ? .client : .server, accepted: failure == nil,
                    local: channel.localEndpoint.map { "\($0)" } ?? "",
                    remote: channel.remoteEndpoint.map { "\($0)" } ?? "", leg: "msrp",
                    version: report.parameters.version, cipher: report.parameters.cipher,
                    clientRandom: report.parameters.clientRandom,
                    expectedFingerprints: plan.peerFingerprints.map(\.description),
                    peerFingerprint: report.peerCertificate.flatMap { digest($0, plan) },
                    ownFingerprint: identity.tls.identity.fingerprint()?.description, callID: callID,
                    reason: failure?.description)))
    }

    /// By the hash function that decides.
    private func digest(_ certificate: [UInt8], _ plan: MediaPlan) -> String? {
        let hash = environment.fingerprintPolicy.preferredHash(among: plan.peerFingerprints) ?? .sha256
        return CertificateDigest.fingerprint(of: certificate, hash: hash)?.description
    }
}
