import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

/// RFC 4028 8 at the P-CSCF: what it asks for, what it refuses, and what it does when nobody refreshes.
@Suite("Session timers at the P-CSCF")
struct SessionTimerTests {
    static func settings(_ interval: UInt32?, minimum: UInt32 = 90) -> CallSettings {
        var settings = CallSettings()
        settings.sessionTimer = ProxySessionTimer.Policy(interval: interval, minimum: minimum)
        return settings
    }

    static func established(
        _ interval: UInt32?, request: [(HeaderName, String)], response: [(HeaderName, String)]
    ) -> LegHarness {
        var call = LegHarness(.originating, settings: settings(interval), headers: request)
        call.respond(200, body: Fixtures.plain(setup: "passive"), headers: response)
        call.request(.ack, from: .ue, cSeq: 1)
        _ = call.take()
        return call
    }

    @Test(
        "RFC 4028 8.1: an interval below the minimum of a UAC that supports timers: 422 with Min-SE, and no gateway is asked",
        arguments: [OfferDirection.originating, .terminating])
    func tooSmall(direction: OfferDirection) {
        let call = LegHarness(
            direction, settings: Self.settings(nil, minimum: 300),
            headers: [(.supported, "timer"), (.sessionExpires, "200")])
        let response = call.finals[CallLeg.first]?.first
        #expect(response?.status == 422 && response?.headers[.minSE] == "300")
        #expect(call.sent.isEmpty && call.reserved.isEmpty && call.ended == 1)
    }

    @Test("RFC 4028 8.1: Session-Expires is inserted where policy says so, without refresher; else nothing is")
    func inserted() {
        #expect(
            LegHarness(.originating, settings: Self.settings(1800)).sent[CallLeg.first]?.headers[.sessionExpires]
                == "1800")
        #expect(LegHarness(.originating).sent[CallLeg.first]?.headers.contains(.sessionExpires) == false)
    }

    @Test("RFC 4028 8.2: the UAC is told of a timer that the UAS does not know: it refreshes")
    func answered() throws {
        let call = Self.established(1800, request: [(.supported, "timer")], response: [])
        let success = try #require(call.finals[CallLeg.first]?.first)
        #expect(
            success.headers[.sessionExpires] == "1800;refresher=uac" && success.headers.tokens(.require) == ["timer"])
    }

    @Test(
        "RFC 4028 8.3: a session that is not refreshed loses its state and its media, without a BYE; what comes later gets 481"
    )
    func expired() throws {
        var call = Self.established(
            nil, request: [(.supported, "timer"), (.sessionExpires, "600")],
            response: [(.sessionExpires, "600;refresher=uac"), (.require, "timer")])
        call.advance(.seconds(599))
        #expect(call.leg.phase == .confirmed && call.take().isEmpty)
        call.advance(.seconds(2))
        #expect(call.take() == ["release", "ended"])
        #expect(call.alone.map(\.request.method) == [.ack])
        #expect(
            call.events.contains {
                if case .milestone(let milestone) = $0 {
                    milestone.detail?.contains("refreshed") == true
                } else {
                    false
                }
            })
    }

    @Test(
        "RFC 4028 3, 8.2, 10: every 2xx to a refresh, of whoever sends it, puts the end off; a refusal does not",
        arguments: [SIP.Method.invite, .update])
    func refreshed(method: SIP.Method) throws {
        var call = Self.established(
            nil, request: [(.supported, "timer"), (.sessionExpires, "600")],
            response: [(.sessionExpires, "600;refresher=uac")])
        for (number, side) in [(2, OfferSide.ue), (3, .core)] {
            call.advance(.seconds(500))
            let id = try call.asking(
                method, from: side, cSeq: number, headers: [(.supported, "timer"), (.sessionExpires, "600")])
            if method == .invite {
                // An INVITE without an offer asks for one: RFC 3261 13.2.1.
                call.respond(
                    200, to: id,
                    body: side == .ue ? Fixtures.plain(setup: "passive") : Fixtures.secure(setup: "active"),
                    headers: [(.sessionExpires, "600;refresher=uac")])
                call.request(
                    .ack, from: side, cSeq: number,
                    body: side == .ue ? Fixtures.secure(setup: "active") : Fixtures.plain(setup: "passive"))
            } else {
                call.respond(200, to: id, headers: [(.sessionExpires, "600;refresher=uac")])
            }
            #expect(call.finals[id]?.map(\.status) == [200])
        }
        call.advance(.seconds(500))
        let refused = try call.asking(
            .update, from: .ue, cSeq: 9, headers: [(.supported, "timer"), (.sessionExpires, "600")])
        call.respond(500, to: refused)
        #expect(call.leg.phase == .confirmed)
        call.advance(.seconds(101))
        #expect(call.ended == 1 && Set(call.released) == call.reserved)
    }

    @Test("RFC 4028 8.1: a later refresh is examined as the first is")
    func laterTooSmall() throws {
        var call = Self.established(nil, request: [], response: [])
        let id = try call.asking(
            .update, from: .core, cSeq: 2, headers: [(.supported, "timer"), (.sessionExpires, "10")])
        #expect(call.finals[id]?.map(\.status) == [422] && call.finals[id]?.first?.headers[.minSE] == "90")
        #expect(call.leg.phase == .confirmed)
    }

    @Test("RFC 4028 8.2: a 2xx without Session-Expires ends the timer")
    func ended() throws {
        var call = Self.established(
            nil, request: [(.supported, "timer"), (.sessionExpires, "600")],
            response: [(.sessionExpires, "600;refresher=uas")])
        let id = try call.asking(.update, from: .core, cSeq: 2)
        call.respond(200, to: id)
        call.advance(.hours(2))
        #expect(call.leg.phase == .confirmed)
    }
}
