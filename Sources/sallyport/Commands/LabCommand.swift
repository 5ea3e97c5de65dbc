import ArgumentParser
import FoundationEssentials
import Glibc
import Lab
import Logging
import UnixSignals
import WireSyntax

/// The whole network on loopback.
struct LabCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab", abstract: "Start the whole network on loopback and run the scenarios.",
        discussion: "Prints each ladder and a table of results; exits 1 if a scenario failed.")

    @Option(
        name: .customLong("scenario"), parsing: .singleValue, help: "Run this scenario (repeatable); all unless given.")
    var names: [String] = []

    @Flag(help: "Name the scenarios and exit.")
    var list = false

    @Option(help: "Write the results as JSON (mode 0600).")
    var report: String?

    @Option(help: "Write a pcapng of every socket (mode 0600).")
    var capture: String?

    @Option(help: "Append the TLS secrets as SSLKEYLOGFILE lines (mode 0600); into the capture too.")
    var keylog: String?

    @Option(help: "What is sent as a message.")
    var message: String?

    @Option(help: "What file-transfer sends, in place of 5 MiB of random octets.")
    var file: String?

    @Flag(help: "Keep the network up until Ctrl-C, and print two commands for a chat across it.")
    var serve = false

    @Option(help: "With --serve or --write-config: let UEs from outside the machine in at this address.")
    var access: String?

    @Option(
        help: ArgumentHelp(
            "Write the configuration of each function, with CA, certificates and keys.", valueName: "dir"))
    var writeConfig: String?

    @Option(help: "Log level of the processes.")
    var logLevel: Logger.Level = .notice

    #if DEBUG
        @Option(help: "Debug builds only: accept-any-certificate makes the gateway blind.")
        var tamper: Tampering?

        enum Tampering: String, ExpressibleByArgument, CaseIterable {
            case acceptAnyCertificate = "accept-any-certificate"
        }
    #endif

    func validate() throws {
        for name in names where Scenario.named(name) == nil {
            throw ValidationError("There is no scenario '\(displayEscaped(name))'. --list names them.")
        }
        guard access == nil || serve || writeConfig != nil else {
            throw ValidationError("--access opens the edge to others: it needs --serve or --write-config.")
        }
        guard !serve || writeConfig == nil else { throw ValidationError("--serve or --write-config, not both.") }
        if let access {
            guard let address = IPAddress(access), !address.isV6, !address.isUnspecified, !address.isMulticast else {
                throw ValidationError("--access: \(displayEscaped(access)) is not an IPv4 address of this machine.")
            }
        }
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        if list {
            let output = Terminal.standardOutput(environment)
            for scenario in Scenario.all { output.line("\(scenario.name): \(scenario.summary)") }
            return
        }
        let options = try makeOptions()
        let lab = Lab(options, environment: environment)
        if let writeConfig { return try lab.writeConfiguration(to: writeConfig) }
        if serve { return try await Interruption.cancelling { try await lab.serve() } ?? () }
        try await TamperSwitch.show(options, environment)
        let passed = try await Interruption.cancelling { try await lab.run() }
        guard let passed else { throw CommandFailure(message: "interrupted") }
        guard passed else { throw CommandFailure(message: "") }
    }

    private func makeOptions() throws -> Lab.Options {
        guard let executable = realpath("/proc/self/exe", nil) else {
            throw CommandFailure(message: "error: /proc/self/exe cannot be read. The lab starts itself: mount /proc.")
        }
        defer { free(executable) }
        var options = Lab.Options(executable: String(cString: executable))
        if !names.isEmpty { options.scenarios = Scenario.all.filter { names.contains($0.name) } }
        options.message = message
        options.file = file
        options.report = report
        options.capture = capture
        options.keyLog = keylog
        options.logLevel = logLevel.rawValue
        options.outside = access.flatMap { IPAddress($0) }
        #if DEBUG
            if let tamper { options.gatewayArguments = ["--\(tamper.rawValue)"] }
        #endif
        return options
    }
}

/// Before its scenarios the lab shows that what could blind the gateway does not exist in a release build.
enum TamperSwitch {
    static let flag = "--accept-any-certificate"

    static func show(_ options: Lab.Options, _ environment: [String: String]) async throws {
        let output = Terminal.standardOutput(environment)
        #if DEBUG
            output.line("Debug build: agw knows \(flag). A release build does not.")
        #else
            let folder = try PrivateFolder.temporary(environment)
            defer { folder.remove() }
            let child = try ChildProcess(
                "agw", executable: options.executable, arguments: ["agw", flag], logPath: folder.file("log"))
            let code = await child.exitCode()
            let said = LogFile.tail(folder.file("log"), lines: 100).first { $0.contains(flag) } ?? "nothing"
            output.line("This build refuses the tamper switch: agw \(flag) exits \(code): \(displayEscaped(said))")
            guard code == ExitStatus.usage, said.contains("Unknown option") else {
                throw CommandFailure(message: "error: a release build must not know \(flag).")
            }
        #endif
    }
}

/// Runs something until SIGINT or SIGTERM cancels it.
enum Interruption {
    /// - Returns: nil where a signal came first.
    static func cancelling<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value?
    {
        let signals = await UnixSignalsSequence(trapping: [.sigint, .sigterm])
        let work = Task { try await body() }
        let watch = Task {
            for await _ in signals {
                work.cancel()
                return true
            }
            return false
        }
        let result = await work.result
        watch.cancel()
        if work.isCancelled {
            _ = try? result.get()
            return nil
        }
        return try result.get()
    }
}
