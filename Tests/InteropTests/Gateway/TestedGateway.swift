import ApplicationLevelGateway
import MediaPlane
import NIOCore
import NIOPosix
import Observability
import SDP
import Transport
import WireSyntax

/// A gateway in this process, at which a test opens sessions as an IMS-ALG would.
protocol TestedGateway: Sendable {
    var events: RecordedEvents { get }
    /// Two terminations in one context.
    func open(_ access: TerminationRequest, _ core: TerminationRequest) async throws -> GatewaySession
    func stop() async throws
}

/// A context with two terminations, and what was notified about them.
struct GatewaySession: Sendable {
    let access: LocalDescription
    let core: LocalDescription
    /// `access tlsFailed …`, one line a notification.
    let notified: Noted
    /// *Configure* of the access termination.
    let configure: @Sendable (RemoteDescription) async throws -> Void
    /// *Release*.
    let end: @Sendable () async throws -> Void

    static func line(_ termination: String, _ event: TerminationEvent) -> String {
        switch event {
        case .tlsFailed(let reason): "\(termination) tlsFailed \(reason)\n"
        case .tcpFailed(let reason): "\(termination) tcpFailed \(reason)\n"
        case .released(let reason): "\(termination) released \(reason)\n"
        case .heartbeat: ""
        }
    }
}

/// Each party in a part of 127.0.0.0/8 of its own, as the functions of a network are.
enum Party {
    static let access = IPAddress.v4(0x7F04_0001)
    static let core = IPAddress.v4(0x7F04_0002)
    static let iq = IPAddress.v4(0x7F04_0003)
    static let controller = IPAddress.v4(0x7F04_0004)
    static let ue = IPAddress.v4(0x7F04_0010)
    static let otherUE = IPAddress.v4(0x7F04_0011)
    static let stranger = IPAddress.v4(0x7F04_0020)
    static let corePeer = IPAddress.v4(0x7F04_0030)
}

extension TestedGateway {
    /// - Parameters:
    ///   - access: what the UE's SDP said; nil: not known yet.
    ///   - role: the gateway's on the access leg.
    ///   - permitted: the UE's address on Gm.
    ///   - core: the core's end, which listens. Nil: the gateway listens for `Party.corePeer`.
    func open(
        access: RemoteDescription?, role: ConnectionRole = .passive, permitted: [IPAddress] = [], core: Endpoint?
    ) async throws -> GatewaySession {
        try await open(
            TerminationRequest(
                realm: .access, transport: MediaTransport(isTLS: true, isAware: false),
                local: LocalRequest(family: .v4, role: role, fingerprintHashes: [.sha256]), remote: access,
                permittedSources: permitted),
            TerminationRequest(
                realm: .core, transport: MediaTransport(isTLS: false, isAware: false),
                local: LocalRequest(family: .v4, role: core == nil ? .passive : .active),
                remote: RemoteDescription(
                    address: .address(core?.address ?? Party.corePeer), port: core?.port ?? 9,
                    setup: core == nil ? .active : .passive)))
    }

    /// How many strangers were closed and counted.
    var strangers: Int {
        events.all.reduce(0) { count, what in
            if case .refused(let refusal) = what, refusal.kind == "stranger" {
                max(count, refusal.count)
            } else {
                count
            }
        }
    }
}

extension RemoteDescription {
    /// What the SDP of a UE that connects itself says.
    static func ue(_ fingerprints: [Fingerprint], address: IPAddress = Party.ue) -> RemoteDescription {
        RemoteDescription(address: .address(address), port: 9, setup: .active, fingerprints: fingerprints)
    }
}

/// A media plane, commanded directly.
final class PlaneUnderTest: TestedGateway {
    let events = RecordedEvents()
    private let plane: MediaPlane

    /// - Parameter tampered: the check of certificates is switched off (debug builds only).
    init(tampered: Bool = false) throws {
        var identity = try PinnedTLS(identity: Identity.selfSigned())
        #if DEBUG
            identity.acceptAnyCertificate = tampered
        #endif
        plane = MediaPlane(
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            settings: MediaSettings(
                addresses: [.access: [Party.access], .core: [Party.core]],
                identities: [.access: identity, .core: identity]), events: events)
    }

    func open(_ access: TerminationRequest, _ core: TerminationRequest) async throws -> GatewaySession {
        let notified = Noted()
        let context = try plane.makeContext(id: UInt32.random(in: 1...1_000_000)) { name, event in
            notified.append(GatewaySession.line(name, event))
        }
        let accessLocal = try await context.add(access, name: "access").get()
        let coreLocal = try await context.add(core, name: "core").get()
        return GatewaySession(
            access: accessLocal, core: coreLocal, notified: notified,
            configure: { _ = try await context.modify("access", TerminationChange(remote: $0)).get() },
            end: { try await context.end().get() })
    }

    func stop() async throws {}

    /// Waits until so many connections are accepted and not yet judged.
    func holds(_ count: Int) async -> Bool {
        for _ in 0..<500 {
            if plane.used.pendingConnections == count { return true }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return false
    }
}
