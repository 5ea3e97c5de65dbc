import MSRP
import MediaSecurity
import NIOCore
import SDP
import Testing
import WireSyntax

@testable import UserEquipment

/// A SHA-256 fingerprint that no certificate has.
let someFingerprint = Fingerprint(hash: .sha256, octets: (0..<32).map { UInt8($0) })

func localMedia(
    agreed: Bool = true, policy: EndToAccessEdgePolicy = .automatic, port: UInt16? = 7000, setup: SDP.Setup = .actpass,
    cema: Bool = false
) -> LocalMedia {
    LocalMedia(
        address: .v4(0x7F00_0009), port: port, sessionID: "own", descriptionID: 7, fingerprints: [someFingerprint],
        setup: setup, cema: cema, acceptTypes: ["message/cpim", "text/plain"], maximumSize: 1000, policy: policy,
        isAgreed: agreed, fingerprintPolicy: .standard)
}

func description(_ lines: String, session: String = "") throws -> SessionDescription {
    let text = "v=0\no=- 1 1 IN IP4 127.0.0.5\ns=-\nc=IN IP4 127.0.0.5\nt=0 0\n\(session)\(lines)"
    return try SessionDescription(octets: ByteBuffer(string: text.replacing("\n", with: "\r\n")))
}

func tlsLine(_ rest: String = "a=setup:actpass\n", fingerprint: Bool = true, port: Int = 6000) -> String {
    "m=message \(port) TCP/TLS/MSRP *\na=accept-types:*\na=path:msrps://127.0.0.5:6000/peer;tcp\n"
        + (fingerprint ? "a=fingerprint:\(someFingerprint)\n" : "") + rest
}

func plainLine(_ rest: String = "a=setup:actpass\n", port: Int = 6000) -> String {
    "m=message \(port) TCP/MSRP *\na=accept-types:text/plain\na=path:msrp://127.0.0.5:6000/peer;tcp\n" + rest
}

@Suite struct LocalMediaTests {
    @Test(
        "TS 33.328: e2ae is asked for where both indicated, and never where the network did not",
        arguments: [
            (true, EndToAccessEdgePolicy.automatic, true), (false, .automatic, false), (true, .never, false),
            (false, .never, false),
            (false, .always, true),
        ])
    func offer(_ agreed: Bool, _ policy: EndToAccessEdgePolicy, _ asks: Bool) throws {
        let offer = localMedia(agreed: agreed, policy: policy).offer()
        let line = try #require(offer.messageMedia(at: 0))
        #expect(offer.media.count == 1 && line.media.media == "message" && line.media.formats == ["*"])
        #expect(line.isTLS == asks)
        #expect(line.threeGE2AE == (asks ? .requested : nil))
        #expect(line.fingerprints == (asks ? [someFingerprint] : []))
        #expect(line.setup == .actpass && line.port == 7000 && line.maxSize == 1000)
        #expect(line.paths == ["\(asks ? "msrps" : "msrp")://127.0.0.9:7000/own;tcp"])
        #expect(!line.hasCEMA)
        #expect(try SessionDescription(octets: offer.octets) == offer)
    }

    @Test("RFC 6135: without a listener the offer is active with port 9; CEMA is told where it is wanted")
    func activeOffer() throws {
        let line = try #require(localMedia(port: nil, cema: true).offer().messageMedia(at: 0))
        #expect(line.setup == .active && line.port == 9 && line.hasCEMA)
    }

    @Test(
        "RFC 6135 4, U2: roles from the answer, with and without 3ge2ae:applied",
        arguments: [
            ("a=setup:passive\na=3ge2ae:applied\n", true), ("a=setup:passive\n", true), ("a=setup:active\n", false),
            ("", true),
            ("a=setup:holdconn\n", true),
        ])
    func answered(_ rest: String, _ isActive: Bool) throws {
        let media = localMedia()
        let plan = try media.plan(offer: media.offer(), answer: description(tlsLine(rest)))
        #expect(plan.isActive == isActive && plan.leg == .e2ae)
        #expect(plan.target == (isActive ? HostPort("127.0.0.5:6000") : nil))
        #expect(plan.peerFingerprints == [someFingerprint])
        #expect(plan.peer.map(\.description) == ["msrps://127.0.0.5:6000/peer;tcp"])
        #expect(plan.own.description == "msrps://127.0.0.9:7000/own;tcp")
    }

    @Test(
        "media-security 6: what was asked for with e2ae is never had with less",
        arguments: [
            plainLine("a=setup:passive\n"), tlsLine("a=setup:passive\n", fingerprint: false),
            tlsLine(
                "a=setup:passive\na=fingerprint:MD5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\n",
                fingerprint: false),
            tlsLine("a=setup:passive\na=fingerprint:SHA-256 00:11\n", fingerprint: false),
            tlsLine("a=setup:passive\n", port: 0), "m=audio 6000 RTP/AVP 0\n", "",
            tlsLine("a=setup:passive\n").replacing("msrps:", with: "msrp:"),
            tlsLine("a=setup:passive\n").replacing("127.0.0.5:6000/peer", with: "127.0.0.5:6000"),
            tlsLine("a=setup:passive\n").replacing("a=path", with: "a=x"),
            tlsLine("a=setup:passive\n") + plainLine(),
        ])
    func refusedAnswers(_ lines: String) throws {
        let media = localMedia()
        let answer = try description(lines)
        #expect(throws: MediaRefusal.self) { try media.plan(offer: media.offer(), answer: answer) }
    }

    @Test("RFC 6135 4.2.2: two active ends never meet; passive is not offered")
    func roleConflicts() throws {
        let active = localMedia(port: nil)
        #expect(throws: MediaRefusal.self) {
            try active.plan(offer: active.offer(), answer: description(tlsLine("a=setup:active\n")))
        }
        // RFC 6135 4.2.2: nobody offers passive; who prefers it takes the other role where the peer chose first.
        let passive = localMedia(setup: .passive)
        #expect(passive.offer().messageMedia(at: 0)?.setup == .actpass)
        #expect(try passive.plan(offer: passive.offer(), answer: description(tlsLine("a=setup:passive\n"))).isActive)
    }

    @Test(
        "answers: role, transport and leg by the offer",
        arguments: [
            (tlsLine("a=setup:actpass\na=3ge2ae:applied\n"), SDP.Setup.actpass, true, SecurityInfo.Leg.e2ae),
            (tlsLine("a=setup:actpass\n"), .passive, false, .tls), (tlsLine("a=setup:active\n"), .actpass, false, .tls),
            (tlsLine("a=setup:passive\n"), .actpass, true, .tls), (tlsLine(""), .actpass, false, .tls),
            (tlsLine("a=setup:actpass\na=3ge2ae:requested\n"), .actpass, true, .tls),
        ])
    func answer(_ lines: String, _ preference: SDP.Setup, _ isActive: Bool, _ leg: SecurityInfo.Leg) throws {
        let (answer, plan) = try localMedia(setup: preference).answer(description(lines))
        let line = try #require(answer.messageMedia(at: 0))
        #expect(line.setup == (isActive ? .active : .passive) && line.isTLS)
        #expect(line.fingerprints == [someFingerprint] && line.threeGE2AE == nil)
        #expect(plan.isActive == isActive && plan.leg == leg)
    }

    @Test("plain offers: taken by a UE without agreement, refused where both indicated e2ae")
    func plainOffer() throws {
        let (answer, plan) = try localMedia(agreed: false).answer(description(plainLine()))
        #expect(answer.messageMedia(at: 0)?.isTLS == false && plan.leg == .plain)
        #expect(plan.peerAcceptTypes == ["text/plain"])
        #expect(throws: MediaRefusal.self) { try localMedia(agreed: true).answer(description(plainLine())) }
    }

    @Test(
        "offers that contradict themselves, or want what is not there",
        arguments: [
            plainLine("a=setup:actpass\na=3ge2ae:applied\n"), tlsLine(fingerprint: false),
            tlsLine("a=setup:actpass\na=3ge2ae:applied\n", fingerprint: false), tlsLine("a=key-mgmt:mikey AAAA\n"),
            tlsLine(port: 0), "m=audio 6000 RTP/AVP 0\n", "", tlsLine().replacing("msrps:", with: "msrps;"),
        ])
    func refusedOffers(_ lines: String) throws {
        let offer = try description(lines)
        #expect(throws: MediaRefusal.self) { try localMedia(agreed: false).answer(offer) }
    }

    @Test("RFC 3264 6: the first message line that can be had is taken, every other line is refused in its place")
    func severalLines() throws {
        let (answer, plan) = try localMedia().answer(
            description(
                "m=audio 6000 RTP/AVP 0\n" + tlsLine(fingerprint: false) + tlsLine("a=setup:passive\n") + tlsLine()))
        #expect(answer.media.map(\.port) == [0, 0, 9, 0] && plan.line == 2)
        // RFC 3264 6: the answer is another end's, and its o= says so.
        #expect(answer.origin.sessionID == "7")
    }

    @Test("RFC 6714: CEMA connects to c= and m=; without CEMA in the offer they must be the path's")
    func cema() throws {
        let lines = tlsLine("a=setup:passive\na=msrp-cema\n", port: 6001)
        let (answer, plan) = try localMedia(cema: true).answer(description(lines))
        #expect(plan.target == HostPort("127.0.0.5:6001") && answer.messageMedia(at: 0)?.hasCEMA == true)
        let (plain, other) = try localMedia().answer(description(lines))
        #expect(other.target == HostPort("127.0.0.5:6000") && plain.messageMedia(at: 0)?.hasCEMA == false)
        #expect(throws: MediaRefusal.self) {
            try localMedia(cema: true).answer(description(tlsLine("a=setup:passive\n", port: 6001)))
        }
    }

    @Test("RFC 8122: a fingerprint of the session level holds for the line; the media level overrides it")
    func sessionLevel() throws {
        let other = Fingerprint(hash: .sha256, octets: [UInt8](repeating: 9, count: 32))
        let (_, plan) = try localMedia().answer(
            description(tlsLine(fingerprint: false), session: "a=fingerprint:\(other)\n"))
        #expect(plan.peerFingerprints == [other])
        let (_, own) = try localMedia().answer(description(tlsLine(), session: "a=fingerprint:\(other)\n"))
        #expect(own.peerFingerprints == [someFingerprint])
    }
}
