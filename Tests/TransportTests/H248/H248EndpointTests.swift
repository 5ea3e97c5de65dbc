import H248
import NIOCore
import NIOEmbedded
import Observability
import Testing
import WireSyntax

@testable import Transport

@Suite struct H248EndpointTests {
    static let own = Endpoint(.v4(0x7F00_0009), 2944)
    static let controller = Endpoint(.v4(0x7F00_0008), 2945)

    /// A gateway's endpoint on an embedded loop.
    final class Gateway: H248User {
        let loop = EmbeddedEventLoop()
        let events = RecordedEvents()
        let socket: EmbeddedChannel
        let endpoint: H248Endpoint
        var log: [String] = []
        var requests: [IncomingTransaction] = []

        init() {
            socket = EmbeddedChannel(loop: loop)
            endpoint = H248Endpoint(
                eventLoop: loop,
                settings: EngineSettings(
                    identifier: .address(own.address, port: nil), peers: [Peer(address: controller.address)]),
                foreignKind: "foreignController", events: events, seed: 7)
            endpoint.begin(at: own, channel: socket)
            endpoint.user = self
        }

        func receive(_ text: String, from source: Endpoint = controller) {
            endpoint.receive(ByteBuffer(string: text), from: source)
            loop.run()
        }

        func sent() throws -> [String] {
            var sent: [String] = []
            while let envelope = try socket.readOutbound(as: AddressedEnvelope<ByteBuffer>.self) {
                #expect(Endpoint(envelope.remoteAddress) == controller)
                sent.append(String(buffer: envelope.data))
            }
            return sent
        }

        func h248Endpoint(
            _ endpoint: H248Endpoint, received request: TransactionRequest, as transaction: IncomingTransaction,
            version: UInt8
        ) {
            log.append("request \(request.id)")
            requests.append(transaction)
        }

        func h248Endpoint(
            _ endpoint: H248Endpoint, received reply: TransactionReply.Body, to transaction: OutgoingTransaction
        ) { log.append("reply") }

        func h248Endpoint(_ endpoint: H248Endpoint, timedOut transaction: OutgoingTransaction) {
            log.append("timed out")
        }
    }

    static func audit(_ id: Int, sender: String = "[127.0.0.8]:2945") -> String {
        "MEGACO/2 \(sender)\nTransaction = \(id) { Context = - { AuditValue = ROOT { Audit { } } } }\n"
    }

    @Test("a request of the configured controller is executed once, and a repeated one gets the same reply")
    func atMostOnce() throws {
        let gateway = Gateway()
        gateway.receive(Self.audit(17))
        #expect(gateway.log == ["request 17"])
        gateway.endpoint.reply(.error(ErrorDescriptor(.unauthorized)), to: gateway.requests[0])
        let first = try gateway.sent()
        #expect(first.count == 1)
        #expect(first[0].contains("[127.0.0.9]:2944"))
        gateway.receive(Self.audit(17))
        #expect(gateway.log == ["request 17"])
        #expect(try gateway.sent() == first)
        let summaries = gateway.events.all.compactMap { what -> String? in
            guard case .h248(let event) = what else { return nil }
            return "\(event.direction) \(event.summary)"
        }
        #expect(summaries.count == 4)
        #expect(summaries[0] == "received Transaction 17: AuditValue ROOT")
        #expect(summaries[1].hasPrefix("sent Reply 17: "))
        #expect(summaries[3] == summaries[1] + " (repeated)")
    }

    @Test(
        "a foreign controller gets no answer, whatever it says it is; it is counted",
        arguments: [
            ("127.0.0.7:2945", "[127.0.0.8]:2945"), ("127.0.0.7:2945", "[127.0.0.7]:2945"),
            ("127.0.0.8:2945", "[127.0.0.7]:2945"),
        ])
    func foreign(source: String, sender: String) throws {
        let gateway = Gateway()
        gateway.receive(Self.audit(1, sender: sender), from: try #require(Endpoint(source)))
        gateway.receive("rubbish", from: try #require(Endpoint("127.0.0.7:1")))
        #expect(gateway.log == [])
        #expect(try gateway.sent().isEmpty)
        #expect(gateway.endpoint.refusedMessages == 2)
        let refusals = gateway.events.all.compactMap { what -> FlowEvent.Refusal? in
            if case .refused(let refusal) = what { refusal } else { nil }
        }
        #expect(refusals.map(\.kind) == ["foreignController", "foreignController"])
        #expect(refusals.map(\.count) == [1, 2])
        #expect(refusals.first?.remote == source)
    }

    @Test("a flood of foreign messages does not drown the events")
    func flood() throws {
        let gateway = Gateway()
        for number in 0..<10_000 { gateway.receive("x", from: Endpoint(.v4(0x0A00_0000 + UInt32(number)), 1)) }
        #expect(gateway.endpoint.refusedMessages == 10_000)
        #expect(gateway.events.all.count == H248Endpoint.eventBurst)
    }

    @Test("RFC 3525 D.1: an own request is repeated until T-MAX, then the user hears of it, never from inside its call")
    func timeout() throws {
        let gateway = Gateway()
        let command = CommandRequest(.auditValue, .root, [.audit(AuditDescriptor())])
        let sent = gateway.endpoint.send([ActionRequest(.null, commands: [command])], to: Self.controller)
        #expect(sent != nil)
        #expect(gateway.endpoint.outstanding == 1)
        for _ in 0..<300 { gateway.loop.advanceTime(by: .milliseconds(100)) }
        #expect(gateway.log == ["timed out"])
        #expect(try gateway.sent().count > 5)
        #expect(gateway.endpoint.outstanding == 0)
    }

    @Test("a malformed message of the controller is answered with the error of H.248, and counted")
    func malformed() throws {
        let gateway = Gateway()
        gateway.receive("MEGACO/2 [127.0.0.8]:2945\nTransaction = 3 { Context = - { Dance = ROOT { } } }\n")
        #expect(gateway.log == [])
        #expect(gateway.endpoint.malformedMessages == 1)
        #expect(try gateway.sent().first?.contains("Error = 4") == true)
    }

    @Test("a request that came before the user is executed when the user comes")
    func early() throws {
        let gateway = Gateway()
        let endpoint = H248Endpoint(
            eventLoop: gateway.loop,
            settings: EngineSettings(
                identifier: .address(Self.own.address, port: nil), peers: [Peer(address: Self.controller.address)]),
            foreignKind: "foreignController", seed: 7)
        endpoint.receive(ByteBuffer(string: Self.audit(17)), from: Self.controller)
        gateway.loop.run()
        #expect(gateway.log == [])
        endpoint.user = gateway
        gateway.loop.run()
        #expect(gateway.log == ["request 17"])
    }
}
