import MSRP
import NIOCore
import SDP
import Testing
import WireSyntax

@testable import UserEquipment

@Suite struct MediaStyleTests {
    @Test(
        "media-security 4: K2 where e2ae is asked for, else K1; K3 in the style rcs, whatever was indicated; K1 in the style plain",
        arguments: [
            (MediaStyle.ims, true, SecurityInfo.Leg.e2ae), (.ims, false, .plain), (.rcs, true, .tls),
            (.rcs, false, .tls), (.plain, true, .plain), (.plain, false, .plain),
        ])
    func styles(_ style: MediaStyle, _ agreed: Bool, _ leg: SecurityInfo.Leg) throws {
        var media = localMedia(agreed: agreed)
        media.style = style
        let line = try #require(media.offer().messageMedia(at: 0))
        #expect(media.offeredLeg == leg)
        #expect(line.isTLS == (leg != .plain) && line.threeGE2AE == (leg == .e2ae ? .requested : nil))
        #expect(line.fingerprints.isEmpty == (leg == .plain))
    }

    @Test("media-security 5.3: an RCS client offers port 9 and active, CPIM only, and connects to c= and m=")
    func rcs() throws {
        var media = localMedia(agreed: false, port: nil, setup: .active)
        media.style = .rcs
        media.acceptTypes = ["message/cpim"]
        let offer = media.offer()
        let line = try #require(offer.messageMedia(at: 0))
        #expect(line.media.port == 9 && line.media.proto == "TCP/TLS/MSRP" && line.setup == .active)
        #expect(line.acceptTypes == ["message/cpim"] && line.acceptWrappedTypes == ["*"])
        #expect(line.media.attributes.contains("sendrecv") && !line.hasCEMA)
        let plan = try media.plan(offer: offer, answer: description(tlsLine("a=setup:passive\n", port: 6001)))
        #expect(plan.isActive && plan.leg == .tls && plan.target == HostPort("127.0.0.5:6001"))
        // Nothing less than the TLS that it asked for.
        #expect(throws: MediaRefusal.self) {
            try media.plan(offer: offer, answer: description(plainLine("a=setup:passive\n")))
        }
    }

    @Test("media.refuse-tls: 488 for a line over TLS, plain ones as ever")
    func refusesTLS() throws {
        var media = localMedia(agreed: false)
        media.refusesTLS = true
        #expect(throws: MediaRefusal("TLS is refused", status: 488)) { try media.answer(description(tlsLine())) }
        #expect(try media.answer(description(plainLine())).1.leg == .plain)
    }

    @Test("misbehave.answer-plain: a line over TLS is answered without, path and all")
    func answersPlain() throws {
        var media = localMedia()
        media.answersPlain = true
        let (answer, plan) = try media.answer(description(tlsLine("a=setup:actpass\na=3ge2ae:applied\n")))
        let line = try #require(answer.messageMedia(at: 0))
        #expect(line.media.proto == "TCP/MSRP" && line.fingerprints.isEmpty && plan.leg == .plain)
        #expect(line.paths.first?.hasPrefix("msrp://") == true && plan.peer.first?.isSecure == false)
    }

    @Test(
        "RFC 3264 6.1: the direction of the answer is that of the offer seen from here, and inactive while this end holds",
        arguments: [
            ("sendrecv", MediaDirection.sendrecv, MediaDirection.sendrecv), ("sendonly", .sendrecv, .recvonly),
            ("recvonly", .sendrecv, .sendonly), ("inactive", .sendrecv, .inactive), ("sendrecv", .inactive, .inactive),
        ])
    func directions(_ offered: String, _ wanted: MediaDirection, _ expected: MediaDirection) throws {
        var media = localMedia()
        media.direction = wanted
        let (answer, plan) = try media.answer(description(tlsLine("a=setup:actpass\na=\(offered)\n")))
        #expect(plan.direction == expected && answer.messageMedia(at: 0)?.direction == expected)
    }

    @Test("RFC 6135 4.2.2: port 9 in m= and path of an active answer, the listener's in a passive one")
    func ports() throws {
        let (active, plan) = try localMedia().answer(description(tlsLine("a=setup:passive\n")))
        #expect(active.media[0].port == 9 && plan.own.port == 9)
        let (passive, other) = try localMedia().answer(description(tlsLine("a=setup:active\n")))
        #expect(passive.media[0].port == 7000 && other.own.port == 7000)
    }
}
