import NIOCore
import SIP
import Testing
import WireSyntax

@testable import HomeNetwork

struct RegistrationNotifierTests {
    struct Run {
        var ue: RegistrarHarness
        var notifier = RegistrationNotifier()
        var sent: [(request: Request, id: UInt64)] = []
        var cSeq = 0

        init() throws {
            ue = try RegistrarHarness()
            notifier.contact = "sip:reg@127.0.0.2:5060;transport=tcp"
            try ue.register(["<sip:alice@127.0.0.9:4000>;+sip.instance=\"<urn:uuid:1>\""], expires: "600")
            _ = ue.registrar.takeChanges()
        }

        /// A SUBSCRIBE of the P-CSCF, or of a UE.
        mutating func subscribe(
            _ user: String = "alice", asserted: String = "sip:pcscf@127.0.0.3", isServed: Bool = false,
            expires: String? = "600", tag: String? = nil, callID: String = "s1", extra: [(HeaderName, String)] = []
        ) throws -> Response {
            cSeq += 1
            var headers = Headers()
            headers.append(.via, "SIP/2.0/TCP 127.0.0.3;branch=z9hG4bK\(cSeq)")
            headers.append(.from, "<\(asserted)>;tag=p")
            headers.append(.to, "<sip:\(user)@ims.lab>" + (tag.map { ";tag=\($0)" } ?? ""))
            headers.append(.callID, callID)
            headers.append(.cSeq, "\(cSeq) SUBSCRIBE")
            headers.append(.contact, "<sip:pcscf@127.0.0.3:5060;transport=tcp>")
            headers.append(.event, "reg")
            headers.append(.pAssertedIdentity, "<\(asserted)>")
            if let expires { headers.append(.expires, expires) }
            for (name, value) in extra { headers.append(name, value) }
            let request = Request(method: .subscribe, uri: try URI("sip:\(user)@ims.lab"), headers: headers)
            #expect(RegistrationNotifier.takes(request))
            let response = notifier.subscribe(
                request, isServed: isServed, registrar: ue.registrar, now: ue.now, tag: "n\(cSeq)")
            drain()
            return response
        }

        mutating func drain() {
            while case .notify(let request, let id)? = notifier.nextAction() { sent.append((request, id)) }
        }

        mutating func tell() {
            notifier.changed(ue.registrar.takeChanges(), registrar: ue.registrar, now: ue.now)
            drain()
        }

        mutating func answer(_ status: Int? = 200) throws {
            notifier.answered(try #require(sent.last).id, status: status, registrar: ue.registrar, now: ue.now)
            drain()
        }

        func body() throws -> String { String(buffer: try #require(sent.last).request.body) }
        func state() throws -> String? { try #require(sent.last).request.headers[.subscriptionState] }
    }

    @Test(
        "RFC 6665 4.2.1, RFC 3680 5.1, TS 24.229 5.4.2.1.1, TS 23.228 5.2.1a: 200 and a NOTIFY in its dialog with the full state of all identities of the set"
    )
    func fullState() throws {
        var run = try Run()
        let route = "<sip:x@127.0.0.3;lr>"
        let response = try run.subscribe(extra: [(.recordRoute, route)])
        #expect(response.status == 200 && response.headers.expires == 600)
        #expect(response.headers[.recordRoute] == route)
        let notify = try #require(run.sent.last).request
        #expect(run.sent.count == 1 && notify.startLine == "NOTIFY sip:pcscf@127.0.0.3:5060;transport=tcp SIP/2.0")
        #expect(notify.headers[.route] == route && notify.headers[.event] == "reg" && notify.headers.callID == "s1")
        #expect(try notify.headers.from().tag == "n1" && notify.headers.to().tag == "p")
        #expect(notify.headers[.subscriptionState] == "active;expires=600")
        #expect(notify.headers[.contentType] == "application/reginfo+xml")
        let body = try run.body()
        #expect(body.contains("version=\"0\" state=\"full\""))
        #expect(body.contains("aor=\"sip:alice@ims.lab\" id=\"a0\" state=\"active\""))
        #expect(body.contains("aor=\"sip:+1555@ims.lab;user=phone\" id=\"a1\" state=\"active\""))
        #expect(body.contains("<uri>sip:alice@127.0.0.9:4000</uri>"))
        #expect(body.contains("event=\"registered\" expires=\"600\" callid=\"c1\""))
        #expect(body.contains("<unknown-param name=\"+sip.instance\">&quot;&lt;urn:uuid:1&gt;&quot;</unknown-param>"))
    }

    @Test("RFC 3680 4.7, 4.10: what changed, one NOTIFY at a time, and not sooner than 5 s after the last")
    func partialState() throws {
        var run = try Run()
        _ = try run.subscribe()
        try run.ue.register(["<sip:alice@127.0.0.8:4000>"], expires: "900")
        run.tell()
        #expect(run.sent.count == 1)
        try run.answer()
        #expect(run.sent.count == 1)
        let due = try #require(run.notifier.nextDeadline)
        #expect(due <= run.ue.now + RegistrationNotifier.interval)
        run.ue.now = run.ue.now + RegistrationNotifier.interval
        run.notifier.timersDue(now: run.ue.now, registrar: run.ue.registrar)
        run.drain()
        #expect(run.sent.count == 2)
        let body = try run.body()
        #expect(body.contains("version=\"1\" state=\"partial\"") && body.contains("sip:alice@127.0.0.8:4000"))
        #expect(!body.contains("127.0.0.9"))
        try run.answer()
        run.ue.now = run.ue.now + RegistrationNotifier.interval
        try run.ue.register(["<sip:alice@127.0.0.8:4000>"], expires: "900")
        run.tell()
        #expect(try run.body().contains("event=\"refreshed\""))
    }

    @Test("RFC 3680 5.1, TS 24.229 5.4.2.1.2: expired, unregistered, and with the last contact the subscription ends")
    func ended() throws {
        var run = try Run()
        _ = try run.subscribe()
        try run.answer()
        try run.ue.register(["<sip:alice@127.0.0.8:4000>"], expires: "100")
        run.tell()
        run.ue.now = run.ue.now + .seconds(100)
        _ = run.ue.registrar.timersDue(now: run.ue.now)
        run.tell()
        #expect(try run.body().contains("event=\"expired\""))
        try run.answer()
        try run.ue.register(["*"], expires: "0")
        run.tell()
        #expect(try run.body().contains("event=\"unregistered\"") && run.body().contains("state=\"terminated\""))
        #expect(try run.state() == "terminated;reason=noresource")
        #expect(run.notifier.count == 0)
    }

    @Test(
        "TS 24.229 5.4.1.5: a user that was removed is registered no longer, at once and with its reason; others keep theirs"
    )
    func removed() throws {
        var run = try Run()
        try run.ue.register(
            ["<sip:bob@127.0.0.7:4000>"], user: "bob", as: "bob@ims.lab", password: "b")
        _ = run.ue.registrar.takeChanges()
        _ = try run.subscribe()
        try run.answer()
        let rest = try [
            Subscriber(
                privateIdentity: "bob@ims.lab", password: Secret("b"), publicIdentities: [SIPURI("sip:bob@ims.lab")])
        ]
        let events = run.ue.registrar.replaceUsers(rest, now: run.ue.now)
        #expect(events == [.deregistered("alice@ims.lab", expired: false)])
        run.tell()
        let body = try run.body()
        #expect(body.contains("event=\"rejected\"") && body.contains("aor=\"sip:alice@ims.lab\""))
        #expect(try run.state() == "terminated;reason=noresource")
        #expect(try run.ue.contacts("sip:bob@ims.lab").count == 1)
        #expect(try run.ue.contacts() == ["unknown"])
        #expect(try run.ue.register(["<sip:alice@127.0.0.9:4000>"]).status == 401)
    }

    @Test("TS 24.229 5.4.1.5: another password, or a user less in a shared set, ends the registration")
    func otherCredentials() throws {
        func users(_ password: String, shared: Bool = true) throws -> [Subscriber] {
            let identity = try SIPURI("sip:alice@ims.lab")
            let alice = Subscriber(
                privateIdentity: "alice@ims.lab", password: Secret(password), publicIdentities: [identity])
            let tablet = Subscriber(
                privateIdentity: "tablet@ims.lab", password: Secret("t"), publicIdentities: [identity])
            return shared ? [alice, tablet] : [alice]
        }
        for (next, isKept) in [
            (try users("a"), true), (try users("b"), false), (try users("a", shared: false), false),
        ] {
            var ue = try RegistrarHarness()
            _ = ue.registrar.replaceUsers(try users("a"), now: ue.now)
            try ue.register(["<sip:alice@127.0.0.9:4000>"])
            let events = ue.registrar.replaceUsers(next, now: ue.now)
            #expect(events == (isKept ? [] : [.deregistered("alice@ims.lab", expired: false)]))
            #expect(try ue.contacts().count == (isKept ? 1 : 0))
        }
    }

    @Test("RFC 6665 4.2.1.1, 4.2.1.3, TS 24.229 5.1.1.3: who may not, what cannot be, and what is not known")
    func refused() throws {
        var run = try Run()
        #expect(try run.subscribe(asserted: "sip:bob@ims.lab", isServed: true).status == 403)
        #expect(try run.subscribe("bob", asserted: "sip:bob@ims.lab", isServed: true).status == 403)
        #expect(try run.subscribe("dave").status == 404)
        #expect(try run.subscribe(tag: "foreign").status == 481)
        #expect(try run.subscribe(extra: [(.accept, "text/plain")]).status == 406)
        let brief = try run.subscribe(expires: "59")
        #expect(brief.status == 423 && brief.headers.minExpires == 60)
        // A user of ours is no P-CSCF, whatever way its request took.
        #expect(try run.subscribe(asserted: "sip:bob@ims.lab").status == 403)
        #expect(run.notifier.count == 0 && run.sent.isEmpty)
        #expect(try run.subscribe(asserted: "sip:+1555@ims.lab", isServed: true, expires: nil).headers.expires == 3761)
    }

    @Test("RFC 6665 4.2.1.4, 4.1.2.3: a refresh gets the full state, Expires 0 the last; 481 and silence end it")
    func refreshed() throws {
        var run = try Run()
        let first = try run.subscribe()
        let tag = try first.headers.to().tag
        try run.answer()
        #expect(try run.subscribe(tag: tag).status == 200)
        #expect(try run.body().contains("version=\"1\" state=\"full\""))
        try run.answer()
        #expect(try run.subscribe(expires: "0", tag: tag).status == 200)
        #expect(try run.state() == "terminated;reason=timeout")
        #expect(run.notifier.count == 0)
        for status in [481, nil] as [Int?] {
            _ = try run.subscribe(callID: "s\(status ?? 0)")
            #expect(run.notifier.count == 1)
            try run.answer(status)
            #expect(run.notifier.count == 0)
        }
        _ = try run.subscribe(callID: "late")
        run.ue.now = run.ue.now + .seconds(600)
        run.notifier.timersDue(now: run.ue.now, registrar: run.ue.registrar)
        run.drain()
        #expect(try run.state() == "terminated;reason=timeout" && run.notifier.count == 0)
    }

    @Test("RFC 3680 4.4: subscriptions to one set are bounded, the oldest gives way")
    func bounded() throws {
        var run = try Run()
        for number in 0...RegistrationNotifier.maximumPerSet { _ = try run.subscribe(callID: "s\(number)") }
        #expect(run.notifier.count == RegistrationNotifier.maximumPerSet)
        #expect(run.sent.contains { $0.request.headers[.subscriptionState] == "terminated;reason=giveup" })
    }

    @Test("RFC 3680 4.4: a UE takes the place of its own subscriptions alone, never of a P-CSCF's")
    func edgeStays() throws {
        let alice = "sip:alice@ims.lab"
        var run = try Run()
        _ = try run.subscribe(callID: "edge")
        for number in 0...RegistrationNotifier.maximumPerSet {
            let response = try run.subscribe(asserted: alice, isServed: number % 2 == 0, callID: "s\(number)")
            #expect(response.status == 200)
        }
        #expect(run.notifier.count == RegistrationNotifier.maximumPerSet)
        let ended = run.sent.filter { $0.request.headers[.subscriptionState] == "terminated;reason=giveup" }
        #expect(ended.map(\.request.headers.callID) == ["s0", "s1"])

        var full = try Run()
        for number in 0..<RegistrationNotifier.maximumPerSet { _ = try full.subscribe(callID: "e\(number)") }
        #expect(try full.subscribe(asserted: alice, isServed: true, callID: "ue").status == 503)
        #expect(full.notifier.count == RegistrationNotifier.maximumPerSet)
    }

    @Test("RFC 3680 4.7: of a contact the last change waits; too many changes become the full state")
    func pendingIsBounded() throws {
        var run = try Run()
        _ = try run.subscribe()
        for _ in 0..<5 {
            try run.ue.register(["<sip:alice@127.0.0.8:4000>"], expires: "900")
            run.tell()
        }
        run.ue.now = run.ue.now + RegistrationNotifier.interval
        try run.answer()
        let body = try run.body()
        #expect(body.contains("state=\"partial\"") && body.ranges(of: "127.0.0.8").count == 2)
        for number in 0..<RegistrationNotifier.maximumPending + 6 {
            try run.ue.register(["<sip:alice@127.0.0.7:\(5000 + number)>"])
            try run.ue.register(["<sip:alice@127.0.0.7:\(5000 + number)>"], expires: "0")
            run.tell()
        }
        run.ue.now = run.ue.now + RegistrationNotifier.interval
        try run.answer()
        let full = try run.body()
        #expect(full.contains("state=\"full\"") && !full.contains(":5000<") && full.contains(":5006<"))
    }
}
