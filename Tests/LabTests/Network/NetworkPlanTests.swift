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

    @Test("scenarios are named once, and the six of the issue are there")
    func scenarios() {
        #expect(
            Scenario.all.map(\.name) == [
                "plain", "e2ae-originating", "e2ae-terminating", "e2ae-both", "bad-fingerprint", "file-transfer",
            ])
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
