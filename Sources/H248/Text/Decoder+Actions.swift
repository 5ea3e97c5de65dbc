import NIOCore
import WireSyntax

/// Actions and commands (RFC 3525 B.2: actionRequest, actionReply, commandRequest, commandReplys).
extension Cursor {
    mutating func actionRequests() throws(DecodingFailure) -> [ActionRequest] {
        field = "Transaction"
        try open()
        var actions: [ActionRequest] = []
        repeat {
            actions.append(try actionRequest())
            field = "Transaction"
        } while try another(actions.count, of: limits.actions, "actions")
        return actions
    }

    mutating func transactionReply() throws(DecodingFailure) -> TransactionReply {
        field = "Reply"
        try equal()
        let id = try uint32("the transaction id")
        do {
            return try transactionReply(id)
        } catch {
            var failure = error
            failure.reply = id
            throw failure
        }
    }

    private mutating func transactionReply(_ id: UInt32) throws(DecodingFailure) -> TransactionReply {
        try open()
        var reply = TransactionReply(id: id, body: .actions([]))
        var start = position
        var first = token()
        if first == .immAckRequired {
            reply.immAckRequired = true
            try expect(UInt8(ascii: ","))
            start = position
            first = token()
        }
        if first == .error {
            reply.body = .error(try errorDescriptor())
            try close()
            return reply
        }
        position = start
        var actions: [ActionReply] = []
        repeat {
            actions.append(try actionReply())
            field = "Reply"
        } while try another(actions.count, of: limits.replyActions, "actions")
        reply.body = .actions(actions)
        return reply
    }

    private mutating func contextID() throws(DecodingFailure) -> ContextID {
        let start = position
        guard token() == .context else {
            throw failure("expected Context, found \(found)", .actionSyntax, at: start)
        }
        field = "Context"
        try equal()
        switch next {
        case UInt8(ascii: "-"): position += 1; return .null
        case UInt8(ascii: "$"): position += 1; return .choose
        case UInt8(ascii: "*"): position += 1; return .all
        default: return ContextID(try uint32("the context id"))
        }
    }

    private mutating func actionRequest() throws(DecodingFailure) -> ActionRequest {
        var action = ActionRequest(try contextID(), commands: [])
        try open()
        var count = 0
        repeat {
            count += 1
            if try contextProperty(into: &action.properties) { continue }
            action.commands.append(try commandRequest())
            field = "Context"
        } while try another(count, of: limits.commands, "commands")
        return action
    }

    private mutating func actionReply() throws(DecodingFailure) -> ActionReply {
        var action = ActionReply(try contextID())
        try open()
        var count = 0
        repeat {
            count += 1
            guard action.error == nil else { throw failure("something follows the error descriptor", .actionSyntax) }
            let start = position
            if token() == .error {
                action.error = try errorDescriptor()
                continue
            }
            position = start
            if try contextProperty(into: &action.properties) { continue }
            action.commands.append(try commandReply())
            field = "Context"
        } while try another(count, of: limits.commands, "commands")
        return action
    }

    /// Topology, Priority, Emergency and ContextAudit; false, nothing consumed, when none of them stands next.
    private mutating func contextProperty(into properties: inout ContextProperties) throws(DecodingFailure) -> Bool {
        let start = position
        switch token() {
        case .priority:
            try equal()
            properties.priority = try uint16("Priority")
        case .emergency: properties.isEmergency = true
        case .topology:
            try skipSpace()
            let open = position
            guard next == UInt8(ascii: "{") else { throw failure("expected '{', found \(found)", .actionSyntax) }
            try skipBalanced("Topology")
            properties.topology = slice(from: open + 1, to: position - 1)
        case .contextAudit:
            try open()
            repeat {
                let place = position
                guard let item = token(), item == .topology || item == .emergency || item == .priority else {
                    throw failure("unknown item of ContextAudit", .actionSyntax, at: place)
                }
                properties.audit.append(item)
            } while try another(properties.audit.count, of: 3, "items of ContextAudit")
        default:
            position = start
            return false
        }
        return true
    }

    // MARK: Commands

    private mutating func commandRequest() throws(DecodingFailure) -> CommandRequest {
        var isOptional = false
        var wantsWildcard = false
        if folded(next) == UInt8(ascii: "o"), octet(after: 1) == UInt8(ascii: "-") {
            isOptional = true
            position += 2
        }
        if folded(next) == UInt8(ascii: "w"), octet(after: 1) == UInt8(ascii: "-") {
            wantsWildcard = true
            position += 2
        }
        let (kind, start) = try commandKind()
        field = kind.token.name
        try equal()
        var command = CommandRequest(
            kind, try terminationID(), isOptional: isOptional, wantsWildcardedResponse: wantsWildcard)
        field = "\(kind.token.name) \(command.termination)"
        if try take(UInt8(ascii: "{")) {
            command.descriptors = try descriptors(of: kind, inReply: false)
        } else if kind == .auditValue || kind == .auditCapabilities || kind == .notify || kind == .serviceChange {
            throw failure("\(kind.token.name) has no descriptor", .commandSyntax, at: start)
        }
        return command
    }

    private mutating func commandReply() throws(DecodingFailure) -> CommandReply {
        let (kind, _) = try commandKind()
        field = kind.token.name
        try equal()
        if kind == .auditValue || kind == .auditCapabilities {
            let start = position
            // `AuditValue = Context {…}`; a termination that is named C or Context can't be told from it.
            if token() == .context, !isPathOctet(next) {
                try open()
                let place = position
                if token() == .error {
                    let error = try errorDescriptor()
                    try close()
                    return CommandReply(kind, nil, [.error(error)])
                }
                position = place
                var terminations: [TerminationID] = []
                repeat {
                    terminations.append(try terminationID())
                } while try another(terminations.count, of: limits.listItems, "terminations")
                return CommandReply(kind, nil, contextTerminations: terminations)
            }
            position = start
        }
        var command = CommandReply(kind, try terminationID())
        field = "\(kind.token.name) \(command.termination?.spelling ?? "")"
        if try take(UInt8(ascii: "{")) { command.descriptors = try descriptors(of: kind, inReply: true) }
        return command
    }

    private mutating func commandKind() throws(DecodingFailure) -> (CommandKind, Int) {
        let start = position
        let part = nameWord()
        guard !part.isEmpty else { throw failure("a command is missing, found \(found)", .actionSyntax) }
        guard let token = Token(part), let kind = CommandKind(token) else {
            throw failure("unknown command \(text(part.prefix(32)))", .unknownCommand, at: start)
        }
        return (kind, start)
    }
}
