import FoundationEssentials
import MediaSecurity
import NIOCore
import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

/// What a P-CSCF makes of each well-formed request of RFC 4475, from a registered UE.
@Suite("RFC 4475: reactions of a proxy")
struct TortureAdmissionTests {
    static func request(_ name: String, from file: String = #filePath) throws -> Request {
        let folder = URL(filePath: file).deletingLastPathComponent()
            .appending(path: "../../SIPTests/Fixtures/rfc4475").standardized
        let octets = ByteBuffer(bytes: Array(try Data(contentsOf: folder.appending(path: name + ".dat"))))
        return try #require(try Message(datagram: octets).request)
    }

    private static func word(_ verdict: Admission.Verdict) -> String {
        switch verdict {
        case .register: "register"
        case .begin: "begin"
        case .relay: "relay"
        case .notification: "notification"
        case .call: "call"
        case .drop: "drop"
        case .turnAway(let refusal, _): "away \(refusal.status)"
        case .refuse(let refusal, _):
            "\(refusal.status)" + (refusal.headers[.unsupported].map { " \($0)" } ?? "")
        }
    }

    private static func judge(_ request: Request, _ flow: Flow) throws -> Admission.Verdict {
        var harness = RegistrationStoreTests.Harness()
        _ = try harness.complete()
        return AdmissionTests.admission.judge(
            request, over: flow, isAccess: true, harness.store, callFlow: { _ in nil })
    }

    static let rows: [(String, String, String)] = [
        // A dialog that nobody knows: the INVITE has a To tag.
        ("wsinv", "3.1.1.1", "481"),
        ("intmeth", "3.1.1.2", "relay"), ("esc01", "3.1.1.3", "begin"), ("escnull", "3.1.1.4", "register"),
        ("esc02", "3.1.1.5", "relay"), ("lwsdisp", "3.1.1.6", "relay"), ("longreq", "3.1.1.7", "begin"),
        ("dblreq", "3.1.1.8", "register"), ("semiuri", "3.1.1.9", "relay"), ("transports", "3.1.1.10", "relay"),
        ("mpart01", "3.1.1.11", "relay"), ("badbranch", "3.2.1", "relay"), ("unkscm", "3.3.2", "416"),
        ("novelsc", "3.3.3", "416"), ("unksm2", "3.3.4", "register"),
        ("bext01", "3.3.5", "420 noProxiesSupportThis, norDoAnyProxiesSupportThis"), ("invut", "3.3.6", "begin"),
        ("regaut01", "3.3.7", "register"), ("zeromf", "3.3.11", "483"), ("cparam01", "3.3.12", "register"),
        ("cparam02", "3.3.13", "register"), ("regescrt", "3.3.14", "register"), ("sdp01", "3.3.15", "begin"),
        ("inv2543", "3.4.1", "begin"),
    ]

    @Test("RFC 4475, RFC 3261 16.3: taken, or refused with the status that is asked for", arguments: rows)
    func registered(name: String, section: String, expected: String) throws {
        #expect(Self.word(try Self.judge(try Self.request(name), Fixtures.ueFlow)) == expected, "\(section)")
    }

    @Test("A12: none of them is served to a sender that is not registered, but for REGISTER", arguments: rows)
    func stranger(name: String, section: String, expected: String) throws {
        let request = try Self.request(name)
        let word = Self.word(try Self.judge(request, Fixtures.otherFlow))
        #expect(word == (request.method == .register ? expected : "away 403"), "\(section)")
    }

    @Test("RFC 4475 3.3.7: a REGISTER with an unknown scheme of authorization goes on as it came")
    func authorization() throws {
        let request = try Self.request("regaut01")
        guard case .register(let forwarded) = try Self.judge(request, Fixtures.ueFlow) else { return }
        #expect(forwarded.headers[.authorization] == "NoOneKnowsThisScheme opaque-data=here")
    }

    @Test(
        "RFC 3261 16.3 step 2: numbers and services are Request-URIs that the home network knows",
        arguments: ["tel", "urn"])
    func schemes(scheme: String) throws {
        let request = Fixtures.request(.invite, uri: scheme == "tel" ? "tel:+15551234" : "urn:service:sos")
        #expect(Self.word(try Self.judge(request, Fixtures.ueFlow)) == "begin")
    }
}

/// A12 over IPv6: what is core is decided by address, whatever its spelling.
@Suite("Peers and flows over IPv6")
struct IPv6AdmissionTests {
    static let core = IPAddress("2001:db8:2::1")!
    static let admission = Admission(
        own: OwnAddresses(gm: [.tcp: Endpoint("[2001:db8:1::1]:5060")!], mw: Endpoint("[2001:db8:2::9]:6000")!),
        peers: [core, IPAddress("192.0.2.1")!],
        security: SecurityContext(gatewayCapable: true, allowUnprotected: false))

    static func flow(_ remote: String) -> Flow {
        Flow(
            transport: .tcp, local: Endpoint("[2001:db8:2::9]:6000")!, remote: Endpoint(remote)!, connection: 5)
    }

    @Test(
        "A12: a peer in any spelling is core; a neighbour in its /64 and a mapped stranger are not",
        arguments: [
            ("[2001:db8:2::1]:5060", true), ("[2001:0DB8:0002:0:0:0:0:1]:5060", true), ("[2001:db8:2::1]:9", true),
            ("[2001:db8:2::2]:5060", false), ("[2001:db8:3::1]:5060", false), ("[::1]:5060", false),
            ("[::ffff:192.0.2.1]:5060", true), ("[::ffff:192.0.2.2]:5060", false), ("[fe80::1]:5060", false),
        ])
    func peers(remote: String, isCore: Bool) {
        #expect(Self.admission.isPeer(Self.flow(remote)) == isCore)
        let verdict = Self.admission.judge(
            Fixtures.request(.invite), over: Self.flow(remote), isAccess: false,
            RegistrationStoreTests.Harness().store, callFlow: { _ in nil })
        switch verdict {
        case .turnAway(let refusal, let count):
            #expect(!isCore && refusal.status == 403 && count.kind == "foreignCore")
        case .refuse(let refusal, _): #expect(isCore && refusal.status == 430)
        default: Issue.record("neither turned away nor unknown")
        }
    }

    @Test("A12: a UE at the same address and another port, or at the address in the next /64, is another flow")
    func flows() throws {
        var harness = RegistrationStoreTests.Harness()
        _ = try harness.complete()
        for remote in ["[2001:db8:1::7]:40001", "[2001:db8:1:1::7]:40000"] {
            let verdict = Self.admission.judge(
                Fixtures.request(.invite), over: Self.flow(remote), isAccess: true, harness.store,
                callFlow: { _ in nil })
            guard case .turnAway(let refusal, _) = verdict else {
                Issue.record("\(remote) was served")
                continue
            }
            #expect(refusal.status == 403)
        }
    }
}
