import ApplicationLevelGateway
import H248
import NIOCore
import SDP
import WireSyntax

/// What an Add asks for, read from its descriptors.
package struct AddCommand: Hashable, Sendable {
    package var request: TerminationRequest
    package var subscription: EventSubscription?
}

/// What a Modify asks for.
package struct ModifyCommand: Hashable, Sendable {
    package enum Events: Hashable, Sendable {
        case unchanged
        /// Nil: an empty Events descriptor, nothing is wanted any more.
        case replaced(EventSubscription?)
    }
    package var change: TerminationChange
    package var events: Events
    /// An own address, port or path that Local names: it must be the one that the termination has.
    package var endpoint: Endpoint?
    package var path: String?
    package var transport: MediaTransport?
    package var realm: Realm?
    package var latch: Bool

    /// Whether Media changes anything, so that the reply carries Local.
    package var hasMedia: Bool
}

/// The gateway's side: what is not understood or not supported gets the error that names it, and nothing has changed then.
extension CommandMapping {
    package func add(_ descriptors: [Descriptor]) throws(ErrorDescriptor) -> AddCommand {
        let parts = try Parts(descriptors, self)
        guard let stream = parts.stream, let octets = stream.local else {
            throw ErrorDescriptor(.missingInformation, "an Add needs Local")
        }
        let local = try IqDescription(octets: octets)
        guard let transport = local.transport else { throw ErrorDescriptor(.invalidSDP, "Local has no m= line") }
        guard let family = local.family else { throw ErrorDescriptor(.invalidSDP, "Local has no c= line") }
        guard local.address == .choose else {
            throw ErrorDescriptor(.unsupportedValue, "the gateway chooses its address: c= has to be $")
        }
        if case .given = local.port { throw ErrorDescriptor(.unsupportedValue, "the gateway chooses its port: $") }
        guard local.fingerprints.isEmpty else { throw ErrorDescriptor(.unsupportedValue, "a fingerprint in Local") }
        for hash in local.requestedFingerprints { try Self.check(hash) }
        let remote = try Self.remote(stream.remote, transport)
        let role = try Self.role(local.setup) ?? .passive
        if role == .active, transport.isTLS, let remote, remote.fingerprints.isEmpty {
            throw ErrorDescriptor(.missingRemote, "Remote without a fingerprint for an active TLS termination")
        }
        if parts.latch, !transport.isTLS { throw ErrorDescriptor(.unsupportedValue, "latching on a plain termination") }
        let request = TerminationRequest(
            realm: parts.control.realm ?? (transport.isTLS ? .access : .core), transport: transport,
            local: LocalRequest(
                family: family, role: role, path: try Self.requestedPath(local.paths, transport),
                fingerprintHashes: transport.isTLS
                    ? (local.requestedFingerprints.isEmpty ? [.sha256] : local.requestedFingerprints) : []),
            // RFC 3525 7.1.7 gives Mode no other initial value.
            remote: remote, mode: parts.control.mode ?? .inactive,
            permittedSources: parts.control.permittedSources ?? [],
            latch: parts.latch, heartbeat: parts.subscription?.heartbeat,
            notifyRelease: parts.subscription?.cause ?? false,
            notifyFailures: parts.subscription.map { $0.cause || $0.tls || $0.tcp } ?? false)
        return AddCommand(request: request, subscription: parts.subscription)
    }

    /// - Parameter transport: of the termination.
    package func modify(_ descriptors: [Descriptor], transport: MediaTransport) throws(ErrorDescriptor)
        -> ModifyCommand
    {
        let parts = try Parts(descriptors, self)
        var command = ModifyCommand(
            change: TerminationChange(mode: parts.control.mode, permittedSources: parts.control.permittedSources),
            events: parts.hasEvents ? .replaced(parts.subscription) : .unchanged, realm: parts.control.realm,
            latch: parts.latch, hasMedia: parts.stream != nil)
        if parts.latch, !transport.isTLS { throw ErrorDescriptor(.unsupportedValue, "latching on a plain termination") }
        guard let stream = parts.stream else { return command }
        if let octets = stream.local {
            let local = try IqDescription(octets: octets)
            if let given = local.transport, given != transport {
                throw ErrorDescriptor(.unsupportedValue, "the transport can't change: \(given)")
            }
            command.transport = local.transport
            if case .given(let host) = local.address, case .given(let port) = local.port {
                guard let address = host.address else { throw ErrorDescriptor(.unsupportedValue, "c= of Local") }
                command.endpoint = Endpoint(address, port)
            }
            command.path = local.paths.first.flatMap { $0.contains("$") ? nil : $0 }
            command.change.role = try Self.role(local.setup)
        }
        command.change.remote = try Self.remote(stream.remote, transport)
        return command
    }

    // MARK: Parts

    private static func role(_ setup: Setup?) throws(ErrorDescriptor) -> ConnectionRole? {
        switch setup {
        case nil: return nil
        case .active?: return .active
        case .passive?: return .passive
        case .actpass?, .holdconn?: throw ErrorDescriptor(.unsupportedValue, "a=setup in Local is active or passive")
        }
    }

    private static func check(_ hash: HashFunction) throws(ErrorDescriptor) {
        switch hash {
        case .sha1, .sha224, .sha256, .sha384, .sha512: return
        case .md5, .md2, .other: throw ErrorDescriptor(.unsupportedValue, "fingerprint with \(hash)")
        }
    }

    private static func remote(_ octets: ByteBuffer?, _ transport: MediaTransport) throws(ErrorDescriptor)
        -> RemoteDescription?
    {
        guard let octets, octets.readableBytes > 0 else { return nil }
        let description = try IqDescription(octets: octets)
        if let given = description.transport, given != transport {
            throw ErrorDescriptor(.unsupportedValue, "Remote has transport \(given), Local \(transport)")
        }
        let remote = try RemoteDescription(description)
        if transport.isTLS, !remote.fingerprints.isEmpty {
            let isUsable = remote.fingerprints.contains { fingerprint in
                do throws(ErrorDescriptor) {
                    try check(fingerprint.hash)
                    return fingerprint.hasDigestLength
                } catch { return false }
            }
            guard isUsable else { throw ErrorDescriptor(.unsupportedValue, "no fingerprint with a usable hash") }
        }
        return remote
    }

    /// `msrps://$:$/id;tcp`, or nothing: the gateway forms its own.
    private static func requestedPath(_ paths: [String], _ transport: MediaTransport) throws(ErrorDescriptor)
        -> LocalRequest.Path?
    {
        guard let path = paths.first, path != "$" else { return nil }
        guard transport.isAware else { throw ErrorDescriptor(.unsupportedValue, "a path on an agnostic termination") }
        guard paths.count == 1, let colon = path.firstRange(of: "://$:$/") else {
            throw ErrorDescriptor(.unsupportedValue, "a=path in Local is scheme://$:$/id;tcp")
        }
        let scheme = path[..<colon.lowerBound].lowercased()
        let session = path[colon.upperBound...].prefix { $0 != ";" }
        guard scheme == (transport.isTLS ? "msrps" : "msrp"), !session.isEmpty else {
            throw ErrorDescriptor(.unsupportedValue, "a=path in Local: scheme or session id")
        }
        return LocalRequest.Path(scheme: scheme, sessionID: String(session))
    }
}

/// LocalControl, as far as it matters here.
private struct Control {
    var mode: ApplicationLevelGateway.StreamMode?
    var realm: Realm?
    /// Nil: the filter was not named.
    var permittedSources: [IPAddress]?

    init(_ descriptor: LocalControlDescriptor?, _ mapping: CommandMapping) throws(ErrorDescriptor) {
        guard let descriptor else { return }
        if let mode = descriptor.mode {
            guard let known = ApplicationLevelGateway.StreamMode(mode) else { throw ErrorDescriptor(.unsupportedMode) }
            self.mode = known
        }
        if descriptor.reserveGroup == true { throw ErrorDescriptor(.unsupportedValue, "ReservedGroup") }
        var isFiltered: Bool?
        var sources: [IPAddress] = []
        for property in descriptor.properties {
            try mapping.table.check(property.name, \.properties, missing: .noSuchProperty)
            func unsupported() -> ErrorDescriptor { ErrorDescriptor(.unsupportedValue, "\(property.name)") }
            switch property.name {
            case "ipdc/realm":
                guard let text = property.value.single?.text, let realm = Realm(rawValue: text.lowercased()) else {
                    throw unsupported()
                }
                self.realm = realm
            case "gm/saf":
                guard let isOn = property.value.single?.boolean else { throw unsupported() }
                isFiltered = isOn
            case "gm/sam":
                for value in property.value.values {
                    guard let address = Self.address(value.text) else { throw unsupported() }
                    sources.append(address)
                }
                guard !sources.isEmpty, sources.count <= 16 else { throw unsupported() }
            case "gm/spf", "gm/esas", "gm/lsa", "tman/pol", "ds/tb":
                // Ports are never compared, and nothing polices: anything but OFF can't be had.
                guard property.value.single?.boolean == false else { throw unsupported() }
            case "ds/dscp":
                guard property.value.single?.integer == 0 else { throw unsupported() }
            default: break
            }
        }
        if let isFiltered { permittedSources = isFiltered ? sources : [] }
        if isFiltered == true, sources.isEmpty { throw ErrorDescriptor(.missingInformation, "gm/saf without gm/sam") }
    }

    /// An address, or one with a mask of its full length.
    private static func address(_ text: String) -> IPAddress? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ IPAddress($0) }), parts.count <= 2 else { return nil }
        if parts.count == 2, parts[1] != (address.isV6 ? "128" : "32") { return nil }
        return address
    }
}

/// The descriptors of Add and Modify, each at most once (the decoder has seen to that).
private struct Parts {
    var stream: StreamDescriptor?
    var control: Control
    var hasEvents = false
    var subscription: EventSubscription?
    var latch = false

    init(_ descriptors: [Descriptor], _ mapping: CommandMapping) throws(ErrorDescriptor) {
        control = try Control(nil, mapping)
        for descriptor in descriptors {
            switch descriptor {
            case .media(let media): try read(media, mapping)
            case .events(let events):
                hasEvents = true
                subscription = try Self.subscription(events, mapping)
            case .signals(let signals): try read(signals, mapping)
            case .audit(let audit):
                guard audit.items.isEmpty else { throw ErrorDescriptor(.notImplemented, "an audit in this command") }
            default: throw ErrorDescriptor(.unknownDescriptor, descriptor.token.name)
            }
        }
    }

    private mutating func read(_ media: MediaDescriptor, _ mapping: CommandMapping) throws(ErrorDescriptor) {
        if let state = media.terminationState {
            for property in state.properties {
                try mapping.table.check(property.name, \.properties, missing: .noSuchProperty)
                throw ErrorDescriptor(.unsupportedValue, "\(property.name) in TerminationState")
            }
            if let service = state.serviceState, service != .inService {
                throw ErrorDescriptor(.unsupportedValue, "ServiceStates")
            }
            if state.eventBuffer == .lockStep { throw ErrorDescriptor(.unsupportedValue, "Buffer") }
        }
        guard media.streams.count <= 1 else { throw ErrorDescriptor(.unsupportedValue, "one stream a termination") }
        guard let stream = media.streams.first else { return }
        guard stream.id == nil || stream.id == 1 else { throw ErrorDescriptor(.unsupportedValue, "the stream is 1") }
        self.stream = stream
        control = try Control(stream.localControl, mapping)
    }

    private static func subscription(_ events: EventsDescriptor, _ mapping: CommandMapping) throws(ErrorDescriptor)
        -> EventSubscription?
    {
        guard let id = events.id else { return nil }
        var subscription = EventSubscription(id: id)
        for event in events.events {
            try mapping.table.check(event.name, \.events, missing: .noSuchEvent)
            guard event.uninterpreted.isEmpty else { throw ErrorDescriptor(.notImplemented, "Embed, DigitMap") }
            for parameter in event.parameters
            where !(event.name == EventMapping.heartbeat && parameter.name == "timerx") {
                throw ErrorDescriptor(.unknownParameter, "\(event.name): \(parameter.name)")
            }
            switch event.name {
            case EventMapping.heartbeat:
                guard let seconds = event.parameters.first?.value.single?.integer, (1...86_400 * 7).contains(seconds)
                else { throw ErrorDescriptor(.unsupportedValue, "hangterm/thb: timerx") }
                subscription.heartbeat = .seconds(seconds)
            case mapping.events.tls: subscription.tls = true
            case mapping.events.tcp: subscription.tcp = true
            default: subscription.cause = true
            }
        }
        return subscription
    }

    private mutating func read(_ signals: SignalsDescriptor, _ mapping: CommandMapping) throws(ErrorDescriptor) {
        for item in signals.items {
            guard case .signal(let signal) = item else { throw ErrorDescriptor(.notImplemented, "SignalList") }
            try mapping.table.check(signal.name, \.signals, missing: .noSuchSignal)
            // The signals of U6 say what `a=setup` says already.
            guard signal.name == "ipnapt/latch" else { continue }
            switch signal.parameters.first(where: { $0.name == "napt" })?.value.single {
            case "LATCH"?, "RELATCH"?: latch = true
            case "OFF"?: break
            default: throw ErrorDescriptor(.unsupportedValue, "ipnapt/latch: napt")
            }
        }
    }
}
