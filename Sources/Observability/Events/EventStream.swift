import NIOCore
import Synchronization

/// The flow events of one function: stamped, kept in a bounded ring, and given to every reader.
///
///     function ── emit ──▶ ring (the last 4096) ──▶ EventServer: unix socket, JSON lines
///                                              └──▶ events(): a reader of this process (tests, console)
///
/// A reader that comes late first gets the ring. `emit` never waits for a reader: each has a bounded queue of its own, and what does not fit is lost to that
/// reader alone, and counted.
package final class EventStream: FlowEventSink {
    /// How many events a late reader can still see.
    package static let ringCapacity = 4096
    /// How many events may wait for a reader of this process.
    package static let readerCapacity = 16_384

    private struct State {
        var ring = CircularBuffer<FlowEvent>(initialCapacity: 64)
        var readers: [(id: UInt64, receive: @Sendable (FlowEvent) -> Void)] = []
        var nextReader: UInt64 = 0
        var lost = 0
    }

    package let node: String
    private let clock: @Sendable () -> Int64
    private let state = Mutex(State())

    /// - Parameters:
    ///   - node: the name that stands in every event.
    ///   - clock: nanoseconds since 1970; the machine's clock unless a test says otherwise.
    package init(node: String, clock: @escaping @Sendable () -> Int64 = { WallClock.nanoseconds() }) {
        self.node = node
        self.clock = clock
    }

    package var isEnabled: Bool { true }

    package func emit(_ what: FlowEvent.What) {
        // Stamped inside the lock, so that the order of the ring is the order of the times.
        state.withLock { state in
            let event = FlowEvent(time: clock(), node: node, what: what)
            if state.ring.count == Self.ringCapacity { state.ring.removeFirst() }
            state.ring.append(event)
            for reader in state.readers { reader.receive(event) }
        }
    }

    /// The ring as it is now, oldest first.
    package var recent: [FlowEvent] { state.withLock { Array($0.ring) } }

    /// Events that were lost to slow readers since the start.
    package var lostCount: Int { state.withLock { $0.lost } }

    package func countLost(_ count: Int) { state.withLock { $0.lost += count } }

    /// A reader of this process: the ring first, then everything as it comes, until the iterating task is cancelled or the loop is left.
    package func events() -> AsyncStream<FlowEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: FlowEvent.self, bufferingPolicy: .bufferingOldest(Self.readerCapacity))
        let id = subscribe { _ = continuation.yield($0) }
        continuation.onTermination = { [weak self] _ in self?.unsubscribe(id) }
        return stream
    }

    /// Calls `receive` with the ring and then with every event, in order, on the thread that emits and inside the lock of the stream: it must only put the
    /// event somewhere, and never call the stream.
    package func subscribe(_ receive: @escaping @Sendable (FlowEvent) -> Void) -> UInt64 {
        state.withLock { state in
            for event in state.ring { receive(event) }
            state.nextReader += 1
            state.readers.append((state.nextReader, receive))
            return state.nextReader
        }
    }

    package func unsubscribe(_ id: UInt64) {
        // Released outside the lock: the closure may own the last reference to something that ends with a call of the stream.
        let gone = state.withLock { state in
            let gone = state.readers.filter { $0.id == id }
            state.readers.removeAll { $0.id == id }
            return gone
        }
        withExtendedLifetime(gone) {}
    }

    package var readerCount: Int { state.withLock { $0.readers.count } }
}
