import Authentication
import Configuration
import SIP
import WireSyntax

/// One subscriber, as an HSS would hold it.
package struct Subscriber: Sendable {
    static let privateIdentity = Key(
        required: "private-id", .string, help: "Private identity: the digest user name, such as alice@ims.lab")
    static let password = OptionalKey("password", .secret, help: "Digest password; or aka")
    static let k = OptionalKey(
        "aka.k", .secret, help: "Key K, 32 hexadecimal digits: the user registers by AKA (AKAv1-MD5)")
    static let opc = OptionalKey("aka.opc", .secret, help: "OPc, 32 hexadecimal digits")
    static let op = OptionalKey("aka.op", .secret, help: "OP, 32 hexadecimal digits, where OPc is not known")
    static let amf = OptionalKey("aka.amf", .string, help: "AMF of challenges, 4 hexadecimal digits; 8000 unless given")
    static let publicIdentities = Key(
        required: "public-ids", .list(of: .string, in: 1...32),
        help: "Public identities, the default one first, such as sip:alice@ims.lab; they are registered together")
    package static let schema = Schema("user", [privateIdentity, password, k, opc, op, amf, publicIdentities])

    package var privateIdentity: String
    package var credential: DigestAuthenticator.Credential
    /// The implicit registration set (TS 23.228 5.2.1a), the default identity first. At least one.
    package var publicIdentities: [SIPURI]

    package init(
        privateIdentity: String, credential: DigestAuthenticator.Credential, publicIdentities: [SIPURI]
    ) {
        self.privateIdentity = privateIdentity
        self.credential = credential
        self.publicIdentities = publicIdentities
    }

    package init(privateIdentity: String, password: Secret, publicIdentities: [SIPURI]) {
        self.init(
            privateIdentity: privateIdentity, credential: .password(password), publicIdentities: publicIdentities)
    }

    @Sendable init(_ configuration: Configuration) throws(ConfigurationError) {
        privateIdentity = configuration[Self.privateIdentity]
        credential = try Self.credential(configuration)
        publicIdentities = []
        for text in configuration[Self.publicIdentities] {
            guard let uri = try? SIPURI(text), uri.user != nil else {
                throw configuration.problem(
                    Self.publicIdentities, "\(displayEscaped(text, limit: 80)) is not a SIP URI with a user",
                    remedy: "Write it as sip:USER@DOMAIN.")
            }
            publicIdentities.append(uri)
        }
    }

    private static func credential(
        _ configuration: Configuration
    ) throws(ConfigurationError) -> DigestAuthenticator.Credential {
        switch (configuration[password], configuration[k]) {
        case (let password?, nil): return .password(password)
        case (nil, let k?):
            do throws(AKAKeys.Problem) {
                return .aka(
                    try AKAKeys(k: k, opc: configuration[opc], op: configuration[op], amf: configuration[amf]))
            } catch {
                throw configuration.problem(
                    entry(error.field), error.reason,
                    remedy: "Give aka with k and one of opc and op, each as 32 hexadecimal digits.")
            }
        case (nil, nil):
            throw configuration.problem(
                password, "is missing, and aka too", remedy: "Give the user a password, or the keys for AKA.")
        case (_?, _?):
            throw configuration.problem(k, "is given beside a password", remedy: "Remove one of the two.")
        }
    }

    private static func entry(_ field: AKAKeys.Problem.Field) -> any SchemaEntry {
        switch field {
        case .k: k
        case .opc: opc
        case .op: op
        case .amf: amf
        }
    }
}

/// An algorithm that is offered to users with a password; AKA is offered to those with keys, and to nobody else.
package enum PasswordAlgorithm: String, CaseIterable, Hashable, Sendable {
    case sha256 = "SHA-256"
    case md5 = "MD5"

    var algorithm: DigestAlgorithm { self == .md5 ? .md5 : .sha256 }
}

/// The configuration of the home network: registrar, location service and S-CSCF routing.
package struct HomeNetworkSettings: Sendable {
    static let domain = Key("domain", .string, default: "ims.lab", help: "Home domain, and the realm of digest")
    static let listen = Key(
        "mw.listen", .list(of: .transportEndpoint, in: 1...16),
        default: [
            TransportEndpoint(.tcp, Endpoint(.v4(0x7F00_0001), 0)),
            TransportEndpoint(.udp, Endpoint(.v4(0x7F00_0001), 0)),
        ],
        help: "Where Mw is served; the first stands in Service-Route and Record-Route")
    static let peers = Key(
        "mw.peers", .list(of: .address), default: [],
        help: "Addresses of the P-CSCFs that may speak Mw; empty: any loopback address")
    static let users = Key("users", .records(Subscriber.schema, Subscriber.init), default: [], help: "Subscribers")
    static let algorithms = Key(
        "authentication.algorithms", .list(of: .enumeration, in: 1...2), default: [PasswordAlgorithm.sha256, .md5],
        help: "Digest algorithms that are offered, each in a challenge of its own, the strongest first")
    static let nonceLifetime = Key(
        "authentication.nonce-lifetime", .duration(.seconds(1) ... .seconds(86_400)), default: .seconds(300),
        help: "How long a nonce may be used")
    static let minimumExpires = Key(
        "registration.min-expires", .duration(.seconds(1) ... .seconds(3600)), default: .seconds(60),
        help: "Shorter registrations get 423")
    static let maximumExpires = Key(
        "registration.max-expires", .duration(.seconds(60) ... .seconds(604_800)), default: .seconds(7200),
        help: "Longer registrations are shortened")
    static let defaultExpires = Key(
        "registration.default-expires", .duration(.seconds(1) ... .seconds(604_800)), default: .seconds(3600),
        help: "For a REGISTER that names no time")
    static let contacts = Key(
        "registration.max-contacts", .int(in: 1...100), default: 10, help: "Contacts that one subscriber may register")
    package static let schema = Schema(
        "home",
        [
            domain, listen, peers, users, algorithms, nonceLifetime, minimumExpires, maximumExpires, defaultExpires,
            contacts,
        ])

    package var domain: Host
    package var listen: [TransportEndpoint]
    package var peers: [IPAddress]
    package var users: [Subscriber]
    package var registration: RegistrarSettings

    package init(
        domain: Host, listen: [TransportEndpoint], peers: [IPAddress] = [], users: [Subscriber],
        registration: RegistrarSettings = RegistrarSettings()
    ) {
        self.domain = domain
        self.listen = listen
        self.peers = peers
        self.users = users
        self.registration = registration
    }

    package init(_ configuration: Configuration) throws(ConfigurationError) {
        guard let domain = Host(configuration[Self.domain]) else {
            throw configuration.problem(Self.domain, "is not a host name", remedy: "Write a domain such as ims.lab.")
        }
        self.domain = domain
        listen = configuration[Self.listen]
        peers = configuration[Self.peers]
        users = configuration[Self.users]
        registration = RegistrarSettings(
            minimumExpires: UInt32(configuration[Self.minimumExpires].components.seconds),
            maximumExpires: UInt32(configuration[Self.maximumExpires].components.seconds),
            defaultExpires: UInt32(configuration[Self.defaultExpires].components.seconds),
            contactLimit: configuration[Self.contacts], algorithms: configuration[Self.algorithms].map(\.algorithm),
            nonceLifetime: UInt64(configuration[Self.nonceLifetime].components.seconds))
        guard !listen.contains(where: { $0.transport == .tls }) else {
            throw configuration.problem(
                Self.listen, "names tls, which Mw is not served over yet", remedy: "Use tcp or udp.")
        }
        guard registration.minimumExpires <= registration.maximumExpires else {
            throw configuration.problem(
                Self.minimumExpires, "is above registration.max-expires", remedy: "Lower it, or raise the other.")
        }
        try checkUsers(configuration)
    }

    private func checkUsers(_ configuration: Configuration) throws(ConfigurationError) {
        var names: Set<String> = []
        var sets: [String: String] = [:]
        for user in users {
            guard names.insert(user.privateIdentity).inserted else {
                throw configuration.problem(
                    Self.users, "names the private identity \(displayEscaped(user.privateIdentity)) twice",
                    remedy: "Remove one of the two.")
            }
            guard let first = user.publicIdentities.first?.addressOfRecord else { continue }
            for identity in user.publicIdentities.map(\.addressOfRecord) {
                guard sets.updateValue(first, forKey: identity) ?? first == first else {
                    throw configuration.problem(
                        Self.users, "puts \(displayEscaped(identity)) into two registration sets",
                        remedy: "Give users that share an identity the same first one.")
                }
            }
        }
    }
}
