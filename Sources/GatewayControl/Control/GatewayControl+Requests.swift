import ApplicationLevelGateway
import H248
import IqProfile
import Transport
import WireSyntax

/// What gateways send: ServiceChange, Notify, and the audits of their own supervision.
extension GatewayControl: H248User {
    package func h248Endpoint(
        _ endpoint: H248Endpoint, received reply: TransactionReply.Body, to transaction: OutgoingTransaction
    ) {
        pending.removeValue(forKey: transaction)?(.answered(reply))
    }

    package func h248Endpoint(_ endpoint: H248Endpoint, timedOut transaction: OutgoingTransaction) {
        let then = pending.removeValue(forKey: transaction)
        if let index = index(of: transaction.peer.address, port: transaction.peer.port) {
            lost(index, "no answer to transaction \(transaction.id)")
        }
        then?(.timedOut)
    }

    package func h248Endpoint(
        _ endpoint: H248Endpoint, received request: TransactionRequest, as transaction: IncomingTransaction,
        version: UInt8
    ) {
        guard let index = index(of: transaction.source.address, port: transaction.source.port) else {
            return endpoint.reply(.error(ErrorDescriptor(.unauthorizedEntity)), to: transaction)
        }
        var actions: [ActionReply] = []
        var afterwards: [() -> Void] = []
        execution: for action in request.actions {
            var reply = ActionReply(action.context)
            for command in action.commands {
                let result = execute(command, in: action.context, at: index, transaction, &afterwards)
                reply.commands.append(result)
                if result.error != nil, !command.isOptional {
                    actions.append(reply)
                    break execution
                }
            }
            actions.append(reply)
        }
        endpoint.reply(.actions(actions), to: transaction)
        for action in afterwards { action() }
    }

    private func execute(
        _ command: CommandRequest, in context: ContextID, at index: Int, _ transaction: IncomingTransaction,
        _ afterwards: inout [() -> Void]
    ) -> CommandReply {
        func failed(_ code: ErrorCode, _ text: String? = nil) -> CommandReply {
            CommandReply(command.kind, command.termination, [.error(ErrorDescriptor(code, text))])
        }
        switch command.kind {
        case .serviceChange:
            guard case .serviceChange(let change)? = command.descriptors.first else {
                return failed(.missingInformation)
            }
            return serviceChange(change, command, at: index, transaction, &afterwards)
        case .notify:
            guard isAssociated(index) else { return failed(.unauthorizedEntity, "no association") }
            for case .observedEvents(let events) in command.descriptors {
                afterwards.append { [self] in notified(events, command.termination, in: context, at: index) }
            }
            return CommandReply(.notify, command.termination)
        case .auditValue where command.termination.isRoot:
            // `it` of the gateway, or whatever else it asks to see that we are there.
            guard isAssociated(index) else { return failed(.unauthorizedEntity, "no association") }
            return CommandReply(.auditValue, .root)
        default: return failed(.unknownCommand, "not for a controller")
        }
    }

    private func isAssociated(_ index: Int) -> Bool { gateways[index].state != .outOfService }

    // MARK: ServiceChange

    private func serviceChange(
        _ change: ServiceChangeDescriptor, _ command: CommandRequest, at index: Int, _ transaction: IncomingTransaction,
        _ afterwards: inout [() -> Void]
    ) -> CommandReply {
        func failed(_ code: ErrorCode, _ text: String) -> CommandReply {
            CommandReply(.serviceChange, command.termination, [.error(ErrorDescriptor(code, text))])
        }
        // RFC 3525 B.2: both are required.
        guard let method = change.method, change.reason != nil else {
            return failed(.missingInformation, "Method and Reason are required")
        }
        guard command.termination.isRoot else {
            // Of single terminations: what matters of it comes as g/cause.
            return CommandReply(.serviceChange, command.termination)
        }
        switch method {
        case .restart, .disconnected, .failover, .handoff:
            if let profile = change.profile {
                let ours = settings.provisional.profile
                guard profile.name == ours.name, profile.version <= ours.version else {
                    return failed(.unknownProfile, "profile \(profile)")
                }
            }
            let version = min(change.version ?? endpoint.version(for: transaction.source), settings.version)
            guard version >= 1 else { return failed(.versionNotSupported, "version \(version)") }
            let isRestart = method == .restart
            // A restart ends what was before; whoever was disconnected still has its contexts, and we may know them.
            if isRestart {
                endpoint.restarted(transaction.source, except: transaction)
                abandonPending(to: index)
                lost(index, "it has restarted")
            }
            gateways[index].needsCleaning = !isRestart
            gateways[index].isBeingAudited = false
            gateways[index].isReachable = true
            gateways[index].endpoint = address(of: gateways[index].peer, change.address, source: transaction.source)
            let source = transaction.source
            afterwards.append { [self] in
                // From now on both sides put it into every header (iq-h248 10).
                endpoint.setVersion(version, for: source)
                associated(index)
            }
            let reply = ServiceChangeDescriptor(profile: change.profile, version: version)
            return CommandReply(.serviceChange, .root, [.serviceChange(reply)])
        case .graceful:
            afterwards.append { [self] in
                guard gateways[index].state != .outOfService else { return }
                if (change.delay ?? 0) == 0, gateways[index].contexts.isEmpty {
                    drained(index)
                } else {
                    gateways[index].state = .draining
                    availabilityMayHaveChanged()
                }
            }
            return CommandReply(.serviceChange, .root)
        case .forced:
            afterwards.append { [self] in lost(index, change.reason ?? "forced out of service") }
            return CommandReply(.serviceChange, .root)
        case .other(let name): return failed(.unsupportedValue, "Method \(name)")
        }
    }

    /// ServiceChangeAddress redirects later requests; only to where the gateway is configured to be (RFC 3525 §7.2.8).
    private func address(of peer: Peer, _ address: ServiceChangeDescriptor.Address?, source: Endpoint) -> Endpoint {
        if let port = peer.port { return Endpoint(peer.address, port) }
        switch address {
        case .port(let port)? where port != 0: return Endpoint(peer.address, port)
        case .mid(.address(let host, let port?))? where host == peer.address && port != 0: return Endpoint(host, port)
        default: return source
        }
    }

    /// The endpoint has dropped what was under way to a restarted peer without a report.
    private func abandonPending(to index: Int) {
        for (transaction, then) in pending
        where self.index(of: transaction.peer.address, port: transaction.peer.port) == index {
            pending[transaction] = nil
            then(.timedOut)
        }
    }

    // MARK: Notify

    private func notified(
        _ observed: ObservedEventsDescriptor, _ termination: TerminationID, in context: ContextID, at index: Int
    ) {
        guard gateways[index].contexts[context]?.terminations[termination] != nil else {
            // Nobody here knows it: it is left over from something (iq-h248 7).
            subtractIfUnknown(context, at: index)
            return
        }
        let handle = TerminationHandle(
            context: ContextHandle(gateway: gateways[index].name, context: context.rawValue),
            name: name(of: termination, in: context, at: index))
        for event in observed.events {
            guard let event = mapping.events.event(event), event != .heartbeat else { continue }
            onEvent?(handle, event)
        }
    }

    /// As the Add reply spelled it: gateways may answer in another case later.
    private func name(of termination: TerminationID, in context: ContextID, at index: Int) -> String {
        let known = gateways[index].contexts[context]?.terminations.keys.first { $0 == termination }
        return (known ?? termination).spelling
    }
}
