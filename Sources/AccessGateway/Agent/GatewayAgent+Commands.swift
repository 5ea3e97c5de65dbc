import ApplicationLevelGateway
import H248
import IqProfile
import Logging
import NIOCore
import Transport
import WireSyntax

/// Add, Modify, Subtract and AuditValue in one context (TS 29.334; iq-h248 1, 10).
extension GatewayAgent {
    func execute(_ command: CommandRequest, in context: Context) -> EventLoopFuture<[CommandReply]> {
        // The last Subtract of this action ended it.
        guard !context.hasEnded else { return finished([.failed(command, ErrorDescriptor(.unknownContext))]) }
        switch command.kind {
        case .add: return add(command, in: context).map { [$0] }
        case .modify: return each(command, in: context) { [self] in modify(command, $0, in: context) }
        case .subtract: return each(command, in: context) { [self] in subtract(command, $0, in: context) }
        case .auditValue:
            return each(command, in: context) { [self] in finished(audit(command, $0, in: context)) }
        case .move, .auditCapabilities, .notify, .serviceChange:
            let error = ErrorDescriptor(
                command.kind == .serviceChange ? .commandNotAllowed : .unknownCommand, command.kind.token.name)
            return finished([.failed(command, error)])
        }
    }

    /// The terminations that a name or wildcard means, or the error: 430 unknown, 435 elsewhere, 431 no match.
    func resolve(_ name: TerminationID, in context: Context?) -> Result<[TerminationID], ErrorDescriptor> {
        guard name.isSpecific else {
            guard !name.containsChoose else { return .failure(ErrorDescriptor(.unknownTermination, "$")) }
            let matching = (context?.terminations ?? []).map(\.name).filter { name.matches($0) }
            return matching.isEmpty ? .failure(ErrorDescriptor(.noTerminationMatched)) : .success(matching)
        }
        if let found = context?.terminations.first(where: { $0.name == name }) { return .success([found.name]) }
        return .failure(ErrorDescriptor(table.home(of: name) == nil ? .unknownTermination : .terminationNotInContext))
    }

    /// One termination after the other; one reply for all with W-.
    private func each(
        _ command: CommandRequest, in context: Context,
        _ body: @escaping @Sendable (TerminationID) -> EventLoopFuture<CommandReply>
    ) -> EventLoopFuture<[CommandReply]> {
        switch resolve(command.termination, in: context) {
        case .failure(let error): return finished([.failed(command, error)])
        case .success(let names):
            return each(names[...], [], body).map { replies in
                guard command.wantsWildcardedResponse, !replies.contains(where: \.hasFailed) else { return replies }
                return [CommandReply(command.kind, command.termination)]
            }
        }
    }

    private func each(
        _ names: ArraySlice<TerminationID>, _ done: [CommandReply],
        _ body: @escaping @Sendable (TerminationID) -> EventLoopFuture<CommandReply>
    ) -> EventLoopFuture<[CommandReply]> {
        guard let name = names.first else { return finished(done) }
        return body(name).flatMap { [self] reply in each(names.dropFirst(), done + [reply], body) }
    }

    // MARK: Add

    private func add(_ command: CommandRequest, in context: Context) -> EventLoopFuture<CommandReply> {
        let parsed: AddCommand
        do throws(ErrorDescriptor) {
            try checkNameOfAdd(command.termination, in: context)
            guard context.terminations.count < Context.maximumTerminations else {
                throw ErrorDescriptor(ErrorCode(434), "two terminations a context")
            }
            guard !isDraining else { throw ErrorDescriptor(.notReady, "the gateway goes out of service") }
            parsed = try mapping.add(command.descriptors)
        } catch {
            return finished(.failed(command, error))
        }
        let name = table.nextName()
        table.note(name, in: context.id)
        let stream = command.stream?.id ?? 1
        return context.media.add(parsed.request, name: name.spelling).hop(to: eventLoop).map { [self] local in
            let request = parsed.request
            context.terminations.append(
                Termination(
                    name: name, transport: request.transport, realm: request.realm, stream: stream, local: local,
                    remote: request.remote, mode: request.mode, permittedSources: request.permittedSources,
                    latch: request.latch, subscription: parsed.subscription))
            signalled(name, in: context)
            return CommandReply(.add, name, [Self.media(local, request.transport, stream)])
        }.flatMapError { [self] error in
            table.forget(name)
            return finished(.failed(command, ErrorDescriptor(media: error)))
        }
    }

    /// `$`, or `ip/<group>/<interface>/$` with group and interface given or `$` (iq-h248 10).
    private func checkNameOfAdd(_ name: TerminationID, in context: Context) throws(ErrorDescriptor) {
        if name == .choose { return }
        if name.isSpecific {
            if context.index(of: name) != nil { throw ErrorDescriptor(.terminationAlreadyInContext) }
            throw ErrorDescriptor(table.home(of: name) == nil ? .unknownTermination : .terminationAlreadyInContext)
        }
        let parts = name.spelling.lowercased().split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "ip", parts[3] == "$", !name.containsAll, !parts[1].isEmpty,
            !parts[2].isEmpty
        else { throw ErrorDescriptor(.unknownTermination, "ip/<group>/<interface>/$") }
    }

    private static func media(_ local: LocalDescription, _ transport: MediaTransport, _ stream: UInt16?) -> Descriptor {
        .media(MediaDescriptor(streams: [StreamDescriptor(id: stream, local: local.octets(transport))]))
    }

    // MARK: Modify

    private func modify(_ command: CommandRequest, _ name: TerminationID, in context: Context)
        -> EventLoopFuture<CommandReply>
    {
        // `resolve` found it on this loop, in this turn.
        guard let index = context.index(of: name) else {
            return finished(.failed(command, ErrorDescriptor(.unknownTermination), at: name))
        }
        let termination = context.terminations[index]
        let (transport, stream) = (termination.transport, termination.stream)
        let parsed: ModifyCommand
        do throws(ErrorDescriptor) {
            parsed = try mapping.modify(command.descriptors, transport: termination.transport)
            try check(parsed, against: termination)
        } catch {
            return finished(.failed(command, error, at: name))
        }
        let change = parsed.change
        let isUnchanged = change == TerminationChange()
        let result =
            isUnchanged
            ? finished(termination.local) : context.media.modify(name.spelling, change).hop(to: eventLoop)
        return result.map { [self] local in
            guard let index = context.index(of: name) else { return CommandReply(.modify, name) }
            var local = local
            if let role = change.role { local.role = role }
            context.terminations[index].local = local
            if let remote = change.remote { context.terminations[index].remote = remote }
            if let mode = change.mode { context.terminations[index].mode = mode }
            if let sources = change.permittedSources { context.terminations[index].permittedSources = sources }
            if case .replaced(let subscription) = parsed.events {
                context.terminations[index].subscription = subscription
                context.terminations[index].hasNotified = false
                context.terminations[index].unanswered = nil
            }
            signalled(name, in: context)
            guard parsed.hasMedia else { return CommandReply(.modify, name) }
            return CommandReply(.modify, name, [Self.media(local, transport, stream)])
        }.flatMapError { [self] error in finished(.failed(command, ErrorDescriptor(media: error), at: name)) }
    }

    private func check(_ parsed: ModifyCommand, against termination: Termination) throws(ErrorDescriptor) {
        if let endpoint = parsed.endpoint, endpoint != termination.local.endpoint {
            throw ErrorDescriptor(.unsupportedValue, "address and port of Local can't change")
        }
        if let path = parsed.path, path != termination.local.path {
            throw ErrorDescriptor(.unsupportedValue, "the path of Local can't change")
        }
        if let realm = parsed.realm, realm != termination.realm {
            throw ErrorDescriptor(.unsupportedValue, "the realm can't change")
        }
        if parsed.latch, !termination.latch { throw ErrorDescriptor(.unsupportedValue, "latching begins with the Add") }
        let role = parsed.change.role ?? termination.local.role
        if let remote = parsed.change.remote ?? termination.remote, termination.transport.isTLS, role == .active,
            remote.fingerprints.isEmpty
        {
            throw ErrorDescriptor(.missingRemote, "Remote without a fingerprint for an active TLS termination")
        }
    }

    // MARK: Subtract

    private func subtract(_ command: CommandRequest, _ name: TerminationID, in context: Context)
        -> EventLoopFuture<CommandReply>
    {
        context.media.subtract(name.spelling).hop(to: eventLoop).map { _ in }
            .flatMapError { [self] error in
                logger.warning("subtracting", metadata: ["termination": "\(name)", "error": "\(error)"])
                return finished(())
            }
            .map { [self] in
                if let index = context.index(of: name) {
                    context.terminations[index].heartbeat?.cancel()
                    context.terminations.remove(at: index)
                    table.forget(name)
                }
                if context.terminations.isEmpty { end(context) }
                return CommandReply(.subtract, name)
            }
    }
}

extension CommandRequest {
    /// The first stream of Media.
    var stream: StreamDescriptor? {
        for case .media(let media) in descriptors { return media.streams.first }
        return nil
    }
}
