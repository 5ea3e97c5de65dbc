import ArgumentParser
import Configuration
import FoundationEssentials
import Lab
import Observability
import ServiceLifecycle
import UserEquipment
import WireSyntax

struct UECommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ue", abstract: "A UE: registers, calls or answers, sends messages and files over MSRP.",
        subcommands: [UECallCommand.self, UEAnswerCommand.self, UEChatCommand.self])
}

/// Calls, sends, and hangs up.
struct UECallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call", abstract: "Call somebody, send messages or a file, and hang up.",
        discussion: """
            Exits 0 when everything was confirmed and every change stood, 1 otherwise. --then says what comes after that, in order: \
            message:TEXT, hold, resume, new-port, new-certificate, refresh (the same offer by re-INVITE), update (by UPDATE).
            """)

    @Argument(help: "Whom to call, such as sip:bob@ims.lab.")
    var target: String

    @Option(name: .long, parsing: .singleValue, help: "Send this text (repeatable).")
    var message: [String] = []

    @Option(help: "Send this file.")
    var file: String?

    @Option(
        name: .long, parsing: .singleValue,
        help: "Then do this (repeatable): message:TEXT, hold, resume, new-port, new-certificate, refresh or update.",
        transform: { text in
            guard let action = CallAction(text) else {
                throw ValidationError(
                    "\(text): not one of message:TEXT, hold, resume, new-port, new-certificate, refresh, update.")
            }
            return action
        })
    var then: [CallAction] = []

    @OptionGroup var options: CommonOptions

    func validate() throws {
        guard !message.isEmpty || file != nil else {
            throw ValidationError("Nothing to send. Give --message TEXT or --file PATH.")
        }
    }

    func run() async throws {
        let target = target
        let messages = message
        let file = file
        let then = then
        let output = Terminal.standardOutput(ProcessInfo.processInfo.environment)
        try await FunctionRunner(options: options, node: "UE", schema: UserEquipmentSettings.schema)
            .run { configuration, environment in
                let ue = UserEquipment(settings: try UserEquipmentSettings(configuration), environment: environment)
                return .ue(ue, environment.logger) {
                    let report = try await ue.call(to: target, messages: messages, file: file, then: then)
                    for line in ChatText.security(report.security) { output.line(line) }
                    output.line(
                        "\(report.messagesConfirmed) of \(report.messagesSent) confirmed, \(report.bytesConfirmed) octets"
                    )
                    guard report.isSuccess else {
                        throw CommandFailure(
                            message: "error: " + (report.failures.first ?? "the call did not do what was asked"))
                    }
                }
            }
    }
}

/// Answers every call and prints what comes.
struct UEAnswerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "answer", abstract: "Answer every call and print what comes, until SIGTERM or Ctrl-C.")

    @Option(help: "Let each call ring for so many seconds (0 to 60) before it is answered.")
    var ring: Int?

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let output = Terminal.standardOutput(ProcessInfo.processInfo.environment)
        try await FunctionRunner(
            options: options, node: "UE", schema: UserEquipmentSettings.schema,
            flags: [Configuration.Flag("calls.answer", "true")]
                + (ring.map { [Configuration.Flag("calls.ring", "\($0) s")] } ?? [])
        ).run { configuration, environment in
            let settings = try UserEquipmentSettings(configuration)
            let ue = UserEquipment(settings: settings, environment: environment)
            return .ue(ue, environment.logger) {
                output.line("* registered as \(displayEscaped("\(settings.identity)")), waiting for calls")
                let events = ue.events()
                for await event in events.cancelOnGracefulShutdown() {
                    if let line = ChatText.line(event) { output.line(line) }
                }
            }
        }
    }
}
