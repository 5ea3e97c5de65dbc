import NIOCore
import Observability
import Synchronization

/// Merges the event streams of the lab's processes, keeps what came, and lets a caller wait for something to come.
package final class EventCollector: Sendable {
    private struct Waiter {
        var id: UInt64
        var matches: @Sendable (FlowEvent) -> Bool
        var found: CheckedContinuation<FlowEvent?, Never>
    }

    private struct State {
        var events: [FlowEvent] = []
        var waiters: [Waiter] = []
        var nextWaiter: UInt64 = 0
        var lost = 0
    }

    /// Events of one scenario that are kept; more are counted as lost.
    package static let capacity = 500_000

    private let state = Mutex(State())
    private let onEvent: @Sendable (FlowEvent) -> Void

    /// - Parameter onEvent: told of each event as it comes, for the live line.
    package init(onEvent: @escaping @Sendable (FlowEvent) -> Void = { _ in }) { self.onEvent = onEvent }

    /// Reads the socket of one process in a task of its own, until that process ends.
    ///
    /// - Throws: the connection error when there is no socket in time.
    package func follow(_ path: String, within: Duration) async throws -> Task<Void, Never> {
        let stream = try await FlowEventReader(path: path).connect(
            within: .milliseconds(
                within.components.seconds * 1000 + within.components.attoseconds / 1_000_000_000_000_000))
        return Task { for await event in stream { self.add(event) } }
    }

    package func add(_ event: FlowEvent) {
        let resumed = state.withLock { state in
            if state.events.count < Self.capacity { state.events.append(event) } else { state.lost += 1 }
            let matching = state.waiters.filter { $0.matches(event) }
            if !matching.isEmpty { state.waiters.removeAll { $0.matches(event) } }
            return matching
        }
        for waiter in resumed { waiter.found.resume(returning: event) }
        onEvent(event)
    }

    /// All events since the last `take`, which are then forgotten.
    package func take() -> [FlowEvent] {
        state.withLock { state in
            defer { state.events = [] }
            return state.events
        }
    }

    package var all: [FlowEvent] { state.withLock { $0.events } }

    /// The first event, kept or to come, that matches; nil when time is out.
    package func first(
        within limit: Duration, where matches: @escaping @Sendable (FlowEvent) -> Bool
    ) async -> FlowEvent? {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let timer = Task {
            try await Task.sleep(for: limit)
            self.giveUp(id)
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (past, isOver): (FlowEvent?, Bool) = state.withLock { state in
                    if let past = state.events.first(where: matches) { return (past, true) }
                    if Task.isCancelled { return (nil, true) }
                    state.waiters.append(Waiter(id: id, matches: matches, found: continuation))
                    return (nil, false)
                }
                if isOver { continuation.resume(returning: past) }
            }
        } onCancel: {
            giveUp(id)
        }
    }

    private func giveUp(_ id: UInt64) {
        let gone = state.withLock { state in
            let gone = state.waiters.filter { $0.id == id }
            state.waiters.removeAll { $0.id == id }
            return gone
        }
        for waiter in gone { waiter.found.resume(returning: nil) }
    }
}
