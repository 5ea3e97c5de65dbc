import MSRP
import NIOCore
import SDP
import SIP
import Testing
import WireSyntax

@testable import UserEquipment

/// What the peer changes in a call that stands.
@Suite struct CallOfferTests {
    func taken(_ lines: String = tlsLine()) throws -> Run {
        var run = try incoming(lines)
        run.call.accept(localMedia(agreed: lines.contains("TLS")), now: now)
        run.receive(try invite(nil, toTag: "bob", method: .ack), token: nil)
        return run
    }

    func ack(_ cSeq: Int) throws -> Request { try invite(nil, cSeq: cSeq, toTag: "bob", method: .ack) }

    @Test(
        "media-security 4.3: nothing new is answered as before, and 2xx to a re-INVITE repeated until its ACK (RFC 3261 14.2)"
    )
    func unchanged() throws {
        var run = try taken()
        let answer = try #require(run.responses.last).body
        run.receive(try invite(tlsLine(), cSeq: 2, toTag: "bob"))
        #expect(run.responses.last?.status == 200 && run.responses.last?.body == answer)
        let due = try #require(run.call.nextDeadline)
        run.call.timersDue(now: due)
        run.drain()
        guard case .repeatSuccess(let again, 9)? = run.actions.last else {
            Issue.record("not repeated")
            return
        }
        #expect(again.status == 200)
        // The ACK to the first 2xx is not this one's.
        run.receive(try ack(1), token: nil)
        #expect(run.call.nextDeadline != nil)
        run.receive(try ack(2), token: nil)
        #expect(run.call.nextDeadline == nil && run.plans.count == 1 && run.call.state == .confirmed)
    }

    @Test("a refresh that offers actpass again is answered with the role that stands")
    func role() throws {
        var run = try standing()
        run.receive(try fromPeer(tlsLine(), cSeq: 5))
        let line = try #require(run.answered)
        #expect(line.setup == .active && line.threeGE2AE == nil && line.isTLS && run.plans.count == 1)
    }

    @Test(
        "media-security 5.4: a new address or certificate of the peer gets a new connection, with the ACK; with UPDATE at once",
        arguments: [SIP.Method.invite, .update])
    func moved(_ method: SIP.Method) throws {
        var run = try taken()
        let other = Fingerprint(hash: .sha256, octets: [UInt8](repeating: 9, count: 32))
        run.receive(
            try invite(
                tlsLine("a=setup:actpass\na=fingerprint:\(other)\n", fingerprint: false), cSeq: 2, toTag: "bob",
                method: method))
        #expect(run.responses.last?.status == 200 && run.plans.count == (method == .update ? 2 : 1))
        if method == .invite { run.receive(try ack(2), token: nil) }
        #expect(run.plans.count == 2 && run.plans[1].peerFingerprints == [other] && run.plans[1].isActive)
    }

    @Test("RFC 3264 8.4: the peer's hold and resume, by re-INVITE and UPDATE", arguments: [SIP.Method.invite, .update])
    func held(_ method: SIP.Method) throws {
        var run = try taken()
        for (index, direction) in ["inactive", "sendrecv"].enumerated() {
            run.receive(
                try invite(tlsLine("a=setup:actpass\na=\(direction)\n"), cSeq: 2 + index, toTag: "bob", method: method))
            #expect(run.responses.last?.status == 200 && run.answered?.direction.rawValue == direction)
            if method == .invite { run.receive(try ack(2 + index), token: nil) }
        }
        #expect(run.directions == [.inactive, .sendrecv] && run.plans.count == 1)
    }

    @Test(
        "A11: what may not come gets 488 and the call goes on: no TLS any more, no fingerprint, another type, fewer lines",
        arguments: [
            plainLine(), tlsLine(fingerprint: false).replacing("6000", with: "6009"), "m=audio 6000 RTP/AVP 0\n", "",
        ])
    func refused(_ lines: String) throws {
        var run = try taken()
        run.receive(try invite(lines, cSeq: 2, toTag: "bob"))
        #expect(run.responses.last?.status == 488 && run.responses.last?.headers.contains(.warning) == true)
        #expect(run.call.state == .confirmed && run.plans.count == 1 && run.call.nextDeadline == nil)
        run.receive(try invite(tlsLine(), cSeq: 3, toTag: "bob"))
        #expect(run.responses.last?.status == 200)
    }

    @Test(
        "RFC 3264 5.1, 8.1, 8.2: an added line is refused in its place; the line that ends with port 0 ends, and may come back"
    )
    func lines() throws {
        var run = try taken()
        run.receive(try invite(tlsLine() + "m=audio 6000 RTP/AVP 0\n", cSeq: 2, toTag: "bob", method: .update))
        let answer = try SessionDescription(octets: try #require(run.responses.last).body)
        #expect(answer.media.map(\.port) == [9, 0] && run.plans.count == 1)
        let gone = tlsLine(port: 0) + "m=audio 0 RTP/AVP 0\n"
        run.receive(try invite(gone, cSeq: 3, toTag: "bob", method: .update))
        #expect(run.actions.contains(.mediaOff) && run.answered?.port == 0 && run.call.state == .confirmed)
        run.receive(try invite(tlsLine() + "m=audio 0 RTP/AVP 0\n", cSeq: 4, toTag: "bob", method: .update))
        #expect(run.plans.count == 2 && run.responses.last?.status == 200)
    }

    @Test(
        "RFC 6714 5, RFC 4975 8.1: with CEMA another path is another session of the peer, on the connection to the access edge that is there"
    )
    func pathWithCEMA() throws {
        let offer = tlsLine("a=setup:actpass\na=msrp-cema\na=3ge2ae:applied\n")
        for cema in [true, false] {
            var run = try incoming(offer)
            run.call.accept(localMedia(cema: cema), now: now)
            run.receive(try ack(1), token: nil)
            run.receive(
                try invite(offer.replacing("/peer;", with: "/other;"), cSeq: 2, toTag: "bob", method: .update))
            #expect(run.responses.last?.status == 200 && run.plans.count == (cema ? 1 : 2))
            let moved = run.actions.contains {
                if case .peerPath(let path) = $0 { path[0].sessionID == "other" } else { false }
            }
            #expect(moved == cema)
        }
    }

    @Test("RFC 3261 14.2, RFC 3311 5.2: 491 while an offer of ours is out, 500 with Retry-After while his own is")
    func crossing() throws {
        var run = try standing()
        run.call.change(.hold, now: now)
        run.drain()
        run.receive(try fromPeer(tlsLine(), cSeq: 5))
        run.receive(try fromPeer(tlsLine(), cSeq: 6, method: .update))
        run.receive(try fromPeer(nil, cSeq: 7, method: .update))
        #expect(run.responses.map(\.status) == [491, 491, 200])
        try run.answer(200, tlsLine("a=setup:passive\na=inactive\n"))
        run.receive(try fromPeer(tlsLine(), cSeq: 8))
        run.receive(try fromPeer(tlsLine(), cSeq: 9))
        #expect(run.responses.suffix(2).map(\.status) == [200, 500])
        #expect(run.responses.last?.headers.contains(.retryAfter) == true)
    }

    @Test("RFC 3261 14.2: a re-INVITE without an offer gets ours; the answer comes in the ACK")
    func offerless() throws {
        var run = try standing()
        run.receive(try fromPeer(nil, cSeq: 5))
        let line = try #require(run.answered)
        #expect(line.threeGE2AE == .requested && line.setup == .actpass && line.port == 7000)
        var ack = try fromPeer(tlsLine("a=setup:passive\n"), cSeq: 5, method: .ack)
        run.receive(ack, token: nil)
        #expect(run.plans.count == 1 && run.call.state == .confirmed && run.directions == [.sendrecv])
        run.receive(try fromPeer(nil, cSeq: 6))
        ack = try fromPeer(plainLine("a=setup:passive\n"), cSeq: 6, method: .ack)
        run.receive(ack, token: nil)
        #expect(run.sent.last?.method == .bye)
    }

    @Test("RFC 3261 8.2.2.3: what a request requires and this end does not know gets 420; order and dialog count")
    func requirements() throws {
        var run = try taken()
        var request = try invite(tlsLine(), cSeq: 2, toTag: "bob")
        request.headers.append(.require, "precondition")
        run.receive(request)
        #expect(run.responses.last?.status == 420 && run.responses.last?.headers[.unsupported] == "precondition")
        run.receive(try invite(nil, cSeq: 2, toTag: "bob", method: .info))
        run.receive(try invite(nil, cSeq: 3, toTag: "bob", method: .info))
        run.receive(try invite(nil, cSeq: 9, toTag: "else", method: .bye))
        #expect(run.responses.suffix(3).map(\.status) == [500, 501, 481] && run.ending == nil)
    }
}
