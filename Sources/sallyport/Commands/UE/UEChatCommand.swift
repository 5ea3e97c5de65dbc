import ArgumentParser
import Configuration
import FoundationEssentials
import Lab
import Observability
import ServiceLifecycle
import UserEquipment
import WireSyntax

/// A chat in a terminal: a line is a message.
struct UEChatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat", abstract: "Chat in a terminal: call somebody, or wait to be called.",
        discussion: """
            A line is a message. /file PATH sends a file, /security shows leg, version, cipher and fingerprints, \
            /quit ends. A message that begins with / is written with two.
            """)

    @Argument(help: "Whom to call, such as sip:bob@ims.lab; nobody: wait for calls.")
    var target: String?

    @OptionGroup var options: CommonOptions

    func validate() throws {
        guard !options.lifeline else { throw ValidationError("chat reads standard input itself.") }
    }

    func run() async throws {
        let target = target
        let environment = ProcessInfo.processInfo.environment
        try await FunctionRunner(
            options: options, node: "UE", schema: UserEquipmentSettings.schema,
            flags: target == nil ? [Configuration.Flag("calls.answer", "true")] : []
        ).run { configuration, function in
            let settings = try UserEquipmentSettings(configuration)
            let ue = UserEquipment(settings: settings, environment: function)
            let chat = Chat(
                ue: ue, identity: "\(settings.identity)", target: target, output: .standardOutput(environment),
                errors: .standardError(environment))
            return .ue(ue, function.logger) { try await chat.run() }
        }
    }
}

/// The conversation behind `ue chat`.
actor Chat {
    private let ue: UserEquipment
    private let identity: String
    private let target: String?
    private let output: Terminal
    private let live: LiveLine
    private var call: CallHandle?

    /// How often, and for how long, somebody who is not there yet is called again.
    static let retryInterval = Duration.seconds(2)
    static let retryLimit = 150
    /// Octets of one line: what a message may have here.
    static let maximumLine = 64 << 10

    init(ue: UserEquipment, identity: String, target: String?, output: Terminal, errors: Terminal) {
        self.ue = ue
        self.identity = identity
        self.target = target
        self.output = output
        live = LiveLine(errors)
    }

    /// Until `/quit`, the end of standard input, or (for whoever called) of the call.
    func run() async throws {
        output.line("* registered as \(displayEscaped(identity))")
        let events = ue.events()
        let printer = Task { for await event in events { self.show(event) } }
        defer { printer.cancel() }
        let connection = Task { try await self.connect() }
        let reader = Task {
            for await line in StandardInput.lines(limit: Self.maximumLine).cancelOnGracefulShutdown() {
                guard await self.handle(line) else { return }
            }
        }
        defer { reader.cancel() }
        // Whichever ends first ends the chat: the user's input, or the connection for good.
        try await withTaskCancellationHandler {
            try await firstToEnd(connection, reader)
        } onCancel: {
            connection.cancel()
            reader.cancel()
        }
        await call?.hangUp()
    }

    private nonisolated func firstToEnd(_ connection: Task<Void, any Error>, _ reader: Task<Void, Never>) async throws {
        let (ends, continuation) = AsyncStream.makeStream(of: Result<Void, any Error>.self)
        let first = Task { continuation.yield(await connection.result) }
        let second = Task {
            await reader.value
            continuation.yield(.success(()))
        }
        defer {
            first.cancel()
            second.cancel()
        }
        for await end in ends { return try end.get() }
    }

    private func connect() async throws {
        guard let target else {
            while !Task.isCancelled {
                output.line("* waiting for a call")
                // A caller that gives up, or whose session does not come about, ends nothing here: the next one may call.
                let next: CallHandle
                do {
                    next = try await ue.nextCall()
                } catch UserEquipmentError.refused(let status, let reason) {
                    output.line("* a call did not stand: \(status) \(displayEscaped(reason))")
                    continue
                }
                output.line("* \(displayEscaped(next.peer)) calls")
                call = next
                _ = await next.ended()
                call = nil
            }
            return
        }
        let handle = try await dial(target)
        call = handle
        output.line("* type a message, /file PATH, /security or /quit")
        _ = await handle.ended()
        call = nil
    }

    /// Somebody who is not registered yet is called again: two terminals are started one after the other.
    private func dial(_ target: String) async throws -> CallHandle {
        for attempt in 0..<Self.retryLimit {
            do {
                return try await ue.dial(target)
            } catch UserEquipmentError.refused(let status, let reason) where status == 480 || status == 404 {
                if attempt == 0 {
                    output.line(
                        "* \(displayEscaped(target)) is not there yet (\(status) \(displayEscaped(reason))); waiting")
                }
                try await Task.sleep(for: Self.retryInterval)
            }
        }
        throw CommandFailure(message: "error: \(displayEscaped(target)) did not register.")
    }

    private func show(_ event: UserEvent) {
        if case .progress(_, _, let isOutgoing, let bytes, let total) = event {
            live.progress(isOutgoing ? "sending" : "receiving", bytes, of: total)
            return
        }
        guard let line = ChatText.line(event) else { return }
        live.clear()
        output.line(line)
    }

    /// - Returns: false when the user wants to end.
    private func handle(_ line: String) async -> Bool {
        let words = line.split(separator: " ", maxSplits: 1)
        switch words.first {
        case "/quit": return false
        case "/security":
            for text in ChatText.security(await call?.security()) { output.line(text) }
        case "/file":
            guard words.count == 2 else {
                output.line("* /file PATH")
                return true
            }
            await send { try await $0.sendFile(String(words[1])) }
        case let command? where command.hasPrefix("/") && !command.hasPrefix("//"):
            output.line("* /file PATH, /security or /quit; write // for a message that begins with /")
        default:
            let text = line.hasPrefix("//") ? String(line.dropFirst()) : line
            if !text.isEmpty { await send { try await $0.send(text) } }
        }
        return true
    }

    /// Sending does not hold up the next line. What became of it is told by the events.
    private func send(_ what: @escaping @Sendable (CallHandle) async throws -> MessageOutcome) async {
        guard let call else { return output.line("* nobody is there yet") }
        Task {
            do {
                _ = try await what(call)
            } catch {
                output.line("* NOT sent: \(displayEscaped("\(error)"))")
            }
        }
    }
}
