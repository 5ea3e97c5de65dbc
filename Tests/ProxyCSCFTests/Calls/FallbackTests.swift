import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

/// media-security 4.2, 6: a UE that did not indicate support refuses the TLS of the RCS 5.1 option.
@Suite("The fall-back of the RCS 5.1 option")
struct FallbackTests {
    enum Refusal: String, CaseIterable, Sendable {
        case notAcceptableHere, unsupportedMediaType, notAcceptableAnywhere, port0, plain, noFingerprint, earlyPlain
    }

    static func call(u: Bool = false, n: Bool = true, allowed: Bool = true, isPrompt: Bool = true) -> LegHarness {
        LegHarness(.terminating, u: u, n: n, isPrompt: isPrompt) {
            $0.rcs51 = .terminating
            $0.allowsFallback = allowed
        }
    }

    static func refuse(_ refusal: Refusal, _ call: inout LegHarness) {
        let plain = Fixtures.plain(setup: "active", address: "127.4.0.1")
        switch refusal {
        case .notAcceptableHere: call.respond(488)
        case .unsupportedMediaType: call.respond(415)
        case .notAcceptableAnywhere: call.respond(606)
        case .port0:
            call.respond(200, tag: "first", body: Fixtures.secure().replacing("message 7000", with: "message 0"))
        case .plain: call.respond(200, tag: "first", body: plain)
        case .noFingerprint:
            call.respond(
                200, tag: "first",
                body: Fixtures.secure(setup: "active", requested: false).replacing(
                    "a=fingerprint:\(Fixtures.fingerprint)\r\n", with: ""))
        case .earlyPlain:
            call.respond(183, tag: "first", body: plain, headers: [(.require, "100rel"), (.rSeq, "1")])
            call.respond(487)
        }
    }

    private static func decisions(_ call: LegHarness) -> [FlowEvent.Decision] {
        call.events.compactMap { if case .decision(let decision) = $0 { decision } else { nil } }
    }

    @Test(
        "RFC 3261 8.1.3.5, media-security 4.2: one further INVITE with the plain offer; the core sees one INVITE and one 200",
        arguments: Refusal.allCases)
    func fallback(refusal: Refusal) throws {
        var call = Self.call()
        let offered = try #require(call.sent[CallLeg.first])
        #expect(LegHarness.sdp(offered.body).contains("TCP/TLS/MSRP *"))
        _ = call.take()
        Self.refuse(refusal, &call)
        let log = call.take()
        switch refusal {
        case .notAcceptableHere, .unsupportedMediaType, .notAcceptableAnywhere:
            #expect(log.filter { $0.hasSuffix("> ue") } == ["INVITE > ue"])
        case .port0, .plain, .noFingerprint:
            #expect(log.filter { $0.hasSuffix("> ue") } == ["ACK > ue", "BYE > ue", "INVITE > ue"])
        case .earlyPlain: #expect(log.filter { $0.hasSuffix("> ue") } == ["CANCEL > ue", "INVITE > ue"])
        }
        #expect(!log.contains { $0.hasSuffix("> core") })
        for (request, _) in call.alone {
            #expect(try request.headers.to().tag == "first" && request.headers.callID == offered.headers.callID)
        }
        let again = try #require(call.sent[CallLeg.first])
        #expect(again.headers[.cSeq] == "2 INVITE" && again.headers.callID == offered.headers.callID)
        #expect(again.headers[.from] == offered.headers[.from] && again.headers[.to] == offered.headers[.to])
        #expect(again.uri == offered.uri && again.headers[.maxForwards] == offered.headers[.maxForwards])
        let offer = LegHarness.sdp(again.body)
        #expect(offer.contains(" TCP/MSRP *") && !offer.contains("fingerprint") && !offer.contains("msrps"))
        #expect(Self.decisions(call).map(\.outcome) == ["e2ae", "plain"])
        #expect(call.events.contains { if case .warning = $0 { true } else { false } })

        call.respond(180)
        call.respond(200, body: Fixtures.plain(setup: "active", address: "127.4.0.1"))
        let finals = call.finals[CallLeg.first] ?? []
        #expect(finals.map(\.status) == [200] && finals.first?.headers[.cSeq] == "1 INVITE")
        #expect(call.provisionals.last?.headers[.cSeq] == "1 INVITE")
        _ = call.take()
        call.request(.ack, from: .core, cSeq: 1)
        #expect(call.alone.last?.request.headers[.cSeq] == "2 ACK" && call.take() == ["ACK > ue"])

        // Later requests of either side.
        let info = try call.asking(.info, from: .core, cSeq: 2)
        #expect(call.sent[info]?.headers[.cSeq] == "3 INFO")
        call.respond(200, to: info)
        #expect(call.finals[info]?.first?.headers[.cSeq] == "2 INFO")
        let own = try call.asking(.info, from: .ue, cSeq: 1)
        #expect(call.sent[own]?.headers[.cSeq] == "1 INFO")
        call.respond(200, to: own)
        let bye = try call.asking(.bye, from: .core, cSeq: 3)
        #expect(call.sent[bye]?.headers[.cSeq] == "4 BYE")
        call.respond(200, to: bye)
        #expect(call.ended == 1 && Set(call.released) == call.reserved && call.leg.media.isIdle)
    }

    @Test(
        "media-security 4.2: exactly one: a UE that refuses the plain offer as well is refused",
        arguments: [488, 415, 486])
    func onlyOnce(status: Int) {
        var call = Self.call()
        call.respond(488)
        call.respond(status)
        #expect(call.finals[CallLeg.first]?.map(\.status) == [status])
        #expect(call.log.filter { $0 == "INVITE > ue" }.count == 2)
        #expect(call.ended == 1 && Set(call.released) == call.reserved)
    }

    @Test("media-security 4.2: without the policy the refusal goes to the core", arguments: Refusal.allCases)
    func notAllowed(refusal: Refusal) {
        var call = Self.call(allowed: false)
        Self.refuse(refusal, &call)
        #expect(call.log.filter { $0 == "INVITE > ue" }.count == 1)
        let statuses = call.finals[CallLeg.first]?.map(\.status) ?? []
        switch refusal {
        case .notAcceptableHere, .plain, .noFingerprint, .earlyPlain: #expect(statuses == [488])
        case .unsupportedMediaType: #expect(statuses == [415])
        case .notAcceptableAnywhere: #expect(statuses == [606])
        // RFC 3264 6: a refused line is an answer.
        case .port0: #expect(statuses == [200])
        }
    }

    @Test(
        "A11: never for a UE that indicated support, whatever the network did and whatever the policy says",
        arguments: Refusal.allCases, [true, false])
    func indicated(refusal: Refusal, n: Bool) {
        var call = Self.call(u: true, n: n)
        Self.refuse(refusal, &call)
        #expect(call.log.filter { $0 == "INVITE > ue" }.count == 1)
        #expect(Self.decisions(call).allSatisfy { $0.outcome != "plain" })
    }

    @Test("RFC 3261 9: a caller that has cancelled gets its 487, and the UE no second INVITE")
    func cancelled() {
        var call = Self.call()
        call.respond(180)
        call.cancel()
        call.respond(488)
        #expect(call.finals[CallLeg.first]?.map(\.status) == [488])
        #expect(call.log.filter { $0 == "INVITE > ue" }.count == 1 && call.ended == 1)
    }

    @Test("RFC 3261 9.2: CANCEL while the gateway is asked for the plain offer: 487, and nothing is sent")
    func cancelledMeanwhile() {
        var call = Self.call(isPrompt: false)
        call.replyAll()
        call.respond(488)
        call.cancel()
        call.replyAll()
        #expect(call.finals[CallLeg.first]?.map(\.status) == [487])
        #expect(call.log.filter { $0 == "INVITE > ue" }.count == 1)
        #expect(call.ended == 1 && Set(call.released) == call.reserved)
    }

    // RFC 3261 13.2.2.4, 8.1.3.5.
    @Test(
        "What comes again of the first attempt, before or after the second has gone, says nothing about it; a 2xx gets its ACK again",
        arguments: [200, 488], [true, false])
    func repeatedFirst(status: Int, isBefore: Bool) {
        var call = Self.call(isPrompt: false)
        call.replyAll()
        let body = status == 200 ? Fixtures.secure().replacing("message 7000", with: "message 0") : ""
        let first = call.openClients[CallLeg.first]
        call.respond(status, tag: "first", body: body)
        if !isBefore { call.replyAll() }
        let second = call.openClients[CallLeg.first]
        _ = call.take()
        call.alone = []
        for _ in 1...2 {
            call.openClients[CallLeg.first] = first
            call.respond(status, tag: "first", body: body)
        }
        #expect(call.take() == (status == 200 ? ["ACK > ue", "ACK > ue"] : []))
        #expect(call.alone.allSatisfy { $0.request.headers[.cSeq] == "1 ACK" })
        call.openClients[CallLeg.first] = second
        if isBefore {
            call.fail(timedOut: false)
            #expect(call.take() == [])
            call.replyAll()
        }
        #expect(call.finals[CallLeg.first] == nil && call.sent[CallLeg.first]?.headers[.cSeq] == "2 INVITE")
        call.respond(200, body: Fixtures.plain(setup: "active", address: "127.4.0.1"))
        call.replyAll()
        #expect(call.finals[CallLeg.first]?.map(\.status) == [200] && call.leg.phase == .confirmed)
    }

    @Test("RFC 3261 13.2.2.4: another branch's 2xx to the first attempt gets ACK and BYE")
    func otherBranchOfFirst() {
        var call = Self.call()
        let first = call.openClients[CallLeg.first]
        Self.refuse(.port0, &call)
        call.alone = []
        call.openClients[CallLeg.first] = first
        call.respond(200, tag: "other", body: Fixtures.secure(setup: "active"))
        #expect(call.alone.map(\.request.method) == [.ack, .bye])
        #expect(call.alone.first?.request.headers[.cSeq] == "1 ACK" && call.finals[CallLeg.first] == nil)
    }

    @Test("media-security 6: no gateway for the plain offer: 503 with Retry-After to the core")
    func noGateway() {
        var call = Self.call(isPrompt: false)
        call.replyAll()
        call.nextFailure = .noGateway
        call.respond(488)
        call.replyAll()
        #expect(call.finals[CallLeg.first]?.map(\.status) == [503])
        #expect(call.finals[CallLeg.first]?.first?.headers.contains(.retryAfter) == true)
        #expect(call.ended == 1 && Set(call.released) == call.reserved)
    }

    @Test("TS 24.229 5.2.8: a release after the fall-back has the CSeq that each side expects")
    func released() throws {
        var call = Self.call()
        call.respond(488)
        call.respond(200, body: Fixtures.plain(setup: "active", address: "127.4.0.1"))
        call.request(.ack, from: .core, cSeq: 1)
        call.end(.gatewayLost)
        let byes = call.alone.filter { $0.request.method == .bye }
        #expect(byes.first { $0.side == .ue }?.request.headers[.cSeq] == "3 BYE")
        #expect(byes.first { $0.side == .core }?.request.headers[.cSeq] == "1 BYE")
    }

    @Test("RFC 3262 7.2: RAck of a PRACK in the second attempt names the INVITE that the UE knows")
    func reliable() throws {
        var call = Self.call()
        call.respond(488)
        call.respond(
            183, body: Fixtures.plain(setup: "active", address: "127.4.0.1"),
            headers: [(.require, "100rel"), (.rSeq, "7")])
        let prack = try call.asking(.prack, from: .core, cSeq: 2, headers: [(.rAck, "7 1 INVITE")])
        #expect(call.sent[prack]?.headers[.rAck] == "7 2 INVITE" && call.sent[prack]?.headers[.cSeq] == "3 PRACK")
    }
}
