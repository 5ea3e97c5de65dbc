import MediaSecurity
import SDP

extension CallMedia {
    // MARK: Events of the gateway

    /// The reply to `reserve` (access, then core) or to `configure` (what it holds is not looked at: Local does not change).
    package mutating func gatewayReplied(_ id: ProcedureID, _ result: Result<[ReservedTermination], GatewayFailure>) {
        guard let purpose = procedures.removeValue(forKey: id) else { return }
        switch purpose {
        case .abandoned:
            if case .success(let terminations) = result, let context = terminations.first?.handle.context {
                emit(.release(context))
            }
        case .reserve(let line): reserved(line, result)
        case .configure:
            if case .failure(let failure) = result { return fail(.gatewayRefused(failure)) }
            completeIfConfigured()
        }
    }

    /// A notification. One of a context that is not (or no longer) this call's says nothing.
    package mutating func gatewayNotified(_ termination: TerminationHandle, _ event: TerminationEvent) {
        guard !hasEnded, let realm = realm(of: termination) else { return }
        switch event {
        case .heartbeat: return
        case .tlsFailed(let reason): fail(.tlsFailed(realm, reason: reason))
        case .tcpFailed(let reason): fail(.tcpFailed(realm, reason: reason))
        case .released(let reason): fail(.mediaReleased(realm, reason: reason))
        }
    }

    /// A gateway is out of service. Where this call has something there, it ends; the contexts are released all the same, for whoever keeps count.
    package mutating func gatewayLost(_ gateway: String) {
        guard !hasEnded, contexts.contains(where: { $0.handle.gateway == gateway }) else { return }
        fail(.gatewayLost)
    }

    private var contexts: [LineContext] {
        lines.compactMap(\.context) + (exchange?.plans ?? []).compactMap { $0.handling?.context }
    }

    private func realm(of termination: TerminationHandle) -> Realm? {
        for context in contexts {
            if context.access.handle == termination { return .access }
            if context.core.handle == termination { return .core }
        }
        return nil
    }

    // MARK: Configuring

    /// Tells the gateway what it does not know yet, then lets the message go on.
    mutating func configure(_ completion: Completion) {
        waiting = .configuration(completion)
        for index in lines.indices {
            guard var context = lines[index].context else { continue }
            for side in [OfferSide.ue, .core] {
                let termination = context[side]
                guard !termination.wanted.isSame(as: termination.configured) else { continue }
                let id = newProcedure(.configure)
                emit(.configure(id, termination.handle, CallMedia.change(termination)))
                context[side].configured = termination.wanted
            }
            lines[index].context = context
        }
        completeIfConfigured()
    }

    private static func change(_ termination: Termination) -> TerminationChange {
        let (old, new) = (termination.configured, termination.wanted)
        let remoteIsSame = Leg(remote: old.remote, role: new.role).isSame(as: new)
        return TerminationChange(
            remote: remoteIsSame ? nil : new.remote, role: old.role == new.role ? nil : new.role)
    }

    private mutating func completeIfConfigured() {
        guard case .configuration(let completion) = waiting, !procedures.values.contains(.configure) else { return }
        waiting = .nothing
        releaseRetired()
        emit(.forward(completion.description, to: completion.side, completion.token))
        drain()
    }
}
