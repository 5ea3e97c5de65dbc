import Synchronization

/// Keeps every event: for tests, which look at them afterwards or wait for one.
package final class RecordedEvents: FlowEventSink {
    private struct State {
        var events: [FlowEvent.What] = []
        var waiting:
            [(matches: @Sendable (FlowEvent.What) -> Bool, found: CheckedContinuation<FlowEvent.What, Never>)] =
                []
    }

    private let state = Mutex(State())

    package init() {}

    package var isEnabled: Bool { true }

    package var all: [FlowEvent.What] { state.withLock { $0.events } }

    package func emit(_ what: FlowEvent.What) {
        let resumed = state.withLock { state in
            state.events.append(what)
            let found = state.waiting.filter { $0.matches(what) }.map(\.found)
            state.waiting.removeAll { $0.matches(what) }
            return found
        }
        for continuation in resumed { continuation.resume(returning: what) }
    }

    /// The first event, past or to come, for which `matches` is true. Waits for ever: give the test a time limit.
    package func first(where matches: @escaping @Sendable (FlowEvent.What) -> Bool) async -> FlowEvent.What {
        await withCheckedContinuation { continuation in
            let past: FlowEvent.What? = state.withLock { state in
                if let past = state.events.first(where: matches) { return past }
                state.waiting.append((matches, continuation))
                return nil
            }
            if let past { continuation.resume(returning: past) }
        }
    }
}
