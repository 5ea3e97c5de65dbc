import ApplicationLevelGateway
import NIOCore
import Observability
import Synchronization
import Transport

/// Relays sessions between two realms: contexts of two terminations, TLS where asked, MSRP read where asked. Knows no H.248: the Iq agent, a TrGW and
/// benchmarks stand in front of it.
///
/// ```
///   MediaPlane ── makeContext ──▶ MediaContext ── add, modify, subtract ──▶ two terminations on one event loop
///                                      └── onEvent: what is to be notified
/// ```
package final class MediaPlane: Sendable {
    let settings: MediaSettings
    let events: any FlowEventSink
    private let eventLoopGroup: any EventLoopGroup
    private let drivers: [ObjectIdentifier: DeadlineDriver]
    private let usage = Mutex(Usage())
    private let identities: Mutex<[Realm: PinnedTLS]>

    /// What is in use, and what was refused since the start.
    package struct Usage: Hashable, Sendable {
        package var contexts = 0
        package var pendingConnections = 0
        package var strangers = 0
        package var overLimit = 0
    }

    package init(eventLoopGroup: any EventLoopGroup, settings: MediaSettings, events: any FlowEventSink) {
        self.eventLoopGroup = eventLoopGroup
        self.settings = settings
        self.events = events
        identities = Mutex(settings.identities)
        var drivers: [ObjectIdentifier: DeadlineDriver] = [:]
        for loop in eventLoopGroup.makeIterator() {
            drivers[ObjectIdentifier(loop)] = DeadlineDriver(eventLoop: loop)
        }
        self.drivers = drivers
        ReceiveBuffers.tuneAllocator()
    }

    /// A context without terminations. It holds no resources; its last `subtract` gives everything back.
    ///
    /// - Parameters:
    ///   - id: as the Iq agent names it, for events.
    ///   - onEvent: called on the context's event loop with the name of a termination.
    /// - Throws: 510 when the limit of contexts is reached.
    package func makeContext(
        id: UInt32, onEvent: @escaping @Sendable (_ termination: String, _ event: TerminationEvent) -> Void
    ) throws(GatewayFailure) -> MediaContext {
        let isFree = usage.withLock { usage in
            guard usage.contexts < settings.limits.contexts else { return false }
            usage.contexts += 1
            return true
        }
        guard isFree else { throw GatewayFailure(code: 510, text: "the limit of sessions is reached") }
        let loop = eventLoopGroup.next()
        return MediaContext(
            id: id, eventLoop: loop, driver: drivers[ObjectIdentifier(loop)] ?? DeadlineDriver(eventLoop: loop),
            plane: self, onEvent: onEvent)
    }

    /// The identity that terminations of a realm show from now on. Those that exist keep the one whose fingerprint they gave.
    package func replaceIdentity(of realm: Realm, with identity: PinnedTLS) {
        identities.withLock { $0[realm] = identity }
    }

    func identity(of realm: Realm) -> PinnedTLS? { identities.withLock { $0[realm] } }

    package var used: Usage { usage.withLock { $0 } }

    func contextEnded() { usage.withLock { $0.contexts -= 1 } }

    /// Takes a place among the pending connections; false: none is left.
    func takePending() -> Bool {
        usage.withLock { usage in
            guard usage.pendingConnections < settings.limits.pendingConnections else { return false }
            usage.pendingConnections += 1
            return true
        }
    }

    func givePendingBack() { usage.withLock { $0.pendingConnections -= 1 } }

    /// Counts a refusal and gives the count of its kind.
    func countRefusal(isStranger: Bool) -> Int {
        usage.withLock { usage in
            if isStranger {
                usage.strangers += 1
                return usage.strangers
            }
            usage.overLimit += 1
            return usage.overLimit
        }
    }
}
