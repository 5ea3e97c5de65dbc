import ArgumentParser
import Configuration
import FoundationEssentials
import Glibc
import Lab

/// The command line: one executable, a subcommand per function.
@main
struct Sallyport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sallyport",
        abstract: "The access edge of an IMS network for session messaging: P-CSCF with IMS-ALG, IMS-AGW, and a lab.",
        discussion: """
            Every network function reads --config FILE (YAML), environment variables SALLYPORT_… and flags over it, \
            and runs until SIGTERM or SIGINT. Exit codes: 0, 1 (failed), 2 (wrong usage or configuration).
            """,
        version: Version.text,
        subcommands: [
            HomeCommand.self, PCSCFCommand.self, AGWCommand.self, UECommand.self, LabCommand.self, DecodeCommand.self,
            DecideCommand.self, VersionCommand.self,
        ])

    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        Glibc.exit(await run(Array(CommandLine.arguments.dropFirst())))
    }

    /// Runs one command line and gives the exit code: 0, 1 or 2.
    static func run(_ arguments: [String]) async -> CInt {
        let environment = ProcessInfo.processInfo.environment
        let errors = Terminal.standardError(environment)
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return 0
        } catch let error as ConfigurationError {
            errors.line("error: \(error)")
            return ExitStatus.usage
        } catch let error as CommandFailure {
            if !error.message.isEmpty { errors.line(error.message) }
            return error.status
        } catch {
            let message = fullMessage(for: error)
            switch exitCode(for: error) {
            case .success:
                Terminal.standardOutput(environment).line(message)
                return 0
            case .validationFailure:
                errors.line(message)
                return ExitStatus.usage
            default:
                errors.line("error: \(error)")
                return ExitStatus.failed
            }
        }
    }
}

/// The exit codes of every command.
enum ExitStatus {
    static let failed: CInt = 1
    /// Wrong usage or configuration; ArgumentParser's own 64 is mapped to it.
    static let usage: CInt = 2
}

/// A command did not do what was asked. `message` goes to standard error as it is.
struct CommandFailure: Error {
    var message: String
    var status = ExitStatus.failed
}
