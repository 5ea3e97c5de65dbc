import MSRP
import NIOCore
import SDP
import SIP
import Testing
import WireSyntax

@testable import UserEquipment

/// What this end changes in a call that stands.
@Suite struct CallChangeTests {
    static let passive = tlsLine("a=setup:passive\n")

    @Test(
        "RFC 3264 8.4: hold is inactive on the same line, port and certificate, and makes no connection; resume ends it"
    )
    func hold() throws {
        var run = try standing()
        run.call.change(.hold, now: now)
        run.drain()
        let offered = try #require(run.offered)
        #expect(run.sent.last?.method == .invite && offered.direction == .inactive && offered.port == 7000)
        #expect(offered.threeGE2AE == .requested && offered.setup == .actpass)
        #expect(offered.fingerprints == [someFingerprint])
        try run.answer(200, tlsLine("a=setup:passive\na=inactive\n"))
        #expect(run.acknowledged.count == 2 && run.outcomes == [.settled(newConnection: false)])
        #expect(run.plans.count == 1 && run.directions == [.inactive])
        // While this end holds, an offer of the peer does not end it.
        run.receive(try fromPeer(Self.passive, cSeq: 5))
        #expect(run.answered?.direction == .inactive)
        run.receive(try fromPeer(nil, cSeq: 5, method: .ack), token: nil)
        run.call.change(.resume, now: now)
        run.drain()
        #expect(run.offered?.direction == .sendrecv)
        try run.answer(200, Self.passive)
        #expect(run.directions.last == .sendrecv && run.plans.count == 1)
    }

    @Test("RFC 3264 8: the session keeps its o=, and the version grows by one with each difference only")
    func versions() throws {
        var run = try standing()
        let first = try SessionDescription(octets: run.sent[0].body)
        var versions: [String] = []
        for change in [CallChange.refresh, .hold, .refresh, .resume] {
            run.call.change(change, now: now)
            run.drain()
            let offer = try SessionDescription(octets: try #require(run.sent.last).body)
            versions.append(offer.origin.sessionVersion)
            #expect(offer.origin.sessionID == first.origin.sessionID)
            try run.answer(200, Self.passive)
        }
        #expect(versions == ["1", "2", "2", "3"])
    }

    @Test(
        "media-security 5.4: the same offer again makes no new connection, by re-INVITE or UPDATE",
        arguments: [CallChange.refresh, .update])
    func refresh(_ change: CallChange) throws {
        var run = try standing()
        run.call.change(change, now: now)
        run.drain()
        #expect(run.sent.last?.method == (change == .update ? .update : .invite))
        try run.answer(200, Self.passive)
        #expect(run.outcomes == [.settled(newConnection: false)] && run.plans.count == 1)
        #expect(run.acknowledged.count == (change == .update ? 1 : 2))
    }

    @Test(
        "media-security 5.4: another port or another certificate gets a new connection, after the answer and its ACK",
        arguments: [CallChange.newPort, .newCertificate])
    func newConnection(_ change: CallChange) throws {
        var run = try standing()
        var media = localMedia(port: 7001)
        media.sessionID = "second"
        if change == .newCertificate {
            media.fingerprints = [Fingerprint(hash: .sha256, octets: [UInt8](repeating: 7, count: 32))]
        }
        run.call.change(change, media: media, now: now)
        run.drain()
        #expect(run.offered?.port == 7001 && run.offered?.fingerprints == media.fingerprints && run.plans.count == 1)
        // The old connection may be gone already: that is no loss.
        run.call.mediaLost("closed by the peer", now: now)
        try run.answer(200, Self.passive)
        #expect(run.plans.count == 2 && run.plans[1].own.sessionID == "second" && run.plans[1].leg == .e2ae)
        let acknowledged = try #require(run.actions.firstIndex { if case .acknowledge = $0 { true } else { false } })
        let begun = try #require(run.actions.lastIndex { if case .media = $0 { true } else { false } })
        #expect(acknowledged < begun && run.outcomes == [.settled(newConnection: true)])
        #expect(run.call.nextDeadline == nil)
    }

    @Test("a peer whose answer names another place or certificate gets a new connection too")
    func peerMoves() throws {
        var run = try standing()
        run.call.change(.refresh, now: now)
        run.drain()
        try run.answer(200, tlsLine("a=setup:passive\n", port: 6000).replacing("6000/peer", with: "6010/peer"))
        #expect(run.plans.count == 2 && run.plans[1].target == HostPort("127.0.0.5:6010"))
    }

    @Test("488 and others: the call goes on as it was", arguments: [488, 403, 503])
    func refused(_ status: Int) throws {
        var run = try standing()
        run.call.change(.hold, now: now)
        run.drain()
        try run.answer(status)
        #expect(run.call.state == .confirmed && run.ending == nil && run.plans.count == 1 && run.directions.isEmpty)
        #expect(run.outcomes == [.failed(status: status, reason: Response.reasonPhrase(status))])
        run.call.change(.refresh, now: now)
        run.drain()
        #expect(run.offered?.direction == .sendrecv)
    }

    @Test("RFC 3261 12.2.1.2, 8.1.3.1: 481 and silence end the dialog", arguments: [481, 408, 0])
    func gone(_ status: Int) throws {
        var run = try standing()
        run.call.change(.refresh, now: now)
        run.drain()
        if status == 0 {
            let sequence = try #require(run.sent.last).headers.cSeq().number
            run.call.requestFailed(.invite, sequence: sequence, "no answer in time", now: now)
            run.drain()
        } else {
            try run.answer(status)
        }
        #expect(run.call.state == .leaving && run.sent.last?.method == .bye)
    }

    @Test(
        "RFC 3261 14.1: after 491 again, in 2.1 to 4 s for who made the Call-ID, in 0 to 2 s for the other",
        arguments: [
            (true, UInt64(0), Int64(2100)), (true, 190, 4000), (true, 191, 2100), (false, 0, 0), (false, 200, 2000),
        ])
    func glare(_ isOutgoing: Bool, _ random: UInt64, _ pause: Int64) throws {
        var run: Run
        if isOutgoing {
            run = try standing()
        } else {
            run = try incoming(tlsLine())
            run.call.accept(localMedia(), now: now)
            run.receive(try invite(nil, toTag: "bob", method: .ack), token: nil)
        }
        run.call.change(.hold, now: now)
        run.drain()
        let before = run.sent.count
        try run.answer(491, random: random)
        #expect(run.outcomes.isEmpty && run.call.nextDeadline == now + .milliseconds(pause))
        // Meanwhile the peer's own re-INVITE is answered.
        run.receive(try isOutgoing ? fromPeer(Self.passive, cSeq: 5) : invite(tlsLine(), cSeq: 5, toTag: "bob"))
        #expect(run.responses.last?.status == 200)
        run.receive(
            try isOutgoing ? fromPeer(nil, cSeq: 5, method: .ack) : invite(nil, cSeq: 5, toTag: "bob", method: .ack),
            token: nil)
        run.call.timersDue(now: now + .milliseconds(pause))
        run.drain()
        #expect(run.sent.count == before + 1 && run.offered?.direction == .inactive)
        try run.answer(200, tlsLine("a=setup:passive\na=inactive\n"))
        #expect(run.outcomes == [.settled(newConnection: false)])
    }

    @Test("a peer that says 491 for ever is not asked for ever; 500 with Retry-After is another try")
    func bounded() throws {
        var run = try standing()
        run.call.change(.refresh, now: now)
        run.drain()
        for _ in 0..<20 {
            try run.answer(491)
            guard let due = run.call.nextDeadline else { break }
            run.call.timersDue(now: due)
            run.drain()
        }
        #expect(run.sent.filter { $0.method == .invite }.count == 1 + Call.maximumAttempts)
        #expect(run.outcomes.count == 1 && run.call.state == .confirmed)
    }

    @Test("RFC 3261 14.1: one change after the other, none while an INVITE of the peer waits for its ACK")
    func oneByOne() throws {
        var run = try standing()
        run.receive(try fromPeer(Self.passive, cSeq: 5))
        run.call.change(.hold, now: now)
        run.call.change(.resume, now: now)
        run.drain()
        #expect(run.sent.count == 1)
        run.receive(try fromPeer(nil, cSeq: 5, method: .ack), token: nil)
        #expect(run.sent.count == 2 && run.offered?.direction == .inactive)
        try run.answer(200, tlsLine("a=setup:passive\na=inactive\n"))
        #expect(run.sent.count == 3 && run.offered?.direction == .sendrecv)
    }

    @Test("RFC 3261 13.2.2.4: the 2xx to a re-INVITE again: its ACK again, the first one's not")
    func repeatedSuccess() throws {
        var run = try standing()
        run.call.change(.refresh, now: now)
        run.drain()
        let again = try response(200, to: try #require(run.sent.last), body: text(try description(Self.passive)))
        run.call.receive(again, now: now, random: 0)
        run.call.receive(again, now: now, random: 0)
        run.call.receive(inviteResponse: again, now: now)
        run.drain()
        #expect(run.acknowledged.count == 4 && Set(run.acknowledged.dropFirst()).count == 1)
        #expect(run.outcomes.count == 1)
    }

    @Test(
        "A11: an answer that gives less than what stands ends the call, with the cause",
        arguments: [plainLine("a=setup:passive\n"), tlsLine("a=setup:passive\n", fingerprint: false), nil])
    func downgrade(_ lines: String?) throws {
        var run = try standing()
        run.call.change(.refresh, now: now)
        run.drain()
        try run.answer(200, lines)
        #expect(run.acknowledged.count == 2 && run.sent.last?.method == .bye && run.plans.count == 1)
        #expect(run.sent.last?.headers[.reason]?.hasPrefix("SIP;cause=488") == true)
    }

    @Test("RFC 3311 5.1: no UPDATE to a peer that does not allow it; the user's BYE ends what is under way")
    func limits() throws {
        var run = try outgoing()
        var success = try response(200, to: run.sent[0], body: text(try description(Self.passive)))
        success.headers.append(.allow, "INVITE, ACK, BYE")
        run.call.receive(inviteResponse: success, now: now)
        run.call.change(.update, now: now)
        run.drain()
        #expect(run.outcomes == [.failed(status: 0, reason: "the peer takes no UPDATE")] && run.sent.count == 1)
        run.call.change(.hold, now: now)
        run.call.hangUp("hung up", now: now)
        run.drain()
        #expect(run.outcomes.last == .failed(status: 0, reason: "hung up") && run.sent.last?.method == .bye)
        // The 2xx that comes now is acknowledged, and nothing begins.
        let reinvite = run.sent[run.sent.count - 2]
        run.call.receive(
            try response(200, to: reinvite, body: text(try description(Self.passive))), now: now, random: 0)
        run.drain()
        #expect(run.acknowledged.count == 2 && run.plans.count == 1)
    }

    @Test(
        "RFC 6714 4.2: behind a middlebox without CEMA a passive offerer offers again without, and nothing begins before"
    )
    func withoutCEMA() throws {
        let active = tlsLine("a=setup:active\n", port: 6001)
        var run = try standing(localMedia(cema: true), answer: active)
        #expect(run.plans.isEmpty && run.sent.count == 2 && run.offered?.hasCEMA == false)
        try run.answer(200, active)
        #expect(run.plans.count == 1 && !run.plans[0].isActive && run.acknowledged.count == 2)
        var refused = try standing(localMedia(cema: true), answer: active)
        try refused.answer(488)
        #expect(refused.plans.isEmpty && refused.sent.last?.method == .bye)
    }
}
