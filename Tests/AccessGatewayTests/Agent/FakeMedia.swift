import AccessGateway
import ApplicationLevelGateway
import NIOCore
import NIOEmbedded
import SDP
import WireSyntax

@testable import MediaPlane

/// A media plane that binds nothing and writes down what it was told.
// Used on one thread, by one test.
final class FakeMedia: MediaBackend, @unchecked Sendable {
    let loop: EmbeddedEventLoop
    var journal: [String] = []
    var contexts: [UInt32: FakeContext] = [:]
    /// The next add or modify fails with this, once.
    var failure: GatewayFailure?
    /// The next add raises this before it has answered, once.
    var earlyEvent: TerminationEvent?
    /// A new context is refused.
    var isFull = false
    /// Answers come after so long.
    var delay = TimeAmount.zero
    private var port: UInt16 = 40_000

    init(_ loop: EmbeddedEventLoop) { self.loop = loop }

    func makeContext(
        id: UInt32, onEvent: @escaping @Sendable (String, TerminationEvent) -> Void
    ) throws(GatewayFailure) -> any MediaBackendContext {
        guard !isFull else { throw GatewayFailure(code: 510, text: "full") }
        let context = FakeContext(self, onEvent)
        contexts[id] = context
        return context
    }

    func nextPort() -> UInt16 {
        port += 1
        return port
    }

    func answer<Value: Sendable>(_ value: Value) -> EventLoopFuture<Value> {
        guard delay > .zero else { return loop.makeSucceededFuture(value) }
        return loop.scheduleTask(in: delay) { value }.futureResult
    }

    static let fingerprint = Fingerprint(hash: .sha256, octets: Array(repeating: 0xAB, count: 32))
}

final class FakeContext: MediaBackendContext, @unchecked Sendable {
    let media: FakeMedia
    let onEvent: @Sendable (String, TerminationEvent) -> Void
    var terminations: [String: TerminationRequest] = [:]
    var locals: [String: LocalDescription] = [:]
    var changes: [(name: String, change: TerminationChange)] = []

    init(_ media: FakeMedia, _ onEvent: @escaping @Sendable (String, TerminationEvent) -> Void) {
        self.media = media
        self.onEvent = onEvent
    }

    func add(_ request: TerminationRequest, name: String) -> EventLoopFuture<LocalDescription> {
        if let failure = media.failure {
            media.failure = nil
            return media.loop.makeFailedFuture(failure)
        }
        media.journal.append("add \(name) \(request.realm) \(request.transport)")
        terminations[name] = request
        let host = request.realm == .access ? "127.0.0.11" : "127.0.0.12"
        let address = request.local.family == .v6 ? IPAddress("::1") : IPAddress(host)
        let port = media.nextPort()
        let scheme = request.transport.isTLS ? "msrps" : "msrp"
        let session = request.local.path?.sessionID ?? "own"
        let local = LocalDescription(
            endpoint: Endpoint(address ?? .v4(0), port), role: request.local.role,
            path: request.transport.isAware ? "\(scheme)://\(host):\(port)/\(session);tcp" : nil,
            fingerprints: request.transport.isTLS ? [FakeMedia.fingerprint] : [])
        locals[name] = local
        if let event = media.earlyEvent {
            media.earlyEvent = nil
            onEvent(name, event)
        }
        return media.answer(local)
    }

    func modify(_ name: String, _ change: TerminationChange) -> EventLoopFuture<LocalDescription> {
        if let failure = media.failure {
            media.failure = nil
            return media.loop.makeFailedFuture(failure)
        }
        guard let local = locals[name] else {
            return media.loop.makeFailedFuture(GatewayFailure(code: 430, text: name))
        }
        media.journal.append("modify \(name)")
        changes.append((name, change))
        return media.answer(local)
    }

    func subtract(_ name: String) -> EventLoopFuture<TerminationStatistics> {
        media.journal.append("subtract \(name)")
        terminations[name] = nil
        return media.answer(TerminationStatistics())
    }

    func end() -> EventLoopFuture<Void> {
        for name in terminations.keys.sorted() { media.journal.append("subtract \(name)") }
        terminations = [:]
        return media.answer(())
    }
}
