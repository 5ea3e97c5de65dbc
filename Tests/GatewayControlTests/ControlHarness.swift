import ApplicationLevelGateway
import GatewayControl
import H248
import NIOCore
import NIOEmbedded
import SDP
import Testing
import WireSyntax

@testable import Transport

/// A controller on an embedded loop, and gateways that are a test.
// One test, one thread.
final class ControlHarness: @unchecked Sendable {
    static let controller = Endpoint(.v4(0x7F00_0001), 2944)
    static let first = Endpoint(.v4(0x7F00_0002), 2944)
    static let second = Endpoint(.v4(0x7F00_0003), 2944)

    let loop = EmbeddedEventLoop()
    let channel: EmbeddedChannel
    let endpoint: H248Endpoint
    let control: GatewayControl
    var outbox: [(message: Message, to: Endpoint)] = []
    var notified: [(TerminationHandle, TerminationEvent)] = []
    var lost: [String] = []
    var availability: [Bool] = []

    init(gateways: [Peer] = [Peer(address: first.address)]) throws {
        let settings = GatewayControlSettings(gateways: gateways)
        channel = EmbeddedChannel(loop: loop)
        try channel.connect(to: SocketAddress(Self.first)).wait()
        endpoint = H248Endpoint(
            eventLoop: loop, settings: settings.engine, foreignKind: "foreignGateway", seed: 11)
        endpoint.begin(at: Self.controller, channel: channel)
        control = GatewayControl(settings: settings, endpoint: endpoint)
        control.onEvent = { [unowned self] in notified.append(($0, $1)) }
        control.onGatewayLost = { [unowned self] in lost.append($0) }
        control.onAvailability = { [unowned self] in availability.append($0) }
        control.start()
    }

    func settle() {
        loop.run()
        while let envelope = try? channel.readOutbound(as: AddressedEnvelope<ByteBuffer>.self) {
            guard let to = Endpoint(envelope.remoteAddress), let message = try? Message(decoding: envelope.data) else {
                Issue.record("unreadable: \(String(buffer: envelope.data))")
                continue
            }
            outbox.append((message, to))
        }
    }

    func advance(_ time: TimeAmount) {
        loop.advanceTime(by: time)
        settle()
    }

    /// From a gateway: its header is put before the text.
    func receive(_ text: String, from source: Endpoint = first) {
        endpoint.receive(
            ByteBuffer(string: "MEGACO/2 [\(source.address)]:\(source.port)\n\(text)"), from: source)
        settle()
    }

    struct Asked {
        var id: UInt32
        var action: ActionRequest
        var to: Endpoint
        var command: CommandRequest { action.commands[0] }
    }

    /// The oldest request in the outbox; replies and repetitions before it are dropped.
    func next() -> Asked? {
        while !outbox.isEmpty {
            let (message, to) = outbox.removeFirst()
            guard case .transactions(let items) = message.body else { continue }
            for case .request(let request) in items {
                if let action = request.actions.first, !action.commands.isEmpty {
                    return Asked(id: request.id, action: action, to: to)
                }
            }
        }
        return nil
    }

    /// Registers a gateway and answers the audit of its packages.
    func register(_ gateway: Endpoint = first, id: Int = 1) throws {
        receive("T=\(id){C=-{SC=ROOT{SV{MT=RS,RE=\"901 Cold Boot\",PF=threegimsagw/1,V=2}}}}", from: gateway)
        let audit = try #require(next())
        #expect(audit.command.kind == .auditValue && audit.command.termination.isRoot && audit.to == gateway)
        receive("P=\(audit.id){C=-{AV=ROOT{PG{g-1,root-2}}}}", from: gateway)
        outbox = []
    }

    static let requests: [TerminationRequest] = [
        TerminationRequest(
            realm: .access, transport: MediaTransport(isTLS: true, isAware: false),
            local: LocalRequest(family: .v4, role: .passive, fingerprintHashes: [.sha256])),
        TerminationRequest(
            realm: .core, transport: MediaTransport(isTLS: false, isAware: false),
            local: LocalRequest(family: .v4, role: .passive)),
    ]

    final class Box<Value> { var value: Value? }

    func reserve() -> Box<Result<[ReservedTermination], GatewayFailure>> {
        let box = Box<Result<[ReservedTermination], GatewayFailure>>()
        control.reserve(Self.requests) { box.value = $0 }
        settle()
        return box
    }

    /// A reply to two Adds as another implementation might write it: bare line ends, a leading and a trailing empty line, names in lower case.
    static func added(_ id: UInt32, context: Int = 5) -> String {
        let local = """

            v=0
            c=IN IP4 127.0.0.11
            m=message 7001 tcp/tls *
            a=setup:passive
            a=fingerprint:sha-256 \(Array(repeating: "ab", count: 32).joined(separator: ":"))

            """
        let core = "\nv=0\nc=IN IP4 127.0.0.12\nm=message 7002 TCP *\na=setup:passive\n\n"
        return "Reply=\(id){Context=\(context){Add=ip/1/1/a{Media{Stream=1{Local{\(local)}}}},"
            + "Add=ip/1/1/b{Media{Stream=1{Local{\(core)}}}}}}"
    }
}
