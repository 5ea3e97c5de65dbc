import Glibc
import NIOCore
import NIOPosix
import WireSyntax

/// A file that is being received: written on the thread pool, in order, under a name of our own; only when it is whole does it get its cleaned name, and
/// never that of a file that is there already.
// Confined to `eventLoop`: entry points check it. `file` is touched by pool jobs only, of which there is one at a time (`isBusy`).
final class ReceivedFile: @unchecked Sendable {
    struct Stored: Sendable {
        var name: String
        var path: String
        var bytes: Int
        var digest: String
    }

    struct Failure: Error, Sendable, CustomStringConvertible {
        var description: String
    }

    /// Octets that may wait for the disk before reading from the network pauses.
    static let highMark = 1 << 20
    /// Octets after which the space on the disk is looked at again: a peer need not have told a size.
    static let spaceInterval = 4 << 20
    /// Names that are tried before a file is refused.
    static let maximumVariants = 1000

    private struct File {
        var descriptor: Int32
        var temporary: String
        var digest = FileDigest()
        /// Octets written when the space was looked at last.
        var checkedAt = 0
    }

    private let eventLoop: any EventLoop
    private let pool: NIOThreadPool
    private let folder: String
    private let name: String
    private let freeSpace: UInt64
    private var file: File?
    private var waiting: [ByteBuffer] = []
    private(set) var waitingOctets = 0
    private var isBusy = false
    private var failure: Failure?
    private var finished: ((Result<Stored, Failure>) -> Void)?
    private var isAbandoned = false
    /// Called when what waited has been written.
    var onDrained: (() -> Void)?
    /// Called once when the disk fails.
    var onFailure: ((Failure) -> Void)?

    /// - Parameters:
    ///   - name: as the peer gave it.
    ///   - random: for the temporary name.
    init(
        eventLoop: any EventLoop, pool: NIOThreadPool, folder: String, name: String?, expected: UInt64?, freeSpace: Int,
        random: UInt64
    ) throws(Failure) {
        self.eventLoop = eventLoop
        self.pool = pool
        self.folder = folder
        self.name = FileName.cleaned(name)
        var space = statvfs()
        guard statvfs(folder, &space) == 0 else {
            throw Failure(description: "the folder cannot be used: \(errorText())")
        }
        guard Self.free(space) >= UInt64(freeSpace) + (expected ?? 0) else {
            throw Failure(description: "no space for the file")
        }
        self.freeSpace = UInt64(freeSpace)
        let temporary = "\(folder)/.receiving-\(String(random, radix: 16))"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure(description: "the file cannot be made: \(errorText())") }
        file = File(descriptor: descriptor, temporary: temporary)
    }

    deinit {
        // No job holds a reference any more.
        if let file {
            close(file.descriptor)
            unlink(file.temporary)
        }
    }

    func write(_ data: ByteBuffer) {
        eventLoop.preconditionInEventLoop()
        guard failure == nil, !isAbandoned else { return }
        // A copy: the slice would hold the whole read buffer, and make the next read copy it.
        waiting.append(ByteBuffer(bytes: data.readableBytesView))
        waitingOctets += data.readableBytes
        step()
    }

    /// Everything has come: the file gets its name.
    func finish(_ completion: @escaping (Result<Stored, Failure>) -> Void) {
        eventLoop.preconditionInEventLoop()
        finished = completion
        step()
    }

    /// It will not be complete.
    func abandon() {
        eventLoop.preconditionInEventLoop()
        isAbandoned = true
        waiting = []
        waitingOctets = 0
        finished = nil
    }

    private func step() {
        guard !isBusy, !isAbandoned else { return }
        if let failure {
            finished?(.failure(failure))
            finished = nil
            return
        }
        let data = waiting
        let isLast = finished != nil
        guard !data.isEmpty || isLast else { return }
        waiting = []
        isBusy = true
        let done = pool.runIfActive(eventLoop: eventLoop) { () -> Result<Stored?, Failure> in
            do throws(Failure) {
                for buffer in data { try self.append(buffer) }
                return .success(isLast ? try self.store() : nil)
            } catch {
                return .failure(error)
            }
        }
        done.whenComplete { result in
            self.isBusy = false
            self.waitingOctets -= min(self.waitingOctets, data.reduce(0) { $0 + $1.readableBytes })
            switch result {
            case .success(.success(let stored?)):
                self.finished?(.success(stored))
                self.finished = nil
            case .success(.success(nil)): break
            case .success(.failure(let failure)): self.fail(failure)
            case .failure(let error): self.fail(Failure(description: "\(error)"))
            }
            if self.waitingOctets == 0 { self.onDrained?() }
            self.step()
        }
    }

    private func fail(_ failure: Failure) {
        guard self.failure == nil else { return }
        self.failure = failure
        waiting = []
        waitingOctets = 0
        onFailure?(failure)
    }

    // MARK: On the pool

    private func append(_ data: ByteBuffer) throws(Failure) {
        guard let descriptor = file?.descriptor else { throw Failure(description: "the file is closed") }
        var data = data
        while data.readableBytes > 0 {
            let count = data.withUnsafeReadableBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0, let written = data.readSlice(length: count) else {
                throw Failure(description: "the file cannot be written: \(errorText())")
            }
            file?.digest.update(written)
        }
        guard let file, file.digest.count - file.checkedAt >= Self.spaceInterval else { return }
        self.file?.checkedAt = file.digest.count
        var space = statvfs()
        guard statvfs(folder, &space) == 0, Self.free(space) >= freeSpace else {
            throw Failure(description: "no space for the file")
        }
    }

    private static func free(_ space: statvfs) -> UInt64 { UInt64(space.f_bavail) * UInt64(space.f_frsize) }

    /// `link` never replaces a file: the name is taken only if nobody has it.
    private func store() throws(Failure) -> Stored {
        guard let file else { throw Failure(description: "the file is closed") }
        self.file = nil
        close(file.descriptor)
        defer { unlink(file.temporary) }
        for number in 0..<Self.maximumVariants {
            let name = FileName.variant(name, number)
            let path = "\(folder)/\(name)"
            if link(file.temporary, path) == 0 {
                return Stored(name: name, path: path, bytes: file.digest.count, digest: file.digest.finish())
            }
            guard errno == EEXIST else { throw Failure(description: "the file cannot be named: \(errorText())") }
        }
        throw Failure(description: "every variant of the name is taken")
    }
}

/// What `errno` says.
func errorText() -> String { String(cString: strerror(errno)) }
