import AccessGateway
import Configuration
import HomeNetwork
import Lab
import Logging
import NIOCore
import NIOPosix
import Observability
import SIP
import Testing
import Transport
import WireSyntax

@testable import ProxyCSCF

/// P-CSCF and gateway of ours, with Gm over UDP and TCP and `gm.allowUnprotected`, for SIPp at both ends; the home network is ours too, or SIPp.
struct SIPpNetwork: Sendable {
    let folder: String
    let proxy: ProxyCSCF
    let gateway: AccessGateway
    let home: HomeNetwork?
    /// Where the home network is: for a SIPp that plays it.
    let core: Endpoint
    /// Of the two UEs, by user.
    let ues: [String: Endpoint]
    let gm: Endpoint

    struct Held: Hashable, Sendable {
        var legs = 0
        var contexts = 0
        var gatewayContexts = 0
    }

    /// - Parameters:
    ///   - settings: further keys of the P-CSCF.
    ///   - playsCore: no home network is started, the test has one.
    static func with(
        _ settings: [String] = [], playsCore: Bool = false, _ body: (SIPpNetwork) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let network = try await SIPpNetwork(folder, settings, playsCore)
            do {
                try await body(network)
            } catch {
                Issue.record("\(error)")
            }
            await network.proxy.stop()
            await network.gateway.stop()
            await network.home?.stop()
        }
    }

    private init(_ folder: String, _ settings: [String], _ playsCore: Bool) async throws {
        self.folder = folder
        var random = SystemRandomNumberGenerator()
        let block = LoopbackBlock(using: &random)
        func environment(_ node: String) -> FunctionEnvironment {
            FunctionEnvironment(logger: Logger(label: "test"), node: node)
        }
        let at = try PortReservation.port(at: block.address(10), .tcp)
        home =
            playsCore
            ? nil
            : HomeNetwork(
                settings: try HomeNetworkSettings(
                    Configuration(
                        HomeNetworkSettings.schema,
                        yaml: """
                            mw.listen: ["tcp:\(at)"]
                            mw.peers: [\(block.address(20))]
                            authentication.algorithms: [MD5]
                            users:
                              - {private-id: alice@ims.lab, password: secret, public-ids: ["sip:alice@ims.lab"]}
                              - {private-id: bob@ims.lab, password: secret, public-ids: ["sip:bob@ims.lab"]}
                            """)), environment: environment("S-CSCF"))
        _ = try await home?.start()
        core = at
        let (iq, agw) = (
            try PortReservation.port(at: block.address(20), .udp), try PortReservation.port(at: block.address(30), .udp)
        )
        let gm = try PortReservation.port(at: block.address(20), .both)
        let text = """
            gm: {udp: "\(gm)", tcp: "\(gm)", allowUnprotected: true}
            mw: {listen: \(block.address(20)):0, home: \(at)}
            iq: {listen: "udp:\(iq)", gateways: ["udp:\(agw)"]}
            """
        proxy = ProxyCSCF(
            settings: try ProxyCSCFSettings(
                Configuration(
                    ProxyCSCFSettings.schema, yaml: ([text] + settings).joined(separator: "\n"))),
            environment: environment("P-CSCF"), timers: Self.timers)
        _ = try await proxy.start()
        // No media come with SIPp, and a BYE that is lost a few times may come more than the usual 10 s after the 200.
        gateway = AccessGateway(
            settings: try AccessGatewaySettings(
                Configuration(
                    AccessGatewaySettings.schema,
                    yaml: """
                        iq: {listen: "udp:\(agw)", mgc: ["udp:\(iq)"]}
                        access.address: [\(block.address(31))]
                        core.address: [\(block.address(32))]
                        media.tcp-timeout: 60 s
                        """)), environment: environment("IMS-AGW"))
        _ = try await gateway.start()
        self.gm = gm
        ues = [
            "alice": try PortReservation.port(at: block.address(101), .both),
            "bob": try PortReservation.port(at: block.address(102), .both),
        ]
        let proxy = proxy
        while try await proxy.eventLoop.submit({ proxy.gateways?.hasCapableGateway != true }).get() {
            await Task.yield()
        }
    }

    /// A fifth of RFC 3261's T1: what waits for 64·T1 is over soon enough for a test to see that nothing stays.
    private static let timers = TransactionTimers(t1: .milliseconds(100), t4: .seconds(1))

    // MARK: UEs

    func ue(_ user: String, _ scenario: String) throws -> SIPp {
        SIPp(scenario: scenario, local: try #require(ues[user]), remote: gm, user: user)
    }

    func register(_ user: String, _ scenario: String = "register", expires: Int = 600) async throws {
        var ue = try ue(user, scenario)
        ue.keys["expires"] = "\(expires)"
        try await ue.run(in: folder)
    }

    /// `alice` calls `bob` with these scenarios.
    func call(
        _ calling: String, _ called: String, calls: Int = 1, loss: Int = 0, pause: Int = 0, seconds: Int = 20
    ) async throws {
        var bob = try ue("bob", called)
        (bob.calls, bob.loss, bob.pause) = (calls, loss, loss > 0 ? 4000 : 0)
        let answering = try await bob.start(in: folder, seconds: seconds)
        defer { answering.kill() }
        var alice = try ue("alice", calling)
        (alice.calls, alice.loss, alice.pause) = (calls, loss, pause)
        alice.keys["callee"] = "bob"
        try await alice.run(in: folder, seconds: seconds)
        try await answering.finish()
    }

    // MARK: What is held

    func held() async throws -> Held {
        let proxy = proxy
        let (legs, contexts) = try await proxy.eventLoop.submit { (proxy.calls.count, proxy.contexts.count) }.get()
        return Held(legs: legs, contexts: contexts, gatewayContexts: await gateway.contextCount())
    }

    /// Waits for the last context to be subtracted: a failure where something stays.
    func expectIdle(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        _ = try await eventually(within: .seconds(5)) { try await held() == Held() }
        let now = try await held()
        #expect(now == Held(), sourceLocation: sourceLocation)
    }

    /// Waits for the last of 64·T1 and the like.
    func expectNoTransactions(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        _ = try await eventually(within: .seconds(15)) { try await transactions() == 0 }
        let alive = try await transactions()
        #expect(alive == 0, sourceLocation: sourceLocation)
    }

    /// Deadlines of the P-CSCF: those of its calls and transactions, and those that run for ever.
    func deadlines() async throws -> Int {
        let proxy = proxy
        return try await proxy.eventLoop.submit { proxy.deadlines.count }.get()
    }

    func transactions() async throws -> Int {
        let proxy = proxy
        return try await proxy.eventLoop.submit { proxy.endpoint?.transactionCount ?? 0 }.get()
    }

    func registrations() async throws -> [Registration] {
        let proxy = proxy
        return try await proxy.eventLoop.submit { proxy.registrations.all }.get()
    }

    func refusals(_ kind: String) async throws -> Int {
        let proxy = proxy
        return try await proxy.eventLoop.submit { proxy.refusals[kind] ?? 0 }.get()
    }

    func eventually(within limit: Duration, _ condition: () async throws -> Bool) async throws -> Bool {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            if try await condition() { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return try await condition()
    }
}
