import AccessGateway
import ApplicationLevelGateway
import H248
import NIOCore
import Testing
import WireSyntax

@Suite("RFC 3525 11: association and events of the gateway")
struct AssociationTests {
    private func serviceChange(_ harness: AgentHarness) throws -> (TransactionRequest, ServiceChangeDescriptor) {
        let request = try #require(harness.take().compactMap(\.request).last)
        guard case .serviceChange(let change)? = request.actions.first?.commands.first?.descriptors.first else {
            throw GatewayFailure(code: 0, text: "no ServiceChange")
        }
        return (request, change)
    }

    @Test(
        "RFC 3525 9.2, 11.2, iq-h248 6: the first command is ServiceChange Restart 901, repeated under the same id within a second"
    )
    func coldStart() throws {
        let harness = try AgentHarness()
        let (request, change) = try serviceChange(harness)
        #expect(request.actions.first?.context == .null)
        #expect(change.method == .restart && change.reasonCode == 901 && change.version == 2)
        #expect(change.profile?.description == "threegimsagw/1" && change.address == .port(2944))
        harness.advance(.seconds(1))
        let repeated = harness.take().compactMap(\.request)
        #expect(!repeated.isEmpty && repeated.allSatisfy { $0.id == request.id })
    }

    @Test("iq-h248 10, Version: the negotiated version stands in every header")
    func version() throws {
        let harness = try AgentHarness()
        try harness.acceptServiceChange(version: 1)
        _ = harness.take()
        harness.receive("MEGACO/1 [127.0.0.1]:2944 T=5{C=-{AV=ROOT{AT{}}}}")
        #expect(harness.take().map(\.version) == [1])
    }

    @Test("406 for the header: a lower version is tried")
    func versionNotSupported() throws {
        let harness = try AgentHarness()
        #expect(try serviceChange(harness).1.version == 2)
        harness.receive("MEGACO/1 [127.0.0.1]:2944 Error = 406 { }")
        harness.settle()
        #expect(harness.outbox.last?.message.version == 1)
        #expect(try serviceChange(harness).1.version == 1)
    }

    @Test("silence of the controller: Disconnected 900, and 505 until it is answered; contexts stay")
    func silence() throws {
        let harness = try AgentHarness.associated()
        try harness.addContext()
        harness.advance(.seconds(46))
        let (_, change) = try serviceChange(harness)
        #expect(change.method == .disconnected && change.reasonCode == 900)
        #expect(harness.code("Context = 1 { Subtract = * }") == 505)
        harness.advance(.seconds(5))
        try harness.acceptServiceChange()
        #expect(harness.ask("Context = 1 { W-Subtract = * }")?.firstError == nil)
    }

    @Test("RFC 3525 11.5: no answer: the next controller is tried; Failover once there was an association")
    func nextController() throws {
        let other = Endpoint(.v4(0x7F00_0009), 2944)
        let harness = try AgentHarness(controllers: [
            Peer(address: AgentHarness.controller.address, port: 2944), Peer(address: other.address, port: 2944),
        ])
        _ = harness.take()
        harness.advance(.seconds(20))
        #expect(harness.outbox.last?.to == other)
        let (request, change) = try serviceChange(harness)
        #expect(change.method == .restart)
        harness.receive(
            "MEGACO/2 [127.0.0.9]:2944 Reply = \(request.id) { Context = - { ServiceChange = ROOT { Services { Version = 2 } } } }",
            from: other)
        #expect(harness.agent.isAssociated)
        harness.advance(.seconds(46))
        #expect(try serviceChange(harness).1.method == .disconnected)
        harness.advance(.seconds(21))
        let last = try serviceChange(harness).1
        #expect(last.method == .failover && last.reasonCode == 909)
    }

    @Test("a controller that refuses is asked again later")
    func refused() throws {
        let harness = try AgentHarness()
        let (request, _) = try serviceChange(harness)
        harness.receive("MEGACO/2 [127.0.0.1]:2944 P=\(request.id){ER=502{}}")
        #expect(harness.take().isEmpty && !harness.agent.isAssociated)
        harness.advance(.seconds(6))
        try harness.acceptServiceChange()
        #expect(harness.agent.isAssociated)
    }

    @Test("iq-h248 10, Failure events: notified once under the Events id; a new Events descriptor arms it again")
    func notifyOnce() throws {
        let harness = try AgentHarness.associated()
        try harness.addContext()
        let context = try #require(harness.media.contexts[1])
        func notified() throws -> [ObservedEventsDescriptor] {
            harness.settle()
            return harness.take().compactMap(\.request).flatMap(\.actions).flatMap(\.commands).flatMap(\.descriptors)
                .compactMap { if case .observedEvents(let events) = $0 { events } else { nil } }
        }
        context.onEvent("ip/1/1/1", .tlsFailed(reason: "the certificate does not match \"x\""))
        context.onEvent("ip/1/1/1", .released(reason: "closed"))
        let first = try notified()
        #expect(first.count == 1 && first.first?.id == .number(10))
        #expect(first.first?.events.first?.name == "g/cause")
        #expect(first.first?.events.first?["Generalcause"] == "FP")
        #expect(first.first?.events.first?["Failurecause"]?.text == "TLS: the certificate does not match 'x'")
        _ = harness.ask("Context = 1 { Modify = ip/1/1/1 { Events = 11 { g/cause } } }")
        context.onEvent("ip/1/1/1", .tcpFailed(reason: "no TCP connection in time"))
        let second = try notified()
        #expect(second.first?.id == .number(11) && second.first?.events.first?["Generalcause"] == "FT")
        _ = harness.ask("Context = 1 { Modify = ip/1/1/1 { Events } }")
        context.onEvent("ip/1/1/1", .released(reason: "closed"))
        #expect(try notified().isEmpty)
        context.onEvent("ip/1/1/99", .released(reason: "closed"))
        #expect(try notified().isEmpty)
    }

    @Test("what happened without an association is notified when there is one again, until it is answered")
    func notifyAfterwards() throws {
        let harness = try AgentHarness.associated()
        try harness.addContext()
        harness.advance(.seconds(46))
        harness.media.contexts[1]?.onEvent("ip/1/1/1", .released(reason: "closed"))
        harness.settle()
        let silent = harness.take().compactMap(\.request).flatMap(\.actions).flatMap(\.commands)
        #expect(silent.allSatisfy { $0.kind == .serviceChange })
        harness.advance(.seconds(5))
        try harness.acceptServiceChange()
        let notify = try #require(harness.take().compactMap(\.request).first)
        #expect(notify.actions.first?.commands.first?.kind == .notify)
        harness.receive("MEGACO/2 [127.0.0.1]:2944 P=\(notify.id){C=1{N=ip/1/1/1}}")
        harness.advance(.seconds(50))
        try harness.acceptServiceChange()
        #expect(harness.take().compactMap(\.request).isEmpty)
    }

    @Test("H.248.36: the heartbeat comes timerx after the last signal, and again")
    func heartbeat() throws {
        let harness = try AgentHarness.associated { $0.silence = .seconds(3600) }
        try harness.addContext()
        _ = harness.ask("Context = 1 { Modify = ip/1/1/1 { Events = 12 { hangterm/thb { timerx = 60 }, g/cause } } }")
        func beats() -> Int {
            harness.take().compactMap(\.request).filter { request in
                request.actions.first?.commands.first?.kind == .notify
            }.reduce(into: Set<UInt32>()) { $0.insert($1.id) }.count
        }
        harness.advance(.seconds(59))
        #expect(beats() == 0)
        _ = harness.ask("Context = 1 { AuditValue = ip/1/1/1 { Audit {} } }")
        harness.advance(.seconds(59))
        #expect(beats() == 0)
        harness.advance(.seconds(1))
        let request = try #require(harness.take().compactMap(\.request).first)
        harness.receive("MEGACO/2 [127.0.0.1]:2944 P=\(request.id){C=1{N=ip/1/1/1}}")
        harness.advance(.seconds(59))
        #expect(beats() == 0)
        harness.advance(.seconds(1))
        #expect(beats() == 1)
    }
}
