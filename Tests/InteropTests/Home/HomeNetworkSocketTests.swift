import Authentication
import Configuration
import Logging
import NIOCore
import NIOPosix
import Observability
import SIP
import Synchronization
import Testing
import Transport
import WireSyntax

@testable import HomeNetwork

/// The home network over real sockets of loopback, with a P-CSCF played on either side.
@Suite(.timeLimit(.minutes(1))) struct HomeNetworkSocketTests {
    /// A P-CSCF that notes the responses it gets, and answers INVITE with 180 and 200 and anything else with 200.
    // Confined to `loop`, as its endpoint is; what tests read of it is `events` and `responses`, which are safe.
    final class Edge: SIPUser, @unchecked Sendable {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let events = RecordedEvents()
        let endpoint: SIPEndpoint
        let responses = Mutex<[Response]>([])
        private(set) var address = Endpoint(.v4(0x7F00_0001), 0)

        init() {
            endpoint = SIPEndpoint(eventLoop: loop, events: events)
            endpoint.user = self
        }

        func start(_ last: UInt32) async throws {
            address = try await loop.flatSubmit {
                self.endpoint.listen("mw", transport: .tcp, at: Endpoint(.v4(0x7F04_0000 + last), 0))
            }.get()
        }

        /// The next final response.
        func request(_ request: Request, to home: Endpoint) async throws -> Response {
            let before = responses.withLock { $0.count }
            try await loop.flatSubmit {
                self.endpoint.flow(to: home, transport: .tcp, from: "mw").map { flow in
                    _ = self.endpoint.send(request, over: flow)
                }
            }.get()
            _ = await events.first { _ in self.responses.withLock { $0.count > before } }
            return try #require(responses.withLock { $0.last })
        }

        func sipEndpoint(
            _ endpoint: SIPEndpoint, received request: Request, transaction: TransactionID?, over flow: Flow,
            listener: String
        ) {
            events.emit(.warning("request \(request.method) \(request.uri)"))
            guard let transaction else { return }
            if request.method == .invite {
                endpoint.respond(.make(180, to: request, toTag: "edge"), to: transaction)
            }
            var ok = Response.make(200, to: request, toTag: "edge")
            for value in request.headers.values(.recordRoute) { ok.headers.append(.recordRoute, value) }
            endpoint.respond(ok, to: transaction)
        }

        func sipEndpoint(
            _ endpoint: SIPEndpoint, cancel request: Request, transaction: TransactionID, of invite: TransactionID?,
            over flow: Flow
        ) {}

        func sipEndpoint(
            _ endpoint: SIPEndpoint, received response: Response, transaction: TransactionID?, over flow: Flow
        ) {
            guard response.isFinal else { return }
            responses.withLock { $0.append(response) }
            events.emit(.warning("response \(response.status)"))
        }

        func sipEndpoint(_ endpoint: SIPEndpoint, failed transaction: TransactionID, timedOut: Bool) {
            events.emit(.warning("failed"))
        }

        func headers(_ user: String, _ cSeq: String, to: String, tag: String? = nil) -> Headers {
            var headers = Headers()
            headers.append(.maxForwards, "70")
            headers.append(.from, "<sip:\(user)@ims.lab>;tag=\(user)")
            headers.append(.to, "<sip:\(to)@ims.lab>" + (tag.map { ";tag=\($0)" } ?? ""))
            headers.append(.callID, "\(user)-\(cSeq.split(separator: " ")[1])")
            headers.append(.cSeq, cSeq)
            return headers
        }

        /// REGISTER with digest, as a UE behind this edge would.
        func register(_ user: String, at home: Endpoint) async throws -> Response {
            var register = Request(
                method: .register, uri: try URI("sip:ims.lab"), headers: headers(user, "1 REGISTER", to: user))
            register.headers.append(.contact, "<sip:\(user)@127.0.0.9:4000;transport=tcp>;expires=600")
            register.headers.append(.path, "<sip:\(user)-path@\(address);transport=tcp;lr>")
            let challenge = try await request(register, to: home)
            #expect(challenge.status == 401)
            let best = try #require(DigestChallenge.best(of: challenge.headers.values(.wwwAuthenticate)))
            let credentials = try #require(
                DigestCredentials.answer(
                    best, username: "\(user)@ims.lab", password: Secret("pw-\(user)"), method: .register,
                    uri: "sip:ims.lab", cnonce: "c", nonceCount: 1))
            register.headers.set(.cSeq, to: "2 REGISTER")
            register.headers.append(.authorization, credentials.description)
            return try await request(register, to: home)
        }
    }

    static func home() throws -> (HomeNetwork, RecordedEvents) {
        let events = RecordedEvents()
        let users = try ["alice", "bob"].map {
            Subscriber(
                privateIdentity: "\($0)@ims.lab", password: Secret("pw-\($0)"),
                publicIdentities: [try SIPURI("sip:\($0)@ims.lab")])
        }
        let settings = HomeNetworkSettings(
            domain: .name("ims.lab"), listen: [.init(.tcp, Endpoint(.v4(0x7F04_0001), 0))], users: users)
        let environment = FunctionEnvironment(logger: Logger(label: "home"), events: events, node: "S-CSCF")
        return (HomeNetwork(settings: settings, environment: environment), events)
    }

    @Test("registers two users, and brings an INVITE, its ACK and a BYE from one to the other's edge")
    func call() async throws {
        let (home, events) = try Self.home()
        let listening = try await home.start()
        let address = try #require(listening.first.flatMap { Endpoint($0.local) })
        let (originating, terminating) = (Edge(), Edge())
        try await originating.start(2)
        try await terminating.start(3)
        let registered = try await originating.register("alice", at: address)
        #expect(registered.status == 200)
        #expect(try await terminating.register("bob", at: address).status == 200)
        _ = await events.first {
            $0 == .milestone(.init(.registered, callID: "bob-REGISTER", detail: "bob@ims.lab"))
        }

        var invite = Request(
            method: .invite, uri: try URI("sip:bob@ims.lab"),
            headers: originating.headers("alice", "1 INVITE", to: "bob"))
        invite.headers.append(.route, try #require(registered.headers[.serviceRoute]))
        invite.headers.append(.pAssertedIdentity, "<sip:alice@ims.lab>")
        invite.headers.append(.contact, "<sip:alice@127.0.0.9:4000>")
        let ok = try await originating.request(invite, to: address)
        #expect(ok.status == 200)
        #expect(try ok.headers.vias().count == 1)
        let wanted = "request INVITE sip:bob@127.0.0.9:4000;transport=tcp"
        _ = await terminating.events.first { $0 == .warning(wanted) }

        for method in [Method.ack, .bye] {
            var request = Request(
                method: method, uri: try URI("sip:bob@\(terminating.address);transport=tcp"),
                headers: originating.headers("alice", "2 \(method)", to: "bob", tag: "edge"))
            request.headers.append(.route, try #require(ok.headers[.recordRoute]))
            if method == .bye {
                #expect(try await originating.request(request, to: address).status == 200)
            } else {
                let ack = request
                try await originating.loop.flatSubmit {
                    originating.endpoint.flow(to: address, transport: .tcp, from: "mw").map {
                        originating.endpoint.sendStateless(.request(ack), over: $0)
                    }
                }.get()
            }
            let seen = "request \(method) \(request.uri)"
            _ = await terminating.events.first { $0 == .warning(seen) }
        }
        await home.stop()
    }
}
