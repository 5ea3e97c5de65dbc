import ApplicationLevelGateway
import H248
import IqProfile
import Logging
import NIOCore
import Observability
import Transport
import WireSyntax

/// The controller's side of Iq (MGC; TS 23.334, TS 29.334): carries the procedures of an IMS-ALG to a pool of gateways over H.248, and their notifications
/// back.
///
/// ```
///   ALG ── reserve, configure, release ──▶ GatewayControl ── Add, Modify, Subtract ──▶ IMS-AGW
///       ◀── completion ──                                 ◀── Reply ──
///       ◀── onEvent, onGatewayLost ──                     ◀── Notify, ServiceChange ──
/// ```
/// - A gateway is used once it has registered with ServiceChange and its packages have been audited; only configured ones are heard (`H248Endpoint`).
/// - Each call gets its completion exactly once, never from inside the call.
/// - What a failed transaction left at the gateway is subtracted; contexts at a gateway that nobody here knows too.
// Confined to `endpoint.eventLoop`: every entry point checks it, so that sharing the reference between threads is safe.
package final class GatewayControl: @unchecked Sendable {
    package typealias Completion<Value> = (Result<Value, GatewayFailure>) -> Void

    package let settings: GatewayControlSettings
    package let eventLoop: any EventLoop
    /// A termination's notification; on the event loop.
    package var onEvent: ((TerminationHandle, TerminationEvent) -> Void)?
    /// A gateway is out of service and everything reserved at it is gone. Its name is the `gateway` of its handles.
    package var onGatewayLost: ((_ gateway: String) -> Void)?
    /// `isCapable` has changed.
    package var onAvailability: ((Bool) -> Void)?

    let endpoint: H248Endpoint
    let events: any FlowEventSink
    let logger: Logger
    let mapping: CommandMapping
    /// In the order of the configuration.
    var gateways: [Gateway]
    var pending: [OutgoingTransaction: (Reply) -> Void] = [:]
    private var lastEventsID: UInt32 = 0
    private var supervisor: DeadlineRegistration?
    private var wasCapable = false

    /// How an own transaction ended.
    enum Reply {
        case answered(TransactionReply.Body)
        case timedOut
        /// It never left: too many are unanswered, or it does not fit a datagram. Says nothing about the gateway.
        case notSent
    }

    /// - Parameter endpoint: made with `settings.engine` and bound by the caller, who also stops it.
    package init(
        settings: GatewayControlSettings, endpoint: H248Endpoint, events: any FlowEventSink = NoEvents(),
        logger: Logger = Logger(label: "gateway-control"), deadlines: DeadlineDriver? = nil
    ) {
        self.settings = settings
        self.endpoint = endpoint
        self.events = events
        self.logger = logger
        eventLoop = endpoint.eventLoop
        mapping = CommandMapping(settings.provisional)
        gateways = settings.gateways.map(Gateway.init)
        supervisor = (deadlines ?? DeadlineDriver(eventLoop: eventLoop)).register { [weak self] _ in
            self?.supervise()
        }
    }

    /// Takes the endpoint over. Gateways come by themselves; one that outlived a restart of ours is found by the first audit, after `settings.supervision`.
    package func start() {
        eventLoop.preconditionInEventLoop()
        endpoint.user = self
        supervisor?.set(eventLoop.now + settings.supervision)
    }

    /// Nothing is asked or reported any more. What gateways hold stays there until they lose us.
    package func stop() {
        eventLoop.preconditionInEventLoop()
        supervisor?.cancel()
        supervisor = nil
        endpoint.user = nil
        onEvent = nil
        onGatewayLost = nil
        onAvailability = nil
        pending.removeAll()
    }

    /// Whether a gateway that can do e2ae is in service and takes new contexts: what registration indicates to UEs (TS 24.229 5.2.2).
    package var isCapable: Bool { gateways.contains { $0.state == .inService } }

    /// Contexts at all gateways, for tests and metrics.
    package var contextCount: Int { gateways.reduce(0) { $0 + $1.contexts.count } }

    // MARK: Procedures

    /// *Reserve AGW Connection Point*: one context with these terminations, in this order.
    package func reserve(
        _ requests: [TerminationRequest], completion: @escaping Completion<[ReservedTermination]>
    ) {
        eventLoop.preconditionInEventLoop()
        let candidates = gateways.indices.filter { gateways[$0].state == .inService }
        guard let index = candidates.min(by: { gateways[$0].load < gateways[$1].load }) else {
            return later { completion(.failure(.noGateway)) }
        }
        reserve(requests, at: index, completion: completion)
    }

    private func reserve(
        _ requests: [TerminationRequest], at index: Int, completion: @escaping Completion<[ReservedTermination]>
    ) {
        var mapping = mapping
        if !gateways[index].takesConnectionPackages {
            var provisional = settings.provisional
            provisional.usesConnectionPackages = false
            mapping = CommandMapping(provisional)
        }
        var commands: [CommandRequest] = []
        do throws(ErrorDescriptor) {
            for request in requests {
                let descriptors = try mapping.add(request, id: nextEventsID())
                commands.append(CommandRequest(.add, settings.provisional.terminationToChoose, descriptors))
            }
        } catch {
            let failure = GatewayFailure(error)
            return later { completion(.failure(failure)) }
        }
        let number = gateways[index].beginReserve()
        let action = ActionRequest(.choose, commands: commands)
        send([action], to: index) { [self] reply in
            defer { if gateways[index].hasDrained { drained(index) } }
            let outcome = ReserveOutcome(reply, expecting: requests.count)
            for unknown in gateways[index].endReserve(number, bringing: outcome.context) {
                subtract(unknown, at: index)
            }
            guard outcome.failure == nil, let context = outcome.context else {
                if let context = outcome.context { subtract(context, at: index) }
                let failure = outcome.failure ?? .noGateway
                // Adds may stand in a context whose Reply did not fit or could not be read.
                if failure.meansUnreadReply { gateways[index].needsCleaning = true }
                if failure.code == Int(ErrorCode.unknownPackage.rawValue), mapping.provisional.usesConnectionPackages {
                    // The package is switched off there (U6): once more without.
                    gateways[index].takesConnectionPackages = false
                    return reserve(requests, at: index, completion: completion)
                }
                return completion(.failure(failure))
            }
            guard gateways[index].state != .outOfService else {
                subtract(context, at: index)
                return completion(.failure(.noGateway))
            }
            var entry = Gateway.Context()
            let handle = ContextHandle(gateway: gateways[index].name, context: context.rawValue)
            var reserved: [ReservedTermination] = []
            for (request, (name, local)) in zip(requests, outcome.terminations) {
                entry.terminations[name] = Gateway.Termination(
                    transport: request.transport, realm: request.realm, local: local)
                reserved.append(
                    ReservedTermination(
                        handle: TerminationHandle(context: handle, name: name.spelling), local: local))
            }
            gateways[index].contexts[context] = entry
            completion(.success(reserved))
        }
    }

    /// *Configure AGW Connection Point*.
    package func configure(
        _ handle: TerminationHandle, _ change: TerminationChange, completion: @escaping Completion<LocalDescription>
    ) {
        eventLoop.preconditionInEventLoop()
        let context = ContextID(handle.context.context)
        guard let index = index(of: handle.context), let name = TerminationID(handle.name),
            let termination = gateways[index].contexts[context]?.terminations[name]
        else {
            return later { completion(.failure(GatewayFailure(ErrorDescriptor(.unknownTermination)))) }
        }
        let descriptors: [Descriptor]
        do throws(ErrorDescriptor) {
            descriptors = try mapping.modify(change, local: termination.local, transport: termination.transport)
        } catch {
            let failure = GatewayFailure(error)
            return later { completion(.failure(failure)) }
        }
        let action = ActionRequest(context, commands: [CommandRequest(.modify, name, descriptors)])
        send([action], to: index) { [self] reply in
            if let failure = GatewayFailure(reply) { return completion(.failure(failure)) }
            var local = termination.local
            if let octets = reply.commands.first?.local {
                do throws(ErrorDescriptor) {
                    local = try LocalDescription(octets: octets)
                } catch {
                    return completion(.failure(GatewayFailure(error)))
                }
            }
            if let role = change.role { local.role = role }
            gateways[index].contexts[context]?.terminations[name]?.local = local
            completion(.success(local))
        }
    }

    /// *Release AGW Termination* for all terminations of a context. The completion comes when the gateway has confirmed, or is lost.
    package func release(_ handle: ContextHandle, completion: (() -> Void)? = nil) {
        eventLoop.preconditionInEventLoop()
        let context = ContextID(handle.context)
        guard let index = index(of: handle), gateways[index].contexts.removeValue(forKey: context) != nil else {
            return later { completion?() }
        }
        subtract(context, at: index, completion: completion)
    }

    /// Subtracts everything in a context, asking for one reply and no statistics.
    func subtract(_ context: ContextID, at index: Int, completion: (() -> Void)? = nil) {
        let command = CommandRequest(
            .subtract, .all, [.audit(AuditDescriptor())], wantsWildcardedResponse: true)
        gateways[index].releasing.insert(context)
        send([ActionRequest(context, commands: [command])], to: index) { [self] reply in
            gateways[index].releasing.remove(context)
            if let failure = GatewayFailure(reply), failure.code != Int(ErrorCode.unknownContext.rawValue) {
                // 510: there were too many at once.
                if failure.code == Int(ErrorCode.insufficientResources.rawValue) {
                    gateways[index].needsCleaning = true
                }
                logger.warning("Subtract failed", metadata: ["context": "\(context)", "error": "\(failure)"])
            }
            completion?()
            if gateways[index].hasDrained { drained(index) }
        }
    }

    /// Subtracts a context that nobody here knows, at once or when no Reserve under way can turn out to have made it.
    func subtractIfUnknown(_ context: ContextID, at index: Int) {
        if gateways[index].suspect(context) { subtract(context, at: index) }
    }

    // MARK: Transactions

    /// Sends to a gateway; the closure comes later, exactly once, unless `stop` comes first.
    func send(_ actions: [ActionRequest], to index: Int, _ then: @escaping (Reply) -> Void) {
        guard let transaction = endpoint.send(actions, to: gateways[index].endpoint) else {
            return later { then(.notSent) }
        }
        pending[transaction] = then
    }

    private func later(_ body: @escaping () -> Void) {
        // Stays on this loop: the closure is made and run here.
        let body = NIOLoopBound(body, eventLoop: eventLoop)
        eventLoop.execute { body.value() }
    }

    private func nextEventsID() -> UInt32 {
        lastEventsID = lastEventsID == .max ? 1 : lastEventsID + 1
        return lastEventsID
    }

    func index(of handle: ContextHandle) -> Int? { gateways.firstIndex { $0.name == handle.gateway } }

    func index(of address: IPAddress, port: UInt16?) -> Int? {
        gateways.firstIndex { $0.peer.address == address && ($0.peer.port == nil || $0.peer.port == port) }
            ?? gateways.firstIndex { $0.peer.address == address }
    }

    // MARK: Association

    /// Audits ROOT of every gateway: it shows that the association lives, and finds one that outlived a restart of ours.
    private func supervise() {
        for index in gateways.indices where !gateways[index].isBeingAudited && gateways[index].isReachable {
            gateways[index].isBeingAudited = true
            let audit = CommandRequest(.auditValue, .root, [.audit(AuditDescriptor())])
            send([ActionRequest(.null, commands: [audit])], to: index) { [self] reply in
                gateways[index].isBeingAudited = false
                if case .timedOut = reply { return lost(index, "no answer to audits") }
                if gateways[index].state == .inService, gateways[index].needsCleaning { clean(index) }
                // 505: it waits for the answer to its ServiceChange, which is on its way.
                guard GatewayFailure(reply) == nil, gateways[index].state == .outOfService else { return }
                gateways[index].needsCleaning = true
                associated(index)
            }
        }
        supervisor?.set(eventLoop.now + settings.supervision)
    }

    /// Asks for packages; then the gateway is in service.
    func associated(_ index: Int) {
        gateways[index].state = .auditing
        let audit = CommandRequest(.auditValue, .root, [.audit(AuditDescriptor([.packages]))])
        send([ActionRequest(.null, commands: [audit])], to: index) { [self] reply in
            guard gateways[index].state == .auditing else { return }
            if case .timedOut = reply { return lost(index, "no answer to the audit of its packages") }
            if let failure = GatewayFailure(reply) {
                logger.warning("audit failed", metadata: ["gateway": "\(gateways[index].name)", "error": "\(failure)"])
                gateways[index].state = .outOfService
                return
            }
            gateways[index].packages = reply.commands.first?.packages ?? []
            gateways[index].state = .inService
            events.emit(.milestone(.init(.gatewayRegistered, detail: gateways[index].name)))
            logger.info("gateway in service", metadata: ["gateway": "\(gateways[index].name)"])
            if gateways[index].needsCleaning { clean(index) }
            availabilityMayHaveChanged()
        }
    }

    /// Subtracts contexts that nobody here knows (iq-h248 6, after a restart).
    private func clean(_ index: Int) {
        gateways[index].needsCleaning = false
        let audit = CommandRequest(.auditValue, .all, [.audit(AuditDescriptor())])
        send([ActionRequest(.all, commands: [audit])], to: index) { [self] reply in
            guard gateways[index].state != .outOfService else { return }
            if let failure = GatewayFailure(reply) {
                if case .notSent = reply { gateways[index].needsCleaning = true }
                if failure.meansUnreadReply { subtractEverything(index) }
                return
            }
            guard case .answered(.actions(let actions)) = reply else { return }
            for context in Set(actions.map(\.context)) { subtractIfUnknown(context, at: index) }
        }
    }

    /// There are too many contexts to be listed. Where none of them is ours they go together; else a later audit looks again.
    private func subtractEverything(_ index: Int) {
        guard gateways[index].state == .inService, gateways[index].load == 0 else {
            gateways[index].needsCleaning = true
            return
        }
        // Nothing is reserved meanwhile: a repeated Subtract would take it along.
        gateways[index].state = .auditing
        availabilityMayHaveChanged()
        let command = CommandRequest(.subtract, .all, [.audit(AuditDescriptor())], wantsWildcardedResponse: true)
        send([ActionRequest(.all, commands: [command])], to: index) { [self] reply in
            if let failure = GatewayFailure(reply), failure.code != Int(ErrorCode.noTerminationMatched.rawValue) {
                if case .notSent = reply { gateways[index].needsCleaning = true }
                logger.warning("Subtract failed", metadata: ["context": "*", "error": "\(failure)"])
            }
            guard gateways[index].state == .auditing else { return }
            gateways[index].state = .inService
            availabilityMayHaveChanged()
        }
    }

    /// What it announced with Graceful has come: it is used again when it registers again.
    func drained(_ index: Int) {
        gateways[index].isReachable = false
        lost(index, "it goes out of service")
    }

    /// Out of service: what was reserved there is gone.
    func lost(_ index: Int, _ reason: String) {
        let wasInService = gateways[index].state != .outOfService
        gateways[index].state = .outOfService
        gateways[index].contexts.removeAll()
        gateways[index].releasing.removeAll()
        gateways[index].suspects.removeAll()
        gateways[index].needsCleaning = true
        guard wasInService else { return }
        events.emit(.milestone(.init(.gatewayLost, detail: "\(gateways[index].name): \(reason)")))
        logger.warning("gateway lost", metadata: ["gateway": "\(gateways[index].name)", "reason": "\(reason)"])
        onGatewayLost?(gateways[index].name)
        availabilityMayHaveChanged()
    }

    func availabilityMayHaveChanged() {
        guard isCapable != wasCapable else { return }
        wasCapable = isCapable
        onAvailability?(wasCapable)
    }
}
