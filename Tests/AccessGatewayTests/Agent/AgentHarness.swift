import AccessGateway
import ApplicationLevelGateway
import H248
import NIOCore
import NIOEmbedded
import Observability
import Testing
import WireSyntax

@testable import Transport

/// A gateway agent on an embedded loop, and a controller that is a test.
// One test, one thread.
final class AgentHarness: @unchecked Sendable {
    static let controller = Endpoint(.v4(0x7F00_0001), 2944)
    static let gateway = Endpoint(.v4(0x7F00_0002), 2944)

    let loop = EmbeddedEventLoop()
    let channel: EmbeddedChannel
    let endpoint: H248Endpoint
    let media: FakeMedia
    let agent: GatewayAgent
    private var transaction: UInt32 = 0
    /// What the agent sent, oldest first, taken by the test.
    var outbox: [(message: Message, octets: ByteBuffer, to: Endpoint)] = []

    init(
        controllers: [Peer] = [Peer(address: controller.address, port: controller.port)],
        _ change: (inout AgentSettings) -> Void = { _ in }
    ) throws {
        var settings = AgentSettings(controllers: controllers)
        settings.restartDelay = .zero
        change(&settings)
        channel = EmbeddedChannel(loop: loop)
        try channel.connect(to: SocketAddress(Self.controller)).wait()
        let deadlines = DeadlineDriver(eventLoop: loop)
        endpoint = H248Endpoint(
            eventLoop: loop, settings: settings.engine, foreignKind: "foreignController", deadlines: deadlines, seed: 7)
        endpoint.begin(at: Self.gateway, channel: channel)
        media = FakeMedia(loop)
        agent = GatewayAgent(settings: settings, endpoint: endpoint, media: media, deadlines: deadlines)
        agent.start()
        advance(.milliseconds(1))
    }

    /// An agent that is associated already.
    static func associated(_ change: (inout AgentSettings) -> Void = { _ in }) throws -> AgentHarness {
        let harness = try AgentHarness(change)
        try harness.acceptServiceChange()
        #expect(harness.agent.isAssociated)
        return harness
    }

    func advance(_ time: TimeAmount) {
        loop.advanceTime(by: time)
        settle()
    }

    func settle() {
        loop.run()
        while let envelope = try? channel.readOutbound(as: AddressedEnvelope<ByteBuffer>.self) {
            guard let to = Endpoint(envelope.remoteAddress), let message = try? Message(decoding: envelope.data) else {
                Issue.record("unreadable: \(String(buffer: envelope.data))")
                continue
            }
            outbox.append((message, envelope.data, to))
        }
    }

    func take() -> [Message] {
        defer { outbox = [] }
        return outbox.map(\.message)
    }

    func receive(_ text: String, from source: Endpoint = controller) {
        endpoint.receive(ByteBuffer(string: text), from: source)
        settle()
    }

    /// Answers the ServiceChange that waits in the outbox.
    func acceptServiceChange(version: Int = 2) throws {
        let request = try #require(take().compactMap(\.request).first)
        receive(
            "MEGACO/2 [127.0.0.1]:2944 Reply = \(request.id) { Context = - { ServiceChange = ROOT "
                + "{ Services { Version = \(version) } } } }")
    }

    /// Sends actions in one transaction and gives its reply.
    func ask(_ actions: String, from source: Endpoint = controller, mid: String = "[127.0.0.1]:2944")
        -> TransactionReply.Body?
    {
        transaction += 1
        _ = take()
        receive("MEGACO/2 \(mid) Transaction = \(transaction) { \(actions) }", from: source)
        for message in take() { if let reply = message.reply, reply.id == transaction { return reply.body } }
        return nil
    }

    /// The first error of the reply to these actions.
    func code(_ actions: String) -> UInt16? { ask(actions)?.firstError?.code.rawValue }

    /// One context with access (TLS, aware) and core.
    @discardableResult
    func addContext() throws -> (ContextID, [TerminationID]) {
        guard case .actions(let actions)? = ask("Context = $ { \(Self.addAccess), \(Self.addCore) }"),
            let action = actions.first
        else {
            Issue.record("no context")
            return (.null, [])
        }
        #expect(action.error == nil && action.commands.count == 2)
        return (action.context, action.commands.compactMap(\.termination))
    }

    static let addAccess = add(
        """
        v=0
        c=IN IP4 $
        m=message $ TCP/TLS/MSRP *
        a=setup:passive
        a=path:msrps://$:$/abc;tcp
        a=fingerprint:SHA-256 $

        """, realm: "access")
    static let addCore = add("v=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\na=setup:passive\n", realm: "core")

    static func add(
        _ local: String, realm: String = "", remote: String? = nil, control: String = "", rest: String = ""
    ) -> String {
        var parts = ["Mode = SendReceive"]
        if !realm.isEmpty { parts.append("ipdc/realm = \"\(realm)\"") }
        if !control.isEmpty { parts.append(control) }
        let remote = remote.map { ", Remote {\n\($0)}" } ?? ""
        return "Add = ip/1/$/$ { Media { Stream = 1 { LocalControl { \(parts.joined(separator: ", ")) }, "
            + "Local {\n\(local)}\(remote) } }, Events = 10 { g/cause }\(rest) }"
    }
}

extension Message {
    var request: TransactionRequest? {
        guard case .transactions(let items) = body else { return nil }
        for case .request(let request) in items { return request }
        return nil
    }
    var reply: TransactionReply? {
        guard case .transactions(let items) = body else { return nil }
        for case .reply(let reply) in items { return reply }
        return nil
    }
}

extension TransactionReply.Body {
    var actions: [ActionReply] { if case .actions(let actions) = self { actions } else { [] } }

    var firstError: ErrorDescriptor? {
        switch self {
        case .error(let error): return error
        case .actions(let actions):
            for action in actions {
                for command in action.commands {
                    for case .error(let error) in command.descriptors { return error }
                }
                if let error = action.error { return error }
            }
            return nil
        }
    }
}

extension CommandReply {
    var localText: String? {
        for case .media(let media) in descriptors { return media.streams.first?.local.map { String(buffer: $0) } }
        return nil
    }
}
