import ApplicationLevelGateway
import Configuration
import H248
import IqProfile
import MediaPlane
import NIOCore
import WireSyntax

/// Keys of `sallyport agw`.
package struct AccessGatewaySettings: Sendable {
    package static let iq = Key(
        "iq.listen", .transportEndpoint, default: TransportEndpoint(.udp, Endpoint(.v4(0x7F00_0001), 2944)),
        help: "Where Iq is served: udp:ADDRESS:PORT")
    package static let controllers = Key(
        required: "iq.mgc", .list(of: .transportEndpoint, in: 1...8),
        help: "The controllers, in the order in which they are tried; nobody else is heard")
    package static let version = Key(
        "iq.version", .int(in: 1...3), default: 2, help: "H.248.1 version offered in ServiceChange")
    package static let form = Key(
        "iq.tokens", .enumeration, default: TokenForm.long, help: "Spelling of the tokens sent")
    package static let profile = Key(
        "iq.profile", .profile, default: ProvisionalValues().profile,
        help: "Profile named in ServiceChange (provisional: U7)")
    package static let connectionPackages = Key(
        "iq.connection-packages", .bool, default: false,
        help: "Offer tcpbcc, tlsbsc and seplink (provisional: U6); off: a=setup alone drives TCP and TLS")
    package static let restartDelay = Key(
        "iq.restart-delay", .duration(.zero ... .seconds(600)), default: .milliseconds(200),
        help: "The first ServiceChange waits a random time up to this")
    package static let silence = Key(
        "iq.silence", .duration(.seconds(1) ... .seconds(3600)), default: .seconds(45),
        help: "Without a word of the controller for so long the association is begun anew")
    package static let access = Key(
        required: "access.address", .list(of: .address, in: 1...2),
        help: "Addresses of the realm access, at most one of a family")
    package static let core = Key(
        required: "core.address", .list(of: .address, in: 1...2),
        help: "Addresses of the realm core, at most one of a family")
    package static let ports = Key(
        "media.ports", .portRange, default: 0...0, help: "Ports to listen on, of both realms; 0: of the kernel's choice"
    )
    package static let contexts = OptionalKey(
        "media.contexts", .int(in: 1...1_000_000),
        help: "Sessions at a time; from the limit of open files unless set, and never more")
    package static let tcpTimeout = Key(
        "media.tcp-timeout", .duration(.milliseconds(100) ... .seconds(600)), default: .seconds(10),
        help: "Until TCP stands, from when both remote ends are known")
    package static let tlsTimeout = Key(
        "media.tls-timeout", .duration(.milliseconds(100) ... .seconds(600)), default: .seconds(10),
        help: "Until the TLS handshake ends")
    package static let hold = Key(
        "media.hold", .duration(.milliseconds(100) ... .seconds(600)), default: .seconds(30),
        help: "How long a connection waits unread for an address or fingerprint")
    package static let forbidden = Key(
        "media.forbidden", .list(of: .address), default: [], help: "Addresses that are never connected to")
    #if DEBUG
        package static let acceptAnyCertificate = Key(
            "debug.accept-any-certificate", .bool, default: false,
            help: "Tampering on purpose, in debug builds only: no certificate is checked")
    #endif

    package static let schema: Schema = {
        var entries: [any SchemaEntry] = [
            iq, controllers, version, form, profile, connectionPackages, restartDelay, silence, access, core, ports,
            contexts, tcpTimeout, tlsTimeout, hold, forbidden,
        ]
        #if DEBUG
            entries.append(acceptAnyCertificate)
        #endif
        return Schema("agw", entries)
    }()

    package var listen: Endpoint
    package var agent: AgentSettings
    package var addresses: [Realm: [IPAddress]]
    package var ports: ClosedRange<UInt16>?
    package var limits: MediaLimits
    package var timers = MediaTimers()
    package var forbiddenAddresses: [IPAddress]
    #if DEBUG
        package var acceptsAnyCertificate = false
    #endif

    package init(_ configuration: Configuration) throws(ConfigurationError) {
        let iq = configuration[Self.iq]
        guard iq.transport == .udp else {
            throw configuration.problem(Self.iq, "is \(iq.transport)", remedy: "Iq is served over udp.")
        }
        listen = iq.endpoint
        var peers: [Peer] = []
        for controller in configuration[Self.controllers] {
            guard controller.transport == .udp, controller.endpoint.port != 0 else {
                throw configuration.problem(
                    Self.controllers, "is \(controller)", remedy: "Write udp:ADDRESS:PORT with the controller's port.")
            }
            peers.append(Peer(address: controller.endpoint.address, port: controller.endpoint.port))
        }
        agent = AgentSettings(controllers: peers)
        agent.version = UInt8(configuration[Self.version])
        agent.form = configuration[Self.form]
        agent.provisional.profile = configuration[Self.profile]
        agent.provisional.usesConnectionPackages = configuration[Self.connectionPackages]
        agent.restartDelay = TimeAmount(configuration[Self.restartDelay])
        agent.silence = TimeAmount(configuration[Self.silence])
        addresses = [.access: configuration[Self.access], .core: configuration[Self.core]]
        for (realm, key) in [(Realm.access, Self.access), (.core, Self.core)] {
            let families = (addresses[realm] ?? []).map(\.isV6)
            guard Set(families).count == families.count else {
                throw configuration.problem(key, "has two addresses of a family", remedy: "Give one of each family.")
            }
        }
        let range = configuration[Self.ports]
        ports = range == 0...0 ? nil : range
        OpenFileLimit.raise()
        limits = MediaLimits()
        if let contexts = configuration[Self.contexts] { limits.contexts = min(limits.contexts, contexts) }
        timers.tcpEstablishment = TimeAmount(configuration[Self.tcpTimeout])
        timers.tlsHandshake = TimeAmount(configuration[Self.tlsTimeout])
        timers.hold = TimeAmount(configuration[Self.hold])
        forbiddenAddresses = configuration[Self.forbidden]
        #if DEBUG
            acceptsAnyCertificate = configuration[Self.acceptAnyCertificate]
        #endif
    }
}

extension ValueType where Value == ServiceChangeDescriptor.Profile {
    /// `threegimsagw/1`
    fileprivate static var profile: Self {
        .init(
            scalar: "NAME/VERSION, such as threegimsagw/1",
            parse: { text in
                let parts = text.split(separator: "/", omittingEmptySubsequences: false)
                guard parts.count == 2, let name = Name(parts[0]), let version = UInt8(parts[1]), version <= 99 else {
                    return nil
                }
                return .init(name, version)
            }, show: \.description)
    }
}

extension TimeAmount {
    fileprivate init(_ duration: Duration) { self = .nanoseconds(duration.inNanoseconds) }
}
