import ApplicationLevelGateway
import Configuration
import MediaSecurity
import NIOCore
import SIP
import WireSyntax

/// What a P-CSCF is configured with.
///
/// ```yaml
/// domain: ims.lab
/// gm: {tls: 127.1.0.1:0, tcp: 127.1.0.1:0, udp: 127.1.0.1:0, certificate: pcscf.pem, key: pcscf.key}
/// mw: {listen: 127.1.0.1:0, home: 127.2.0.1:5060, peers: [127.2.0.1]}
/// iq: {listen: "udp:127.1.0.1:0", gateways: ["udp:127.3.0.1:2944"]}
/// ```
package struct ProxyCSCFSettings: Sendable {
    static let domainKey = Key("domain", .string, default: "ims.lab", help: "Home domain of the UEs that are served")
    static let visitedNetworkKey = OptionalKey(
        "visited-network", .string,
        help: "P-Visited-Network-ID, and the operator in P-Charging-Vector; unset: the domain")
    static let registrationEventsKey = Key(
        "registration-events", .bool, default: false,
        help: "Subscribe to the registration state of the UEs at the home network (reg-event, RFC 3680)")
    static let realmKey = Key(
        "gm.realm", .string, default: "access", help: "Name of the access network behind Gm, for policies by realm")
    static let gmUDP = OptionalKey("gm.udp", .endpoint, help: "Gm over UDP; port 0 leaves the choice to the kernel")
    static let gmTCP = OptionalKey("gm.tcp", .endpoint, help: "Gm over TCP")
    static let gmTLS = OptionalKey("gm.tls", .endpoint, help: "Gm over TLS; needs gm.certificate and gm.key")
    static let gmCertificate = OptionalKey(
        "gm.certificate", .path, help: "PEM file with the certificate that UEs are shown on Gm")
    static let gmKey = OptionalKey("gm.key", .path, help: "PEM file with its private key, mode 0600")
    static let allowUnprotectedKey = Key(
        "gm.allowUnprotected", .bool, default: false,
        help: "Indicate media plane security over UDP and TCP too. DANGEROUS: fingerprints are worth no more than Gm")
    static let mwListen = Key(
        required: "mw.listen", .endpoint, help: "Mw over TCP: where the core reaches this P-CSCF")
    static let mwHome = Key(
        required: "mw.home", .hostPort,
        help: "Next hop of REGISTER and entry to the core, TCP: ADDRESS:PORT, or a name (RFC 3263)")
    static let dnsKey = Key(
        "dns.servers", .list(of: .endpoint), default: [],
        help: "DNS servers for names, ADDRESS:PORT; none: those of the system")
    static let mwPeers = Key(
        "mw.peers", .list(of: .address), default: [],
        help: "Further addresses from which core signalling comes; that of mw.home always is one")
    static let iqListen = Key(
        required: "iq.listen", .transportEndpoint, help: "Iq: where gateways reach this controller (udp:HOST:PORT)")
    static let iqGateways = Key(
        "iq.gateways", .list(of: .transportEndpoint), default: [],
        help: "The gateways that are commanded; nobody else gets an answer on Iq")
    static let strictKey = Key(
        "policy.strict", .bool, default: false,
        help: "Refuse plain MSRP from a UE that indicated e2ae where the network did too")
    static let unhonouredKey = Key(
        "policy.unhonoured-request", ValueType<UnhonouredRequest>.enumeration, default: .transparent,
        help: "What becomes of a request for e2ae that cannot be honoured (provisional, open point U4)")
    static let appliedInAnswersKey = Key(
        "policy.applied-in-answers", .bool, default: true,
        help: "Say a=3ge2ae:applied in answers to UEs (provisional, open point U2)")
    static let sha1Key = Key(
        "policy.allow-sha1", .bool, default: false, help: "Accept SHA-1 fingerprints, of old RCS clients")
    static let sessionKey = Key(
        "limits.session", .duration(.seconds(1) ... .seconds(86_400 * 7)), default: .seconds(43_200),
        help: "A call that nobody ended is ended after this")
    static let sessionIntervalKey = OptionalKey(
        "policy.session-interval", .duration(.seconds(90) ... .seconds(86_400)),
        help: "Ask for a refresh of every session at this interval (RFC 4028); unset asks for none")
    static let sessionMinimumKey = Key(
        "policy.session-minimum", .duration(.seconds(90) ... .seconds(86_400)), default: .seconds(90),
        help: "A smaller session interval is answered with 422 (RFC 4028)")
    static let callsKey = Key("limits.calls", .int(in: 1...1_000_000), default: 20_000, help: "Call legs at a time")
    static let registrationCallsKey = Key(
        "limits.calls-per-registration", .int(in: 1...1_000_000), default: 1_000,
        help: "Call legs at a time of one registered contact")
    static let registrationsKey = Key(
        "limits.registrations", .int(in: 1...10_000_000), default: 10_000, help: "Registered contacts at a time")

    package static let schema = Schema(
        "pcscf",
        [
            domainKey, visitedNetworkKey, registrationEventsKey, realmKey, gmUDP, gmTCP, gmTLS, gmCertificate, gmKey,
            allowUnprotectedKey,
            mwListen, mwHome, dnsKey, mwPeers,
            iqListen,
            iqGateways, strictKey, unhonouredKey, appliedInAnswersKey,
            sha1Key,
            sessionKey, sessionIntervalKey, sessionMinimumKey, callsKey, registrationCallsKey, registrationsKey,
        ] + RCS51Keys.all + ContentKeys.all)

    package var domain: String
    package var visitedNetwork: String
    package var subscribesToRegistrations: Bool
    /// Name of the access network.
    package var realm: String
    package var udp: Endpoint?
    package var tcp: Endpoint?
    package var tls: Endpoint?
    package var certificatePath: String?
    package var keyPath: String?
    package var allowUnprotected: Bool
    package var mw: Endpoint
    /// An address with its port, or a name that is looked up for each request (RFC 3263 §4).
    package var home: HostPort
    package var dns: [Endpoint]
    /// Addresses of the core that are configured, that of `home` included where it is one.
    package var peers: Set<IPAddress>
    package var iq: TransportEndpoint
    package var gateways: [TransportEndpoint]
    package var rcs51: RCS51Policy
    package var content: ContentPolicy
    package var strict: Bool
    package var unhonouredRequest: UnhonouredRequest
    package var appliedInAnswers: Bool
    package var allowSHA1: Bool
    package var sessionLimit: TimeAmount
    package var sessionTimer: ProxySessionTimer.Policy
    package var callLimit: Int
    package var registrationCallLimit: Int
    package var registrationLimit: Int

    package init(_ configuration: Configuration) throws(ConfigurationError) {
        domain = configuration[Self.domainKey]
        visitedNetwork = configuration[Self.visitedNetworkKey] ?? configuration[Self.domainKey]
        subscribesToRegistrations = configuration[Self.registrationEventsKey]
        realm = configuration[Self.realmKey]
        udp = configuration[Self.gmUDP]
        tcp = configuration[Self.gmTCP]
        tls = configuration[Self.gmTLS]
        certificatePath = configuration[Self.gmCertificate]
        keyPath = configuration[Self.gmKey]
        allowUnprotected = configuration[Self.allowUnprotectedKey]
        mw = configuration[Self.mwListen]
        home = configuration[Self.mwHome]
        dns = configuration[Self.dnsKey]
        peers = Set((configuration[Self.mwPeers] + [home.host.numeric].compactMap { $0 }).map(\.unmapped))
        iq = configuration[Self.iqListen]
        gateways = configuration[Self.iqGateways]
        rcs51 = RCS51Keys.policy(configuration)
        content = ContentKeys.policy(configuration)
        strict = configuration[Self.strictKey]
        unhonouredRequest = configuration[Self.unhonouredKey]
        appliedInAnswers = configuration[Self.appliedInAnswersKey]
        allowSHA1 = configuration[Self.sha1Key]
        sessionLimit = .nanoseconds(configuration[Self.sessionKey].inNanoseconds)
        sessionTimer = ProxySessionTimer.Policy(
            interval: configuration[Self.sessionIntervalKey].map { UInt32(clamping: $0.components.seconds) },
            minimum: UInt32(clamping: configuration[Self.sessionMinimumKey].components.seconds))
        callLimit = configuration[Self.callsKey]
        registrationCallLimit = configuration[Self.registrationCallsKey]
        registrationLimit = configuration[Self.registrationsKey]
        guard udp != nil || tcp != nil || tls != nil else {
            throw configuration.problem(
                Self.gmTLS, "and gm.tcp and gm.udp are all unset", remedy: "Give at least one Gm listener.")
        }
        guard tls == nil || certificatePath != nil && keyPath != nil else {
            throw configuration.problem(
                Self.gmCertificate, "or gm.key is unset, and gm.tls needs both", remedy: "Name both PEM files.")
        }
        guard iq.transport == .udp, gateways.allSatisfy({ $0.transport == .udp }) else {
            throw configuration.problem(Self.iqListen, "is not udp", remedy: "Only udp is served on Iq.")
        }
        guard home.port != 0, home.port != nil || home.host.numeric == nil else {
            throw configuration.problem(Self.mwHome, "has no port", remedy: "Give the port of the home network.")
        }
    }

    /// The media of one call of a registration (media-security.md 4).
    ///
    /// - Parameters:
    ///   - userAgent: User-Agent of its protected REGISTER.
    ///   - realm: the Gm realm over which it registered.
    func media(
        for registration: Registration, userAgent: String? = nil, realm: String = "access"
    ) -> CallMediaSettings {
        var media = CallMediaSettings(
            ueIndicated: registration.indications.ue, networkIndicated: registration.indications.network,
            ueSource: registration.flow.remote.address)
        // The core realm speaks the IP version of Mw, the access realm that of the UE.
        media.coreFamily = mw.address.isV6 ? .v6 : .v4
        media.rcs51 = rcs51.option(userAgent: userAgent, realm: realm)
        media.allowsFallback = rcs51.allowsFallback
        media.content = content
        media.strict = strict
        media.unhonouredRequest = unhonouredRequest
        media.appliedInAnswers = appliedInAnswers
        media.fingerprints = FingerprintPolicy(allowsSHA1: allowSHA1)
        return media
    }
}

extension Host {
    /// Nil: a name.
    var numeric: IPAddress? {
        guard case .address(let address) = self else { return nil }
        return address
    }
}
