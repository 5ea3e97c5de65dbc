import ApplicationLevelGateway
import H248
import IqProfile
import NIOCore
import WireSyntax

/// AuditValue, and what is allowed in the null context.
extension GatewayAgent {
    /// `Context = -`: audits, and ServiceChange of the controller.
    func runInNullContext(_ action: ActionRequest) -> ActionResult {
        var replies: [CommandReply] = []
        for command in action.commands {
            let reply = executeInNullContext(command)
            replies.append(reply)
            if reply.hasFailed, !command.isOptional {
                return ActionResult([ActionReply(.null, commands: replies)], hasFailed: true)
            }
        }
        return ActionResult([ActionReply(.null, commands: replies)])
    }

    private func executeInNullContext(_ command: CommandRequest) -> CommandReply {
        switch command.kind {
        case .auditValue where command.termination.isRoot: return auditRoot(command)
        case .serviceChange where command.termination.isRoot: return serviceChangeOfController(command)
        case .modify where command.termination.isRoot: return modifyRoot(command)
        case .add: return .failed(command, ErrorDescriptor(.commandNotAllowed, "Add in the null context"))
        case .auditValue, .modify, .subtract, .serviceChange:
            if case .failure(let error) = resolve(command.termination, in: nil) { return .failed(command, error) }
            return .failed(command, ErrorDescriptor(.unknownTermination))
        case .move, .auditCapabilities, .notify:
            return .failed(command, ErrorDescriptor(.unknownCommand, command.kind.token.name))
        }
    }

    /// Every supported package as name-version, `g` and `root` included.
    private func auditRoot(_ command: CommandRequest) -> CommandReply {
        var descriptors: [Descriptor] = []
        for item in command.auditItems {
            guard item.individual == nil else {
                return .failed(command, ErrorDescriptor(.notImplemented, "individual audit of \(item.token.name)"))
            }
            descriptors.append(item.token == .packages ? .packages(mapping.table.items) : .item(item.token))
        }
        return CommandReply(.auditValue, .root, descriptors)
    }

    /// Events and properties of ROOT: its packages (it, ocp, properties of root) are not among ours.
    private func modifyRoot(_ command: CommandRequest) -> CommandReply {
        for descriptor in command.descriptors {
            switch descriptor {
            case .events(let events):
                for event in events.events {
                    let isKnown = mapping.table.packages.contains { $0.name == event.name.package }
                    let code: ErrorCode = isKnown ? .noSuchEvent : .unknownPackage
                    return .failed(command, ErrorDescriptor(code, "\(event.name) on ROOT"))
                }
            case .media(let media):
                for property in media.terminationState?.properties ?? [] {
                    let isKnown = mapping.table.packages.contains { $0.name == property.name.package }
                    let code: ErrorCode = isKnown ? .noSuchProperty : .unknownPackage
                    return .failed(command, ErrorDescriptor(code, "\(property.name) on ROOT"))
                }
                if !media.streams.isEmpty {
                    return .failed(command, ErrorDescriptor(.illegalDescriptor, "ROOT has no stream"))
                }
            case .signals(let signals) where signals.items.isEmpty: break
            default: return .failed(command, ErrorDescriptor(.notImplemented, "\(descriptor.token.name) on ROOT"))
            }
        }
        return CommandReply(.modify, .root)
    }

    func audit(_ command: CommandRequest, _ name: TerminationID, in context: Context) -> CommandReply {
        guard let index = context.index(of: name) else {
            return .failed(command, ErrorDescriptor(.unknownTermination), at: name)
        }
        let termination = context.terminations[index]
        var descriptors: [Descriptor] = []
        for item in command.auditItems {
            guard item.individual == nil else {
                let error = ErrorDescriptor(.notImplemented, "individual audit of \(item.token.name)")
                return .failed(command, error, at: name)
            }
            switch item.token {
            case .media: descriptors.append(.media(media(of: termination)))
            case .packages: descriptors.append(.packages(mapping.table.items))
            case .events: descriptors.append(.events(events(of: termination)))
            default: descriptors.append(.item(item.token))
            }
        }
        signalled(name, in: context)
        return CommandReply(.auditValue, name, descriptors)
    }

    private func media(of termination: Termination) -> MediaDescriptor {
        var control = LocalControlDescriptor(mode: H248.StreamMode(termination.mode))
        control.properties.append(Property("ipdc/realm", Value(quoted: termination.realm.rawValue)))
        if !termination.permittedSources.isEmpty {
            control.properties.append(Property("gm/saf", .on))
            let sources = termination.permittedSources.map { Value(quoted: "\($0)") }
            control.properties.append(Property("gm/sam", .sublist(sources)))
        }
        var stream = StreamDescriptor(
            id: termination.stream, localControl: control, local: termination.local.octets(termination.transport))
        // What came in came through the mapping and goes out through it again.
        stream.remote = try? termination.remote?.octets(termination.transport)
        return MediaDescriptor(
            terminationState: TerminationStateDescriptor(serviceState: .inService), streams: [stream])
    }

    private func events(of termination: Termination) -> EventsDescriptor {
        guard let subscription = termination.subscription else { return EventsDescriptor() }
        return mapping.events.descriptor(of: subscription)
    }
}

extension CommandRequest {
    var auditItems: [AuditDescriptor.Item] {
        for case .audit(let audit) in descriptors { return audit.items }
        return []
    }
}
