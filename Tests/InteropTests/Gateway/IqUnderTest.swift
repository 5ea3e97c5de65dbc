import AccessGateway
import ApplicationLevelGateway
import Configuration
import GatewayControl
import H248
import Logging
import NIOCore
import NIOPosix
import Observability
import Testing
import Transport
import WireSyntax

/// A whole IMS-AGW, commanded over Iq: H.248 in UDP between a controller and the gateway.
///
///     test ── GatewayControl ── H.248 ── AccessGateway ── MediaPlane
// GatewayControl is confined to its loop: everything here hops there.
final class IqUnderTest: TestedGateway, @unchecked Sendable {
    /// Of the gateway: handshakes, refusals, H.248 as it sees it.
    let events = RecordedEvents()
    /// Of the controller: H.248 as it sees it.
    let controllerEvents = RecordedEvents()
    /// Where the gateway, and where the controller, serves Iq.
    let gatewayIq: Endpoint
    let controllerIq: Endpoint
    private let loop: any EventLoop
    private let endpoint: H248Endpoint
    private let control: GatewayControl
    private let gateway: AccessGateway
    /// By termination: the text that its session's notifications go to. On the loop.
    private var sessions: [TerminationHandle: (name: String, notified: Noted)] = [:]

    init(tampered: Bool = false) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let settings = GatewayControlSettings(gateways: [Peer(address: Party.iq)])
        let controllerEvents = controllerEvents
        let endpoint = try await loop.submit {
            H248Endpoint(
                eventLoop: loop, settings: settings.engine, foreignKind: "foreignGateway", events: controllerEvents)
        }.get()
        let bound = try await endpoint.bind(at: Endpoint(Party.controller, 0)).get()
        let available = Noted()
        let control = try await loop.submit {
            let control = GatewayControl(settings: settings, endpoint: endpoint, events: controllerEvents)
            control.onAvailability = { if $0 { available.append("in service\n") } }
            return control
        }.get()
        var flags = [
            Configuration.Flag("iq.listen", "udp:\(Party.iq):0"), Configuration.Flag("iq.mgc", "udp:\(bound)"),
            Configuration.Flag("iq.restart-delay", "0s"), Configuration.Flag("access.address", "\(Party.access)"),
            Configuration.Flag("core.address", "\(Party.core)"),
        ]
        if tampered { flags.append(Configuration.Flag("debug.accept-any-certificate", "true")) }
        let configuration = try Configuration(AccessGatewaySettings.schema, yaml: "", flags: flags)
        let gateway = AccessGateway(
            settings: try AccessGatewaySettings(configuration),
            environment: FunctionEnvironment(
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "agw"), events: events,
                node: "IMS-AGW"))
        try await loop.submit { control.start() }.get()
        let listening = try await gateway.start()
        gatewayIq = try #require(listening.first.flatMap { Endpoint($0.local) })
        controllerIq = bound
        self.loop = loop
        self.endpoint = endpoint
        self.control = control
        self.gateway = gateway
        try await loop.submit {
            control.onEvent = { [weak self] termination, event in
                guard let session = self?.sessions[termination] else { return }
                session.notified.append(GatewaySession.line(session.name, event))
            }
        }.get()
        try #require(await available.wait(for: "in service"))
    }

    func open(_ access: TerminationRequest, _ core: TerminationRequest) async throws -> GatewaySession {
        let notified = Noted()
        let reserved: [ReservedTermination] = try await call { done in
            self.control.reserve([access, core]) { result in
                if case .success(let reserved) = result {
                    for (name, one) in zip(["access", "core"], reserved) {
                        self.sessions[one.handle] = (name, notified)
                    }
                }
                done(result)
            }
        }
        try #require(reserved.count == 2)
        return GatewaySession(
            access: reserved[0].local, core: reserved[1].local, notified: notified,
            configure: { remote in
                let _: LocalDescription = try await self.call { done in
                    self.control.configure(reserved[0].handle, TerminationChange(remote: remote), completion: done)
                }
            },
            end: {
                let _: Bool = try await self.call { done in
                    self.control.release(reserved[0].handle.context) { done(.success(true)) }
                }
            })
    }

    func stop() async throws {
        await gateway.stop()
        try await loop.submit { self.control.stop() }.get()
        try await endpoint.stop().get()
    }

    /// Summaries of the Notify requests that the controller received.
    var notifies: [String] {
        controllerEvents.all.compactMap { what in
            guard case .h248(let event) = what, event.direction == .received, event.summary.contains("Notify"),
                event.summary.hasPrefix("Transaction")
            else { return nil }
            return event.summary
        }
    }

    /// Contexts that the gateway has.
    func contexts() async -> Int { await gateway.contextCount() }

    private func call<Value: Sendable>(
        _ body: @escaping @Sendable (@escaping (Result<Value, GatewayFailure>) -> Void) -> Void
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            loop.execute { body { continuation.resume(with: $0.mapError { $0 as any Error }) } }
        }
    }
}
