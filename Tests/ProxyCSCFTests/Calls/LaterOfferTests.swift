import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import SDP
import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

/// Offers and answers in PRACK, UPDATE and later INVITEs (media-security.md 4.3, 4.4, 6).
@Suite("Offers and answers beside the first INVITE")
struct LaterOfferTests {
    static let reliable: [(HeaderName, String)] = [(.require, "100rel"), (.rSeq, "1")]

    private func secure(_ setup: String) -> String { Fixtures.secure(setup: setup, requested: false) }

    /// INVITE without SDP from the UE, the offer of the core in a reliable 183.
    private func offeredInProvisional() -> LegHarness {
        var call = LegHarness(.originating, body: "")
        call.respond(183, body: Fixtures.plain(), headers: Self.reliable)
        return call
    }

    @Test("RFC 3262 5: offer in a reliable 183, answer in PRACK, 2xx without SDP")
    func answerInPRACK() throws {
        var call = offeredInProvisional()
        let offer = try #require(call.provisionals.last)
        #expect(offer.status == 183 && LegHarness.sdp(offer.body).contains("TCP/TLS/MSRP *"))
        let prack = try call.asking(.prack, from: .ue, cSeq: 2, body: secure("active"))
        #expect(call.passed(prack).contains("TCP/MSRP *"))
        call.respond(200, to: prack)
        call.respond(200)
        #expect(call.finals[CallLeg.first]?.map(\.status) == [200])
        call.request(.ack, from: .ue, cSeq: 1)
        #expect(call.leg.phase == .confirmed)
    }

    @Test("RFC 3262 5: a description in a PRACK of the side that has offered is no answer; the offer stays open")
    func answerOfTheOfferer() throws {
        var call = offeredInProvisional()
        let wrong = try call.asking(.prack, from: .core, cSeq: 5, body: Fixtures.plain(setup: "active"))
        #expect(call.finals[wrong]?.map(\.status) == [500] && call.sent[wrong] == nil)
        let prack = try call.asking(.prack, from: .ue, cSeq: 2, body: secure("active"))
        #expect(call.passed(prack).contains("TCP/MSRP *"))
        call.respond(200, to: prack)
        call.respond(200)
        #expect(call.finals[CallLeg.first]?.map(\.status) == [200] && call.ended == 0)
    }

    @Test("RFC 3262 3: a reliable 183 that comes again goes back again, without the ALG")
    func repeatedProvisional() {
        var call = offeredInProvisional()
        _ = call.take()
        call.respond(183, body: Fixtures.plain(), headers: Self.reliable)
        #expect(call.take() == ["183 > ue"])
        #expect(call.provisionals[call.provisionals.count - 1] == call.provisionals[call.provisionals.count - 2])
    }

    @Test("A11: a plain answer in PRACK to an e2ae offer: 488 to it, then CANCEL and 488")
    func plainAnswerInPRACK() throws {
        var call = offeredInProvisional()
        _ = call.take()
        let prack = try call.asking(
            .prack, from: .ue, cSeq: 2, body: Fixtures.plain(setup: "active", address: "127.4.0.1"))
        #expect(call.finals[prack]?.map(\.status) == [488])
        #expect(call.finals[CallLeg.first]?.map(\.status) == [488])
        #expect(call.cancelled == [CallLeg.first] && call.sent[prack] == nil)
        call.respond(487)
        #expect(call.ended == 1 && Set(call.released) == call.reserved)
    }

    @Test("RFC 3261 13.2.1: a 2xx that repeats the offer of the 183 gets what the 183 got; another offer ends the call")
    func repeatedOffer() {
        var call = offeredInProvisional()
        call.respond(200, body: Fixtures.plain())
        #expect(call.answered().contains("TCP/TLS/MSRP *") && call.reserved.count == 1)

        var other = offeredInProvisional()
        other.respond(200, body: Fixtures.plain(setup: "passive"))
        #expect(other.finals[CallLeg.first]?.map(\.status) == [488])
        #expect(other.alone.map(\.request.method) == [.ack, .bye] && other.ended == 1)
    }

    @Test("A 2xx without an answer to the offer of the INVITE: ACK and BYE to its sender, 488 to the other side")
    func unanswered() {
        var call = LegHarness(.originating)
        call.respond(200)
        #expect(call.finals[CallLeg.first]?.map(\.status) == [488])
        #expect(call.alone.map(\.request.method) == [.ack, .bye] && call.ended == 1)
    }

    @Test("RFC 3261 14.2: an offer while one is under way gets 491, and neither is lost")
    func glare() throws {
        var call = CallLegTests.confirmed(.originating)
        let first = try call.asking(.invite, from: .ue, cSeq: 2, body: Fixtures.secure())
        let second = try call.asking(.update, from: .core, cSeq: 1, body: Fixtures.plain())
        #expect(call.finals[second]?.map(\.status) == [491])
        call.respond(200, to: first, body: Fixtures.plain(setup: "passive"))
        #expect(call.finals[first]?.map(\.status) == [200])
        #expect(call.leg.phase == .confirmed)
    }

    @Test("A11: a later answer that takes e2ae off: BYE both ways with the cause", arguments: [Method.invite, .update])
    func laterPlainAnswer(method: Method) throws {
        var call = CallLegTests.confirmed(.terminating)
        let id = try call.asking(method, from: .core, cSeq: 2, body: Fixtures.plain())
        #expect(call.passed(id).contains("TCP/TLS/MSRP *"))
        call.respond(200, to: id, body: Fixtures.plain(setup: "active", address: "127.4.0.1"))
        #expect(call.finals[id]?.map(\.status) == [488])
        let byes = call.alone.filter { $0.request.method == .bye }
        #expect(Set(byes.map(\.side)) == [.ue, .core])
        #expect(byes.allSatisfy { $0.request.headers["Reason"]?.hasPrefix("SIP ;cause=488") == true })
        #expect(call.ended == 1 && Set(call.released) == call.reserved)
    }

    @Test("A refused later offer leaves the session as it was", arguments: [488, 500, 606])
    func laterRefused(status: Int) throws {
        var call = CallLegTests.confirmed(.originating)
        let id = try call.asking(.invite, from: .ue, cSeq: 2, body: Fixtures.secure())
        call.respond(status, to: id)
        #expect(call.finals[id]?.map(\.status) == [status])
        let again = try call.asking(.update, from: .ue, cSeq: 3, body: Fixtures.secure())
        call.respond(200, to: again, body: Fixtures.plain(setup: "passive"))
        #expect(call.finals[again]?.map(\.status) == [200] && call.leg.phase == .confirmed)
    }

    @Test("RFC 3264 5: a 2xx to UPDATE that leaves its offer unanswered changes nothing, and offers go on")
    func unansweredUpdate() throws {
        var call = CallLegTests.confirmed(.originating)
        let id = try call.asking(.update, from: .ue, cSeq: 2, body: Fixtures.secure())
        call.respond(200, to: id)
        #expect(call.finals[id]?.map(\.status) == [200])
        let again = try call.asking(.update, from: .ue, cSeq: 3, body: Fixtures.secure())
        call.respond(200, to: again, body: Fixtures.plain(setup: "passive"))
        #expect(call.finals[again]?.map(\.status) == [200] && call.leg.phase == .confirmed)
    }

    @Test("RFC 3264 5: a 2xx to a later INVITE that leaves its offer unanswered ends the call")
    func unansweredReInvite() throws {
        var call = CallLegTests.confirmed(.originating)
        let id = try call.asking(.invite, from: .ue, cSeq: 2, body: Fixtures.secure())
        call.respond(200, to: id)
        #expect(call.finals[id]?.map(\.status) == [488])
        #expect(Set(call.alone.filter { $0.request.method == .bye }.map(\.side)) == [.ue, .core])
        #expect(call.ended == 1 && Set(call.released) == call.reserved && call.leg.media.isIdle)
    }

    @Test("An offer whose sender is lost is withdrawn", arguments: [Method.update, .invite])
    func offererLost(method: Method) throws {
        var call = CallLegTests.confirmed(.originating)
        let id = try call.asking(method, from: .ue, cSeq: 2, body: Fixtures.secure())
        call.leg.serverFailed(id, now: call.now)
        call.drain()
        let other = try call.asking(.update, from: .core, cSeq: 1, body: Fixtures.plain())
        #expect(call.finals[other] == nil && call.sent[other] != nil)
    }

    @Test("RFC 3262 3: of the reliable responses of a branch only the last is kept, and branches are limited")
    func manyProvisionals() {
        var call = LegHarness(.originating)
        for number in 1...50 { call.respond(183, headers: [(.require, "100rel"), (.rSeq, "\(number)")]) }
        for number in 1...50 {
            call.respond(183, tag: "branch\(number)", headers: [(.require, "100rel"), (.rSeq, "1")])
        }
        let kept = call.leg.exchanges[CallLeg.first]?.provisionals ?? [:]
        #expect(kept["callee"]?.sequence == "50" && kept.count == CallSettings().dialogLimit)
    }

    static let refusedBodies = [
        ("application/sdp", Fixtures.secure()),
        (
            "multipart/mixed;boundary=b",
            "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: application/sdp\r\n\r\n"
                + Fixtures.secure() + "\r\n--b--\r\n"
        ),
        ("application/pkcs7-mime", "xxxx"), ("multipart/mixed;boundary=b", Fixtures.secure()),
    ]

    @Test(
        "A11, RFC 3261 21.4.26: no session description passes in a 3xx to 6xx", arguments: refusedBodies.indices,
        [302, 488, 606])
    func refusedWithSession(index: Int, status: Int) throws {
        var call = LegHarness(.terminating)
        let (type, body) = Self.refusedBodies[index]
        call.respond(status, body: body, type: type)
        let refusal = try #require(call.finals[CallLeg.first]?.first)
        #expect(refusal.status == status && refusal.body.readableBytes == 0)
        #expect(!refusal.headers.contains(.contentType))
    }

    @Test("Another body of a refusal passes")
    func refusedWithText() {
        var call = LegHarness(.terminating)
        call.respond(486, body: "at lunch", type: "text/plain")
        #expect(call.answered() == "at lunch")
    }

    @Test(
        "RFC 3261 12.2.1.2: 481 or 408 to a later request: the dialog is gone, and so is the call",
        arguments: [481, 408])
    func dialogGone(status: Int) throws {
        var call = CallLegTests.confirmed(.originating)
        let id = try call.asking(.update, from: .ue, cSeq: 2)
        call.respond(status, to: id)
        #expect(call.ended == 1 && Set(call.released) == call.reserved)
    }

    @Test("A11: an unreadable body in a response does not pass", arguments: [183, 200])
    func unreadableResponse(status: Int) {
        var call = LegHarness(.originating)
        call.respond(status, body: Fixtures.plain(), headers: [("Content-Encoding", "gzip")])
        #expect(call.finals[CallLeg.first]?.map(\.status) == [415])
        #expect(call.provisionals.allSatisfy { $0.status == 100 })
        #expect(status == 183 ? call.cancelled == [CallLeg.first] : call.alone.map(\.request.method) == [.ack, .bye])
    }

    @Test("A10: Route of a UE does not steer: Service-Route first, the dialog's route set later")
    func routes() throws {
        let evil: [(HeaderName, String)] = [
            (.route, "<sip:127.66.6.6:5060;lr>"), (.recordRoute, "<sip:127.66.6.6;lr>"),
        ]
        var call = LegHarness(.originating, headers: evil)
        let invite = try #require(call.sent[CallLeg.first])
        #expect(invite.headers.values(.route) == ["<sip:orig@127.2.0.1:5060;transport=tcp;lr>"])
        #expect(invite.headers.values(.recordRoute).count == 1)
        call.respond(200, body: Fixtures.plain(setup: "passive"))
        call.request(.ack, from: .ue, cSeq: 1, headers: evil)
        let id = call.request(.info, from: .ue, cSeq: 2, headers: evil)
        for request in [call.alone.last?.request, id.flatMap { call.sent[$0] }] {
            #expect(request?.headers.values(.route) == ["<sip:home@127.2.0.1:5060;lr>"])
        }
    }

    @Test("A body of another method inside the call passes as it is")
    func otherBodies() throws {
        var call = CallLegTests.confirmed(.originating)
        let id = call.request(.info, from: .ue, cSeq: 2, body: "anything", type: "application/pkcs7-mime")
        #expect(id.flatMap { call.sent[$0] }.map { LegHarness.sdp($0.body) } == "anything")
    }
}
