import Synchronization

/// Text that arrives in pieces while a test waits for it.
final class Noted: Sendable {
    private struct State {
        var text = ""
        var waiting: [Int: (isThere: @Sendable (String) -> Bool, resume: @Sendable (Bool) -> Void)] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    var text: String { state.withLock { $0.text } }

    func append(_ more: String) {
        let found = state.withLock { state in
            state.text += more
            let found = state.waiting.filter { $0.value.isThere(state.text) }
            for key in found.keys { state.waiting[key] = nil }
            return found.values.map(\.resume)
        }
        for resume in found { resume(true) }
    }

    /// Waits until `part` is in the text. - Returns: false if it did not come in time.
    @discardableResult
    func wait(for part: String, within timeout: Duration = .seconds(10)) async -> Bool {
        await withCheckedContinuation { continuation in
            let key: Int? = state.withLock { state in
                if state.text.contains(part) { return nil }
                state.next += 1
                state.waiting[state.next] = (
                    { @Sendable in $0.contains(part) }, { @Sendable in continuation.resume(returning: $0) }
                )
                return state.next
            }
            guard let key else { return continuation.resume(returning: true) }
            Task {
                try? await Task.sleep(for: timeout)
                self.state.withLock { $0.waiting.removeValue(forKey: key) }?.resume(false)
            }
        }
    }
}
