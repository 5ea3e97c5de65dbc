import Observability
import SIP
import Testing
import Transport
import WireSyntax

@testable import HomeNetwork

/// The event package `reg` over real sockets: a P-CSCF played, which subscribes.
@Suite(.timeLimit(.minutes(1))) struct RegistrationEventSocketTests {
    @Test(
        "RFC 3680, TS 24.229 5.4.1.5: a P-CSCF that subscribes is told of the registration, and that its user was removed"
    )
    func told() async throws {
        let (home, _) = try HomeNetworkSocketTests.home()
        let listening = try await home.start()
        let address = try #require(listening.first.flatMap { Endpoint($0.local) })
        let edge = HomeNetworkSocketTests.Edge()
        try await edge.start(4)
        #expect(try await edge.register("alice", at: address).status == 200)
        var subscribe = Request(
            method: .subscribe, uri: try URI("sip:alice@ims.lab"),
            headers: edge.headers("pcscf", "1 SUBSCRIBE", to: "alice"))
        subscribe.headers.append(.contact, "<sip:reg@\(edge.address);transport=tcp>")
        subscribe.headers.append(.event, "reg")
        subscribe.headers.append(.expires, "600")
        #expect(try await edge.request(subscribe, to: address).status == 200)
        for number in 1...2 {
            _ = await edge.events.first { event in
                if case .sip(let message) = event {
                    message.direction == .received && message.cSeq == "\(number) NOTIFY"
                } else {
                    false
                }
            }
            if number == 1 { home.replaceUsers([]) }
        }
        // The user is known no longer.
        let again = Request(
            method: .subscribe, uri: try URI("sip:alice@ims.lab"),
            headers: edge.headers("other", "1 SUBSCRIBE", to: "alice"))
        var second = again
        second.headers.append(.event, "reg")
        second.headers.append(.contact, "<sip:reg@\(edge.address);transport=tcp>")
        #expect(try await edge.request(second, to: address).status == 404)
        await home.stop()
    }
}
