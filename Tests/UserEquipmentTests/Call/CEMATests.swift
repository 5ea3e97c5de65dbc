import MSRP
import NIOCore
import SDP
import Testing
import WireSyntax

@testable import UserEquipment

/// RFC 6714 4: who connects where, and when an offer without CEMA has to follow.
@Suite struct CEMATests {
    static let relayed = "msrps://127.0.0.8:2855/relay;tcp msrps://127.0.0.5:6000/peer;tcp"

    static func answer(_ role: String, cema: Bool, port: Int = 6000, path: String? = nil) -> String {
        let line = tlsLine("a=setup:\(role)\n" + (cema ? "a=msrp-cema\n" : ""), port: port)
        return path.map { line.replacing("msrps://127.0.0.5:6000/peer;tcp", with: $0) } ?? line
    }

    enum Outcome: Equatable { case path, connectionLine, waits, newOffer }

    @Test(
        "RFC 6714 4.2: what the offerer makes of an answer",
        arguments: [
            // Both have it: c= and m=, or waiting.
            (answer("passive", cema: true, port: 6001), Outcome.connectionLine),
            (answer("active", cema: true, port: 9), .waits),
            // Without it in the answer, and no middlebox.
            (answer("passive", cema: false), .connectionLine), (answer("active", cema: false), .waits),
            // A middlebox: an active offerer takes c= and m=, a passive one offers again.
            (answer("passive", cema: false, port: 6001), .connectionLine),
            (answer("active", cema: false, port: 6001), .newOffer),
            // The answerer is behind a relay.
            (answer("passive", cema: false, port: 6001, path: relayed), .newOffer),
            (answer("passive", cema: false, port: 6000, path: relayed), .path),
        ])
    func offerer(_ answer: String, _ expected: Outcome) throws {
        let media = localMedia(cema: true)
        let offer = media.offer()
        #expect(offer.messageMedia(at: 0)?.hasCEMA == true && offer.messageMedia(at: 0)?.setup == .actpass)
        let plan = try media.plan(offer: offer, answer: description(answer))
        let port = plan.target?.port
        let outcome: Outcome =
            plan.needsOfferWithoutCEMA
            ? .newOffer
            : !plan.isActive ? .waits : answer.contains("2855") && port == 2855 ? .path : .connectionLine
        #expect(outcome == expected)
        if expected == .connectionLine { #expect(port == (answer.contains("m=message 6001") ? 6001 : 6000)) }
    }

    @Test("RFC 6714 4.2: without CEMA of our own the path counts, whatever c= and m= say")
    func withoutCEMA() throws {
        let media = localMedia()
        let plan = try media.plan(
            offer: media.offer(), answer: description(Self.answer("passive", cema: false, port: 6001)))
        #expect(plan.target == HostPort("127.0.0.5:6000") && !plan.needsOfferWithoutCEMA)
    }

    @Test("RFC 6714 4.3: an active offerer behind a relay cannot have it: answered without, by the path")
    func relayedOfferer() throws {
        let (answer, plan) = try localMedia(cema: true).answer(
            description(Self.answer("active", cema: true, path: Self.relayed)))
        #expect(answer.messageMedia(at: 0)?.hasCEMA == false && !plan.isActive)
        let (with, other) = try localMedia(cema: true).answer(
            description(Self.answer("actpass", cema: true, port: 6001, path: Self.relayed)))
        #expect(with.messageMedia(at: 0)?.hasCEMA == true && other.target == HostPort("127.0.0.5:6001"))
    }

    @Test(
        "RFC 6714 4.4, RFC 4975 6.2: names are looked up, one of several records is enough; IPv6 is compared by value",
        arguments: [
            ("msrps://msrp.example.com:6000/peer;tcp", [IPAddress.v4(0x7F00_0001), .v4(0x7F00_0005)], true),
            ("msrps://msrp.example.com:6000/peer;tcp", [.v4(0x7F00_0001)], false),
            ("msrps://msrp.example.com:6000/peer;tcp", [], false),
            ("msrps://msrp.example.com:6001/peer;tcp", [.v4(0x7F00_0005)], false),
        ])
    func names(_ path: String, _ found: [IPAddress], _ isMatch: Bool) throws {
        var media = localMedia(cema: true)
        let offer = try description(
            tlsLine("a=setup:passive\n").replacing("msrps://127.0.0.5:6000/peer;tcp", with: path))
        #expect(HostNames.names(in: offer) == ["msrp.example.com"])
        media.names.note("MSRP.example.com", found)
        if isMatch {
            #expect(try media.answer(offer).1.target == HostPort("msrp.example.com:6000"))
        } else {
            #expect(throws: MediaRefusal.self) { try media.answer(offer) }
        }
    }

    @Test("RFC 6714 4.4, RFC 5952: two spellings of one IPv6 address are one address")
    func spellings() throws {
        let text =
            "v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 2001:db8:0:0::5\r\nt=0 0\r\n"
            + "m=message 6000 TCP/MSRP *\r\na=accept-types:*\r\na=setup:passive\r\n"
            + "a=path:msrp://[2001:0DB8::0005]:6000/peer;tcp\r\n"
        let (_, plan) = try localMedia(agreed: false, cema: true).answer(
            SessionDescription(octets: ByteBuffer(string: text)))
        #expect(plan.target?.description == "[2001:db8::5]:6000")
    }

    @Test("RFC 6714 4.4: so many names are known in a call, whatever a peer sends")
    func namesAreBounded() {
        var names = HostNames()
        for number in 0..<100 { names.note("host\(number).example.com", []) }
        #expect(names.addresses.count == HostNames.maximumKnown)
    }
}
