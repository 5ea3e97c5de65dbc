import ApplicationLevelGateway
import Logging
import NIOCore
import Observability
import SIP
import Transport
import WireSyntax

/// The P-CSCF with its IMS-ALG (TS 24.229 §5.2, TS 23.334): the door between UEs (Gm) and the core (Mw), which commands gateways (Iq).
///
/// ```
///           Gm: listener "gm"          ProxyCSCF             Mw: listener "mw"
///   UE <-- udp, tcp, tls -->  SIPEndpoint | SIPEndpoint  <-- tcp -->  home network
///                                  RegistrationStore
///                                  CallLeg × n (CallMedia)
///                                  Relay × n
///                                         |
///                                   GatewayControl  <-- Iq: H.248 over UDP --> IMS-AGW
/// ```
///
/// This class owns no rule: it finds the registration or the call leg that a message is for, and carries out what the values say. What is core is
/// decided by the listener and by the list of peers; what is a UE's, by the flow of its registration.
// Confined to `eventLoop`: every entry point is called on it or moves to it, so that sharing the reference between threads is safe.
package final class ProxyCSCF: @unchecked Sendable {
    package let settings: ProxyCSCFSettings
    let environment: FunctionEnvironment
    let eventLoop: any EventLoop
    let deadlines: DeadlineDriver
    let events: any FlowEventSink
    let logger: Logger

    var endpoint: SIPEndpoint?
    /// The gateways that calls are given.
    var gateways: (any GatewayPool)?
    /// What `start` has bound on Iq.
    var pool: ControlledGateways?
    private var capture: Capture?

    var own: OwnAddresses
    var registrations: RegistrationStore
    var registrationTimer: DeadlineRegistration?
    /// REGISTERs at the home network, by client transaction.
    var registers: [TransactionID: RegisterInProgress] = [:]
    /// Call legs by token.
    var calls: [String: CallEntry] = [:]
    var shares: CallShares
    var clientIndex: [TransactionID: (CallEntry, Exchange.ID)] = [:]
    var serverIndex: [TransactionID: (CallEntry, Exchange.ID)] = [:]
    /// Which call leg a gateway's notification is for.
    var contexts: [ContextHandle: CallEntry] = [:]
    /// Requests outside of calls, by client transaction.
    var relays: [TransactionID: Relay] = [:]
    /// Subscriptions to the state of registrations, by token; the token by that of the registration; and their SUBSCRIBEs at the home network.
    var subscriptions: [String: RegistrationSubscription] = [:]
    var subscriptionOf: [String: String] = [:]
    var subscribing: [TransactionID: (String, Request)] = [:]
    var subscriptionTimer: DeadlineRegistration?
    /// Dialogs of SUBSCRIBE and REFER.
    var dialogs = RelayedDialogs()
    var loops = LoopGuard()
    var refusalBudget = RefusalBudget()
    /// Refusals by kind, those without an answer included.
    var refusals: [String: Int] = [:]

    struct RegisterInProgress {
        let pending: RegistrationStore.Pending
        let server: TransactionID
        let request: Request
    }

    private let timers: TransactionTimers

    /// Where `mw.home` is a name.
    var names: SIPResolver?
    /// Where that name led to, and when it last did: peers, as those that are configured.
    var homeAddresses: [IPAddress: NIODeadline] = [:]

    /// - Parameter timers: of RFC 3261 §17; a test that waits for their end takes shorter ones.
    package init(
        settings: ProxyCSCFSettings, environment: FunctionEnvironment, timers: TransactionTimers = TransactionTimers()
    ) {
        self.settings = settings
        self.timers = timers
        self.environment = environment
        eventLoop = environment.eventLoopGroup.next()
        deadlines = DeadlineDriver(eventLoop: eventLoop)
        events = environment.events
        logger = environment.logger
        own = OwnAddresses(gm: [:], mw: settings.mw)
        shares = CallShares(limit: settings.registrationCallLimit)
        registrations = RegistrationStore(
            limits: .init(registrations: settings.registrationLimit, exchanges: settings.registrationLimit))
    }

    /// Binds Gm, Mw and Iq. Returns where.
    package func start() async throws -> [FlowEvent.Listening] {
        let capture = try environment.capturePath.map { try Capture(path: $0, node: environment.node) }
        let keyLog = try environment.keyLogPath.map { try KeyLog(path: $0, capture: capture) }
        let endpoint = SIPEndpoint(
            eventLoop: eventLoop, events: events, capture: capture, deadlines: deadlines, timers: timers)
        var listening: [FlowEvent.Listening] = []
        var gm: [Flow.Transport: Endpoint] = [:]
        let wanted: [(Flow.Transport, Endpoint?)] = [(.udp, settings.udp), (.tcp, settings.tcp), (.tls, settings.tls)]
        for (transport, local) in wanted {
            guard let local else { continue }
            let bound = try await endpoint.listen(
                "gm", transport: transport, at: local, tls: transport == .tls ? try serverSettings(keyLog) : nil
            ).get()
            gm[transport] = bound
            listening.append(.init(name: "gm", transport: transport.rawValue, local: "\(bound)"))
        }
        let mw = try await endpoint.listen("mw", transport: .tcp, at: settings.mw).get()
        listening.append(.init(name: "mw", transport: "tcp", local: "\(mw)"))
        let addresses = OwnAddresses(gm: gm, mw: mw)
        try await eventLoop.submit {
            endpoint.user = self
            self.endpoint = endpoint
            self.capture = capture
            self.own = addresses
            endpoint.connectBack("mw")
            self.registrationTimer = self.deadlines.register { [weak self] now in self?.registrationsDue(now) }
            self.subscriptionTimer = self.deadlines.register { [weak self] now in self?.subscriptionsDue(now) }
        }.get()
        try await startNames()
        listening.append(try await startGateways(capture))
        if settings.allowUnprotected {
            let text =
                "gm.allowUnprotected is on: fingerprints over UDP and TCP are worth nothing against a man in the middle"
            logger.warning("\(text)")
            events.emit(.warning(text))
        }
        return listening
    }

    private func serverSettings(_ keyLog: KeyLog?) throws -> TLSServerSettings {
        guard let certificate = settings.certificatePath, let key = settings.keyPath else {
            throw Identity.FileError(reason: "gm.tls needs gm.certificate and gm.key")
        }
        return try TLSServerSettings(
            identity: Identity(certificateFile: certificate, keyFile: key), keyLog: keyLog)
    }

    /// Ends all calls towards both sides, gives the gateways their contexts back, and closes the sockets.
    package func stop() async {
        _ = try? await eventLoop.submit {
            for entry in Array(self.calls.values) { self.run(entry) { $0.end(.stopping, now: self.eventLoop.now) } }
        }.get()
        try? await eventLoop.submit { self.names?.stop() }.get()
        try? await endpoint?.stop().get()
        await stopGateways()
        let capture = try? await eventLoop.submit { self.capture }.get()
        do {
            try await capture?.close()
        } catch {
            logger.warning("capture", metadata: ["error": "\(error)"])
        }
    }

    // MARK: What is seen

    /// Counts what is refused without further ado.
    func refuse(_ kind: String, _ flow: Flow, _ reason: String) {
        refusals[kind, default: 0] += 1
        events.emit(
            .refused(
                .init(
                    kind: kind, remote: "\(flow.remote)", local: "\(flow.local)", reason: reason,
                    count: refusals[kind] ?? 1)))
    }

    var security: SecurityContext {
        SecurityContext(
            gatewayCapable: gateways?.hasCapableGateway ?? false, allowUnprotected: settings.allowUnprotected,
            servesTLS: own.gm[.tls] != nil)
    }

    var callSettings: CallSettings {
        var calls = CallSettings()
        calls.sessionLimit = settings.sessionLimit
        calls.sessionTimer = settings.sessionTimer
        calls.agent = "\(own.mw)"
        return calls
    }
}
