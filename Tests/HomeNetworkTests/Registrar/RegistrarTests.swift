import Authentication
import NIOCore
import SIP
import Testing
import WireSyntax

@testable import HomeNetwork

/// A registrar, and a UE's way through digest.
struct RegistrarHarness {
    var registrar: Registrar
    var now: NIODeadline = .uptimeNanoseconds(1_000_000_000_000)
    var cSeq: UInt32 = 0
    var events: [Registrar.Event] = []
    /// Each challenge gets a nonce of its own.
    var salt: UInt64 = 0

    init(settings: RegistrarSettings = RegistrarSettings(minimumExpires: 60, maximumExpires: 7200, contactLimit: 3))
        throws
    {
        let users = try [
            Subscriber(
                privateIdentity: "alice@ims.lab", password: Secret("a"),
                publicIdentities: [SIPURI("sip:alice@ims.lab"), SIPURI("sip:+1555@ims.lab;user=phone")]),
            Subscriber(
                privateIdentity: "bob@ims.lab", password: Secret("b"), publicIdentities: [SIPURI("sip:bob@ims.lab")]),
            Subscriber(
                privateIdentity: "carol@ims.lab", credential: .aka(Self.keys()),
                publicIdentities: [SIPURI("sip:caroline@ims.lab")]),
        ]
        registrar = Registrar(
            domain: .name("ims.lab"), users: users, settings: settings, nonceKey: Secret("0123456789abcdef"))
        registrar.ownEndpoints = [Endpoint(.v4(0x7F00_0002), 5060)]
        registrar.serviceRoute = "<sip:orig@127.0.0.2:5060;transport=tcp;lr>"
    }

    /// Of TS 35.207, test set 1.
    static func keys() throws -> AKAKeys {
        try AKAKeys(
            k: Secret("465b5ce8b199b49faa5f0a2ee238a6bc"), opc: Secret("cd63cb71954a9f4e48a5994e37a02baf"), op: nil,
            amf: nil)
    }

    var seconds: UInt64 { now.uptimeNanoseconds / 1_000_000_000 }

    func request(
        user: String = "alice", contacts: [String] = [], expires: String? = nil, callID: String = "c1",
        cSeq: UInt32, uri: String = "sip:ims.lab", extra: [(HeaderName, String)] = []
    ) throws -> Request {
        var headers = Headers()
        headers.append(.via, "SIP/2.0/TCP 127.0.0.3;branch=z9hG4bK\(cSeq)")
        headers.append(.from, "<sip:\(user)@ims.lab>;tag=f")
        headers.append(.to, "<sip:\(user)@ims.lab>")
        headers.append(.callID, callID)
        headers.append(.cSeq, "\(cSeq) REGISTER")
        for contact in contacts { headers.append(.contact, contact) }
        if let expires { headers.append(.expires, expires) }
        for (name, value) in extra { headers.append(name, value) }
        return Request(method: .register, uri: try URI(uri), headers: headers)
    }

    mutating func send(_ request: Request) -> Response {
        salt += 1
        let result = registrar.register(request, now: now, seconds: seconds, salt: salt, tag: "t")
        events += result.events
        return result.response
    }

    /// REGISTER, 401, REGISTER again with credentials.
    @discardableResult
    mutating func register(
        _ contacts: [String], user: String = "alice", as name: String = "alice@ims.lab", password: String = "a",
        expires: String? = nil, callID: String = "c1", cSeq: UInt32? = nil, extra: [(HeaderName, String)] = []
    ) throws -> Response {
        self.cSeq = cSeq ?? self.cSeq + 1
        var request = try request(
            user: user, contacts: contacts, expires: expires, callID: callID, cSeq: self.cSeq, extra: extra)
        let challenge = send(request)
        try #require(challenge.status == 401)
        let best = try #require(DigestChallenge.best(of: challenge.headers.values(.wwwAuthenticate)))
        let credentials = try #require(
            DigestCredentials.answer(
                best, username: name, password: Secret(password), method: .register, uri: "sip:ims.lab", cnonce: "c",
                nonceCount: 1))
        request.headers.append(.authorization, credentials.description)
        return send(request)
    }

    func contacts(_ uri: String = "sip:alice@ims.lab") throws -> [String] {
        guard case .bindings(let found) = registrar.lookUp(try SIPURI(uri), now: now) else { return ["unknown"] }
        return found.map { "\($0.contact.uri)" }
    }
}

struct RegistrarTests {
    static let one = "<sip:alice@127.0.0.9:4000;transport=tcp>"
    static let two = "<sip:alice@127.0.0.8:4000>"

    @Test("RFC 3261 10.3, RFC 3327 5.3, RFC 3608 6.3: a registration and its 200")
    func registered() throws {
        var ue = try RegistrarHarness()
        let path = "<sip:token@127.0.0.3:5060;transport=tcp;lr>"
        let response = try ue.register(
            [Self.one], expires: "600",
            extra: [(.path, path), (.supported, "path"), (.recordRoute, "<sip:evil@127.0.0.66;lr>")])
        #expect(response.status == 200 && !response.headers.contains(.recordRoute))
        let contact = try #require(try response.headers.contacts().first)
        #expect(contact.parameters.value("expires") == "600")
        #expect(response.headers[.path] == path)
        #expect(response.headers[.serviceRoute] == "<sip:orig@127.0.0.2:5060;transport=tcp;lr>")
        #expect(response.headers[.pAssociatedURI] == "<sip:alice@ims.lab>, <sip:+1555@ims.lab;user=phone>")
        #expect(response.headers[.authenticationInfo]?.contains("rspauth") == true)
        #expect(ue.events == [.registered("alice@ims.lab")])
        #expect(try ue.contacts() == ["sip:alice@127.0.0.9:4000;transport=tcp"])
        #expect(try ue.contacts("sip:%61lice@IMS.LAB") == ["sip:alice@127.0.0.9:4000;transport=tcp"])
        guard case .bindings(let found) = ue.registrar.lookUp(try SIPURI("sip:+1555@ims.lab"), now: ue.now) else {
            Issue.record("the other identity is unknown")
            return
        }
        #expect(found.first?.path == [path])
    }

    @Test(
        "RFC 3261 10.3 step 7: whose time counts",
        arguments: [
            ("", nil, 3600), ("", "600", 600), (";expires=700", "600", 700), (";expires=x", "600", 3600),
            (";expires=99999999999", nil, 7200), ("", "4294967295", 7200),
        ] as [(String, String?, Int)])
    func lifetimes(parameter: String, header: String?, expected: Int) throws {
        var ue = try RegistrarHarness()
        let response = try ue.register([Self.one + parameter], expires: header)
        #expect(try response.headers.contacts().first?.parameters.value("expires") == "\(expected)")
    }

    @Test("RFC 3261 10.3 step 7: too short gets 423 with Min-Expires, and changes nothing")
    func tooBrief() throws {
        var ue = try RegistrarHarness()
        let response = try ue.register([Self.one, Self.two + ";expires=59"])
        #expect(response.status == 423)
        #expect(response.headers[.minExpires] == "60")
        #expect(try ue.contacts() == [])
    }

    @Test("RFC 3261 10.3 step 7: order by Call-ID and CSeq; all or nothing")
    func ordering() throws {
        var ue = try RegistrarHarness()
        try ue.register([Self.one], cSeq: 5)
        #expect(try ue.register([Self.two, Self.one], cSeq: 5).status == 500)
        #expect(try ue.contacts().count == 1)
        #expect(try ue.register([Self.one + ";expires=0"], cSeq: 4).status == 500)
        #expect(try ue.register([Self.one + ";expires=0"], callID: "other", cSeq: 1).status == 200)
        #expect(try ue.contacts() == [])
    }

    @Test("RFC 3261 10.3 step 7: the order counts for every binding that the request replaces")
    func orderingOfAll() throws {
        var ue = try RegistrarHarness()
        let device = ";+sip.instance=\"<urn:uuid:a>\""
        try ue.register(["<sip:alice@127.0.0.9:1>" + device], cSeq: 1)
        try ue.register(["<sip:alice@127.0.0.9:2>"], cSeq: 9)
        // The first by its device, the other by its address.
        #expect(try ue.register(["<sip:alice@127.0.0.9:2>" + device], cSeq: 5).status == 500)
        #expect(try ue.contacts().count == 2)
    }

    @Test("RFC 3261 19.1.4: an equivalent contact is the same binding")
    func sameContact() throws {
        var ue = try RegistrarHarness()
        try ue.register([Self.one])
        let response = try ue.register(["<sip:alice@127.0.0.9:4000;transport=TCP;new=1>"])
        #expect(try response.headers.contacts().count == 1)
    }

    @Test("RFC 3261 10.2.2: * removes all, only with Expires 0 and alone")
    func wildcard() throws {
        var ue = try RegistrarHarness()
        try ue.register([Self.one, Self.two])
        #expect(try ue.contacts().count == 2)
        #expect(try ue.register(["*"]).status == 400)
        #expect(try ue.register(["*"], expires: "10").status == 400)
        #expect(try ue.register(["*", Self.one], expires: "0").status == 400)
        #expect(try ue.contacts().count == 2)
        #expect(try ue.register(["*"], expires: "0", cSeq: 1).status == 500)
        ue.cSeq = 50
        let response = try ue.register(["*"], expires: "0")
        #expect(response.status == 200)
        #expect(!response.headers.contains(.contact))
        #expect(try ue.contacts() == [])
        #expect(ue.events.last == .deregistered("alice@ims.lab", expired: false))
        // RFC 3261 10.3 step 6: of another Call-ID, whatever its CSeq.
        try ue.register([Self.one], cSeq: 60)
        #expect(try ue.register(["*"], expires: "0", callID: "other", cSeq: 1).status == 200)
        #expect(try ue.contacts() == [])
    }

    @Test("RFC 3261 10.2.3: no Contact asks for the bindings")
    func fetch() throws {
        var ue = try RegistrarHarness()
        try ue.register([Self.one], expires: "600")
        ue.now = ue.now + .seconds(100)
        let response = try ue.register([])
        #expect(try response.headers.contacts().first?.parameters.value("expires") == "500")
    }

    @Test("A binding is gone when its time is, and the owner is told")
    func expiry() throws {
        var ue = try RegistrarHarness()
        try ue.register([Self.one], expires: "100")
        try ue.register([Self.two], expires: "200")
        ue.now = try #require(ue.registrar.nextDeadline)
        #expect(ue.registrar.timersDue(now: ue.now) == [])
        #expect(try ue.contacts() == ["sip:alice@127.0.0.8:4000"])
        ue.now = try #require(ue.registrar.nextDeadline)
        #expect(ue.registrar.timersDue(now: ue.now) == [.deregistered("alice@ims.lab", expired: true)])
        #expect(ue.registrar.nextDeadline == nil)
    }

    @Test("RFC 3261 10.3 steps 1, 2, 5: other domain, unknown extension, unknown user")
    func refused() throws {
        var ue = try RegistrarHarness()
        #expect(ue.send(try ue.request(cSeq: 1, uri: "sip:other.lab")).status == 404)
        let response = ue.send(try ue.request(cSeq: 2, extra: [(.require, "path, gruu"), (.require, "x")]))
        #expect(response.status == 420)
        #expect(response.headers.list(.unsupported) == ["gruu", "x"])
        #expect(try ue.register([Self.one], user: "dave").status == 404)
    }

    @Test("RFC 3261 22.1, 22.2, 10.3 steps 3, 4: wrong password 401, another user's address 403; nothing changes")
    func authorization() throws {
        var ue = try RegistrarHarness()
        #expect(try ue.register([Self.one], password: "wrong").status == 401)
        #expect(ue.events == [.failed(user: "alice@ims.lab", reason: "wrongResponse")])
        #expect(try ue.register([Self.one], user: "alice", as: "bob@ims.lab", password: "b").status == 403)
        #expect(try ue.contacts() == [])
    }

    @Test(
        "RFC 5626 6, 4.1: a device that comes again on another flow takes its own place; another device has one of its own"
    )
    func device() throws {
        var ue = try RegistrarHarness()
        func contact(_ port: Int, _ instance: String, _ number: Int? = nil) -> String {
            "<sip:alice@127.0.0.9:\(port);transport=tcp>;+sip.instance=\"<urn:uuid:\(instance)>\""
                + (number.map { ";reg-id=\($0)" } ?? "")
        }
        for port in 1...20 { #expect(try ue.register([contact(port, "a")], callID: "c\(port)").status == 200) }
        #expect(try ue.contacts() == ["sip:alice@127.0.0.9:20;transport=tcp"])
        #expect(try ue.register([contact(30, "b")], callID: "other").status == 200)
        #expect(try ue.register([contact(31, "b", 2)], callID: "other").status == 200)
        #expect(try ue.contacts().count == 3)
        #expect(try ue.register([contact(32, "b", 2)], callID: "other").status == 200)
        #expect(try ue.contacts().count == 3)
    }

    @Test("Limit of contacts: 403, and none of the request is carried out")
    func contactLimit() throws {
        var ue = try RegistrarHarness()
        let many = (1...4).map { "<sip:alice@127.0.0.\($0)>" }
        #expect(try ue.register(many).status == 403)
        #expect(try ue.contacts() == [])
        #expect(try ue.register(Array(many.prefix(3))).status == 200)
    }

    @Test("RFC 3261 16.6: preferred contacts first")
    func preference() throws {
        var ue = try RegistrarHarness()
        try ue.register([Self.one + ";q=0.2", Self.two + ";q=0.9", "<sip:alice@127.0.0.7>;q=nonsense"])
        #expect(
            try ue.contacts() == [
                "sip:alice@127.0.0.7", "sip:alice@127.0.0.8:4000", "sip:alice@127.0.0.9:4000;transport=tcp",
            ])
    }
}
