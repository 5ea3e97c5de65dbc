import ApplicationLevelGateway
import H248
import IqProfile
import Logging
import NIOCore
import Observability
import Transport
import WireSyntax

/// The gateway's side of Iq (MG; TS 29.334): contexts, terminations, packages and audits, in front of a media plane.
///
/// ```
///   MGC ── Transaction ──▶ actions ──▶ commands, one after the other ──▶ MediaBackend
///       ◀── Reply ────────                                           ◀──
///       ◀── Notify, ServiceChange ── events of terminations, heartbeats, association
/// ```
/// A command that fails has changed nothing; those before it stand and are in the reply; without O- the rest is not executed (RFC 3525 §8).
/// Transactions on one context are executed in the order in which they came, those on different ones side by side.
// Confined to `endpoint.eventLoop`: every entry point checks it, so that sharing the reference between threads is safe.
package final class GatewayAgent: @unchecked Sendable {
    package let settings: AgentSettings
    let endpoint: H248Endpoint
    let eventLoop: any EventLoop
    let media: any MediaBackend
    let events: any FlowEventSink
    let logger: Logger
    let mapping: CommandMapping
    let deadlines: DeadlineDriver
    var table: ContextTable
    var association: Association
    var associationTimer: DeadlineRegistration?
    var farewell: DeadlineRegistration?
    /// Own transactions and what is to happen with their end.
    var pending: [OutgoingTransaction: (TransactionReply.Body?) -> Void] = [:]
    /// No new contexts (502).
    var isDraining = false
    var random: any RandomNumberGenerator & Sendable

    /// - Parameters:
    ///   - endpoint: made with `settings.engine` and bound by the caller, who also stops it.
    ///   - random: for the wait before the first ServiceChange.
    package init(
        settings: AgentSettings, endpoint: H248Endpoint, media: any MediaBackend,
        events: any FlowEventSink = NoEvents(), logger: Logger = Logger(label: "iq"),
        deadlines: DeadlineDriver? = nil,
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.settings = settings
        self.endpoint = endpoint
        self.media = media
        self.events = events
        self.logger = logger
        self.random = random
        eventLoop = endpoint.eventLoop
        mapping = CommandMapping(settings.provisional)
        self.deadlines = deadlines ?? DeadlineDriver(eventLoop: endpoint.eventLoop)
        table = ContextTable(prefix: settings.provisional.terminationPrefix)
        association = Association(controllers: settings.controllers)
        associationTimer = self.deadlines.register { [weak self] now in self?.associationTimerDue(now) }
    }

    /// Takes the endpoint over and begins the association.
    package func start() {
        eventLoop.preconditionInEventLoop()
        endpoint.user = self
        let wait = settings.restartDelay.nanoseconds
        let delay = wait > 0 ? Int64.random(in: 0...wait, using: &random) : 0
        associationTimer?.set(eventLoop.now + .nanoseconds(delay))
    }

    package var contextCount: Int { table.count }
    package var isAssociated: Bool { association.isEstablished }

    // MARK: Transactions

    func execute(_ request: TransactionRequest, _ transaction: IncomingTransaction) {
        guard association.isEstablished else {
            let error = ErrorDescriptor(.beforeServiceChangeReply, "no ServiceChange reply yet")
            return endpoint.reply(.error(error), to: transaction)
        }
        guard association.isCurrent(transaction.source.address) else {
            return endpoint.reply(.error(ErrorDescriptor(.unauthorizedEntity)), to: transaction)
        }
        run(request.actions[...], []).whenSuccess { [self] replies in
            endpoint.reply(.actions(replies), to: transaction)
        }
    }

    /// Actions one after the other until one failed.
    private func run(_ actions: ArraySlice<ActionRequest>, _ done: [ActionReply]) -> EventLoopFuture<[ActionReply]> {
        guard let action = actions.first else { return eventLoop.makeSucceededFuture(done) }
        return run(action).flatMap { [self] result in
            let done = done + result.replies
            return result.hasFailed ? eventLoop.makeSucceededFuture(done) : run(actions.dropFirst(), done)
        }
    }

    struct ActionResult: Sendable {
        var replies: [ActionReply]
        var hasFailed = false

        init(_ replies: [ActionReply], hasFailed: Bool = false) {
            self.replies = replies
            self.hasFailed = hasFailed
        }

        init(_ context: ContextID, _ error: ErrorDescriptor) {
            self.init([ActionReply(context, error: error)], hasFailed: true)
        }
    }

    private func run(_ action: ActionRequest) -> EventLoopFuture<ActionResult> {
        if action.properties.topology != nil || !action.properties.audit.isEmpty {
            return finished(ActionResult(action.context, ErrorDescriptor(.notImplemented, "Topology, ContextAudit")))
        }
        switch action.context {
        case .null: return finished(runInNullContext(action))
        case .choose: return runInNewContext(action)
        case .all: return runInAllContexts(action)
        default:
            guard let context = table[action.context] else {
                return finished(ActionResult(action.context, ErrorDescriptor(.unknownContext)))
            }
            return inTurn(context) { [self] in
                guard !context.hasEnded else {
                    return finished(ActionResult(action.context, ErrorDescriptor(.unknownContext)))
                }
                return run(action.commands[...], in: context, [])
            }
        }
    }

    func finished<Value: Sendable>(_ value: Value) -> EventLoopFuture<Value> { eventLoop.makeSucceededFuture(value) }

    /// After everything that was begun on this context before.
    private func inTurn(_ context: Context, _ body: @escaping @Sendable () -> EventLoopFuture<ActionResult>)
        -> EventLoopFuture<ActionResult>
    {
        let result = context.tail.flatMap(body)
        context.tail = result.map { _ in }
        return result
    }

    /// Commands one after the other until one failed that is not optional.
    private func run(_ commands: ArraySlice<CommandRequest>, in context: Context, _ done: [CommandReply])
        -> EventLoopFuture<ActionResult>
    {
        guard let command = commands.first else {
            return finished(ActionResult([ActionReply(context.id, commands: done)]))
        }
        return execute(command, in: context).flatMap { [self] replies in
            let hasFailed = replies.contains { $0.hasFailed } && !command.isOptional
            guard !hasFailed else {
                return finished(ActionResult([ActionReply(context.id, commands: done + replies)], hasFailed: true))
            }
            return run(commands.dropFirst(), in: context, done + replies)
        }
    }

    /// `Context = $`: the context begins with its first Add and ends at once if no termination is in it.
    private func runInNewContext(_ action: ActionRequest) -> EventLoopFuture<ActionResult> {
        guard let first = action.commands.first, first.kind == .add else {
            let kind = action.commands.first?.kind
            let error = ErrorDescriptor(.commandNotAllowed, "\(kind?.token.name ?? "nothing") in a new context")
            return finished(ActionResult(.choose, error))
        }
        guard !isDraining else {
            return finished(ActionResult(.choose, ErrorDescriptor(.notReady, "the gateway goes out of service")))
        }
        guard table.count < settings.contexts else {
            return finished(ActionResult(.choose, ErrorDescriptor(.insufficientResources, "too many contexts")))
        }
        let id = table.nextContextID()
        let context: Context
        do throws(GatewayFailure) {
            let media = try media.makeContext(id: id.rawValue) { [weak self] name, event in
                guard let self else { return }
                self.eventLoop.execute { self.mediaEvent(event, at: name, in: id) }
            }
            context = Context(id: id, media: media, eventLoop: eventLoop)
        } catch {
            return finished(ActionResult(.choose, ErrorDescriptor(error)))
        }
        table.insert(context)
        return inTurn(context) { [self] in
            run(action.commands[...], in: context, []).flatMap { [self] result in
                guard context.terminations.isEmpty, !context.hasEnded else { return finished(result) }
                var result = result
                // What does not exist any more can't be named.
                for index in result.replies.indices { result.replies[index].context = .choose }
                end(context)
                return context.media.end().hop(to: eventLoop).map { [result] in result }
                    .flatMapError { [result, self] _ in finished(result) }
            }
        }
    }

    /// `Context = *`: each context in turn; 431 where nothing matches anywhere.
    private func runInAllContexts(_ action: ActionRequest) -> EventLoopFuture<ActionResult> {
        guard action.commands.count == 1, let command = action.commands.first,
            command.kind == .auditValue || command.kind == .subtract || command.kind == .modify
        else {
            return finished(ActionResult(.all, ErrorDescriptor(.commandNotAllowed, "in Context = *")))
        }
        let matching = table.ordered.filter { context in
            context.terminations.contains { command.termination.matches($0.name) }
        }
        guard !matching.isEmpty else {
            let code: ErrorCode = command.termination.isSpecific ? .unknownTermination : .noTerminationMatched
            return finished(ActionResult(.all, ErrorDescriptor(code)))
        }
        return runAll(matching[...], command, []).map { replies in
            let hasFailed = replies.contains { $0.commands.contains { $0.hasFailed } } && !command.isOptional
            guard command.wantsWildcardedResponse, !hasFailed else {
                return ActionResult(replies, hasFailed: hasFailed)
            }
            return ActionResult([ActionReply(.all, commands: [CommandReply(command.kind, command.termination)])])
        }
    }

    private func runAll(_ contexts: ArraySlice<Context>, _ command: CommandRequest, _ done: [ActionReply])
        -> EventLoopFuture<[ActionReply]>
    {
        guard let context = contexts.first else { return finished(done) }
        return inTurn(context) { [self] in
            context.hasEnded ? finished(ActionResult([])) : run([command][...], in: context, [])
        }.flatMap { [self] result in runAll(contexts.dropFirst(), command, done + result.replies) }
    }

    /// The context has nothing left: its id means nothing any more.
    func end(_ context: Context) {
        for index in context.terminations.indices { context.terminations[index].heartbeat?.cancel() }
        context.hasEnded = true
        table.remove(context)
    }
}

extension ErrorDescriptor {
    init(_ failure: GatewayFailure) {
        let code = UInt16(exactly: failure.code).flatMap { (400...9999).contains($0) ? $0 : nil }
        self.init(code.map { ErrorCode($0) } ?? .internalError, failure.text)
    }

    /// Of a future of the media plane.
    init(media error: any Error) {
        if let failure = error as? GatewayFailure { self.init(failure) } else { self.init(.internalError, "\(error)") }
    }
}

extension CommandReply {
    var hasFailed: Bool { descriptors.contains { if case .error = $0 { true } else { false } } }

    static func failed(_ command: CommandRequest, _ error: ErrorDescriptor, at name: TerminationID? = nil)
        -> CommandReply
    {
        CommandReply(command.kind, name ?? command.termination, [.error(error)])
    }
}
