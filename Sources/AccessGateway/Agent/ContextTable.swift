import ApplicationLevelGateway
import H248
import IqProfile
import NIOCore
import Transport
import WireSyntax

/// A termination as the agent knows it: what the media plane does not need for its work, and an audit shows.
struct Termination {
    let name: TerminationID
    let transport: MediaTransport
    let realm: Realm
    /// Of the stream, as the controller numbered it.
    let stream: UInt16?
    var local: LocalDescription
    var remote: RemoteDescription?
    var mode: ApplicationLevelGateway.StreamMode
    var permittedSources: [IPAddress]
    var latch: Bool
    var subscription: EventSubscription?
    /// A failure or release has been notified under this subscription: once is enough.
    var hasNotified = false
    /// Its Notify, until the controller has answered it: it outlives a lost association.
    var unanswered: ObservedEvent?
    /// hangterm: fires `timerx` after the last signal.
    var heartbeat: DeadlineRegistration?
}

/// A context, and the order in which its transactions are executed.
// Confined to the agent's event loop; sharing the reference between threads is safe because only the agent looks into it.
final class Context: @unchecked Sendable {
    let id: ContextID
    let media: any MediaBackendContext
    /// In the order in which they were added.
    var terminations: [Termination] = []
    var hasEnded = false
    /// The last command under way: the next one waits for it.
    var tail: EventLoopFuture<Void>

    init(id: ContextID, media: any MediaBackendContext, eventLoop: any EventLoop) {
        self.id = id
        self.media = media
        tail = eventLoop.makeSucceededVoidFuture()
    }

    /// TS 23.334: access and core.
    static let maximumTerminations = 2

    func index(of name: TerminationID) -> Int? { terminations.firstIndex { $0.name == name } }
}

/// Contexts and the names of their terminations. Ids count up, so that none comes again within LONG-TIMER (iq-h248 10).
struct ContextTable {
    private(set) var contexts: [ContextID: Context] = [:]
    /// Where each termination is.
    private var homes: [TerminationID: ContextID] = [:]
    private var lastContext: UInt32 = 0
    private var lastTermination: UInt32 = 0
    private let prefix: String

    init(prefix: String) { self.prefix = prefix }

    var count: Int { contexts.count }

    subscript(id: ContextID) -> Context? { contexts[id] }

    /// In the order of their ids.
    var ordered: [Context] { contexts.values.sorted { $0.id.rawValue < $1.id.rawValue } }

    mutating func nextContextID() -> ContextID {
        // The reserved ids are never reached again within a process's life before the table is full.
        repeat {
            lastContext = lastContext >= 0xFFFF_FFFD ? 1 : lastContext + 1
        } while contexts[ContextID(lastContext)] != nil
        return ContextID(lastContext)
    }

    mutating func nextName() -> TerminationID {
        while true {
            lastTermination = lastTermination == .max ? 1 : lastTermination + 1
            // The prefix was checked when the settings were read.
            let name = TerminationID("\(prefix)\(lastTermination)") ?? .root
            if homes[name] == nil { return name }
        }
    }

    mutating func insert(_ context: Context) { contexts[context.id] = context }
    mutating func remove(_ context: Context) {
        contexts[context.id] = nil
        for termination in context.terminations { homes[termination.name] = nil }
    }
    mutating func note(_ name: TerminationID, in context: ContextID) { homes[name] = context }
    mutating func forget(_ name: TerminationID) { homes[name] = nil }
    func home(of name: TerminationID) -> ContextID? { homes[name] }
}
