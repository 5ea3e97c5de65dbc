import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

/// What crosses on the way, what is lost, and who comes first.
@Suite("Races, forks and losses")
struct RaceTests {
    // MARK: CANCEL

    @Test(
        "RFC 3261 9.2: CANCEL while the gateway is asked: 487 at once, nothing is sent on, and what it still grants goes back"
    )
    func cancelDuringReserve() {
        var call = LegHarness(.originating, isPrompt: false)
        _ = call.take()
        call.cancel()
        #expect(call.take() == ["487 > ue"])
        #expect(call.ended == 0)
        call.reply()
        #expect(call.take() == ["release", "ended"])
        #expect(call.sent.isEmpty && Set(call.released) == call.reserved)
    }

    @Test(
        "RFC 3261 16.10: a 200 that crosses the CANCEL goes back, and the call stands until its BYE",
        arguments: OfferDirection.allCases)
    func cancelCrosses200(direction: OfferDirection) throws {
        var call = LegHarness(direction)
        call.respond(180)
        call.cancel()
        #expect(call.cancelled == [CallLeg.first])
        _ = call.take()
        call.respond(
            200,
            body: direction == .originating
                ? Fixtures.plain(setup: "passive") : Fixtures.secure(setup: "active", requested: false))
        #expect(call.finals[CallLeg.first]?.map(\.status) == [200] && call.leg.phase == .confirmed)
        call.request(.ack, from: call.caller, cSeq: 1)
        let bye = try call.asking(.bye, from: call.caller, cSeq: 2)
        call.respond(200, to: bye)
        #expect(call.ended == 1 && Set(call.released) == call.reserved)
    }

    @Test("RFC 3261 9.2: CANCEL while the 200 is with the gateway, and one after it: no effect on the 200")
    func cancelDuringConfigure() {
        var call = LegHarness(.originating, isPrompt: false)
        call.replyAll()
        call.respond(200, body: Fixtures.plain(setup: "passive"))
        _ = call.take()
        call.cancel()
        call.replyAll()
        #expect(call.take() == ["200 > ue"])
        call.cancel()
        #expect(call.take().isEmpty && call.cancelled.isEmpty && call.leg.phase == .confirmed)
    }

    @Test("RFC 3261 16.10: the Reason of a CANCEL goes on with it; a second CANCEL does not")
    func cancelReason() {
        var call = LegHarness(.terminating)
        call.respond(180)
        call.leg.cancelled(CallLeg.first, reason: "SIP;cause=200;text=\"Call completed elsewhere\"", now: call.now)
        call.drain()
        call.cancel()
        #expect(call.cancelHeaders.map { $0["Reason"] } == ["SIP;cause=200;text=\"Call completed elsewhere\""])
    }

    @Test("RFC 3261 9.1: CANCEL before the INVITE could be sent: it is not sent, and gets 487")
    func cancelBeforeSent() {
        var call = LegHarness(.originating)
        call.cancel()
        #expect(call.cancelled == [CallLeg.first])
        // The adapter finds the CANCEL waiting where the flow opens.
        call.fail(timedOut: true)
        #expect(call.finals[CallLeg.first]?.map(\.status) == [487] && call.ended == 1)
    }

    @Test("RFC 3261 9.2: a later INVITE that is cancelled leaves the session as it was")
    func cancelLater() throws {
        var call = CallLegTests.confirmed(.originating)
        let id = try call.asking(.invite, from: .ue, cSeq: 2, body: Fixtures.secure())
        call.cancel(id)
        call.respond(487, to: id)
        #expect(call.finals[id]?.map(\.status) == [487] && call.leg.phase == .confirmed)
        #expect(call.released.isEmpty)
        let again = try call.asking(.update, from: .core, cSeq: 1, body: Fixtures.plain(setup: "passive"))
        call.respond(200, to: again, body: Fixtures.secure(setup: "active"))
        #expect(call.finals[again]?.map(\.status) == [200])
    }

    // MARK: Glare

    @Test(
        "RFC 3261 14.2, RFC 3311 5.2: a second offer of the other side gets 491, one of the same side 500 with Retry-After from 0 to 10",
        arguments: [SIP.Method.invite, .update], [SIP.Method.invite, .update])
    func glare(first: SIP.Method, second: SIP.Method) throws {
        var call = CallLegTests.confirmed(.originating)
        let open = try call.asking(first, from: .ue, cSeq: 2, body: Fixtures.secure())
        let other = try call.asking(second, from: .core, cSeq: 1, body: Fixtures.plain())
        #expect(
            call.finals[other]?.map(\.status) == [491]
                && call.finals[other]?.first?.headers.contains(.retryAfter) == false)
        let same = try call.asking(second, from: .ue, cSeq: 3, body: Fixtures.secure())
        #expect(call.finals[same]?.map(\.status) == [500])
        let retry = try #require(call.finals[same]?.first?.headers[.retryAfter].flatMap { Int($0) })
        #expect((0...10).contains(retry))
        call.respond(200, to: open, body: Fixtures.plain(setup: "passive"))
        #expect(call.finals[open]?.map(\.status) == [200] && call.leg.phase == .confirmed)
    }

    @Test("RFC 3261 14.1: a 491 of the far side goes back, and the next attempt is as good as the first")
    func farGlare() throws {
        var call = CallLegTests.confirmed(.terminating)
        let id = try call.asking(.invite, from: .core, cSeq: 2, body: Fixtures.plain())
        call.respond(491, to: id)
        let again = try call.asking(.invite, from: .core, cSeq: 3, body: Fixtures.plain())
        call.respond(200, to: again, body: Fixtures.secure(setup: "active", requested: false))
        #expect(call.finals[id]?.map(\.status) == [491] && call.finals[again]?.map(\.status) == [200])
    }

    // MARK: Forks

    @Test(
        "media-security 5.4: answers of all branches go to the UE over one context; the first 2xx decides what the core side is told"
    )
    func fork() throws {
        var call = LegHarness(.originating)
        #expect(call.reserved.count == 1)
        _ = call.take()
        call.respond(183, tag: "one", body: Fixtures.plain(setup: "passive", address: "127.5.0.1"))
        call.respond(180, tag: "two")
        call.respond(183, tag: "two", body: Fixtures.plain(setup: "passive", address: "127.5.0.2"))
        call.respond(183, tag: "three", body: Fixtures.plain(setup: "passive", address: "127.5.0.3"))
        // Nothing is told to the gateway: who connects meanwhile is held.
        #expect(call.take() == ["183 > ue", "180 > ue", "183 > ue", "183 > ue"])
        // Whoever answers, the UE connects to the same port.
        let ports = Set(
            call.provisionals.filter { $0.status == 183 }.map { response in
                LegHarness.sdp(response.body).split(separator: "\r\n").filter { "cm".contains($0.prefix(1)) }
            })
        #expect(ports.count == 1)
        call.respond(200, tag: "two", body: Fixtures.plain(setup: "passive", address: "127.5.0.2"))
        #expect(call.take() == ["configure core", "200 > ue"])
        #expect(call.changes.last?.change.remote?.address == .address(IPAddress("127.5.0.2")!))
        call.request(.ack, from: .ue, cSeq: 1, tag: "two")
        #expect(call.take() == ["ACK > core"])
        // RFC 3261 13.2.2.4: the others are acknowledged and ended; the UE does not see them.
        for tag in ["one", "three"] {
            call.respond(200, tag: tag, body: Fixtures.plain(setup: "passive"))
            #expect(call.take() == ["ACK > core", "BYE > core"])
            #expect(try call.alone.last?.request.headers.to().tag == tag)
            #expect(call.alone.last?.request.headers["Reason"] != nil)
        }
        // What is said in an early dialog that lost is no part of the call any more.
        let late = try call.asking(.info, from: .ue, cSeq: 2, tag: "one")
        #expect(call.finals[late]?.map(\.status) == [481])
        #expect(call.leg.phase == .confirmed && call.reserved.count == 1 && call.released.isEmpty)
    }

    @Test("media-security 5.4: a 200 without SDP takes the answer of its own branch, not that of the last one")
    func forkWithoutSDP() {
        var call = LegHarness(.originating)
        let reliable: [(HeaderName, String)] = [(.require, "100rel"), (.rSeq, "1")]
        call.respond(183, tag: "one", body: Fixtures.plain(setup: "passive", address: "127.5.0.1"), headers: reliable)
        call.respond(183, tag: "two", body: Fixtures.plain(setup: "passive", address: "127.5.0.2"), headers: reliable)
        call.respond(200, tag: "one")
        #expect(call.changes.last?.change.remote?.address == .address(IPAddress("127.5.0.1")!))
        #expect(call.leg.phase == .confirmed)
    }

    @Test("RFC 3261 13.2.2.4: two 2xx at once, the second while the first is with the gateway")
    func simultaneous() {
        var call = LegHarness(.originating, isPrompt: false)
        call.replyAll()
        call.respond(200, tag: "one", body: Fixtures.plain(setup: "passive", address: "127.5.0.1"))
        call.respond(200, tag: "two", body: Fixtures.plain(setup: "passive", address: "127.5.0.2"))
        _ = call.take()
        call.replyAll()
        #expect(call.take() == ["200 > ue", "ACK > core", "BYE > core"])
        #expect(call.finals[CallLeg.first]?.map { $0.headers.toTag } == ["one"])
    }

    @Test("RFC 3261 15.1.1: the caller ends one early dialog of a fork and keeps the others")
    func byeOfEarlyDialog() throws {
        var call = LegHarness(.originating)
        call.respond(180, tag: "one")
        call.respond(180, tag: "two")
        let bye = try call.asking(.bye, from: .ue, cSeq: 2, tag: "one")
        call.respond(200, to: bye)
        #expect(call.finals[bye]?.map(\.status) == [200] && call.leg.phase == .inviting)
        call.respond(200, tag: "two", body: Fixtures.plain(setup: "passive"))
        #expect(call.leg.phase == .confirmed)
    }

    // MARK: Losses

    @Test("RFC 3261 13.3.1.4, 16.11: a lost ACK: the 2xx goes back again, and its ACK goes on again as it was")
    func lostACK() {
        var call = LegHarness(.originating)
        call.respond(200, body: Fixtures.plain(setup: "passive"))
        call.request(.ack, from: .ue, cSeq: 1)
        _ = call.take()
        for _ in 0..<3 {
            call.respond(200, body: Fixtures.plain(setup: "passive"))
            call.request(.ack, from: .ue, cSeq: 1)
        }
        #expect(call.take() == Array(repeating: ["200 > ue", "ACK > core"], count: 3).flatMap { $0 })
        let acks = call.alone.map(\.request)
        #expect(Set(acks.map { $0.headers[.cSeq] }) == ["1 ACK"] && Set(acks).count == 1)
        #expect(call.changes.count == 1)
    }

    @Test(
        "RFC 3261 13.3.1.4: an ACK that never comes ends the call towards both sides after 64 T1",
        arguments: OfferDirection.allCases)
    func missingACK(direction: OfferDirection) {
        var call = LegHarness(direction)
        call.respond(
            200,
            body: direction == .originating
                ? Fixtures.plain(setup: "passive") : Fixtures.secure(setup: "active", requested: false))
        call.advance(.seconds(31))
        #expect(call.leg.phase == .confirmed)
        call.advance(.seconds(2))
        let byes = call.alone.filter { $0.request.method == .bye }
        #expect(Set(byes.map(\.side)) == [.ue, .core])
        #expect(byes.allSatisfy { $0.request.headers["Reason"]?.hasPrefix("SIP ;cause=408") == true })
        #expect(call.ended == 1 && Set(call.released) == call.reserved)
    }

    @Test(
        "RFC 3261 15: a call that is ended before its ACK: the callee gets its BYE at once, the caller after the ACK or after 64 T1",
        arguments: [true, false])
    func byeWaitsForACK(isAcknowledged: Bool) {
        var call = LegHarness(.originating)
        call.respond(200, body: Fixtures.plain(setup: "passive"))
        _ = call.take()
        call.notify(.tlsFailed(reason: "bad certificate"))
        #expect(call.take() == ["BYE > core", "release"] && call.ended == 0)
        if isAcknowledged {
            call.request(.ack, from: .ue, cSeq: 1)
            #expect(call.take() == ["ACK > core", "BYE > ue", "ended"])
        } else {
            call.advance(.seconds(33))
            #expect(call.take() == ["BYE > ue", "ended"])
        }
        #expect(call.alone.last?.request.headers["Reason"]?.hasPrefix("SIP ;cause=488") == true)
    }

    @Test("RFC 3261 16.6: Max-Forwards is lowered by one in every request, and 70 where there is none")
    func maxForwards() throws {
        var call = CallLegTests.confirmed(.originating)
        let id = try call.asking(.info, from: .ue, cSeq: 2)
        #expect(call.sent[id]?.headers[.maxForwards] == "69")
        var bare = Fixtures.request(.invite, contact: "<sip:u@127.4.0.1>", body: Fixtures.secure())
        bare.headers.remove(.maxForwards)
        #expect(call.leg.onwards(bare, to: .core, isFirst: true).headers[.maxForwards] == "70")
    }

    // MARK: A peer that dies

    static let deaths: [(TerminationEvent?, Realm, String)] = [
        (.tlsFailed(reason: "bad certificate"), .access, "SIP ;cause=488"),
        (.tcpFailed(reason: "timed out"), .core, "SIP ;cause=480"),
        (.released(reason: "closed"), .access, "SIP ;cause=480"),
        (.released(reason: "closed"), .core, "SIP ;cause=480"),
        (nil, .access, "SIP ;cause=503"),
    ]

    @Test(
        "media-security 6: a bearer that is released, TLS or TCP that fails and a gateway that is lost end the call with BYE and Reason both ways",
        arguments: deaths.indices, OfferDirection.allCases)
    func death(index: Int, direction: OfferDirection) {
        let (event, realm, reason) = Self.deaths[index]
        var call = CallLegTests.confirmed(direction)
        if let event {
            call.notify(event, on: realm)
        } else {
            call.leg.gatewayLost("gw", now: call.now)
            call.drain()
        }
        let byes = call.alone.filter { $0.request.method == .bye }
        #expect(Set(byes.map(\.side)) == [.ue, .core] && byes.count == 2)
        #expect(byes.allSatisfy { $0.request.headers["Reason"]?.hasPrefix(reason) == true })
        #expect(call.ended == 1 && Set(call.released) == call.reserved)
        #expect(
            call.events.contains {
                if case .milestone(let milestone) = $0 {
                    milestone.name == .ended && milestone.detail?.isEmpty == false
                } else {
                    false
                }
            })
    }

    @Test("media-security 6: a gateway that reports another's termination, or only beats, ends no call")
    func aliveEvents() {
        var call = CallLegTests.confirmed(.originating)
        call.notify(.heartbeat)
        call.leg.gatewayLost("another", now: call.now)
        call.leg.gatewayNotified(
            TerminationHandle(context: ContextHandle(gateway: "gw", context: 99), name: "access"),
            .released(reason: "x"),
            now: call.now)
        call.drain()
        #expect(call.leg.phase == .confirmed && call.released.isEmpty)
    }

    @Test(
        "media-security 6: a released bearer while the phone rings: CANCEL to the callee with Reason, a final response to the caller"
    )
    func deathWhileRinging() {
        var call = LegHarness(.terminating)
        call.respond(180)
        call.notify(.released(reason: "closed"), on: .core)
        #expect(call.finals[CallLeg.first]?.map(\.status) == [480])
        #expect(call.cancelHeaders.first?["Reason"]?.hasPrefix("SIP ;cause=480") == true)
        call.respond(487)
        #expect(call.ended == 1)
    }
}

@Suite("Responses of a proxy")
struct ProxyResponseTests {
    @Test("RFC 3261 16.7: a 503 of the far side goes back as 500: this P-CSCF still serves others")
    func unavailable() {
        var call = LegHarness(.originating)
        call.respond(503, headers: [(.retryAfter, "30")])
        #expect(call.finals[CallLeg.first]?.map(\.status) == [500])
        #expect(call.finals[CallLeg.first]?.first?.headers[.retryAfter] == "30" && call.ended == 1)
    }

    @Test("RFC 3261 16.7: the To tag of a response is never changed, and none is made for a 1xx or 2xx")
    func tags() {
        var call = LegHarness(.originating)
        #expect(call.provisionals.map { $0.headers.toTag } == [nil])
        call.respond(180, tag: "x")
        call.respond(486, tag: "y")
        #expect(call.provisionals.last?.headers.toTag == "x" && call.finals[CallLeg.first]?.first?.headers.toTag == "y")
    }
}
