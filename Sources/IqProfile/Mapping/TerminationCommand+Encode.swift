import ApplicationLevelGateway
import H248
import NIOCore
import SDP
import WireSyntax

/// Procedures of TS 23.334 as descriptors of Add and Modify: the controller's side (iq-h248 3.3).
package struct CommandMapping: Hashable, Sendable {
    package var provisional: ProvisionalValues
    package var table: PackageTable
    package var events: EventMapping

    package init(_ provisional: ProvisionalValues = ProvisionalValues()) {
        self.provisional = provisional
        table = PackageTable(provisional)
        events = EventMapping(provisional)
    }

    /// *Reserve*, *Reserve and Configure*: the descriptors of an Add.
    ///
    /// - Parameter id: RequestID of its Events descriptor.
    /// - Throws: 474 where a value of the peer can't stand in a descriptor.
    package func add(_ request: TerminationRequest, id: UInt32) throws(ErrorDescriptor) -> [Descriptor] {
        var control = LocalControlDescriptor(mode: H248.StreamMode(request.mode))
        control.properties.append(Property("ipdc/realm", Value(quoted: request.realm.rawValue)))
        control.properties += Self.filter(request.permittedSources)
        var local = IqDescription()
        local.family = request.local.family
        local.address = .choose
        local.port = .choose
        local.transport = request.transport
        local.setup = request.local.role == .active ? .active : .passive
        if let path = request.local.path {
            let uri = "\(path.scheme)://$:$/\(path.sessionID);tcp"
            try IqDescription.checkPath(uri)
            local.paths = [uri]
        }
        local.requestedFingerprints = request.local.fingerprintHashes
        let remote = try request.remote?.iqDescription(request.transport).octets
        let stream = StreamDescriptor(localControl: control, local: local.octets, remote: remote)
        var descriptors: [Descriptor] = [.media(MediaDescriptor(streams: [stream]))]
        var wanted: [RequestedEvent] = []
        if let heartbeat = request.heartbeat {
            let seconds = max(1, heartbeat.nanoseconds / 1_000_000_000)
            wanted.append(RequestedEvent(EventMapping.heartbeat, parameters: [Parameter("timerx", Value(seconds))]))
        }
        if request.notifyFailures, provisional.usesConnectionPackages {
            if request.transport.isTLS { wanted.append(RequestedEvent(events.tls)) }
            wanted.append(RequestedEvent(events.tcp))
        }
        if request.notifyRelease || request.notifyFailures { wanted.append(RequestedEvent(EventMapping.cause)) }
        if !wanted.isEmpty { descriptors.append(.events(EventsDescriptor(id: .number(id), events: wanted))) }
        if request.latch {
            let signal = Signal("ipnapt/latch", parameters: [Parameter("napt", Value("LATCH"))])
            descriptors.append(.signals(SignalsDescriptor([signal])))
        }
        return descriptors
    }

    /// *Configure*: the descriptors of a Modify.
    ///
    /// - Parameters:
    ///   - local: what the gateway chose, repeated with the new role where the role changes.
    package func modify(_ change: TerminationChange, local: LocalDescription, transport: MediaTransport)
        throws(ErrorDescriptor) -> [Descriptor]
    {
        var stream = StreamDescriptor()
        if change.mode != nil || change.permittedSources != nil {
            var control = LocalControlDescriptor(mode: change.mode.map { H248.StreamMode($0) })
            if let sources = change.permittedSources {
                control.properties = sources.isEmpty ? [Property("gm/saf", .off)] : Self.filter(sources)
            }
            stream.localControl = control
        }
        if let role = change.role {
            var copy = local
            copy.role = role
            stream.local = copy.octets(transport)
        }
        stream.remote = try change.remote?.iqDescription(transport).octets
        return [.media(MediaDescriptor(streams: [stream]))]
    }

    /// gm/saf and gm/sam (H.248.43); nothing where the filter stays off.
    private static func filter(_ sources: [IPAddress]) -> [Property] {
        guard !sources.isEmpty else { return [] }
        return [
            Property("gm/saf", .on), Property("gm/sam", .sublist(sources.map { Value(quoted: "\($0)") })),
        ]
    }
}

extension H248.StreamMode {
    package init(_ mode: ApplicationLevelGateway.StreamMode) {
        switch mode {
        case .inactive: self = .inactive
        case .sendOnly: self = .sendOnly
        case .receiveOnly: self = .receiveOnly
        case .sendReceive: self = .sendReceive
        }
    }
}

extension ApplicationLevelGateway.StreamMode {
    /// Nil for Loopback, which Iq does not use.
    package init?(_ mode: H248.StreamMode) {
        switch mode {
        case .inactive: self = .inactive
        case .sendOnly: self = .sendOnly
        case .receiveOnly: self = .receiveOnly
        case .sendReceive: self = .sendReceive
        case .loopback: return nil
        }
    }
}
