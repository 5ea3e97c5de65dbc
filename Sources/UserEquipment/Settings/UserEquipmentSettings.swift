import Configuration
import MSRP
import NIOCore
import SDP
import SIP
import WireSyntax

/// What one UE is: who it is, by which P-CSCF it registers, what it offers and where received files go.
package struct UserEquipmentSettings: Sendable {
    static let identity = Key(
        required: "identity", .string, help: "Public identity, a SIP URI such as sip:alice@ims.lab")
    static let privateIdentity = OptionalKey(
        "private-identity", .string, help: "Digest username; user@domain of the identity unless given")
    static let password = OptionalKey("password", .secret, help: "Digest password; or aka.k")
    static let address = Key(
        "address", .address, default: IPAddress.v4(0x7F00_0001),
        help: "Own address: SIP sockets and media are bound to it")
    static let pcscf = Key(
        required: "pcscf", .transportEndpoint, help: "Gm of the P-CSCF: udp:, tcp: or tls:ADDRESS:PORT")
    static let pcscfName = OptionalKey(
        "pcscf-name", .string, help: "Name that the P-CSCF's certificate must hold; its address unless given")
    static let authorities = OptionalKey(
        "tls.authorities", .path, help: "PEM file of the CAs that vouch for the P-CSCF (for tls:)")
    static let expires = Key(
        "registration.expires", .duration(.seconds(60)...(.seconds(86_400))), default: .seconds(600),
        help: "Life of the registration that is asked for")

    static let keepAlive = Key(
        "keep-alive", .duration(.zero ... .seconds(3600)), default: .seconds(120),
        help: "CRLF keep-alive on Gm over TCP and TLS (RFC 5626); 0 is none")

    static let userAgent = Key(
        "user-agent", .string, default: "sallyport",
        help: "User-Agent of REGISTER, by which a network tells classes of UEs")

    static let indicate = Key(
        "security.indicate", .bool, default: true, help: "Send Security-Client: msrp-tls;mediasec when registering")
    static let optionTag = Key(
        "security.option-tag", .bool, default: true,
        help: "Name mediasec in Require and Proxy-Require of REGISTER (provisional: U8)")
    static let e2ae = Key(
        "security.e2ae", .enumeration, default: EndToAccessEdgePolicy.automatic,
        help: "automatic: ask for e2ae where both sides indicated it; never; always (for tests)")
    static let fingerprints = Key(
        "security.fingerprints", .list(of: .enumeration, in: 1...4), default: [FingerprintHash.sha256],
        help: "Hash functions of the own certificate's fingerprints in SDP")
    static let allowSHA1 = Key(
        "security.allow-sha1", .bool, default: false, help: "Accept SHA-1 fingerprints of peers")
    static let wrongCertificate = Key(
        "security.wrong-certificate", .bool, default: false,
        help: "For tests of a gateway: present another certificate than the one announced")
    static let certificate = OptionalKey(
        "media.certificate", .path, help: "PEM file of the own media certificate; a fresh one unless given")
    static let key = OptionalKey("media.key", .path, help: "PEM file of its private key")

    static let style = Key(
        "media.style", .enumeration, default: MediaStyle.ims,
        help: "What is offered. ims: e2ae by security.e2ae, else plain; rcs: TLS as an RCS 5.1 client does it; plain")
    static let setup = OptionalKey<SetupPreference>(
        "media.setup", .enumeration,
        help:
            "active: never waits for a connection; passive: waits where it may choose, and offers actpass (RFC 6135); "
            + "actpass unless given, with the style rcs active")
    static let cema = Key("media.cema", .bool, default: false, help: "Use a=msrp-cema (RFC 6714)")
    static let refuseTLS = Key(
        "media.refuse-tls", .bool, default: false, help: "Answer a message line over TLS with 488")
    static let answerPlain = Key(
        "misbehave.answer-plain", .bool, default: false,
        help: "For tests of a network: answer a message line over TLS with one without")
    static let cpim = Key("message.cpim", .bool, default: false, help: "Wrap own messages in message/cpim")
    static let successReport = Key(
        "message.success-report", .bool, default: true, help: "Ask for success REPORTs")
    static let maximumSize = Key(
        "receive.maximum-size", .size(in: 1024...(1 << 40)), default: 64 << 20, help: "Largest message or file taken")
    static let folder = OptionalKey(
        "receive.folder", .path, help: "Where received files go; without it files are refused")
    static let freeSpace = Key(
        "receive.free-space", .size(in: 0...(1 << 40)), default: 64 << 20,
        help: "Space that a received file must leave on the disk")
    static let maximumCalls = Key("calls.maximum", .int(in: 1...1000), default: 4, help: "Calls at once; then 486")
    static let answers = Key("calls.answer", .bool, default: false, help: "Answer calls")
    static let ring = Key(
        "calls.ring", .duration(.zero ... .seconds(60)), default: .zero,
        help: "How long a call rings before it is answered")
    static let reliable = Key(
        "calls.reliable", .bool, default: false, help: "Send 180 reliably where the caller can (RFC 3262)")
    static let earlyAnswer = Key(
        "calls.early-answer", .bool, default: false,
        help: "Send the answer in a reliable 183, before the call is taken, where the caller can")
    static let lateOffer = Key(
        "calls.late-offer", .bool, default: false, help: "Call without an offer: it comes in the 200, the answer in ACK"
    )
    static let sessionExpires = OptionalKey(
        "calls.session-expires", .duration(.seconds(90)...(.seconds(86_400))),
        help: "Session timer that is asked for (RFC 4028); none unless given")
    static let changesByUpdate = Key(
        "calls.change-by-update", .bool, default: false, help: "Change calls by UPDATE where there is a choice")
    static let privacy = Key(
        "privacy", .enumeration, default: PrivacyPreference.none,
        help: "id: anonymous calls (RFC 3325), each with another certificate and without the identity in From")

    package static let schema = Schema(
        "ue",
        [
            identity, privateIdentity, password, address, pcscf, pcscfName, authorities, expires, indicate, optionTag,
            e2ae, fingerprints, allowSHA1, wrongCertificate, certificate, key, style, setup, cema, refuseTLS,
            answerPlain, cpim, successReport, maximumSize, folder, freeSpace, maximumCalls, answers, ring, reliable,
            earlyAnswer, lateOffer, sessionExpires, changesByUpdate, privacy,
        ] + AKASettings.entries + [userAgent, keepAlive])

    package var identity: SIPURI
    package var privateIdentity: String
    package var credential: RegistrationCredential
    /// nil: no keep-alive.
    package var keepAlive: TimeAmount?
    package var address: IPAddress
    package var pcscf: TransportEndpoint
    package var pcscfName: String?
    package var authorities: String?
    /// Seconds.
    package var expires: UInt32
    package var userAgent: String
    package var indicate: Bool
    package var optionTag: Bool
    package var e2ae: EndToAccessEdgePolicy
    package var fingerprints: [SDP.HashFunction]
    package var allowSHA1: Bool
    package var wrongCertificate: Bool
    package var certificate: String?
    package var key: String?
    package var style: MediaStyle
    package var setup: SDP.Setup
    package var cema: Bool
    package var refuseTLS: Bool
    package var answerPlain: Bool
    package var cpim: Bool
    package var successReport: Bool
    package var maximumSize: Int
    package var folder: String?
    package var freeSpace: Int
    package var maximumCalls: Int
    package var answers: Bool
    package var ring: TimeAmount
    package var reliable: Bool
    package var earlyAnswer: Bool
    package var lateOffer: Bool
    /// Seconds.
    package var sessionExpires: UInt32?
    package var changesByUpdate: Bool
    package var privacy: PrivacyPreference

    package init(_ configuration: Configuration) throws(ConfigurationError) {
        do throws(SyntaxError) {
            identity = try SIPURI(configuration[Self.identity])
        } catch {
            throw configuration.problem(
                Self.identity, "is not a SIP URI: \(error)", remedy: "Write it like sip:alice@ims.lab.")
        }
        guard identity.user != nil else {
            throw configuration.problem(Self.identity, "names no user", remedy: "Write it like sip:alice@ims.lab.")
        }
        privateIdentity = configuration[Self.privateIdentity] ?? "\(identity.user ?? "")@\(identity.host)"
        credential = try RegistrationCredential(configuration, password: Self.password)
        address = configuration[Self.address]
        pcscf = configuration[Self.pcscf]
        pcscfName = configuration[Self.pcscfName]
        authorities = configuration[Self.authorities]
        guard pcscf.transport != .tls || authorities != nil else {
            throw configuration.problem(
                Self.authorities, "is missing although the P-CSCF is reached by TLS",
                remedy: "Name the PEM file of the CA that issued the P-CSCF's certificate.")
        }
        expires = UInt32(configuration[Self.expires].components.seconds)
        userAgent = configuration[Self.userAgent]
        guard userAgent.utf8.count <= 200, userAgent.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw configuration.problem(
                Self.userAgent, "is not a header value of at most 200 characters", remedy: "Use printable ASCII.")
        }
        indicate = configuration[Self.indicate]
        optionTag = configuration[Self.optionTag]
        e2ae = configuration[Self.e2ae]
        fingerprints = configuration[Self.fingerprints].map(\.function)
        allowSHA1 = configuration[Self.allowSHA1]
        wrongCertificate = configuration[Self.wrongCertificate]
        certificate = configuration[Self.certificate]
        key = configuration[Self.key] ?? certificate
        style = configuration[Self.style]
        setup = configuration[Self.setup]?.setup ?? (style == .rcs ? .active : .actpass)
        cema = configuration[Self.cema]
        refuseTLS = configuration[Self.refuseTLS]
        answerPlain = configuration[Self.answerPlain]
        cpim = configuration[Self.cpim]
        successReport = configuration[Self.successReport]
        maximumSize = configuration[Self.maximumSize]
        folder = configuration[Self.folder]
        freeSpace = configuration[Self.freeSpace]
        maximumCalls = configuration[Self.maximumCalls]
        answers = configuration[Self.answers]
        let pause = configuration[Self.keepAlive]
        keepAlive = pause > .zero ? .nanoseconds(pause.inNanoseconds) : nil
        ring = .nanoseconds(configuration[Self.ring].inNanoseconds)
        reliable = configuration[Self.reliable]
        earlyAnswer = configuration[Self.earlyAnswer]
        lateOffer = configuration[Self.lateOffer]
        sessionExpires = configuration[Self.sessionExpires].map { UInt32($0.components.seconds) }
        changesByUpdate = configuration[Self.changesByUpdate]
        privacy = configuration[Self.privacy]
    }
}

/// When a UE asks for e2ae on its message lines.
package enum EndToAccessEdgePolicy: String, CaseIterable, Hashable, Sendable {
    /// Where it and the network have indicated it (TS 33.328: then it shall).
    case automatic
    /// For e2e, and for plain.
    case never
    /// Against the rules, for tests of a network.
    case always
}

/// What the message lines of a UE's offers look like (media-security 4, 5.3).
package enum MediaStyle: String, CaseIterable, Hashable, Sendable {
    /// TLS with `3ge2ae:requested` where e2ae is asked for (K2), plain otherwise (K1).
    case ims
    /// As an RCS 5.1 client: TLS with a fingerprint and nothing else (K3), whatever was indicated.
    case rcs
    /// Never TLS (K1).
    case plain
}

/// Whether calls tell who makes or takes them (RFC 3323, RFC 3325).
package enum PrivacyPreference: String, CaseIterable, Hashable, Sendable {
    case none, id
}

/// A hash function that a UE can announce.
package enum FingerprintHash: String, CaseIterable, Hashable, Sendable {
    case sha1 = "sha-1"
    case sha256 = "sha-256"
    case sha384 = "sha-384"
    case sha512 = "sha-512"

    var function: SDP.HashFunction { HashFunction(rawValue) }
}

/// The role that a UE prefers.
package enum SetupPreference: String, CaseIterable, Hashable, Sendable {
    case active, passive, actpass

    var setup: SDP.Setup {
        switch self {
        case .active: .active
        case .passive: .passive
        case .actpass: .actpass
        }
    }
}
