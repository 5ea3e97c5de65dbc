import Glibc
import NIOCore
import NIOPosix
import WireSyntax

/// A file that is being sent: read piece by piece on the thread pool, its SHA-256 taken on the way.
// Confined to `eventLoop`: entry points check it. `digest` is touched by pool jobs only, of which the session asks for one at a time.
final class FileSource: @unchecked Sendable {
    let path: String
    let size: UInt64
    private let descriptor: Int32
    private let eventLoop: any EventLoop
    private let pool: NIOThreadPool
    private var digest = FileDigest()

    init(_ path: String, eventLoop: any EventLoop, pool: NIOThreadPool) throws(UserEquipmentError) {
        self.path = path
        self.eventLoop = eventLoop
        self.pool = pool
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .file(path: path, reason: errorText()) }
        // A folder cannot be read, a pipe or a terminal has no end to seek.
        var first: UInt8 = 0
        let end = lseek(descriptor, 0, SEEK_END)
        guard end >= 0, pread(descriptor, &first, 1, 0) >= 0 else {
            close(descriptor)
            throw .file(path: path, reason: "not a regular file")
        }
        self.descriptor = descriptor
        size = UInt64(end)
    }

    deinit { close(descriptor) }

    /// Octets at `offset`; empty where they cannot be read (or the file became shorter).
    func read(at offset: UInt64, count: Int, _ completion: @escaping (ByteBuffer) -> Void) {
        eventLoop.preconditionInEventLoop()
        pool.runIfActive(eventLoop: eventLoop) { () -> ByteBuffer in
            var buffer = ByteBuffer()
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
                max(0, pread(self.descriptor, target.baseAddress, count, off_t(offset)))
            }
            self.digest.update(buffer)
            return buffer
        }.assumeIsolated().whenComplete { completion((try? $0.get()) ?? ByteBuffer()) }
    }

    /// SHA-256 of what has been read, once it is all of it.
    func finishedDigest() -> String? { UInt64(digest.count) == size ? digest.finish() : nil }
}
