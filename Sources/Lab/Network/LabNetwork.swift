import Glibc
import NIOCore
import Observability
import WireSyntax

/// Home network, P-CSCF and gateway as running processes, with their event streams.
package actor LabNetwork {
    /// How to start every child: the binary, and what all of them get.
    package struct Launch: Sendable {
        package var executable: String
        package var logLevel: String
        /// Record every socket: each process into a file of its own, merged afterwards.
        package var captures: Bool
        package var keyLog: String?
        /// For the gateway of a debug build.
        package var gatewayArguments: [String]

        package init(
            executable: String, logLevel: String = "notice", captures: Bool = false, keyLog: String? = nil,
            gatewayArguments: [String] = []
        ) {
            self.executable = executable
            self.logLevel = logLevel
            self.captures = captures
            self.keyLog = keyLog
            self.gatewayArguments = gatewayArguments
        }
    }

    package struct StartError: Error, CustomStringConvertible {
        package var description: String
    }

    /// How long a process may take from its start to its last listening socket or registration.
    static let patience = Duration.seconds(15)

    package let files: NetworkFiles
    package let collector: EventCollector
    private let launch: Launch
    private var children: [ChildProcess] = []
    private var readers: [Task<Void, Never>] = []
    private var started = 0
    private(set) var capturePaths: [String] = []

    package init(_ files: NetworkFiles, _ launch: Launch, collector: EventCollector) {
        self.files = files
        self.launch = launch
        self.collector = collector
    }

    /// Starts the three functions and waits until the gateway has registered.
    package func start() async throws {
        // The gateway's ServiceChange is repeated until a controller answers: the order does not matter.
        let variant = files.variant
        try await startFunction("home", NodeName.serving, NetworkFiles.home, variant.home)
        try await startFunction("pcscf", NodeName.proxy, NetworkFiles.proxy, variant.proxy)
        try await startFunction(
            "agw", NodeName.gateway, NetworkFiles.gateway, variant.gateway, launch.gatewayArguments)
        // The P-CSCF says so when its audit has shown what the gateway can do.
        _ = try await wait(for: "the registration of the gateway", from: children.last) { event in
            guard event.node == NodeName.proxy, case .milestone(let milestone) = event.what else { return false }
            return milestone.name == .gatewayRegistered
        }
    }

    private func startFunction(
        _ command: String, _ node: String, _ file: String, _ settings: [Setting], _ extra: [String] = []
    ) async throws {
        let arguments = [command, "--config", files.folder.file(file)] + settings.flatMap(\.arguments) + extra
        let child = try await startChild(arguments, node: node)
        _ = try await wait(for: "a listening socket of \(node)", from: child) { event in
            if case .listening = event.what { event.node == node } else { false }
        }
    }

    /// The first event that matches, unless the child ends before it or time is out.
    package func wait(
        for what: String, from child: ChildProcess?, where matches: @escaping @Sendable (FlowEvent) -> Bool
    ) async throws -> FlowEvent {
        for _ in 0..<Int(Self.patience / Self.step) {
            if let event = await collector.first(within: Self.step, where: matches) { return event }
            try Task.checkCancellation()
            if let child, child.hasEnded {
                // What it said last may still be on its way.
                if let event = await collector.first(within: Self.step, where: matches) { return event }
                throw failure("\(child.name) ended before \(what)", child)
            }
        }
        throw failure("no sign of \(what)", child)
    }

    /// Starts a child and follows its events.
    package func startChild(_ arguments: [String], node: String) async throws -> ChildProcess {
        started += 1
        let stem = node.lowercased().replacing(" ", with: "-") + "-\(started)"
        let socket = files.folder.file(stem + ".events")
        var all =
            arguments + ["--events", "unix:" + socket, "--node", node, "--lifeline", "--log-level", launch.logLevel]
        if launch.captures {
            let path = files.folder.file(stem + ".pcapng")
            capturePaths.append(path)
            all += ["--capture", path]
        }
        if let keyLog = launch.keyLog { all += ["--keylog", keyLog] }
        let child = try ChildProcess(
            node, executable: launch.executable, arguments: all, logPath: files.folder.file(stem + ".log"))
        children.append(child)
        readers.append(try await follow(child, socket))
        return child
    }

    /// A child that ends at once (a wrong configuration) never has a socket: waiting for it in short steps notices.
    private func follow(_ child: ChildProcess, _ socket: String) async throws -> Task<Void, Never> {
        for _ in 0..<Int(Self.patience / Self.step) {
            if let reader = try? await collector.follow(socket, within: Self.step) { return reader }
            try Task.checkCancellation()
            if child.hasEnded { throw failure("\(child.name) ended at once", child) }
        }
        throw failure("\(child.name) has no events socket", child)
    }

    private static let step = Duration.milliseconds(250)

    /// What a child said last, for whoever has to find out why.
    package func failure(_ what: String, _ child: ChildProcess?) -> StartError {
        guard let child else { return StartError(description: what) }
        let lines = LogFile.tail(child.logPath, lines: 12).map { "  | " + displayEscaped($0) }
        return StartError(description: ([what + "; its log (\(child.logPath)) ends:"] + lines).joined(separator: "\n"))
    }

    /// Ends every child, the last started first, and reads their events to the end.
    package func stop() async {
        for child in children.reversed() { await child.stop() }
        children = []
        for reader in readers { await reader.value }
        readers = []
    }

    /// Ends one child and forgets it.
    package func stop(_ child: ChildProcess) async {
        await child.stop()
        children.removeAll { $0 === child }
    }

    package var captures: [String] { capturePaths }

    package var logs: [String] { children.map(\.logPath) }
}
