import ApplicationLevelGateway
import H248
import IqProfile
import NIOCore

extension GatewayFailure {
    init(_ error: ErrorDescriptor) {
        self.init(code: Int(error.code.rawValue), text: error.text ?? "")
    }

    /// The first error in a reply; nil: it has none.
    init?(_ reply: GatewayControl.Reply) {
        switch reply {
        case .timedOut: self = GatewayFailure(code: 0, text: "the gateway does not answer")
        case .notSent: self.init(ErrorDescriptor(.insufficientResources, "the request could not be sent"))
        case .answered(.error(let error)): self.init(error)
        case .answered(.actions(let actions)):
            for action in actions {
                for command in action.commands {
                    if let error = command.error {
                        self.init(error)
                        return
                    }
                }
                if let error = action.error {
                    self.init(error)
                    return
                }
            }
            return nil
        }
    }

    /// The transaction may have been executed, but what came of it did not fit a message, or could not be read here.
    var meansUnreadReply: Bool {
        code == Int(ErrorCode.responseTooLong.rawValue) || code == Int(ErrorCode.badRequest.rawValue)
    }
}

extension GatewayControl.Reply {
    /// The command replies of the first action.
    var commands: [CommandReply] {
        if case .answered(.actions(let actions)) = self { actions.first?.commands ?? [] } else { [] }
    }
}

extension CommandReply {
    var error: ErrorDescriptor? {
        for case .error(let error) in descriptors { return error }
        return nil
    }

    /// Local of the first stream.
    var local: ByteBuffer? {
        for case .media(let media) in descriptors { return media.streams.first?.local }
        return nil
    }

    var packages: [PackageItem]? {
        for case .packages(let packages) in descriptors { return packages }
        return nil
    }
}

/// What came of the Adds of a Reserve.
struct ReserveOutcome {
    /// The context that exists now, whatever else went wrong.
    var context: ContextID?
    var terminations: [(name: TerminationID, local: LocalDescription)] = []
    var failure: GatewayFailure?

    init(_ reply: GatewayControl.Reply, expecting count: Int) {
        failure = GatewayFailure(reply)
        guard case .answered(.actions(let actions)) = reply, let action = actions.first else { return }
        for command in action.commands where command.kind == .add && command.error == nil {
            // A termination stands: the context does too.
            context = action.context.isSpecific ? action.context : nil
            guard let name = command.termination, name.isSpecific, let octets = command.local else {
                failure = failure ?? GatewayFailure(code: 500, text: "an Add reply without name or Local")
                continue
            }
            do throws(ErrorDescriptor) {
                terminations.append((name, try LocalDescription(octets: octets)))
            } catch {
                failure = failure ?? GatewayFailure(error)
            }
        }
        if failure == nil, terminations.count != count || context == nil {
            failure = GatewayFailure(code: 500, text: "\(terminations.count) of \(count) Adds were answered")
        }
    }
}
