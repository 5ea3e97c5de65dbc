import ApplicationLevelGateway
import H248
import IqProfile
import NIOCore
import Transport
import WireSyntax

/// Notify (iq-h248 10, Failure events, Heartbeat).
extension GatewayAgent {
    /// Behind the commands under way: it may be of an Add whose result is still to come, and whose reply goes first.
    func mediaEvent(_ event: TerminationEvent, at name: String, in id: ContextID) {
        table[id]?.tail.whenComplete { [self] _ in
            eventLoop.execute { [self] in happened(event, at: name, in: id) }
        }
    }

    private func happened(_ event: TerminationEvent, at name: String, in id: ContextID) {
        guard let context = table[id], let name = TerminationID(name), let index = context.index(of: name),
            let subscription = context.terminations[index].subscription, !context.terminations[index].hasNotified,
            let observed = mapping.events.observed(event, subscription)
        else { return }
        context.terminations[index].hasNotified = true
        context.terminations[index].unanswered = observed
        notify(observed, subscription, name, in: context)
    }

    /// What happened while there was no association, or was not answered before it was lost.
    func notifyAgain() {
        for context in table.ordered {
            for termination in context.terminations {
                guard let event = termination.unanswered, let subscription = termination.subscription else { continue }
                notify(event, subscription, termination.name, in: context)
            }
        }
    }

    private func notify(
        _ event: ObservedEvent, _ subscription: EventSubscription, _ name: TerminationID, in context: Context
    ) {
        // Nothing but ServiceChange goes to a controller before it has answered one.
        guard association.isEstablished else { return }
        let observed = ObservedEventsDescriptor(id: subscription.id, events: [event])
        let command = CommandRequest(.notify, name, [.observedEvents(observed)])
        _ = send([ActionRequest(context.id, commands: [command])]) { [weak self] reply in
            // An answered Notify counts as a signal to the termination.
            guard let self, case .actions(let actions)? = reply else { return }
            let errors = actions.flatMap { action in
                action.commands.flatMap(\.descriptors).compactMap {
                    if case .error(let error) = $0 { error } else { nil }
                }
            }
            // The controller has lost its memory.
            if errors.contains(where: { $0.code == .unauthorizedEntity }) {
                return self.associationLost("the controller knows of no association")
            }
            if let index = context.index(of: name), context.terminations[index].unanswered == event {
                context.terminations[index].unanswered = nil
            }
            self.signalled(name, in: context)
        }
    }

    /// A command named the termination: its heartbeat begins anew.
    func signalled(_ name: TerminationID, in context: Context) {
        guard let index = context.index(of: name) else { return }
        guard let interval = context.terminations[index].subscription?.heartbeat else {
            context.terminations[index].heartbeat?.cancel()
            context.terminations[index].heartbeat = nil
            return
        }
        if context.terminations[index].heartbeat == nil {
            context.terminations[index].heartbeat = deadlines.register { [weak self, weak context] _ in
                guard let self, let context else { return }
                self.heartbeatDue(name, in: context)
            }
        }
        context.terminations[index].heartbeat?.set(eventLoop.now + interval)
    }

    private func heartbeatDue(_ name: TerminationID, in context: Context) {
        guard let index = context.index(of: name), let subscription = context.terminations[index].subscription,
            let interval = subscription.heartbeat,
            let observed = mapping.events.observed(.heartbeat, subscription)
        else { return }
        // Once more after the same time if this one is not answered.
        context.terminations[index].heartbeat?.set(eventLoop.now + interval)
        notify(observed, subscription, name, in: context)
    }
}
