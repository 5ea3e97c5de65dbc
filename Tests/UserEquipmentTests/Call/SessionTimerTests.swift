import NIOCore
import SDP
import SIP
import Testing
import WireSyntax

@testable import UserEquipment

@Suite struct SessionTimerTests {
    func success(_ run: Run, _ value: String?, allow: String = "INVITE, UPDATE, BYE") throws -> Response {
        var response = try response(
            200, to: run.sent[0], body: text(try description(tlsLine("a=setup:passive\n"))))
        if let value { response.headers.append(.sessionExpires, value) }
        response.headers.append(.allow, allow)
        return response
    }

    @Test("RFC 4028 7.1: supported in each INVITE, asked for where it is wanted")
    func asks() throws {
        let silent = try outgoing().sent[0].headers
        #expect(silent[.sessionExpires] == nil && silent.tokens(.supported).contains("timer"))
        let run = try outgoing(localMedia(), options: .init(sessionExpires: 600))
        #expect(run.sent[0].headers[.sessionExpires] == "600")
        #expect(run.sent[0].headers.tokens(.supported).contains("timer"))
    }

    @Test("RFC 4028 7.3: 422 raises the interval, in a new INVITE with Min-SE; the same 422 again ends it")
    func tooSmall() throws {
        var run = try outgoing(localMedia(), options: .init(sessionExpires: 90))
        var refusal = try response(422, to: run.sent[0])
        refusal.headers.append(.minSE, "300")
        run.call.receive(inviteResponse: refusal, now: now)
        run.drain()
        let again = try #require(run.sent.last)
        #expect(again.headers[.sessionExpires] == "300" && again.headers[.minSE] == "300")
        #expect(again.headers[.cSeq] == "2 INVITE" && again.headers[.callID] == run.sent[0].headers[.callID])
        refusal = try response(422, to: again)
        refusal.headers.append(.minSE, "300")
        run.call.receive(inviteResponse: refusal, now: now)
        run.drain()
        #expect(run.ending?.status == 422)
    }

    @Test("RFC 4028 7.3: 422 that asks for ever more is followed a few times, and ends the call")
    func everMore() throws {
        var run = try outgoing(localMedia(), options: .init(sessionExpires: 90))
        for round in 1...20 where run.ending == nil {
            var refusal = try response(422, to: try #require(run.sent.last))
            refusal.headers.append(.minSE, "\(100 * round)")
            run.call.receive(inviteResponse: refusal, now: now)
            run.drain()
        }
        #expect(run.ending?.status == 422)
        #expect(run.sent.filter { $0.method == .invite }.count == 1 + SessionTimer.maximumRefusals)
    }

    @Test(
        "RFC 4028 7.2, 10: the refresher acts at half of the interval, the other waits until 32 s (or a third) before the end",
        arguments: [("300;refresher=uac", Int64(150)), ("300;refresher=uas", 268), ("90;refresher=uas", 60)])
    func roles(_ value: String, _ seconds: Int64) throws {
        var run = try outgoing(localMedia(), options: .init(sessionExpires: 300))
        run.call.receive(inviteResponse: try success(run, value), now: now)
        run.drain()
        #expect(run.call.nextDeadline == now + .seconds(seconds))
        run.call.timersDue(now: now + .seconds(seconds))
        run.drain()
        if value.hasSuffix("uac") {
            #expect(run.sent.last?.method == .update && run.sent.last?.body.readableBytes == 0)
            #expect(run.sent.last?.headers[.sessionExpires] == "300;refresher=uac")
        } else {
            #expect(run.sent.last?.method == .bye)
        }
    }

    @Test(
        "RFC 4028 7.4: a refresh by re-INVITE where the peer takes no UPDATE, with the same offer; its 2xx begins the interval anew"
    )
    func byReinvite() throws {
        var run = try outgoing(localMedia(), options: .init(sessionExpires: 300))
        run.call.receive(inviteResponse: try success(run, "300;refresher=uac", allow: "INVITE, BYE"), now: now)
        run.drain()
        let later = now + .seconds(150)
        run.call.timersDue(now: later)
        run.drain()
        #expect(run.sent.last?.method == .invite && run.offered?.port == 7000)
        var answer = try response(
            200, to: try #require(run.sent.last), body: text(try description(tlsLine("a=setup:passive\n"))))
        answer.headers.append(.sessionExpires, "300;refresher=uac")
        run.call.receive(answer, now: later, random: 0)
        run.drain()
        #expect(run.plans.count == 1 && run.call.nextDeadline == later + .seconds(150))
    }

    @Test("RFC 4028 10: a refresh that is not answered lets the session end in time")
    func unanswered() throws {
        var run = try outgoing(localMedia(), options: .init(sessionExpires: 300))
        run.call.receive(inviteResponse: try success(run, "300;refresher=uac"), now: now)
        run.call.timersDue(now: now + .seconds(150))
        run.drain()
        try run.answer(500, at: now + .seconds(151))
        #expect(run.call.state == .confirmed)
        run.call.timersDue(now: now + .seconds(268))
        run.drain()
        #expect(run.sent.last?.method == .bye)
    }

    @Test("RFC 4028 7.2: Session-Expires in the 2xx counts, though none was asked for")
    func unasked() throws {
        var run = try outgoing()
        run.call.receive(inviteResponse: try success(run, "300;refresher=uas"), now: now)
        run.drain()
        #expect(run.call.nextDeadline == now + .seconds(268))
    }

    @Test("RFC 4028 7.2: without Session-Expires in the 2xx the session does not expire")
    func none() throws {
        var run = try outgoing(localMedia(), options: .init(sessionExpires: 300))
        run.call.receive(inviteResponse: try success(run, nil), now: now)
        run.drain()
        #expect(run.call.nextDeadline == nil)
    }

    @Test(
        "RFC 4028 9: what the callee says in its 2xx, by what the caller supports and wants",
        arguments: [
            ("300", true, "300;refresher=uac", Int64(268)), ("300;refresher=uac", true, "300;refresher=uac", 268),
            ("300;refresher=uas", true, "300;refresher=uas", 150), ("300", false, "300;refresher=uas", 150),
        ])
    func asUAS(_ asked: String, _ supported: Bool, _ said: String, _ seconds: Int64) throws {
        var request = try invite(tlsLine())
        request.headers.append(.sessionExpires, asked)
        if supported { request.headers.append(.supported, "timer") }
        var run = Run(
            call: Call(ringing: request, token: 0, localTag: "bob", contact: "<sip:bob@127.0.0.10>", now: now))
        run.call.accept(localMedia(), now: now)
        run.drain()
        #expect(run.responses.last?.headers[.sessionExpires] == said)
        #expect(run.responses.last?.headers.tokens(.require).contains("timer") == said.hasSuffix("uac"))
        run.receive(try invite(nil, toTag: "bob", method: .ack), token: nil)
        #expect(run.call.nextDeadline == now + .seconds(seconds))
        // An UPDATE without an offer refreshes.
        var update = try invite(nil, cSeq: 2, toTag: "bob", method: .update)
        update.headers.append(.sessionExpires, "300;refresher=uac")
        update.headers.append(.supported, "timer")
        run.receive(update, at: now + .seconds(100))
        #expect(run.responses.last?.status == 200 && run.call.nextDeadline == now + .seconds(368))
    }

    @Test("RFC 4028 9: an interval below 90 s is refused with 422 and Min-SE, in the first INVITE and in a later one")
    func refuses() throws {
        var request = try invite(tlsLine())
        request.headers.append(.sessionExpires, "30")
        request.headers.append(.supported, "timer")
        var run = Run(
            call: Call(ringing: request, token: 0, localTag: "bob", contact: "<sip:bob@127.0.0.10>", now: now))
        run.drain()
        #expect(run.responses.last?.status == 422 && run.responses.last?.headers[.minSE] == "90")
        var standing = try standing()
        var later = try fromPeer(tlsLine(), cSeq: 5)
        later.headers.append(.sessionExpires, "30")
        later.headers.append(.supported, "timer")
        standing.receive(later)
        #expect(standing.responses.last?.status == 422 && standing.call.state == .confirmed)
    }

    @Test(
        "what is no Session-Expires is none; what is too long is a day",
        arguments: [("x", nil), ("", nil), ("0", nil), ("600;refresher=both", UInt32(600)), ("4000000000", 86_400)])
    func parsing(_ value: String, _ seconds: UInt32?) {
        var headers = Headers()
        headers.append(.sessionExpires, value)
        #expect(headers.boundedSessionExpires?.interval == seconds && headers.boundedSessionExpires?.refresher == nil)
    }
}
