import Glibc
import NIOPosix
import Synchronization

/// A child of the lab: the same binary with another subcommand, standard input held as its lifeline, output in a file of its own.
///
/// The lab holds the writing end of a pipe at the child's standard input. When the lab ends, however it ends, the pipe closes and the child stops by itself.
/// The child is the leader of its own process group, so that Ctrl-C reaches the lab alone, which then stops its children in order.
package final class ChildProcess: Sendable {
    package let name: String
    package let pid: pid_t
    package let logPath: String
    private let lifeline: CInt
    private let ended: Task<CInt, Never>
    private let flag: EndedFlag

    /// Threads that wait for children; as many as a lab ever has at a time.
    private static let waiters = NIOThreadPool(numberOfThreads: 16)
    private static let startWaiters: Void = waiters.start()

    package struct SpawnError: Error, CustomStringConvertible {
        package var description: String
    }

    /// - Parameters:
    ///   - arguments: without the program's name.
    ///   - logPath: gets standard output and standard error; created 0600.
    package init(_ name: String, executable: String, arguments: [String], logPath: String) throws {
        _ = Self.startWaiters
        var pipeEnds: [CInt] = [0, 0]
        // A socket pair does what a pipe does here, and is born with close-on-exec.
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &pipeEnds) == 0 else {
            throw SpawnError(description: "\(name): \(Self.reason(errno))")
        }
        let log = open(logPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard log >= 0 else {
            let code = errno
            close(pipeEnds[0])
            close(pipeEnds[1])
            throw SpawnError(description: "\(logPath): \(Self.reason(code))")
        }
        let (result, child) = Self.spawn(executable, arguments, input: pipeEnds[0], output: log)
        close(log)
        close(pipeEnds[0])
        guard result == 0 else {
            close(pipeEnds[1])
            throw SpawnError(description: "\(name): cannot start \(executable): \(Self.reason(result))")
        }
        self.name = name
        self.logPath = logPath
        pid = child
        lifeline = pipeEnds[1]
        let flag = EndedFlag()
        self.flag = flag
        ended = Task {
            let code = (try? await Self.waiters.runIfActive { Self.wait(for: child) }) ?? -1
            flag.value.withLock { $0 = true }
            return code
        }
    }

    deinit { close(lifeline) }

    package var hasEnded: Bool { flag.value.withLock { $0 } }

    /// The exit code, 128 + the number of the signal that ended it, or -1.
    package func exitCode() async -> CInt { await ended.value }

    /// SIGTERM, then SIGKILL when `patience` is over; returns when the process is gone.
    @discardableResult
    package func stop(patience: Duration = .seconds(5)) async -> CInt {
        kill(pid, SIGTERM)
        let pid = pid
        let hammer = Task {
            try await Task.sleep(for: patience)
            kill(pid, SIGKILL)
        }
        let code = await ended.value
        hammer.cancel()
        return code
    }

    private static func reason(_ code: CInt) -> String { String(cString: strerror(code)) }

    private static func spawn(_ executable: String, _ arguments: [String], input: CInt, output: CInt)
        -> (CInt, pid_t)
    {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)
        var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var pid = pid_t()
        let result = posix_spawn(&pid, executable, &actions, &attributes, words, environ)
        return (result, pid)
    }

    private static func wait(for pid: pid_t) -> CInt {
        var status: CInt = 0
        while waitpid(pid, &status, 0) < 0 {
            if errno != EINTR { return -1 }
        }
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }
}

private final class EndedFlag: Sendable {
    let value = Mutex(false)
}
