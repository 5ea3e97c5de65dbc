import Foundation
import Glibc
import Synchronization
import Testing

/// A program that is not ours and proves that we speak what others speak: tshark, openssl, Kamailio.
///
///     @Test("…", .foreign("tshark")) func reads() async throws {
///         let result = try await ForeignProgram("tshark").run(["-r", path])
///
/// Where it is not installed the test is skipped with a message; with `SALLYPORT_REQUIRE_PEERS=1` (as CI sets) it fails.
struct ForeignProgram: Sendable {
    let name: String
    let path: String

    struct NotInstalled: Error, CustomStringConvertible {
        let name: String
        var description: String { "\(name) is not installed (SALLYPORT_REQUIRE_PEERS=1 asks for it)" }
    }

    struct Result: Sendable {
        /// Exit status; 128 + signal where a signal ended it.
        var status: Int32
        var output: String
        var errors: String
        var timedOut: Bool
    }

    /// A program at a known place.
    init(name: String, path: String) {
        self.name = name
        self.path = path
    }

    init(_ name: String) throws {
        guard let path = Self.find(name) else { throw NotInstalled(name: name) }
        self.name = name
        self.path = path
    }

    static func find(_ name: String) -> String? {
        let search = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let folders = search.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    static var arePeersRequired: Bool { ProcessInfo.processInfo.environment["SALLYPORT_REQUIRE_PEERS"] == "1" }

    /// Runs it to its end, or for `timeout`, after which it is killed.
    func run(_ arguments: [String], input: String? = nil, timeout: Duration = .seconds(30)) async throws -> Result {
        let running = try start(arguments)
        if let input { running.write(input) }
        running.closeInput()
        return await running.finish(within: timeout)
    }

    func start(_ arguments: [String], environment: [String: String] = [:]) throws -> Running {
        try Running(path, arguments, environment)
    }

    /// A program that runs while the test talks to it.
    final class Running: Sendable {
        private struct State {
            var output = ""
            var errors = ""
            var openStreams = 2
            var status: Int32?
            var waiting: [Int: (isDone: @Sendable (String, Int32?) -> Bool, resume: @Sendable (Bool) -> Void)] = [:]
            var nextWaiter = 0
        }

        private let process: Process
        private let input: FileHandle
        private let state = Mutex(State())

        fileprivate init(_ path: String, _ arguments: [String], _ environment: [String: String]) throws {
            process = Process()
            process.executableURL = URL(fileURLWithPath: path)
            process.arguments = arguments
            process.environment = ProcessInfo.processInfo.environment
                .merging(["LC_ALL": "C"]) { $1 }
                .merging(environment) { $1 }
            let pipes = (Pipe(), Pipe(), Pipe())
            process.standardInput = pipes.0
            process.standardOutput = pipes.1
            process.standardError = pipes.2
            input = pipes.0.fileHandleForWriting
            // A program that has ended must not end us with SIGPIPE.
            signal(SIGPIPE, SIG_IGN)
            try process.run()
            read(pipes.1.fileHandleForReading) { $0.output += $1 }
            read(pipes.2.fileHandleForReading) { $0.errors += $1 }
        }

        private func read(
            _ handle: FileHandle, _ append: @escaping @Sendable (inout State, String) -> Void
        ) {
            Thread.detachNewThread {
                while true {
                    let data = handle.availableData
                    guard !data.isEmpty else { break }
                    self.change { append(&$0, String(decoding: data, as: UTF8.self)) }
                }
                let isLast = self.state.withLock { state in
                    state.openStreams -= 1
                    return state.openStreams == 0
                }
                guard isLast else { return }
                self.process.waitUntilExit()
                let status = self.process.terminationStatus
                let bySignal = self.process.terminationReason == .uncaughtSignal
                self.change { $0.status = bySignal ? 128 + status : status }
            }
        }

        private func change(_ change: (inout State) -> Void) {
            let done = state.withLock { state in
                change(&state)
                let done = state.waiting.filter { $0.value.isDone(state.output + state.errors, state.status) }
                for key in done.keys { state.waiting[key] = nil }
                return done.values.map(\.resume)
            }
            for resume in done { resume(true) }
        }

        /// What it has printed so far, to both streams.
        var printed: String { state.withLock { $0.output + $0.errors } }

        func write(_ text: String) { try? input.write(contentsOf: Data(text.utf8)) }

        func closeInput() { try? input.close() }

        /// Asks it to stop, as an operator or an init system does.
        func terminate() { if process.isRunning { Glibc.kill(process.processIdentifier, SIGTERM) } }

        func kill() { if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) } }

        /// Waits until `text` is printed. - Returns: false when it ends or time is out before that.
        @discardableResult
        func waitFor(_ text: String, within timeout: Duration = .seconds(10)) async -> Bool {
            _ = await wait(within: timeout) { printed, status in printed.contains(text) || status != nil }
            return printed.contains(text)
        }

        /// Waits for its end, and kills it when time is out.
        func finish(within timeout: Duration = .seconds(10)) async -> Result {
            let ended = await wait(within: timeout) { _, status in status != nil }
            if !ended {
                kill()
                _ = await wait(within: .seconds(5)) { _, status in status != nil }
            }
            return state.withLock {
                Result(status: $0.status ?? -1, output: $0.output, errors: $0.errors, timedOut: !ended)
            }
        }

        private func wait(
            within timeout: Duration, until isDone: @escaping @Sendable (String, Int32?) -> Bool
        ) async -> Bool {
            await withCheckedContinuation { continuation in
                let key: Int? = state.withLock { state in
                    if isDone(state.output + state.errors, state.status) { return nil }
                    state.nextWaiter += 1
                    state.waiting[state.nextWaiter] = (
                        isDone, { @Sendable in continuation.resume(returning: $0) }
                    )
                    return state.nextWaiter
                }
                guard let key else { return continuation.resume(returning: true) }
                Task {
                    try? await Task.sleep(for: timeout)
                    let late = self.state.withLock { $0.waiting.removeValue(forKey: key) }
                    late?.resume(false)
                }
            }
        }
    }
}

extension Trait where Self == ConditionTrait {
    /// Runs where the program is installed; where it is required and missing, the test runs too and fails when it looks for it.
    static func foreign(_ names: String...) -> ConditionTrait {
        let missing = names.filter { ForeignProgram.find($0) == nil }
        return .enabled(
            if: missing.isEmpty || ForeignProgram.arePeersRequired,
            "not installed: \(missing.joined(separator: ", "))")
    }
}
