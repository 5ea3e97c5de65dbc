import AccessGateway
import ApplicationLevelGateway
import GatewayControl
import H248
import NIOCore
import NIOEmbedded
import Observability
import SDP
import Testing
import WireSyntax

@testable import Transport

/// Controller and gateway on one embedded loop with a network between them that may lose, double and delay.
// One test, one thread.
final class IqPair: @unchecked Sendable {
    static let controllerEnd = Endpoint(.v4(0x7F00_0001), 2944)
    static let gatewayEnd = Endpoint(.v4(0x7F00_0002), 2944)

    struct Network {
        /// Of 100 datagrams so many are lost, and so many come twice.
        var lossPercent = 0
        var doublePercent = 0
        var delay = TimeAmount.milliseconds(1)...TimeAmount.milliseconds(1)
        var isCut = false
        var random = Seed(state: 1)
        var lost = 0
        var doubled = 0
    }

    let loop = EmbeddedEventLoop()
    let media: FakeMedia
    let gatewayChannel: EmbeddedChannel
    let gatewayEndpoint: H248Endpoint
    var agent: GatewayAgent
    private(set) var controllerChannel: EmbeddedChannel
    private(set) var controllerEndpoint: H248Endpoint
    private(set) var control: GatewayControl
    let recorded = RecordedWhats()
    var network = Network()
    var notified: [(TerminationHandle, TerminationEvent)] = []
    var lostGateways: [String] = []
    private var underWay: [(at: NIODeadline, to: Endpoint, octets: ByteBuffer)] = []
    private let controlSettings: GatewayControlSettings

    init(
        control changeControl: (inout GatewayControlSettings) -> Void = { _ in },
        agent changeAgent: (inout AgentSettings) -> Void = { _ in }
    ) throws {
        var agentSettings = AgentSettings(controllers: [Peer(address: Self.controllerEnd.address, port: 2944)])
        changeAgent(&agentSettings)
        var controlSettings = GatewayControlSettings(gateways: [Peer(address: Self.gatewayEnd.address)])
        changeControl(&controlSettings)
        self.controlSettings = controlSettings
        media = FakeMedia(loop)
        gatewayChannel = EmbeddedChannel(loop: loop)
        try gatewayChannel.connect(to: SocketAddress(Self.controllerEnd)).wait()
        gatewayEndpoint = H248Endpoint(
            eventLoop: loop, settings: agentSettings.engine, foreignKind: "foreignController", events: recorded, seed: 5
        )
        gatewayEndpoint.begin(at: Self.gatewayEnd, channel: gatewayChannel)
        agent = GatewayAgent(
            settings: agentSettings, endpoint: gatewayEndpoint, media: media, events: recorded, random: Seed(state: 3))
        (controllerChannel, controllerEndpoint, control) = try Self.makeControl(
            loop, controlSettings, recorded, seed: 9)
        begin()
        agent.start()
    }

    private static func makeControl(
        _ loop: EmbeddedEventLoop, _ settings: GatewayControlSettings, _ events: RecordedWhats, seed: UInt64
    ) throws -> (EmbeddedChannel, H248Endpoint, GatewayControl) {
        let channel = EmbeddedChannel(loop: loop)
        try channel.connect(to: SocketAddress(gatewayEnd)).wait()
        let endpoint = H248Endpoint(
            eventLoop: loop, settings: settings.engine, foreignKind: "foreignGateway", events: events, seed: seed)
        endpoint.begin(at: controllerEnd, channel: channel)
        return (channel, endpoint, GatewayControl(settings: settings, endpoint: endpoint, events: events))
    }

    private func begin() {
        control.onEvent = { [unowned self] in notified.append(($0, $1)) }
        control.onGatewayLost = { [unowned self] in lostGateways.append($0) }
        control.start()
    }

    /// The controller dies and comes back without a memory.
    func restartController() throws {
        control.stop()
        (controllerChannel, controllerEndpoint, control) = try Self.makeControl(
            loop, controlSettings, recorded, seed: 77)
        begin()
    }

    /// Time passes, and datagrams arrive when theirs has come.
    func run(_ time: TimeAmount, until isDone: () -> Bool = { false }) {
        let end = loop.now + time
        collect()
        while !isDone(), loop.now < end {
            let next = min(underWay.map(\.at).min() ?? end, loop.now + .milliseconds(20), end)
            loop.advanceTime(to: max(next, loop.now))
            collect()
            let due = underWay.filter { $0.at <= loop.now }.sorted { $0.at < $1.at }
            underWay.removeAll { $0.at <= loop.now }
            for datagram in due {
                if datagram.to == Self.gatewayEnd {
                    gatewayEndpoint.receive(datagram.octets, from: Self.controllerEnd)
                } else {
                    controllerEndpoint.receive(datagram.octets, from: Self.gatewayEnd)
                }
                collect()
            }
        }
    }

    private func collect() {
        loop.run()
        for channel in [gatewayChannel, controllerChannel] {
            while let envelope = try? channel.readOutbound(as: AddressedEnvelope<ByteBuffer>.self) {
                guard let to = Endpoint(envelope.remoteAddress) else { continue }
                if network.isCut || Int.random(in: 0..<100, using: &network.random) < network.lossPercent {
                    network.lost += 1
                    continue
                }
                let isDoubled = Int.random(in: 0..<100, using: &network.random) < network.doublePercent
                if isDoubled { network.doubled += 1 }
                for _ in 0..<(isDoubled ? 2 : 1) {
                    let range = network.delay.lowerBound.nanoseconds...network.delay.upperBound.nanoseconds
                    let delay = Int64.random(in: range, using: &network.random)
                    underWay.append((loop.now + .nanoseconds(delay), to, envelope.data))
                }
            }
        }
    }

    /// Runs until the gateway is in service.
    func register() {
        run(.seconds(120)) { control.isCapable }
        #expect(control.isCapable && agent.isAssociated)
    }

    func reserve(_ requests: [TerminationRequest] = IqPair.requests) -> Result<[ReservedTermination], GatewayFailure>? {
        let box = Box<Result<[ReservedTermination], GatewayFailure>>()
        control.reserve(requests) { box.value = $0 }
        run(.seconds(120)) { box.value != nil }
        return box.value
    }

    func configure(_ handle: TerminationHandle, _ change: TerminationChange) -> Result<
        LocalDescription, GatewayFailure
    >? {
        let box = Box<Result<LocalDescription, GatewayFailure>>()
        control.configure(handle, change) { box.value = $0 }
        run(.seconds(120)) { box.value != nil }
        return box.value
    }

    func release(_ context: ContextHandle) {
        let box = Box<Bool>()
        control.release(context) { box.value = true }
        run(.seconds(120)) { box.value != nil }
        #expect(box.value == true)
    }

    final class Box<Value> { var value: Value? }

    static let fingerprint = Fingerprint(hash: .sha256, octets: (0..<32).map { UInt8($0) })
    static let remote = RemoteDescription(
        address: Host("127.0.0.21"), port: 9, paths: ["msrps://127.0.0.21:9/abc;tcp"], setup: .active,
        fingerprints: [fingerprint])

    /// Access with everything that Iq can say, and a plain core termination.
    static let requests: [TerminationRequest] = [
        TerminationRequest(
            realm: .access, transport: MediaTransport(isTLS: true, isAware: true),
            local: LocalRequest(
                family: .v4, role: .passive, path: .init(scheme: "msrps", sessionID: "s1"),
                fingerprintHashes: [.sha256]),
            remote: remote, mode: .sendReceive, permittedSources: [.v4(0x7F00_001E)], latch: true,
            heartbeat: .seconds(600)),
        TerminationRequest(
            realm: .core, transport: MediaTransport(isTLS: false, isAware: true),
            local: LocalRequest(family: .v4, role: .passive, path: .init(scheme: "msrp", sessionID: "s1")),
            mode: .sendReceive),
    ]
}

struct Seed: RandomNumberGenerator, Sendable {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}

/// Events as they were emitted. One thread.
final class RecordedWhats: FlowEventSink, @unchecked Sendable {
    var all: [FlowEvent.What] = []
    var isEnabled: Bool { true }
    func emit(_ what: FlowEvent.What) { all.append(what) }

    var milestones: [FlowEvent.Milestone.Name] {
        all.compactMap { if case .milestone(let milestone) = $0 { milestone.name } else { nil } }
    }
    var refusals: [FlowEvent.Refusal] { all.compactMap { if case .refused(let refusal) = $0 { refusal } else { nil } } }
    var messages: [FlowEvent.GatewayMessage] {
        all.compactMap { if case .h248(let message) = $0 { message } else { nil } }
    }
}
