import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

@Suite("What this function says of itself")
struct ChargingVectorTests {
    @Test("RFC 7315 5.6: icid-value, where it was made and for whom, IPv6 in brackets")
    func made() throws {
        let four = ChargingVector.made(
            icid: "0a1b", at: try #require(IPAddress("127.1.0.1")), originating: "visited.example")
        #expect(four == "icid-value=\"0a1b\";icid-generated-at=127.1.0.1;orig-ioi=\"visited.example\"")
        let six = ChargingVector.made(icid: "0a1b", at: try #require(IPAddress("2001:db8::1")), originating: "a b")
        #expect(six.contains("icid-generated-at=[2001:db8::1];orig-ioi=\"a b\""))
    }

    @Test("RFC 7315 4.6: the answer has the vector of the request, and one term-ioi")
    func answering() {
        #expect(ChargingVector.answering(nil, terminating: "v") == nil)
        #expect(ChargingVector.answering("icid-value=1", terminating: "v") == "icid-value=1;term-ioi=\"v\"")
        #expect(ChargingVector.answering("icid-value=1;Term-IOI=x", terminating: "v") == "icid-value=1;Term-IOI=x")
        let long = "icid-value=" + String(repeating: "1", count: ChargingVector.maximumLength)
        #expect(ChargingVector.answering(long, terminating: "v") == nil)
    }

    @Test(
        "TS 24.229 5.2.2.1, RFC 7315 4.3, A12: the registrar is told by this function alone, in spite of what the UE wrote"
    )
    func register() {
        var request = Fixtures.request(
            .register, uri: "sip:ims.lab",
            headers: Hygiene.asserted.filter { $0 != .path }.map { ($0, "of the UE") } + [
                (.path, "<sip:token@127.1.0.1:6000;lr>"), (.route, "<sip:evil@127.9.9.9;lr>"),
                (.recordRoute, "<sip:evil@127.9.9.9;lr>"),
            ])
        request = request.toRegistrar(visitedNetwork: "visited.example", chargingVector: "icid-value=1")
        for name in Hygiene.asserted where ![.path, .pVisitedNetworkID, .pChargingVector].contains(name) {
            #expect(!request.headers.contains(name), "\(name)")
        }
        #expect(request.headers.values(.pVisitedNetworkID) == ["visited.example"])
        #expect(request.headers.values(.pChargingVector) == ["icid-value=1"])
        #expect(request.headers.values(.path) == ["<sip:token@127.1.0.1:6000;lr>"])
        #expect(!request.headers.contains(.route) && !request.headers.contains(.recordRoute))
        #expect(request.headers.maxForwards == 69)
        let quoted = Fixtures.request(.register).toRegistrar(visitedNetwork: "Visited Network 1", chargingVector: "x")
        #expect(quoted.headers[.pVisitedNetworkID] == "\"Visited Network 1\"")
    }
}
