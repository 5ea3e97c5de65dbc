import ApplicationLevelGateway
import Configuration
import GatewayControl
import H248
import NIOCore
import Observability
import Transport
import WireSyntax

/// Iq: the pool of gateways, and what they notify.
extension ProxyCSCF {
    func startGateways(_ capture: Capture?) async throws -> FlowEvent.Listening {
        let peers = settings.gateways.map { Peer(address: $0.endpoint.address, port: $0.endpoint.port) }
        let controlSettings = GatewayControlSettings(gateways: peers)
        let iq = H248Endpoint(
            eventLoop: eventLoop, settings: controlSettings.engine, foreignKind: "foreignGateway", events: events,
            capture: capture, deadlines: deadlines)
        let bound = try await iq.bind(at: settings.iq.endpoint).get()
        try await eventLoop.submit {
            let control = GatewayControl(
                settings: controlSettings, endpoint: iq, events: self.events, logger: self.logger,
                deadlines: self.deadlines)
            control.onEvent = { [weak self] termination, event in self?.notified(termination, event) }
            control.onGatewayLost = { [weak self] gateway in self?.lost(gateway) }
            let pool = ControlledGateways(control, endpoint: iq, deadlines: self.deadlines)
            self.pool = pool
            self.gateways = pool
            control.start()
        }.get()
        return .init(name: "iq", transport: "udp", local: "\(bound)")
    }

    func stopGateways() async {
        let pool = try? await eventLoop.submit { self.pool }.get()
        await pool?.stop()
    }

    private func notified(_ termination: TerminationHandle, _ event: TerminationEvent) {
        guard let entry = contexts[termination.context] else { return }
        run(entry) { $0.gatewayNotified(termination, event, now: self.eventLoop.now) }
    }

    private func lost(_ gateway: String) {
        for entry in Array(calls.values) { run(entry) { $0.gatewayLost(gateway, now: self.eventLoop.now) } }
    }
}

/// `GatewayControl` as the pool of a P-CSCF, with the socket under it.
// Confined to the control's event loop; `stop` moves to it.
final class ControlledGateways: GatewayPool, @unchecked Sendable {
    private let control: GatewayControl
    private let endpoint: H248Endpoint
    private let deadlines: DeadlineDriver

    init(_ control: GatewayControl, endpoint: H248Endpoint, deadlines: DeadlineDriver) {
        self.control = control
        self.endpoint = endpoint
        self.deadlines = deadlines
    }

    var hasCapableGateway: Bool { control.isCapable }

    /// Contexts at all gateways.
    var contextCount: Int { control.contextCount }

    func reserve(
        _ terminations: [TerminationRequest],
        _ completion: @escaping (Result<[ReservedTermination], GatewayFailure>) -> Void
    ) { control.reserve(terminations, completion: completion) }

    func configure(
        _ termination: TerminationHandle, _ change: TerminationChange,
        _ completion: @escaping (Result<[ReservedTermination], GatewayFailure>) -> Void
    ) {
        control.configure(termination, change) { result in
            completion(result.map { [ReservedTermination(handle: termination, local: $0)] })
        }
    }

    func release(_ context: ContextHandle) {
        unconfirmed += 1
        control.release(context) { [weak self] in self?.confirmed() }
    }

    // MARK: The end

    private var unconfirmed = 0
    private var idle: EventLoopPromise<Void>?
    private var patience: DeadlineRegistration?
    private static let longestWait = TimeAmount.seconds(2)

    private func confirmed() {
        unconfirmed -= 1
        if unconfirmed == 0 { idle?.succeed() }
    }

    /// Waits until the gateways have confirmed what was released, but not long, then closes the socket.
    func stop() async {
        let loop = control.eventLoop
        let released = loop.flatSubmit { () -> EventLoopFuture<Void> in
            guard self.unconfirmed > 0 else { return loop.makeSucceededVoidFuture() }
            let promise = self.idle ?? loop.makePromise()
            self.idle = promise
            self.patience = self.deadlines.register { _ in promise.succeed() }
            self.patience?.set(loop.now + Self.longestWait)
            return promise.futureResult
        }
        _ = try? await released.get()
        _ = try? await loop.submit { self.control.stop() }.get()
        _ = try? await endpoint.stop().get()
    }
}
