import NIOCore
import SIP
import Testing
import WireSyntax

@testable import HomeNetwork

struct ServingProxyTests {
    static let own = "sip:orig@127.0.0.2:5060;transport=tcp;lr"
    static let dialog = "<sip:dialog@127.0.0.2:5060;transport=tcp;lr>"

    struct Harness {
        var ue: RegistrarHarness
        var proxy = ServingProxy<Int>()
        var nextServer = 1

        init() throws {
            ue = try RegistrarHarness()
            try ue.register(
                ["<sip:alice@127.0.0.9:4000>"], extra: [(.path, "<sip:pa@127.0.0.3:5060;transport=tcp;lr>")])
            try ue.register(
                ["<sip:bob@127.0.0.8:4000>"], user: "bob", as: "bob@ims.lab", password: "b",
                extra: [(.path, "<sip:pb@127.0.0.4:5070;transport=tcp;lr>")])
            proxy.recordRoute = ServingProxyTests.dialog
        }

        func request(
            _ method: Method = .invite, uri: String = "sip:bob@ims.lab", to: String = "<sip:bob@ims.lab>",
            routes: [String] = ["<\(ServingProxyTests.own)>"], asserted: String? = "<sip:alice@ims.lab>",
            forwards: Int? = 70,
            extra: [(HeaderName, String)] = []
        ) throws -> Request {
            var headers = Headers()
            headers.append(.via, "SIP/2.0/TCP 127.0.0.3:5060;branch=z9hG4bK\(nextServer)")
            headers.append(.from, "<sip:alice@ims.lab>;tag=f")
            headers.append(.to, to)
            headers.append(.callID, "call")
            headers.append(.cSeq, "1 \(method)")
            if let forwards { headers.append(.maxForwards, "\(forwards)") }
            for route in routes { headers.append(.route, route) }
            if let asserted { headers.append(.pAssertedIdentity, asserted) }
            for (name, value) in extra { headers.append(name, value) }
            return Request(method: method, uri: try URI(uri), headers: headers)
        }

        @discardableResult
        mutating func receive(_ request: Request) -> [ServingProxy<Int>.Action] {
            defer { nextServer += 1 }
            proxy.receive(
                request, server: request.method == .ack ? nil : nextServer, registrar: ue.registrar, now: ue.now,
                tag: "t")
            return drain()
        }

        mutating func drain() -> [ServingProxy<Int>.Action] {
            var actions: [ServingProxy<Int>.Action] = []
            while let action = proxy.nextAction() { actions.append(action) }
            return actions
        }

        func status(_ actions: [ServingProxy<Int>.Action]) -> Int? {
            guard actions.count == 1, case .respond(let response, _) = actions[0] else { return nil }
            return response.status
        }
    }

    /// A response of the far end to a request that the endpoint sent with a Via of its own.
    static func response(_ status: Int, to request: Request) -> Response {
        var sent = request
        sent.headers.prepend(.via, "SIP/2.0/TCP 127.0.0.2:5060;branch=z9hG4bKown")
        return Response.make(status, to: sent, toTag: "b")
    }

    @Test(
        "RFC 3327 5.4, TS 24.229 5.4.3.2, 5.4.3.3: Service-Route in, Request-URI is the contact, Route is the Path, Record-Route on top"
    )
    func originating() throws {
        var home = try Harness()
        let actions = home.receive(try home.request(extra: [(.recordRoute, "<sip:x@127.0.0.3;lr>")]))
        guard actions.count == 1, case .forward(let request, let hop, let branch) = actions[0] else {
            Issue.record("\(actions)")
            return
        }
        #expect("\(request.uri)" == "sip:bob@127.0.0.8:4000")
        #expect(request.headers.list(.route) == ["<sip:pb@127.0.0.4:5070;transport=tcp;lr>"])
        #expect(request.headers.list(.recordRoute) == [Self.dialog, "<sip:x@127.0.0.3;lr>"])
        #expect(request.headers.maxForwards == 69)
        #expect(request.headers[.pCalledPartyID] == "<sip:bob@ims.lab>")
        #expect(hop == NextHop(endpoint: Endpoint(.v4(0x7F00_0004), 5070), transport: .tcp))
        home.proxy.receive(Self.response(180, to: request), branch: branch, now: home.ue.now)
        home.proxy.receive(Self.response(200, to: request), branch: branch, now: home.ue.now)
        let answers = home.drain()
        #expect(answers.count == 2)
        if case .respond(let ok, let server) = answers[1] {
            #expect(ok.status == 200 && server == 1)
            #expect(ok.headers.values(.via) == ["SIP/2.0/TCP 127.0.0.3:5060;branch=z9hG4bK1"])
        }
        #expect(home.proxy.contextCount == 1)
        home.proxy.terminated(branch)
        #expect(home.proxy.contextCount == 0)
    }

    @Test(
        "RFC 5626 5.3: a contact whose edge has no way to it is forgotten, if it is still the one that was tried; 404 and 480 of a device forget nothing",
        arguments: [430, 404, 480])
    func flowFailed(status: Int) throws {
        var home = try Harness()
        guard case .forward(let request, _, let branch)? = home.receive(try home.request()).first else {
            Issue.record("not forwarded")
            return
        }
        home.proxy.receive(Self.response(status, to: request), branch: branch, now: home.ue.now)
        let actions = home.drain()
        guard status == 430 else {
            let isForgotten = actions.contains { if case .flowFailed = $0 { true } else { false } }
            #expect(!isForgotten && home.status(actions) == status)
            return
        }
        guard case .flowFailed(let binding, let uri)? = actions.first else {
            Issue.record("not forgotten")
            return
        }
        var renewed = home.ue
        #expect(try renewed.contacts("sip:bob@ims.lab").count == 1)
        try renewed.register(
            ["<sip:bob@127.0.0.8:4000>"], user: "bob", as: "bob@ims.lab", password: "b",
            extra: [(.path, "<sip:pnew@127.0.0.4:5070;transport=tcp;lr>")])
        let kept = renewed.registrar.flowFailed(binding, of: uri, now: renewed.now)
        #expect(try kept.isEmpty && renewed.contacts("sip:bob@ims.lab").count == 1)
        let events = home.ue.registrar.flowFailed(binding, of: uri, now: home.ue.now)
        #expect(events == [.deregistered("bob@ims.lab", expired: false)])
        #expect(try home.ue.contacts("sip:bob@ims.lab") == [])
    }

    @Test("RFC 3261 16.3, 16.5: what is not forwarded")
    func refused() throws {
        var home = try Harness()
        let invite = { (home: Harness, uri: String) in try home.request(uri: uri) }
        #expect(home.status(home.receive(try invite(home, "sip:carol@ims.lab"))) == 404)
        #expect(home.status(home.receive(try invite(home, "sip:bob@other.lab"))) == 404)
        #expect(home.status(home.receive(try invite(home, "tel:+1555"))) == 416)
        #expect(home.status(home.receive(try home.request(forwards: 0))) == 483)
        #expect(home.status(home.receive(try home.request(asserted: nil))) == 403)
        #expect(home.status(home.receive(try home.request(asserted: "<sip:alice@other.lab>"))) == 403)
        let extended = home.receive(try home.request(extra: [(.proxyRequire, "x, y")]))
        #expect(home.status(extended) == 420)
        if case .respond(let response, _) = extended[0] { #expect(response.headers.list(.unsupported) == ["x", "y"]) }
        // In a dialog only along the own Record-Route: no open relay.
        let stray = try home.request(
            .bye, uri: "sip:x@192.0.2.1", to: "<sip:bob@ims.lab>;tag=b", routes: ["<sip:192.0.2.7;lr>"])
        #expect(home.status(home.receive(stray)) == 481)
        try home.ue.register(["*"], user: "bob", as: "bob@ims.lab", password: "b", expires: "0")
        #expect(home.status(home.receive(try home.request())) == 480)
        #expect(home.status(home.receive(try home.request(.options, uri: "sip:ims.lab", routes: []))) == 200)
        #expect(home.proxy.contextCount == 0)
    }

    @Test("RFC 3261 16.12: in a dialog the own Route value is taken off and the next one leads on")
    func inDialog() throws {
        var home = try Harness()
        let bye = try home.request(
            .bye, uri: "sip:bob@127.0.0.8:4000", to: "<sip:bob@ims.lab>;tag=b",
            routes: [Self.dialog, "<sip:leg@127.0.0.4:5070;transport=tcp;lr>"])
        guard case .forward(let request, let hop, _)? = home.receive(bye).first else {
            Issue.record("not forwarded")
            return
        }
        #expect("\(request.uri)" == "sip:bob@127.0.0.8:4000")
        #expect(request.headers.list(.route) == ["<sip:leg@127.0.0.4:5070;transport=tcp;lr>"])
        #expect(hop.endpoint.port == 5070)
        #expect(!request.headers.contains(.recordRoute))
        let ack = try home.request(
            .ack, uri: "sip:bob@127.0.0.8:4000", to: "<sip:bob@ims.lab>;tag=b", routes: [Self.dialog])
        guard case .forwardStateless(_, let target)? = home.receive(ack).first else {
            Issue.record("the ACK was not forwarded")
            return
        }
        #expect(target == NextHop(endpoint: Endpoint(.v4(0x7F00_0008), 4000), transport: .udp))
    }

    @Test("A13: own Route values are taken off in one go, and a request with too many values gets 400")
    func manyRoutes() throws {
        var home = try Harness()
        let limit = ServingProxy<Int>.Limits().routes
        let next = "<sip:leg@127.0.0.4:5070;transport=tcp;lr>;x=\"a, b\""
        func bye(_ own: Int, _ method: Method = .bye) throws -> Request {
            try home.request(
                method, uri: "sip:bob@127.0.0.8:4000", to: "<sip:bob@ims.lab>;tag=b",
                routes: [Array(repeating: Self.dialog, count: own).joined(separator: ","), next])
        }
        guard case .forward(let request, let hop, _)? = home.receive(try bye(limit - 1)).first else {
            Issue.record("not forwarded")
            return
        }
        #expect(request.headers.list(.route) == [next])
        #expect(hop.endpoint.port == 5070)
        #expect(home.status(home.receive(try bye(limit))) == 400)
        #expect(home.receive(try bye(limit, .ack)).isEmpty)
    }

    @Test("Route values that are split otherwise than they are read lead nowhere")
    func ambiguousRoutes() throws {
        var home = try Harness()
        let bye = try home.request(
            .bye, uri: "sip:bob@127.0.0.8:4000", to: "<sip:bob@ims.lab>;tag=b",
            routes: ["\(Self.dialog), <x:\">, \(Self.dialog), <x:\">"])
        #expect(home.status(home.receive(bye)) == 481)
    }

    @Test("RFC 3261 16.6 step 6: a strict router gets the Request-URI, and the target goes to the end of Route")
    func strictRouter() throws {
        var home = try Harness()
        let bye = try home.request(
            .bye, uri: "sip:bob@127.0.0.8:4000", to: "<sip:bob@ims.lab>;tag=b",
            routes: [Self.dialog, "<sip:127.0.0.4:5070>"])
        guard case .forward(let request, _, _)? = home.receive(bye).first else {
            Issue.record("not forwarded")
            return
        }
        #expect("\(request.uri)" == "sip:127.0.0.4:5070")
        #expect(request.headers.list(.route) == ["<sip:bob@127.0.0.8:4000>"])
    }

    @Test("RFC 3261 16.3 step 4: the same request come back through here is a loop")
    func loop() throws {
        var home = try Harness()
        let request = try home.request()
        home.receive(request)
        var again = request
        again.headers.prepend(.via, "SIP/2.0/TCP 127.0.0.2:5060;branch=z9hG4bKown")
        #expect(home.status(home.receive(again)) == 482)
        // Forked upstream, not looped.
        #expect(home.status(home.receive(request)) == nil)
    }

    @Test("RFC 3261 16.6, 16.10: forks to all contacts; CANCEL cancels all; 487 goes back")
    func fork() throws {
        var home = try Harness()
        try home.ue.register(["<sip:bob@127.0.0.7:4000>"], user: "bob", as: "bob@ims.lab", password: "b")
        let invite = try home.request()
        let forwarded = home.receive(invite)
        var branches: [(Request, UInt64)] = []
        for case .forward(let request, _, let branch) in forwarded { branches.append((request, branch)) }
        #expect(branches.count == 2)
        var cancel = invite
        cancel.method = .cancel
        home.proxy.cancel(cancel, server: 77, of: 1, tag: "t")
        let actions = home.drain()
        #expect(actions.count == 3)
        if case .respond(let ok, 77) = actions[0] { #expect(ok.status == 200) } else { Issue.record("no 200") }
        for (request, branch) in branches {
            home.proxy.receive(Self.response(487, to: request), branch: branch, now: home.ue.now)
        }
        #expect(home.status(home.drain()) == 487)
        for (_, branch) in branches { home.proxy.terminated(branch) }
        #expect(home.proxy.contextCount == 0)
        home.proxy.cancel(cancel, server: 78, of: 1, tag: "t")
        #expect(home.status(home.drain()) == 481)
    }

    @Test("A branch that cannot be sent answers 500; one withdrawn before it was sent, 487")
    func unsent() throws {
        var home = try Harness()
        guard case .forward(_, _, let branch)? = home.receive(try home.request()).first else { return }
        home.proxy.failed(branch, timedOut: false)
        #expect(home.status(home.drain()) == 500)
        home.proxy.terminated(branch)
        guard case .forward(_, _, let other)? = home.receive(try home.request()).first else { return }
        home.proxy.withdrawn(other, now: home.ue.now)
        #expect(home.status(home.drain()) == 487)
    }

    @Test("A contact that no request can be sent to is passed over: 480 when there is no other")
    func unreachable() throws {
        var home = try Harness()
        try home.ue.register(["*"], user: "bob", as: "bob@ims.lab", password: "b", expires: "0")
        try home.ue.register(
            ["<tel:+1555>", "<sip:bob@names.are.not.resolved>"], user: "bob", as: "bob@ims.lab", password: "b")
        #expect(home.status(home.receive(try home.request())) == 480)
    }

    @Test("RFC 3261 19.1.5: headers and method of a contact stay out of the Request-URI, its other parameters do not")
    func escapedContact() throws {
        var home = try Harness()
        try home.ue.register(["*"], user: "bob", as: "bob@ims.lab", password: "b", expires: "0")
        try home.ue.register(
            ["<sip:bob@127.0.0.8:4000;transport=tcp;method=BYE;x=y?Route=%3Csip:evil.example%3E>"], user: "bob",
            as: "bob@ims.lab",
            password: "b")
        guard case .forward(let request, _, _)? = home.receive(try home.request()).first else {
            Issue.record("not forwarded")
            return
        }
        #expect("\(request.uri)" == "sip:bob@127.0.0.8:4000;transport=tcp;x=y")
        #expect(!request.headers.contains(.route))
    }

    @Test("RFC 3325 9.1: a tel URI may stand before the SIP URI")
    func assertedPair() throws {
        var home = try Harness()
        let request = try home.request(asserted: "<tel:+1555>, <sip:alice@ims.lab>")
        guard case .forward? = home.receive(request).first else {
            Issue.record("not forwarded")
            return
        }
    }

    @Test("The way back is lost: the branches are cancelled")
    func abandoned() throws {
        var home = try Harness()
        home.receive(try home.request())
        home.proxy.abandoned(1)
        guard case .cancel? = home.drain().first else {
            Issue.record("not cancelled")
            return
        }
        home.proxy.abandoned(99)
        #expect(home.drain().isEmpty)
    }

    @Test("RFC 3261 8.1.1.6, 16.6 step 3: an absent Max-Forwards becomes 70")
    func absentMaxForwards() throws {
        var home = try Harness()
        guard case .forward(let request, _, _)? = home.receive(try home.request(forwards: nil)).first else {
            Issue.record("not forwarded")
            return
        }
        #expect(request.headers.maxForwards == 70)
    }

    @Test("A response that carries no Via but the own goes nowhere")
    func strayResponse() throws {
        var home = try Harness()
        guard case .forward(let request, _, let branch)? = home.receive(try home.request()).first else { return }
        var bare = request
        bare.headers.remove(.via)
        home.proxy.receive(Self.response(200, to: bare), branch: branch, now: home.ue.now)
        home.proxy.receive(Self.response(200, to: request), branch: 999, now: home.ue.now)
        #expect(home.drain().isEmpty)
    }

    @Test("RFC 3261 16.8: Timer C of the proxy comes due and cancels")
    func timerC() throws {
        var home = try Harness()
        home.receive(try home.request())
        let due = try #require(home.proxy.nextDeadline)
        #expect(due == home.ue.now + ResponseContext.timerC)
        home.proxy.timersDue(now: due)
        guard case .cancel? = home.drain().first else {
            Issue.record("not cancelled")
            return
        }
        #expect(home.proxy.nextDeadline == nil)
    }

    @Test("Limit of requests under way: 503 with Retry-After")
    func limit() throws {
        var home = try Harness()
        var limits = ServingProxy<Int>.Limits()
        limits.contexts = 1
        home.proxy = ServingProxy(limits: limits)
        home.receive(try home.request())
        #expect(home.status(home.receive(try home.request(extra: [(.subject, "2")]))) == 503)
    }

    @Test(
        "RFC 3263 4: next hops of numeric hosts",
        arguments: [
            ("sip:1.2.3.4", "1.2.3.4:5060 udp"), ("sip:1.2.3.4:9;transport=TCP", "1.2.3.4:9 tcp"),
            ("sips:1.2.3.4", "1.2.3.4:5061 tls"), ("sip:a@b.com;maddr=1.2.3.4", "1.2.3.4:5060 udp"),
            ("sip:[::1]:7", "[::1]:7 udp"), ("sip:b.com", nil), ("sip:1.2.3.4;transport=sctp", nil),
        ] as [(String, String?)])
    func nextHops(uri: String, expected: String?) throws {
        let hop = NextHop(try SIPURI(uri))
        #expect(hop.map { "\($0.endpoint) \($0.transport.rawValue)" } == expected)
    }
}
