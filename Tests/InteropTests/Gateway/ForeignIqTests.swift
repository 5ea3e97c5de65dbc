import ApplicationLevelGateway
import NIOCore
import NIOPosix
import Observability
import SDP
import Testing
import Transport
import WireSyntax

/// Somebody who is not configured speaks H.248 to a gateway and to a controller.
@Suite(.timeLimit(.minutes(1))) struct ForeignIqTests {
    /// A UDP socket of the stranger's; notes what it gets.
    private func withStranger(_ body: (Noted, any Channel) async throws -> Void) async throws {
        let received = Noted()
        let channel = try await Sockets.datagrams(
            on: MultiThreadedEventLoopGroup.singleton.next(), at: Endpoint(Party.stranger, 0)
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Collector(received))
            }
        }.get()
        try await body(received, channel)
        try await channel.close()
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        private let received: Noted
        init(_ received: Noted) { self.received = received }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received.append(String(buffer: unwrapInboundIn(data).data))
        }
    }

    private func send(_ text: String, to endpoint: Endpoint, _ channel: any Channel) async throws {
        try await channel.writeAndFlush(
            AddressedEnvelope(remoteAddress: SocketAddress(endpoint), data: ByteBuffer(string: text)))
    }

    private func refused(_ kind: String, _ count: Int) -> @Sendable (FlowEvent.What) -> Bool {
        { what in
            if case .refused(let refusal) = what { refusal.kind == kind && refusal.count == count } else { false }
        }
    }

    @Test("A8: a foreign controller commands nothing at the gateway, gets no answer, and is counted")
    func controller() async throws {
        let gateway = try await IqUnderTest()
        try await withStranger { received, channel in
            // With its own name, and with the name of the right controller.
            for sender in [
                "[\(Party.stranger)]:2944", "[\(gateway.controllerIq.address)]:\(gateway.controllerIq.port)",
            ] {
                let text =
                    "MEGACO/2 \(sender)\nTransaction = 1 { Context = - { AuditValue = ROOT { Audit { Packages } } } }\n"
                try await send(text, to: gateway.gatewayIq, channel)
            }
            try await send("no H.248 at all", to: gateway.gatewayIq, channel)
            let last = await gateway.events.first(where: refused("foreignController", 3))
            guard case .refused(let refusal) = last else { return }
            #expect(refusal.remote.hasPrefix("\(Party.stranger):"))
            // The right controller is served after that, so an answer to the stranger would have gone out before.
            let fingerprint = try Fingerprint(
                parsing: "SHA-256 " + Array(repeating: "AB", count: 32).joined(separator: ":"))
            let session = try await gateway.open(access: .ue([fingerprint]), core: nil)
            try await session.end()
            #expect(received.text == "")
        }
        try await gateway.stop()
    }

    @Test("A8: a foreign gateway registers nowhere, gets no answer, and is counted")
    func foreignGateway() async throws {
        let gateway = try await IqUnderTest()
        try await withStranger { received, channel in
            for sender in ["[\(Party.stranger)]:2944", "[\(gateway.gatewayIq.address)]:\(gateway.gatewayIq.port)"] {
                let text = """
                    MEGACO/2 \(sender)
                    Transaction = 9 { Context = - { ServiceChange = ROOT { Services { Method = Restart, Reason = "901 Cold Boot" } } } }

                    """
                try await send(text, to: gateway.controllerIq, channel)
            }
            _ = await gateway.controllerEvents.first(where: refused("foreignGateway", 2))
            let fingerprint = try Fingerprint(
                parsing: "SHA-256 " + Array(repeating: "AB", count: 32).joined(separator: ":"))
            let session = try await gateway.open(access: .ue([fingerprint]), core: nil)
            #expect(session.access.endpoint.address == Party.access)
            try await session.end()
            #expect(received.text == "")
        }
        try await gateway.stop()
    }
}
