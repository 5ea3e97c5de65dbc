import NIOCore
import SDP
import SIP
import Testing
import WireSyntax

@testable import UserEquipment

@Suite struct CallTests {
    @Test("RFC 3261 13.2: INVITE with the routes, 180, 200, ACK, and only then the media")
    func established() throws {
        var run = try outgoing()
        let invite = try #require(run.sent.first)
        #expect(
            invite.headers.values(.route).count == 2 && invite.headers[.pPreferredIdentity] == "<sip:alice@ims.lab>")
        #expect(try Message.request(invite).sessionDescription() != nil)
        // RFC 3261 8.1.1: no To tag, a From tag, Max-Forwards, one Contact.
        #expect(try invite.headers.to().tag == nil && invite.headers.from().tag == "alice")
        #expect(invite.headers[.maxForwards] == "70" && invite.headers.values(.contact).count == 1)
        #expect(invite.headers[.contact] == "<sip:alice@127.0.0.9:5061>")
        run.call.receive(inviteResponse: try response(180, to: invite), now: now)
        run.drain()
        #expect(run.actions.last == .ringing && run.plans.isEmpty)
        let answer = text(try description(tlsLine("a=setup:passive\n")))
        run.call.receive(inviteResponse: try response(200, to: invite, body: answer), now: now)
        run.drain()
        #expect(
            run.acknowledged.count == 1 && run.acknowledged[0].headers.values(.route) == ["<sip:leg@127.0.0.2:5061;lr>"]
        )
        #expect(run.plans.count == 1 && run.call.state == .confirmed && run.call.nextDeadline == nil)
        // The 200 again: the ACK again.
        run.call.receive(inviteResponse: try response(200, to: invite, body: answer), now: now)
        run.drain()
        #expect(run.acknowledged.count == 2 && run.plans.count == 1)
        run.call.hangUp("hung up", now: now)
        run.drain()
        #expect(run.sent.last?.method == .bye && run.sent.last?.headers.contains(.reason) == false)
        run.call.byeDone()
        run.drain()
        #expect(run.ending == .init(cause: "hung up", isNormal: true))
    }

    @Test("media-security 4.4: the answer is found in a multipart")
    func multipart() throws {
        var run = try outgoing()
        let answer = text(try description(tlsLine("a=setup:passive\n")))
        let body =
            "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\nContent-Type: application/sdp\r\n\r\n\(answer)\r\n--b--\r\n"
        let invite = try #require(run.sent.first)
        run.call.receive(
            inviteResponse: try response(200, to: invite, body: body, type: "multipart/mixed;boundary=b"), now: now)
        run.drain()
        #expect(run.plans.count == 1)
    }

    @Test(
        "A11: a 200 that gives less than was asked for is acknowledged and ended, with the cause",
        arguments: [
            plainLine("a=setup:passive\n"), tlsLine("a=setup:passive\n", fingerprint: false), "",
        ])
    func refusedAnswer(_ lines: String) throws {
        var run = try outgoing()
        let body = lines.isEmpty ? "" : text(try description(lines))
        let invite = try #require(run.sent.first)
        run.call.receive(inviteResponse: try response(200, to: invite, body: body), now: now)
        run.drain()
        #expect(run.acknowledged.count == 1 && run.plans.isEmpty)
        #expect(run.sent.last?.method == .bye && run.sent.last?.headers[.reason]?.hasPrefix("SIP;cause=488") == true)
        run.call.timersDue(now: now + Call.leaveTimeout)
        run.drain()
        #expect(run.ending?.isNormal == false)
    }

    @Test("RFC 3261 13.2.2.4: the 200 of another branch is acknowledged and ended")
    func forked() throws {
        var run = try outgoing()
        let invite = try #require(run.sent.first)
        let answer = text(try description(tlsLine("a=setup:passive\n")))
        run.call.receive(inviteResponse: try response(200, to: invite, body: answer), now: now)
        run.call.receive(inviteResponse: try response(200, to: invite, tag: "other", body: answer), now: now)
        run.drain()
        #expect(run.acknowledged.count == 2 && run.sent.last?.method == .bye)
        #expect(try run.sent.last?.headers.to().tag == "other")
        #expect(run.call.state == .confirmed && run.ending == nil)
    }

    @Test("RFC 3261 9: CANCEL, 487; a 200 that crosses it is acknowledged and ended", arguments: [true, false])
    func cancel(_ crosses: Bool) throws {
        var run = try outgoing()
        let invite = try #require(run.sent.first)
        run.call.hangUp("changed my mind", now: now)
        run.drain()
        #expect(run.actions.last == .cancel)
        if crosses {
            let answer = text(try description(tlsLine("a=setup:passive\n")))
            run.call.receive(inviteResponse: try response(200, to: invite, body: answer), now: now)
            run.drain()
            #expect(run.acknowledged.count == 1 && run.sent.last?.method == .bye && run.plans.isEmpty)
            run.call.byeDone()
        } else {
            run.call.receive(inviteResponse: try response(487, to: invite), now: now)
        }
        run.drain()
        #expect(run.ending?.cause == "changed my mind")
    }

    @Test("refusals, silence and a lost flow end the call with their cause", arguments: [404, 486, 488, 503, 603])
    func refused(_ status: Int) throws {
        var run = try outgoing()
        let invite = try #require(run.sent.first)
        run.call.receive(inviteResponse: try response(status, to: invite), now: now)
        run.drain()
        #expect(run.ending?.status == status && run.ending?.isNormal == false)
        // RFC 3261 13.2.2.3: a second final response changes nothing.
        run.call.receive(inviteResponse: try response(500, to: invite), now: now)
        run.drain()
        #expect(run.ending?.status == status)
        var silent = try outgoing()
        silent.call.timersDue(now: now + Call.answerTimeout)
        silent.drain()
        #expect(silent.actions.last == .cancel)
        silent.call.timersDue(now: now + Call.answerTimeout + Call.leaveTimeout)
        silent.drain()
        #expect(silent.ending?.cause == "no answer")
        var lost = try outgoing()
        lost.call.inviteFailed("the connection to the P-CSCF failed")
        lost.drain()
        #expect(lost.ending?.cause == "the connection to the P-CSCF failed")
    }

    // MARK: Incoming

    @Test(
        "RFC 3261 13.3: 180, 200 with the answer and the Record-Route, repeated until the ACK; the media begins with it"
    )
    func accepted() throws {
        var run = try incoming(tlsLine("a=setup:actpass\na=3ge2ae:applied\n"))
        #expect(run.responses.map(\.status) == [180] && run.call.peer == "sip:alice@ims.lab")
        run.call.accept(localMedia(port: nil), now: now)
        run.drain()
        let success = try #require(run.responses.last)
        #expect(success.status == 200 && success.headers[.recordRoute] == "<sip:leg@127.0.0.2:5061;lr>")
        #expect(success.headers[.contact] == "<sip:bob@127.0.0.10>" && run.plans.isEmpty)
        let deadline = try #require(run.call.nextDeadline)
        run.call.timersDue(now: deadline)
        run.drain()
        #expect(run.actions.last == .repeatSuccess(success, 0))
        run.call.receive(try invite(nil, toTag: "bob", method: .ack), token: nil, now: now)
        run.drain()
        #expect(run.plans.count == 1 && run.plans[0].isActive && run.plans[0].leg == .e2ae)
        run.call.receive(try invite(nil, cSeq: 2, toTag: "bob", method: .bye), token: 1, now: now)
        run.drain()
        #expect(run.responses.last?.status == 200 && run.ending?.isNormal == true)
    }

    @Test("media closed by the peer: his BYE explains it; where none comes, ours goes", arguments: [true, false])
    func mediaLost(_ comes: Bool) throws {
        var run = try incoming(tlsLine())
        run.call.accept(localMedia(), now: now)
        run.call.receive(try invite(nil, toTag: "bob", method: .ack), token: nil, now: now)
        run.call.mediaLost("closed", now: now)
        run.drain()
        #expect(run.ending == nil && run.sent.isEmpty)
        if comes {
            run.call.receive(try invite(nil, cSeq: 2, toTag: "bob", method: .bye), token: 1, now: now)
            run.drain()
            #expect(run.ending == .init(cause: "ended by the peer", isNormal: true) && run.sent.isEmpty)
        } else {
            run.call.timersDue(now: now + Call.lostMediaTime)
            run.drain()
            #expect(run.sent.last?.headers[.reason]?.contains("closed") == true)
        }
    }

    @Test("RFC 6714 4.2: a callee that cannot reach the caller's path waits for another offer, and not for long")
    func unreachable() throws {
        for comes in [true, false] {
            var run = try incoming(tlsLine())
            run.call.accept(localMedia(), now: now)
            run.call.receive(try invite(nil, toTag: "bob", method: .ack), token: nil, now: now)
            run.call.mediaUnreachable("connection refused", now: now)
            run.drain()
            #expect(run.ending == nil && run.sent.isEmpty && run.plans.count == 1)
            if comes {
                run.receive(
                    try invite(tlsLine(port: 6001).replacing(":6000/peer", with: ":6001/peer"), cSeq: 2, toTag: "bob"))
                run.receive(try invite(nil, cSeq: 2, toTag: "bob", method: .ack), token: nil)
                #expect(run.plans.last?.target == HostPort("127.0.0.5:6001") && run.plans.count == 2)
            }
            run.call.timersDue(now: now + Call.newOfferTime)
            run.drain()
            #expect((run.sent.last?.headers[.reason]?.contains("refused") == true) != comes)
        }
    }

    @Test("who called, and cannot reach the path of the answer, hangs up at once")
    func unreachableCallee() throws {
        var run = try standing()
        run.call.mediaUnreachable("connection refused", now: now)
        run.drain()
        #expect(run.sent.last?.method == .bye)
    }

    @Test("no ACK: BYE once 64 T1 are over")
    func noACK() throws {
        var run = try incoming(tlsLine())
        run.call.accept(localMedia(), now: now)
        for _ in 0..<40 {
            guard let deadline = run.call.nextDeadline, run.call.state == .accepted else { break }
            run.call.timersDue(now: deadline)
        }
        run.drain()
        #expect(run.sent.last?.method == .bye && run.plans.isEmpty)
    }

    @Test("an INVITE without an offer: ours in the 200, the answer in the ACK")
    func offerless() throws {
        var run = try incoming(nil)
        run.call.accept(localMedia(), now: now)
        run.drain()
        let offer = try #require(run.responses.last).body
        #expect(try SessionDescription(octets: offer).messageMedia(at: 0)?.threeGE2AE == .requested)
        var ack = try invite(tlsLine("a=setup:passive\n"), toTag: "bob", method: .ack)
        run.call.receive(ack, token: nil, now: now)
        run.drain()
        #expect(run.plans.count == 1)
        var other = try incoming(nil)
        other.call.accept(localMedia(), now: now)
        ack = try invite(plainLine(), toTag: "bob", method: .ack)
        other.call.receive(ack, token: nil, now: now)
        other.drain()
        #expect(other.plans.isEmpty && other.sent.last?.method == .bye)
    }

    @Test(
        "offers that cannot be taken get 488 with a Warning; unreadable ones 400, 415 or 488, and no media",
        arguments: [
            (plainLine("a=3ge2ae:applied\n"), 488), ("m=audio 1 RTP/AVP 0\n", 488),
        ])
    func refusedOffer(_ lines: String, _ status: Int) throws {
        var run = try incoming(lines)
        run.call.accept(localMedia(), now: now)
        run.drain()
        #expect(run.responses.last?.status == status && run.responses.last?.headers.contains(.warning) == true)
        #expect(run.ending?.status == status && run.plans.isEmpty)
    }

    @Test(
        "A11: a session body that cannot be read never rings",
        arguments: [
            ("application/sdp", "v=0\r\nnonsense\r\n", 400), ("application/pkcs7-mime", "x", 415),
        ])
    func unreadable(_ type: String, _ body: String, _ status: Int) throws {
        var request = try invite(nil)
        request.headers.append(.contentType, type)
        request.body = ByteBuffer(string: body)
        var run = Run(
            call: Call(ringing: request, token: 0, localTag: "bob", contact: "<sip:bob@127.0.0.10>", now: now))
        run.drain()
        #expect(run.responses.map(\.status) == [status] && run.ending?.status == status)
        #expect(!run.actions.contains(.ringing))
    }

    @Test("RFC 3261 9.2: a CANCEL before the answer: 487; a caller's BYE while it rings ends it too")
    func cancelled() throws {
        var run = try incoming(tlsLine())
        run.call.cancelled()
        run.drain()
        #expect(run.responses.last?.status == 487 && run.ending != nil)
        var busy = try incoming(tlsLine())
        busy.call.refuse(486, "busy")
        busy.drain()
        #expect(busy.responses.last?.status == 486 && busy.sent.isEmpty)
        // RFC 3261 15.1.2: the BYE and the INVITE are answered.
        var left = try incoming(tlsLine())
        left.receive(try invite(nil, cSeq: 2, toTag: "bob", method: .bye))
        #expect(left.responses.suffix(2).map(\.status) == [200, 487] && left.ending?.isNormal == true)
    }
}
