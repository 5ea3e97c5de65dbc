import ApplicationLevelGateway
import H248
import NIOCore

/// What an Events descriptor asked for on a termination.
package struct EventSubscription: Hashable, Sendable {
    package var id: RequestID
    /// `hangterm/thb`
    package var heartbeat: TimeAmount?
    /// `g/cause`
    package var cause = false
    /// `tlsbsc/BNCChange`, `tcpbcc/BNCChange` (U6)
    package var tls = false
    package var tcp = false

    package init(id: RequestID) { self.id = id }
}

/// g/cause (H.248.1 E.1): Generalcause.
enum GeneralCause: String {
    case normalRelease = "NR"
    case failureTemporary = "FT"
    case failurePermanent = "FP"
}

/// Events of terminations as ObservedEvents and back (iq-h248 10, Failure events).
///
/// Failurecause is quoted text that begins with `TLS:` or `TCP:` for a connection that did not come about; a controller that knows other texts sees a
/// released bearer, and acts the same.
package struct EventMapping: Hashable, Sendable {
    package var provisional: ProvisionalValues

    package init(_ provisional: ProvisionalValues = ProvisionalValues()) { self.provisional = provisional }

    static let heartbeat: ItemName = "hangterm/thb"
    static let cause: ItemName = "g/cause"
    var tls: ItemName { ItemName(package: provisional.tlsPackage, item: provisional.connectionEvent) }
    var tcp: ItemName { ItemName(package: provisional.tcpPackage, item: provisional.connectionEvent) }

    // MARK: Gateway

    /// The event to notify: the first of the package's own and g/cause that was asked for; nil where none was.
    package func observed(_ event: TerminationEvent, _ subscription: EventSubscription) -> ObservedEvent? {
        func causeEvent(_ general: GeneralCause, _ text: String) -> ObservedEvent? {
            guard subscription.cause else { return nil }
            return ObservedEvent(
                Self.cause,
                parameters: [
                    Parameter("Generalcause", Value(general.rawValue)),
                    Parameter("Failurecause", Value(quoted: String(text.prefix(Self.maximumCause)))),
                ])
        }
        switch event {
        case .tlsFailed(let reason):
            if subscription.tls { return ObservedEvent(tls) }
            return causeEvent(
                Self.concernsCertificate(reason) ? .failurePermanent : .failureTemporary, "TLS: \(reason)")
        case .tcpFailed(let reason):
            if subscription.tcp { return ObservedEvent(tcp) }
            return causeEvent(.failureTemporary, "TCP: \(reason)")
        case .released(let reason): return causeEvent(.normalRelease, reason)
        case .heartbeat: return subscription.heartbeat == nil ? nil : ObservedEvent(Self.heartbeat)
        }
    }

    static let maximumCause = 200

    /// FP for a certificate, FT otherwise.
    private static func concernsCertificate(_ reason: String) -> Bool {
        let reason = reason.lowercased()
        return reason.contains("certificate") || reason.contains("fingerprint")
    }

    /// The Events descriptor that asked for it, for an audit.
    package func descriptor(of subscription: EventSubscription) -> EventsDescriptor {
        var events: [RequestedEvent] = []
        if let heartbeat = subscription.heartbeat {
            let seconds = heartbeat.nanoseconds / 1_000_000_000
            events.append(RequestedEvent(Self.heartbeat, parameters: [Parameter("timerx", Value(seconds))]))
        }
        if subscription.tls { events.append(RequestedEvent(tls)) }
        if subscription.tcp { events.append(RequestedEvent(tcp)) }
        if subscription.cause { events.append(RequestedEvent(Self.cause)) }
        return EventsDescriptor(id: subscription.id, events: events)
    }

    // MARK: Controller

    /// Nil for an event that says nothing to us.
    package func event(_ observed: ObservedEvent) -> TerminationEvent? {
        switch observed.name {
        case Self.heartbeat: return .heartbeat
        case tls: return .tlsFailed(reason: "TLS connection")
        case tcp: return .tcpFailed(reason: "TCP connection")
        case Self.cause:
            let text = observed["Failurecause"]?.text ?? ""
            let general = observed["Generalcause"]?.text.uppercased() ?? ""
            if text.uppercased().hasPrefix("TLS:") { return .tlsFailed(reason: Self.trimmed(text)) }
            if text.uppercased().hasPrefix("TCP:") { return .tcpFailed(reason: Self.trimmed(text)) }
            if general == GeneralCause.failurePermanent.rawValue {
                return .tlsFailed(reason: text.isEmpty ? "g/cause FP" : text)
            }
            return .released(reason: text.isEmpty ? "g/cause \(general)" : text)
        default: return nil
        }
    }

    private static func trimmed(_ text: String) -> String { String(text.dropFirst(4).drop { $0 == " " }) }
}
