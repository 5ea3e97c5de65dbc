import Configuration
import Observability
import Testing
import WireSyntax

@testable import Lab

@Suite("Lab: addresses, ports and folders")
struct NetworkPlanTests {
    @Test("every function has a loopback address of its own, and every port comes from the kernel")
    func plan() throws {
        var random = SystemRandomNumberGenerator()
        let plan = try NetworkPlan(LoopbackBlock(using: &random))
        let addresses = plan.map.nodes.flatMap(\.addresses)
        #expect(Set(addresses).count == addresses.count)
        #expect(addresses.allSatisfy { IPAddress($0)?.isLoopback == true })
        let ports = [plan.home, plan.gm, plan.gmTLS, plan.mw, plan.controller, plan.gateway].map(\.port)
        #expect(ports.allSatisfy { $0 >= 1024 })
        #expect(plan.map.name(ofEndpoint: "\(plan.gm)") == NodeName.proxy)
        #expect(plan.map.name(ofEndpoint: "\(Endpoint(plan.core, 9))") == NodeName.gateway)
        #expect(plan.map.name(ofEndpoint: "192.0.2.1:9") == "192.0.2.1:9")
    }

    @Test("the block is never one that belongs to everybody")
    func block() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<1000 {
            let block = LoopbackBlock(using: &random)
            let text = "\(block.address(7))"
            #expect(text.hasPrefix("127.") && text.hasSuffix(".7"))
            #expect(!text.hasPrefix("127.0.") && !text.hasPrefix("127.255."))
        }
    }

    @Test("over IPv6 all functions share ::1 and differ by port, and the map tells them apart by it")
    func version6() throws {
        var random = SystemRandomNumberGenerator()
        let plan = try NetworkPlan(LoopbackBlock(using: &random), family: .v6)
        let endpoints = [plan.home, plan.gm, plan.gmTLS, plan.mw, plan.controller, plan.gateway]
        #expect(endpoints.allSatisfy { "\($0)".hasPrefix("[::1]:") })
        #expect(Set(endpoints.map(\.port)).count == endpoints.count)
        #expect([plan.access, plan.core, plan.callingUE, plan.calledUE].allSatisfy { "\($0)" == "::1" })
        #expect(plan.map.name(ofEndpoint: "\(plan.gmTLS)") == NodeName.proxy)
        #expect(plan.map.name(ofEndpoint: "\(plan.home)") == NodeName.serving)
        #expect(plan.map.name(ofEndpoint: "\(plan.gateway)") == NodeName.gateway)
        #expect(plan.map.name(ofEndpoint: "[::1]:1") == "[::1]:1")
    }

    @Test("a port of the kernel's choice belongs to whom an event named it for")
    func learning() {
        let map = NetworkMap([.init(NodeName.callingUE, []), .init(NodeName.gateway, [])]).learning(from: [
            .init(
                time: 1, node: NodeName.gateway,
                what: .connection(.init(state: .accepted, local: "[::1]:7", remote: "[::1]:8", leg: "access"))),
            .init(
                time: 1, node: NodeName.callingUE,
                what: .connection(.init(state: .connected, local: "[::1]:8", remote: "[::1]:7", leg: "msrp"))),
        ])
        #expect(map.name(ofEndpoint: "[::1]:7") == NodeName.gateway)
        #expect(map.name(ofEndpoint: "[::1]:8") == NodeName.callingUE)
        #expect(map.without([NodeName.callingUE]).index(ofEndpoint: "[::1]:8") == nil)
    }

    @Test("an address that this machine does not have is an error with its reason")
    func noAddress() {
        #expect(throws: PortReservation.ReservationError.self) {
            try PortReservation.port(at: .v6(high: 0x2001_0DB8 << 32, low: 1), .tcp)
        }
        #expect(throws: PortReservation.ReservationError.self) {
            try PortReservation.port(at: .v4(0xC000_0201), .udp)
        }
    }

    @Test("scenarios are named once, and those of one network stand together")
    func scenarios() {
        let names = Scenario.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(
            names.starts(with: [
                "plain", "e2ae-originating", "e2ae-terminating", "e2ae-both", "bad-fingerprint", "file-transfer",
            ]))
        var variants: [NetworkVariant] = []
        for scenario in Scenario.all where variants.last != scenario.network { variants.append(scenario.network) }
        #expect(Set(variants).count == variants.count)
        #expect(Set(variants.map(\.name)).count == variants.count)
        #expect(variants.allSatisfy { $0.name.utf8.count <= NetworkVariant.maximumName })
        #expect(Scenario.named("plain")?.originating == .tcp)
        #expect(Scenario.named("e2ae-both")?.terminating == .tls)
        #expect(Scenario.named("nothing") == nil)
    }

    @Test("an event that is waited for is found, past or to come, and the wait ends when time is out")
    func collector() async {
        let collector = EventCollector()
        collector.add(.init(time: 1, node: "a", what: .warning("past")))
        #expect(await collector.first(within: .seconds(60)) { $0.node == "a" } != nil)
        async let later = collector.first(within: .seconds(60)) { $0.node == "b" }
        collector.add(.init(time: 2, node: "b", what: .warning("to come")))
        #expect(await later != nil)
        #expect(await collector.first(within: .zero) { $0.node == "c" } == nil)
        #expect(collector.take().count == 2)
        #expect(collector.take().isEmpty)
    }
}
