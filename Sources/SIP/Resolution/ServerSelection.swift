import WireSyntax

/// From a SIP URI to the transports, addresses and ports where a request for it can be sent, in the order of trial (RFC 3263 §4).
///
/// ```
///   URI ── numeric host ───────────────────────────────────────────────▶ one target
///    │──── a port ───────────────────────────────▶ A/AAAA of the host ─▶ targets
///    │──── transport, no port ─────▶ SRV ──none──▶ A/AAAA of the host ─▶ targets
///    └──── neither ─▶ NAPTR ──▶ SRV of the best ─▶ A/AAAA of its servers ─▶ targets
///                       └─none─▶ SRV of each transport
/// ```
///
/// A value: `takeQuestions()` says what to ask now, `receive` takes the answers in any order, `result` is there when all is known. Records that could not
/// be asked for are no licence to go on without them: an unanswered question fails the selection where the answer could have changed it.
///
/// RFC 3263 §4: done once for a transaction. What is retransmitted, the ACK to a refusal, and the CANCEL go where the request went, which `Flow` sees to.
public struct ServerSelection: Sendable {
    /// Where a request can be sent.
    public struct Target: Hashable, Sendable, CustomStringConvertible {
        public let transport: Flow.Transport
        public let endpoint: Endpoint
        /// The name that the server must prove with TLS: the domain of the URI, not one that the DNS put in its place (RFC 3263 §4.1). Nil where the URI
        /// names an address.
        public let serverName: String?

        public init(transport: Flow.Transport, endpoint: Endpoint, serverName: String? = nil) {
            self.transport = transport
            self.endpoint = endpoint
            self.serverName = serverName
        }

        public var description: String { "\(transport.rawValue):\(endpoint)" }
    }

    /// What the client can do.
    public struct Abilities: Hashable, Sendable {
        /// In order of preference, which counts where the DNS says nothing of transports.
        public var transports: [Flow.Transport]
        /// Whether it can reach IPv4 and IPv6.
        public var v4: Bool
        public var v6: Bool

        public init(transports: [Flow.Transport], v4: Bool = true, v6: Bool = true) {
            self.transports = transports
            self.v4 = v4
            self.v6 = v6
        }
    }

    public enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// The URI asks for what the client cannot do.
        case unsupportedTransport(String)
        /// The DNS knows no server.
        case noServer(String)
        /// The DNS did not answer.
        case unanswered(DNSQuestion)

        public var description: String {
            switch self {
            case .unsupportedTransport(let name): "transport \(name) is not supported for this URI"
            case .noServer(let name): "no SIP server found for \(name)"
            case .unanswered(let question): "no answer from the DNS for \(question)"
            }
        }
    }

    /// Records that are looked at of one answer; the rest is ignored.
    public static let maximumRecords = 64
    /// Servers whose addresses are asked for.
    public static let maximumServers = 8
    /// Addresses of one server.
    public static let maximumAddresses = 8

    private struct Service: Sendable {
        let transport: Flow.Transport
        let name: String
    }

    private struct Server: Sendable {
        let transport: Flow.Transport
        let name: String
        let port: UInt16
    }

    private enum Step: Sendable {
        case naptr
        case services([Service])
        case addresses([Server])
        case done(Result<[Target], Failure>)
    }

    private let isSecure: Bool
    private let host: String
    private let abilities: Abilities
    private var step: Step
    private var toAsk: [DNSQuestion] = []
    private var pending: Set<DNSQuestion> = []
    private var answers: [DNSQuestion: DNSAnswer] = [:]

    /// - Parameter uri: what RFC 3261 §8.1.2 and §16.6 say the request goes to: the first Route, or the Request-URI.
    public init(_ uri: SIPURI, abilities: Abilities) {
        self.abilities = abilities
        isSecure = uri.isSecure
        // RFC 3263 §4: TARGET is maddr, or the host.
        let target = uri.parameters.value("maddr").flatMap { Host($0) } ?? uri.host
        let asked: Flow.Transport?
        switch (uri.transport, uri.isSecure) {
        case (nil, _): asked = nil
        case ("tcp", true), ("tls", _): asked = .tls
        case ("tcp", false): asked = .tcp
        case ("udp", false): asked = .udp
        default:
            host = target.description
            step = .done(.failure(.unsupportedTransport(uri.transport ?? "")))
            return
        }
        host = target.description
        step = .naptr
        // §4.1: UDP for sip, TLS over TCP for sips, where nothing else is said.
        let plain = [Flow.Transport.udp, .tcp, .tls].first { abilities.transports.contains($0) }
        guard let transport = asked ?? (uri.isSecure ? .tls : plain), abilities.transports.contains(transport) else {
            step = .done(.failure(.unsupportedTransport(uri.transport ?? (uri.isSecure ? "tls" : "udp"))))
            return
        }
        if let address = target.address {
            let endpoint = Endpoint(address, uri.port ?? Self.defaultPort(transport))
            guard address.isV6 ? abilities.v6 : abilities.v4 else {
                step = .done(.failure(.noServer(host)))
                return
            }
            step = .done(.success([Target(transport: transport, endpoint: endpoint)]))
        } else if let port = uri.port {
            ask(addressesOf: [Server(transport: transport, name: host, port: port)])
        } else if let asked {
            ask([service(asked)])
        } else {
            ask(DNSQuestion(.naptr, host))
        }
    }

    /// RFC 3261 §18.1.1, §19.1.2.
    public static func defaultPort(_ transport: Flow.Transport) -> UInt16 { transport == .tls ? 5061 : 5060 }

    /// Targets in the order of trial, at least one; nil while answers are missing.
    public var result: Result<[Target], Failure>? {
        if case .done(let result) = step { return result }
        return nil
    }

    /// What is to be asked now, each question once.
    public mutating func takeQuestions() -> [DNSQuestion] {
        defer { toAsk = [] }
        return toAsk
    }

    /// - Parameter generator: draws lots among servers of one priority (RFC 2782).
    public mutating func receive(
        _ answer: DNSAnswer, to question: DNSQuestion, using generator: inout some RandomNumberGenerator
    ) {
        guard pending.remove(question) != nil else { return }
        answers[question] = answer
        guard pending.isEmpty else { return }
        switch step {
        case .naptr: choose(answer, to: question)
        case .services(let services): arrange(services, using: &generator)
        case .addresses(let servers): finish(servers)
        case .done: break
        }
    }

    /// Time is out: what is missing counts as not answered.
    public mutating func giveUp(using generator: inout some RandomNumberGenerator) {
        while result == nil, let question = pending.first { receive(.failed, to: question, using: &generator) }
    }

    // MARK: NAPTR

    /// §4.1: records for SIP over what we can do; for sips only SIPS. Of those the ones of the lowest order, by preference: a higher order is not looked at
    /// once a record matches (RFC 3403 §4.1), so that no failure leads from TLS to a transport that the domain wants less.
    private mutating func choose(_ answer: DNSAnswer, to question: DNSQuestion) {
        let services: [(record: NAPTRRecord, transport: Flow.Transport)]
        switch answer {
        case .failed: return step = .done(.failure(.unanswered(question)))
        case .naptr(let records):
            services = records.prefix(Self.maximumRecords).compactMap { record in
                guard record.flags.lowercased() == "s", record.regularExpression.isEmpty, !record.replacement.isEmpty,
                    let transport = transport(ofService: record.service)
                else { return nil }
                return (record, transport)
            }
        case .absent, .srv, .addresses: services = []
        }
        guard let order = services.map(\.record.order).min() else {
            // No NAPTR: SRV for each transport, `_sips` for a sips URI alone.
            return ask(
                isSecure ? [service(.tls)] : abilities.transports.filter { $0 != .tls }.map { service($0) })
        }
        let best = services.filter { $0.record.order == order }.sorted { $0.record.preference < $1.record.preference }
        ask(best.map { Service(transport: $0.transport, name: $0.record.replacement) })
    }

    private func transport(ofService name: String) -> Flow.Transport? {
        let transport: Flow.Transport
        switch name.uppercased() {
        case "SIPS+D2T": transport = .tls
        case "SIP+D2T": transport = .tcp
        case "SIP+D2U": transport = .udp
        default: return nil
        }
        return abilities.transports.contains(transport) && (!isSecure || transport == .tls) ? transport : nil
    }

    // MARK: SRV

    /// §4.2: `_sips._tcp` for TLS.
    private func service(_ transport: Flow.Transport) -> Service {
        let prefix =
            switch transport {
            case .udp: "_sip._udp."
            case .tcp: "_sip._tcp."
            case .tls: "_sips._tcp."
            }
        return Service(transport: transport, name: prefix + host)
    }

    private mutating func ask(_ services: [Service]) {
        guard !services.isEmpty else { return withoutServices([]) }
        step = .services(services)
        for service in services { ask(DNSQuestion(.srv, service.name)) }
    }

    private mutating func arrange(_ services: [Service], using generator: inout some RandomNumberGenerator) {
        var servers: [Server] = []
        var isDenied = false
        var unanswered: DNSQuestion?
        for service in services {
            let question = DNSQuestion(.srv, service.name)
            switch answers[question] {
            case .srv(let records):
                let known = records.prefix(Self.maximumRecords)
                let usable = known.filter { !$0.target.isEmpty && $0.port != 0 }
                // RFC 2782: a target of "." says that there is no such service.
                isDenied = isDenied || known.contains { $0.target.isEmpty }
                servers += SRVOrder.arrange(Array(usable), using: &generator).map {
                    Server(transport: service.transport, name: $0.target, port: $0.port)
                }
            case .failed: unanswered = unanswered ?? question
            case .absent, .naptr, .addresses, nil: break
            }
        }
        if !servers.isEmpty { return ask(addressesOf: Array(servers.prefix(Self.maximumServers))) }
        if let unanswered { return step = .done(.failure(.unanswered(unanswered))) }
        guard !isDenied else { return step = .done(.failure(.noServer(host))) }
        withoutServices(services)
    }

    /// §4.2: no SRV: A and AAAA of the host itself, at the default port; §4.1: over UDP, or TLS for sips, unless a transport was chosen before.
    private mutating func withoutServices(_ services: [Service]) {
        let isChosen = services.count == 1
        let fallback = [Flow.Transport.udp, .tcp, .tls].first {
            isSecure ? $0 == .tls : abilities.transports.contains($0)
        }
        let wasNAPTR = answers[DNSQuestion(.naptr, host)].map { if case .naptr = $0 { true } else { false } } ?? false
        guard let transport = isChosen || wasNAPTR ? services.first?.transport ?? fallback : fallback else {
            return step = .done(.failure(.noServer(host)))
        }
        ask(addressesOf: [Server(transport: transport, name: host, port: Self.defaultPort(transport))])
    }

    // MARK: A and AAAA

    private mutating func ask(addressesOf servers: [Server]) {
        step = .addresses(servers)
        for server in servers { ask(DNSQuestion(.addresses, server.name)) }
    }

    private mutating func finish(_ servers: [Server]) {
        var targets: [Target] = []
        var unanswered: DNSQuestion?
        for server in servers {
            let question = DNSQuestion(.addresses, server.name)
            switch answers[question] {
            case .addresses(let addresses):
                let usable = addresses.filter {
                    ($0.isV6 ? abilities.v6 : abilities.v4) && !$0.isUnspecified && !$0.isMulticast
                }
                for address in usable.prefix(Self.maximumAddresses) {
                    let target = Target(
                        transport: server.transport, endpoint: Endpoint(address, server.port), serverName: host)
                    if !targets.contains(target) { targets.append(target) }
                }
            case .failed: unanswered = unanswered ?? question
            case .absent, .naptr, .srv, nil: break
            }
        }
        if !targets.isEmpty {
            step = .done(.success(targets))
        } else {
            step = .done(.failure(unanswered.map { .unanswered($0) } ?? .noServer(host)))
        }
    }

    private mutating func ask(_ question: DNSQuestion) {
        if pending.insert(question).inserted { toAsk.append(question) }
    }
}
