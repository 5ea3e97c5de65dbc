import NIOCore
import WireSyntax

/// What a ladder shows of a message: one line, the keys on the wire, and the lines that decide.
public struct MessageTrace: Hashable, Sendable {
    /// `Transaction 17: Add ip/1/1/1`, `Reply 17: Add ip/1/1/1`, `Reply 17: Error 441`, `Pending 17`.
    public var summary: String
    public var transaction: UInt32?
    public var context: UInt32?
    public var terminations: [String]
    /// Mode, realm, SDP of Local and Remote, events, errors, ServiceChange.
    public var lines: [String]
}

extension Message {
    /// At most this many lines are shown.
    private static let traceLines = 48

    public var trace: MessageTrace {
        var trace = MessageTrace(summary: "", terminations: [], lines: [])
        var parts: [String] = []
        switch body {
        case .error(let error): parts.append(error.description)
        case .transactions(let items):
            for item in items { Message.add(item, to: &trace, &parts) }
        }
        trace.summary = parts.joined(separator: "; ")
        if trace.lines.count > Message.traceLines { trace.lines.removeSubrange(Message.traceLines...) }
        return trace
    }

    private static func add(_ item: TransactionItem, to trace: inout MessageTrace, _ parts: inout [String]) {
        func noteID(_ id: UInt32) { if trace.transaction == nil { trace.transaction = id } }
        switch item {
        case .request(let request):
            noteID(request.id)
            var commands: [String] = []
            for action in request.actions {
                note(action.context, &trace)
                for command in action.commands {
                    commands.append("\(command.kind.token.name) \(command.termination)")
                    note(command.termination, &trace)
                    add(command.descriptors, to: &trace)
                }
            }
            parts.append("Transaction \(request.id): " + commands.joined(separator: ", "))
        case .reply(let reply):
            noteID(reply.id)
            var commands: [String] = []
            switch reply.body {
            case .error(let error): commands.append(error.description)
            case .actions(let actions):
                for action in actions {
                    note(action.context, &trace)
                    for command in action.commands {
                        commands.append(command.kind.token.name + (command.termination.map { " \($0)" } ?? ""))
                        if let termination = command.termination { note(termination, &trace) }
                        add(command.descriptors, to: &trace)
                    }
                    if let error = action.error { commands.append(error.description) }
                }
            }
            parts.append("Reply \(reply.id): " + commands.joined(separator: ", "))
        case .pending(let id):
            noteID(id)
            parts.append("Pending \(id)")
        case .responseAck(let ranges):
            if let id = ranges.first?.lowerBound { noteID(id) }
            parts.append(
                "TransactionResponseAck "
                    + ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
                    .joined(separator: ", "))
        }
    }

    private static func note(_ context: ContextID, _ trace: inout MessageTrace) {
        if trace.context == nil, context.isSpecific { trace.context = context.rawValue }
    }

    private static func note(_ termination: TerminationID, _ trace: inout MessageTrace) {
        if !trace.terminations.contains(termination.spelling) { trace.terminations.append(termination.spelling) }
    }

    private static func add(_ descriptors: [Descriptor], to trace: inout MessageTrace) {
        for descriptor in descriptors {
            switch descriptor {
            case .media(let media):
                for stream in media.streams {
                    if let control = stream.localControl {
                        let mode = control.mode.map { ["Mode = \($0)"] } ?? []
                        let properties = control.properties.map { property in
                            "\(property.name) = " + property.value.values.map(\.description).joined(separator: ",")
                        }
                        trace.lines.append("LocalControl: " + (mode + properties).joined(separator: ", "))
                    }
                    add(stream.local, "Local", to: &trace)
                    add(stream.remote, "Remote", to: &trace)
                }
            case .events(let events):
                guard let id = events.id else { continue }
                trace.lines.append(
                    "Events \(id): " + events.events.map(\.name.description).joined(separator: ", "))
            case .observedEvents(let events):
                for event in events.events {
                    let parameters = event.parameters.map {
                        "\($0.name)=" + $0.value.values.map(\.description).joined(separator: ",")
                    }
                    trace.lines.append(
                        "ObservedEvents \(events.id): \(event.name) " + parameters.joined(separator: " "))
                }
            case .signals(let signals):
                for case .signal(let signal) in signals.items { trace.lines.append("Signal \(signal.name)") }
            case .error(let error): trace.lines.append(error.description)
            case .serviceChange(let change):
                trace.lines.append(
                    "Services: "
                        + [
                            change.method.map { "Method=\($0)" }, change.reason.map { "Reason=\"\($0)\"" },
                            change.profile.map { "Profile=\($0)" }, change.version.map { "Version=\($0)" },
                        ].compactMap { $0 }.joined(separator: " "))
            case .packages(let packages):
                trace.lines.append("Packages: " + packages.map(\.description).joined(separator: ", "))
            default: break
            }
        }
    }

    private static func add(_ octets: ByteBuffer?, _ name: String, to trace: inout MessageTrace) {
        guard let octets else { return }
        let text = String(decoding: octets.readableBytesView, as: UTF8.self)
        for line in text.split(whereSeparator: \.isNewline) where line != "v=0" {
            trace.lines.append("\(name): \(line)")
        }
    }
}
