import ApplicationLevelGateway
import MediaPlane
import NIOCore
import NIOPosix
import Observability
import SDP
import Synchronization
import Testing
import Transport
import WireSyntax

/// A media plane on loopback, and one context of it, with everything that it notified.
final class GatewayUnderTest: Sendable {
    static let ue = "127.31.1.1"
    static let stranger = "127.31.1.9"
    static let accessAddress = "127.31.2.1"
    static let coreAddress = "127.31.2.2"
    static let corePeer = "127.31.3.1"

    let plane: MediaPlane
    let identity: PinnedTLS
    let events = CollectedEvents()

    init(configure: (inout MediaSettings) -> Void = { _ in }) throws {
        identity = try PinnedTLS(identity: .selfSigned())
        var settings = MediaSettings(
            addresses: [
                .access: [try #require(IPAddress(Self.accessAddress))],
                .core: [try #require(IPAddress(Self.coreAddress))],
            ],
            identities: [.access: identity])
        configure(&settings)
        plane = MediaPlane(
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, settings: settings, events: events)
    }

    func context(_ id: UInt32 = 1) throws -> (MediaContext, Notifications) {
        let notifications = Notifications()
        let context = try plane.makeContext(id: id) { name, event in notifications.put(name, event) }
        return (context, notifications)
    }

    static func remote(
        _ address: String, port: UInt16 = 9, paths: [String] = [], fingerprints: [Fingerprint] = []
    ) -> RemoteDescription {
        RemoteDescription(address: Host(address), port: port, paths: paths, fingerprints: fingerprints)
    }

    static func request(
        _ realm: Realm, _ proto: String, _ role: ConnectionRole, remote: RemoteDescription? = nil,
        permitted: [IPAddress] = [], latch: Bool = false
    ) throws -> TerminationRequest {
        TerminationRequest(
            realm: realm, transport: try #require(MediaTransport(proto: proto)),
            local: LocalRequest(family: .v4, role: role), remote: remote, permittedSources: permitted, latch: latch)
    }
}

/// What a context notified, in order, and a way to wait for it.
final class Notifications: Sendable {
    struct Notification: Hashable, Sendable {
        var termination: String
        var event: TerminationEvent
    }
    private struct State {
        var all: [Notification] = []
        var waiting: [EventLoopPromise<Notification>] = []
    }
    private let state = Mutex(State())

    var all: [Notification] { state.withLock { $0.all } }

    func put(_ name: String, _ event: TerminationEvent) {
        let notification = Notification(termination: name, event: event)
        let waiting = state.withLock { state in
            state.all.append(notification)
            defer { state.waiting = [] }
            return state.waiting
        }
        for promise in waiting { promise.succeed(notification) }
    }

    /// The first there is or comes.
    func first() async throws -> Notification {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: Notification.self)
        let there = state.withLock { state -> Notification? in
            if let first = state.all.first { return first }
            state.waiting.append(promise)
            return nil
        }
        if let there { promise.succeed(there) }
        loop.scheduleTask(in: SocketPeer.patience) {
            promise.fail(SocketPeer.WaitFailure(description: "nothing was notified"))
        }
        return try await promise.futureResult.get()
    }
}

final class CollectedEvents: FlowEventSink {
    private let state = Mutex<[FlowEvent.What]>([])
    var isEnabled: Bool { true }
    func emit(_ what: FlowEvent.What) { state.withLock { $0.append(what) } }
    var all: [FlowEvent.What] { state.withLock { $0 } }
    var refusals: [FlowEvent.Refusal] { all.compactMap { if case .refused(let refusal) = $0 { refusal } else { nil } } }
    var handshakes: [FlowEvent.Handshake] { all.compactMap { if case .tls(let one) = $0 { one } else { nil } } }
    var messages: [FlowEvent.MessageSession] { all.compactMap { if case .msrp(let one) = $0 { one } else { nil } } }
}
