import NIOCore
import NIOPosix
import Observability
import Synchronization
import WireSyntax

/// A pcapng file of what passed at the sockets of one function, below TLS: every datagram, and every TCP connection as synthetic segments with a handshake, right
/// sequence numbers and an end.
///
///     socket ⇄ CaptureTap ⇄ TLS ⇄ protocol        one process writes one file (0600)
///                  └──▶ Capture ──▶ pending ──▶ thread pool: write(2)
///
/// The event loops only append to memory. When the disk does not keep up, packets beyond `maximumPending` are lost and counted.
package final class Capture: Sendable {
    /// Octets that may wait for the disk.
    package static let maximumPending = 32 << 20

    private struct State {
        var pending = ByteBuffer()
        var isWriting = false
        var isClosed = false
        var lost = 0
        var failure: FileError?
        var closing: [@Sendable () -> Void] = []
        /// Connections that are written down, by the end that does it.
        var streams: Set<Ends> = []
    }

    private struct Ends: Hashable {
        let local: Endpoint
        let remote: Endpoint
    }

    private let file: RecordFile
    private let pool: NIOThreadPool
    private let state: Mutex<State>

    /// Creates or replaces `path`.
    ///
    /// - Parameter node: the name of the function, which becomes the name of the interface.
    package init(path: String, node: String, pool: NIOThreadPool = .singleton) throws(FileError) {
        file = try RecordFile(path, .replace)
        self.pool = pool
        var header = ByteBuffer()
        PCAPNG.writeFileHeader(interface: node, into: &header)
        try file.write(header)
        state = Mutex(State())
    }

    deinit {
        // Nobody else has a reference, so no write is under way.
        let rest = state.withLock { $0.pending }
        try? file.write(rest)
    }

    /// Packets that the disk was too slow for.
    package var lostCount: Int { state.withLock { $0.lost } }

    /// A UDP datagram was read or written.
    package func datagram(from source: Endpoint, to destination: Endpoint, _ payload: ByteBuffer) {
        let time = WallClock.nanoseconds()
        let packet = SyntheticPacket.datagram(from: source, to: destination, payload: payload)
        append(packets: 1) { PCAPNG.writePacket(packet, time: time, into: &$0) }
    }

    /// A connection begins to be written down by one of its ends. Where the other is ours too, each writes what it sends, cut as it was sent, and nothing
    /// stands twice.
    ///
    /// - Returns: false if the other end has begun already, and with it the handshake.
    func begin(local: Endpoint, remote: Endpoint) -> Bool {
        state.withLock { state in
            state.streams.insert(Ends(local: local, remote: remote))
            return !state.streams.contains(Ends(local: remote, remote: local))
        }
    }

    /// Whether the other end of a connection is written down too.
    func hasOtherEnd(local: Endpoint, remote: Endpoint) -> Bool {
        state.withLock { $0.streams.contains(Ends(local: remote, remote: local)) }
    }

    func end(local: Endpoint, remote: Endpoint) {
        state.withLock { _ = $0.streams.remove(Ends(local: local, remote: remote)) }
    }

    /// Packets of a stream, in order.
    func packets(_ packets: [ByteBuffer]) {
        let time = WallClock.nanoseconds()
        append(packets: packets.count) { buffer in
            for packet in packets { PCAPNG.writePacket(packet, time: time, into: &buffer) }
        }
    }

    /// SSLKEYLOGFILE lines, each with its newline.
    package func secrets(_ lines: ByteBuffer) {
        append(packets: 0) { PCAPNG.writeSecrets(lines, into: &$0) }
    }

    private func append(packets: Int, _ write: (inout ByteBuffer) -> Void) {
        let mustSchedule = state.withLock { state in
            guard !state.isClosed, state.pending.readableBytes < Self.maximumPending else {
                state.lost += packets
                return false
            }
            write(&state.pending)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustSchedule { schedule() }
    }

    private func schedule() { pool.submit { _ in self.drain() } }

    /// On the pool, one at a time (`isWriting`), so that the blocks stay in order.
    private func drain() {
        while true {
            let (octets, done) = state.withLock { state in
                let octets = state.pending
                state.pending = ByteBuffer()
                guard octets.readableBytes == 0 else { return (octets, [@Sendable () -> Void]()) }
                state.isWriting = false
                let done = state.closing
                state.closing = []
                return (octets, done)
            }
            guard octets.readableBytes > 0 else {
                for done in done { done() }
                return
            }
            do {
                try file.write(octets)
            } catch {
                state.withLock { state in
                    state.failure = state.failure ?? error
                    state.isClosed = true
                    state.pending.clear()
                }
            }
        }
    }

    /// Waits until everything is in the file. Packets seen afterwards are not written.
    ///
    /// - Throws: the first error of the disk, if there was one.
    package func close() async throws(FileError) {
        await withCheckedContinuation { continuation in
            let mustSchedule = state.withLock { state in
                state.isClosed = true
                state.closing.append { continuation.resume() }
                defer { state.isWriting = true }
                return !state.isWriting
            }
            if mustSchedule { schedule() }
        }
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }
}
