import ApplicationLevelGateway
import H248
import IqProfile
import Logging
import NIOCore
import Observability
import Transport
import WireSyntax

/// ServiceChange in both directions, and what keeps an association alive.
extension GatewayAgent: H248User {
    func associationTimerDue(_ now: NIODeadline) {
        switch association.state {
        case .idle: register()
        case .established:
            let deadline = association.heard + settings.silence
            guard deadline <= now else {
                associationTimer?.set(deadline)
                return
            }
            associationLost("nothing heard of the controller")
        case .registering, .leaving: break
        }
    }

    /// The first command is ServiceChange on ROOT (RFC 3525 §11.2). Over UDP the engine repeats it under the same transaction id.
    private func register() {
        let (method, reason) = association.occasion
        let change = ServiceChangeDescriptor(
            method: method, reason: reason, address: endpoint.local.map { .port($0.port) },
            profile: settings.provisional.profile, version: association.version ?? settings.version)
        endpoint.setVersion(association.version, for: association.endpoint)
        guard let transaction = send(change, then: { [weak self] reply in self?.registered(reply) }) else {
            association.state = .idle
            associationTimer?.set(eventLoop.now + settings.retry)
            return
        }
        association.state = .registering(transaction)
    }

    private func send(_ change: ServiceChangeDescriptor, then: @escaping (TransactionReply.Body?) -> Void)
        -> OutgoingTransaction?
    {
        let command = CommandRequest(.serviceChange, .root, [.serviceChange(change)])
        return send([ActionRequest(.null, commands: [command])], then: then)
    }

    /// - Parameter then: nil: no answer until T-MAX.
    func send(_ actions: [ActionRequest], then: @escaping (TransactionReply.Body?) -> Void) -> OutgoingTransaction? {
        guard let transaction = endpoint.send(actions, to: association.endpoint) else { return nil }
        pending[transaction] = then
        return transaction
    }

    private func registered(_ reply: TransactionReply.Body?) {
        guard case .registering = association.state else { return }
        guard let reply else {
            association.state = .idle
            association.moveOn()
            return register()
        }
        let answer: ServiceChangeDescriptor
        switch Self.serviceChange(in: reply) {
        case .success(let change): answer = change
        case .failure(let error):
            logger.warning("the controller refused", metadata: ["error": "\(error)"])
            association.state = .idle
            if let other = association.controllers.indices.dropFirst(association.current + 1).first {
                association.select(other)
            } else {
                association.select(0)
            }
            associationTimer?.set(eventLoop.now + settings.retry)
            return
        }
        if case .address(let address, let port)? = answer.controllerToTry,
            let index = controller(at: address, port: port), index != association.current
        {
            // Only to one of the configured ones.
            association.state = .idle
            association.select(index)
            return register()
        }
        let offered = association.version ?? settings.version
        endpoint.setVersion(min(answer.version ?? offered, offered), for: association.endpoint)
        switch answer.address {
        case .port(let port)? where port != 0: association.endpoint.port = port
        case .mid(.address(let address, let port?))? where address == association.endpoint.address && port != 0:
            association.endpoint.port = port
        default: break
        }
        association.established(now: eventLoop.now)
        associationTimer?.set(eventLoop.now + settings.silence)
        events.emit(.milestone(.init(.gatewayRegistered, detail: "\(association.endpoint)")))
        logger.info("associated", metadata: ["controller": "\(association.endpoint)"])
        notifyAgain()
    }

    private static func serviceChange(in reply: TransactionReply.Body) -> Result<
        ServiceChangeDescriptor, ErrorDescriptor
    > {
        switch reply {
        case .error(let error): return .failure(error)
        case .actions(let actions):
            for action in actions {
                if let error = action.error { return .failure(error) }
                for command in action.commands {
                    for descriptor in command.descriptors {
                        switch descriptor {
                        case .error(let error): return .failure(error)
                        case .serviceChange(let change): return .success(change)
                        default: break
                        }
                    }
                }
            }
            return .success(ServiceChangeDescriptor())
        }
    }

    private func controller(at address: IPAddress, port: UInt16?) -> Int? {
        association.controllers.firstIndex {
            $0.address == address && ($0.port == nil || port == nil || $0.port == port)
        }
    }

    /// Nothing comes back: begin again with the same controller, and from there with the next.
    func associationLost(_ reason: String) {
        guard association.isEstablished else { return }
        events.emit(.milestone(.init(.gatewayLost, detail: "\(association.endpoint): \(reason)")))
        logger.warning("association lost", metadata: ["controller": "\(association.endpoint)", "reason": "\(reason)"])
        association.state = .idle
        register()
    }

    /// ServiceChange of the controller on ROOT: Handoff to another one, or a new beginning.
    func serviceChangeOfController(_ command: CommandRequest) -> CommandReply {
        guard case .serviceChange(let change)? = command.descriptors.first, let method = change.method else {
            return .failed(command, ErrorDescriptor(.missingInformation, "Method"))
        }
        var chosen = association.current
        switch method {
        case .handoff, .failover:
            if case .address(let address, let port)? = change.controllerToTry {
                guard let index = controller(at: address, port: port) else {
                    return .failed(command, ErrorDescriptor(.unauthorizedEntity, "not a configured controller"))
                }
                chosen = index
            }
        case .restart, .forced, .graceful, .disconnected: break
        case .other(let name): return .failed(command, ErrorDescriptor(.unsupportedValue, "Method \(name)"))
        }
        let next = chosen
        // After the reply has gone.
        eventLoop.execute { [self] in
            guard association.isEstablished else { return }
            association.state = .idle
            if next != association.current { association.select(next) }
            register()
        }
        return CommandReply(.serviceChange, .root)
    }

    // MARK: From the endpoint

    package func h248Endpoint(
        _ endpoint: H248Endpoint, received request: TransactionRequest, as transaction: IncomingTransaction,
        version: UInt8
    ) {
        heard(transaction.source.address)
        execute(request, transaction)
    }

    package func h248Endpoint(
        _ endpoint: H248Endpoint, received reply: TransactionReply.Body, to transaction: OutgoingTransaction
    ) {
        heard(transaction.peer.address)
        pending.removeValue(forKey: transaction)?(reply)
    }

    package func h248Endpoint(_ endpoint: H248Endpoint, timedOut transaction: OutgoingTransaction) {
        let then = pending.removeValue(forKey: transaction)
        then?(nil)
        associationLost("no answer to transaction \(transaction.id)")
    }

    /// 406 for a whole message: the header's version is too high for the controller.
    package func h248Endpoint(_ endpoint: H248Endpoint, received error: ErrorDescriptor, from peer: Endpoint) {
        guard case .registering(let transaction) = association.state, error.code == .versionNotSupported,
            peer.address == association.endpoint.address
        else { return }
        let tried = association.version ?? settings.version
        guard tried > 1 else { return }
        endpoint.forget(transaction)
        pending[transaction] = nil
        association.version = tried - 1
        association.state = .idle
        register()
    }

    private func heard(_ address: IPAddress) {
        if association.isCurrent(address) { association.heard = eventLoop.now }
    }

    // MARK: Out of service

    /// Graceful/905, Forced/908 if contexts remain, then everything is given back. The endpoint is the caller's to stop.
    package func stop() -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        isDraining = true
        let wasEstablished = association.isEstablished
        association.state = .leaving
        var farewells = eventLoop.makeSucceededVoidFuture()
        if wasEstablished {
            farewells = sayFarewell(.graceful, "905 Termination Taken Out Of Service").flatMap { [self] in
                guard table.count > 0 else { return eventLoop.makeSucceededVoidFuture() }
                // What is still there ends now: the controller must not wait for it.
                return sayFarewell(.forced, "908 MG Impending Failure")
            }
        }
        return farewells.flatMap { [self] in
            associationTimer?.cancel()
            associationTimer = nil
            let ends = table.ordered.map { context in
                end(context)
                return context.media.end().recover { _ in }
            }
            return EventLoopFuture.andAllComplete(ends, on: eventLoop)
        }
    }

    /// Ends with the answer, or after `settings.farewell`.
    private func sayFarewell(_ method: ServiceChangeDescriptor.Method, _ reason: String) -> EventLoopFuture<Void> {
        let answered = eventLoop.makePromise(of: Void.self)
        farewell = deadlines.register { _ in answered.succeed(()) }
        farewell?.set(eventLoop.now + settings.farewell)
        let change = ServiceChangeDescriptor(method: method, reason: reason)
        if send(change, then: { _ in answered.succeed(()) }) == nil { answered.succeed(()) }
        return answered.futureResult.map { [self] in
            farewell?.cancel()
            farewell = nil
        }
    }
}
