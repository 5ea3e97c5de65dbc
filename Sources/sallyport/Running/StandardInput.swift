import FoundationEssentials
import Glibc
import Synchronization

/// Lines of standard input as an asynchronous sequence, which ends where the input ends.
enum StandardInput {
    /// - Parameter limit: octets of one line; a longer one comes in pieces.
    static func lines(limit: Int) -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingOldest(1024))
        // A thread of its own: `read` blocks it, and it ends with the process.
        startThread {
            var held: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(STDIN_FILENO, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                for octet in buffer[..<count] {
                    if octet == 0x0A || held.count == limit {
                        continuation.yield(String(decoding: held, as: UTF8.self))
                        held.removeAll(keepingCapacity: true)
                        if octet == 0x0A { continue }
                    }
                    held.append(octet)
                }
            }
            if !held.isEmpty { continuation.yield(String(decoding: held, as: UTF8.self)) }
            continuation.finish()
        }
        return stream
    }

    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private static func startThread(_ run: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(run))
        let result = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, body.toOpaque())
        if result == 0 { pthread_detach(thread) } else { body.release() }
    }
}
