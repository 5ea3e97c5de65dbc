import ApplicationLevelGateway
import H248
import Logging
import MediaPlane
import NIOCore
import Observability
import Synchronization
import Transport
import WireSyntax

/// IMS-AGW (TS 23.334): the gateway at the access edge. An Iq agent in front of a media plane.
///
/// ```
///   Iq ── H248Endpoint ── GatewayAgent ── MediaPlane ── realm access, realm core
/// ```
package final class AccessGateway: Sendable {
    package let settings: AccessGatewaySettings
    private let environment: FunctionEnvironment
    private let running: Mutex<Running?>

    private struct Running: Sendable {
        var endpoint: H248Endpoint
        var agent: GatewayAgent
        var capture: Capture?
    }

    package init(settings: AccessGatewaySettings, environment: FunctionEnvironment) {
        self.settings = settings
        self.environment = environment
        running = Mutex(nil)
    }

    /// Binds Iq and begins to register; what is bound is returned. Media listeners come and go with terminations.
    package func start() async throws -> [FlowEvent.Listening] {
        let capture = try environment.capturePath.map { try Capture(path: $0, node: environment.node) }
        let keyLog = try environment.keyLogPath.map { try KeyLog(path: $0, capture: capture) }
        var identities: [Realm: PinnedTLS] = [:]
        for realm in Realm.allCases {
            var tls = try PinnedTLS(identity: .selfSigned(), keyLog: keyLog?.hook)
            #if DEBUG
                tls.acceptAnyCertificate = settings.acceptsAnyCertificate
            #endif
            identities[realm] = tls
        }
        var media = MediaSettings(addresses: settings.addresses, identities: identities, ports: settings.ports)
        media.limits = settings.limits
        media.timers = settings.timers
        media.forbiddenAddresses = settings.forbiddenAddresses
        // Iq's own address, where it is not one of a realm (on one host, peers of a session may share it).
        if !settings.listen.address.isUnspecified,
            !settings.addresses.values.contains(where: { $0.contains(settings.listen.address) })
        {
            media.forbiddenAddresses.append(settings.listen.address)
        }
        #if DEBUG
            if settings.acceptsAnyCertificate {
                environment.events.emit(.warning("any certificate is accepted: debug.accept-any-certificate"))
                environment.logger.warning("any certificate is accepted: debug.accept-any-certificate")
            }
        #endif
        media.capture = capture
        let plane = MediaPlane(
            eventLoopGroup: environment.eventLoopGroup, settings: media, events: environment.events)
        let loop = environment.eventLoopGroup.next()
        let agentSettings = settings.agent
        let (events, logger) = (environment.events, environment.logger)
        let (endpoint, agent) = try await loop.submit {
            let deadlines = DeadlineDriver(eventLoop: loop)
            let endpoint = H248Endpoint(
                eventLoop: loop, settings: agentSettings.engine, foreignKind: "foreignController", events: events,
                capture: capture, deadlines: deadlines)
            let agent = GatewayAgent(
                settings: agentSettings, endpoint: endpoint, media: PlaneBackend(plane: plane), events: events,
                logger: logger, deadlines: deadlines)
            return (endpoint, agent)
        }.get()
        let local = try await endpoint.bind(at: settings.listen).get()
        running.withLock { $0 = Running(endpoint: endpoint, agent: agent, capture: capture) }
        try await loop.submit { agent.start() }.get()
        return [FlowEvent.Listening(name: "iq", transport: "udp", local: "\(local)")]
    }

    /// Says goodbye with ServiceChange Graceful/905, gives every session's resources back, and closes Iq.
    package func stop() async {
        let running = self.running.withLock { running in
            defer { running = nil }
            return running
        }
        guard let running else { return }
        let loop = running.endpoint.eventLoop
        try? await loop.flatSubmit { running.agent.stop() }.get()
        try? await running.endpoint.stop().get()
        do {
            try await running.capture?.close()
        } catch {
            environment.logger.warning("capture", metadata: ["error": "\(error)"])
        }
    }

    /// Contexts that exist, for tests and metrics.
    package func contextCount() async -> Int {
        guard let running = running.withLock({ $0 }) else { return 0 }
        return (try? await running.endpoint.eventLoop.submit { running.agent.contextCount }.get()) ?? 0
    }
}
