import ApplicationLevelGateway
import MediaSecurity
import SDP
import Testing

/// The one plain offer after TLS that the UE refused under the RCS 5.1 option.
@Suite struct FallbackTests {
    static func offered(
        u: Bool = false, n: Bool = true, rcs51: RCS51Option = .terminating, allowed: Bool = true
    ) throws -> Call {
        var call = Call(u: u, n: n) {
            $0.rcs51 = rcs51
            $0.allowsFallback = allowed
        }
        call.offer(try description(Section.plain(more: ["a=file-transfer-id:x"])), from: .core)
        return call
    }

    @Test("TS 33.328 CR 0052: TLS refused, plain TCP offered once, in a context of its own")
    func fallsBack() throws {
        var call = try Self.offered()
        let first = try call.line(to: .ue)
        #expect(first.isTLS && first.threeGE2AE == nil && call.media.canFallBack)
        call.fallBack()
        let second = try call.line(to: .ue)
        #expect(!second.isTLS && second.fingerprints.isEmpty && second.setup == .actpass)
        #expect(second.paths == ["msrp://203.0.113.1:20002/gw2;tcp"])
        #expect(second.media.attributes.contains("file-transfer-id"))
        #expect(call.released == [call.reserved[0]] && call.reserved.count == 2)
        #expect(call.requests[1].map(\.transport.proto) == ["TCP/MSRP", "TCP/MSRP"])
        #expect(call.decisions.map(\.outcome) == [.e2ae, .plain] && call.decisions[1].isNoteworthy)
        #expect(call.decisions[1].reason.contains("refused TLS"))
        #expect(!call.media.canFallBack)

        call.answer(try description(Section.plain("msrp://192.0.2.7:9/ue;tcp", setup: "active", port: 9)), from: .ue)
        #expect(call.media.modes == [.plain] && call.failures.isEmpty)
        call.end()
        #expect(Set(call.released) == Set(call.reserved) && call.released.count == 2)
    }

    @Test("the second refusal stands, and everything is released")
    func refusedTwice() throws {
        var call = try Self.offered()
        call.fallBack()
        #expect(!call.media.canFallBack)
        call.fallBack()
        #expect(call.refused.map(\.status) == [488] && call.forwarded.count == 2)
        call.offerFailed()
        #expect(Set(call.released) == Set(call.reserved) && call.media.isIdle)
    }

    @Test("media-security 4.2: no fall-back where policy forbids it, R is off, or both sides indicated support")
    func none() throws {
        for call in [
            try Self.offered(allowed: false), try Self.offered(rcs51: .off), try Self.offered(rcs51: .originating),
            try Self.offered(u: true), try Self.offered(u: true, rcs51: .both),
        ] {
            var call = call
            #expect(!call.media.canFallBack)
            let sent = call.forwarded.count
            call.fallBack()
            #expect(call.forwarded.count == sent && call.refused.map(\.status) == [488])
        }
    }

    @Test("no fall-back for an offer of the UE, one in a response, an answered one, or a later one")
    func elsewhere() throws {
        var originating = Call(u: false) {
            $0.rcs51 = .both
            $0.allowsFallback = true
        }
        originating.offer(try description(Section.tls()), from: .ue)
        #expect(try !originating.line(to: .core).isTLS && !originating.media.canFallBack)

        var answered = try Self.offered()
        answered.answer(try description(Section.tls(setup: "active")), from: .ue, early: true)
        #expect(!answered.media.canFallBack)
        answered.accepted(from: .ue)
        answered.offer(try description(Section.plain(), Section.plain()), from: .core)
        #expect(try answered.line(to: .ue, 1).isTLS && !answered.media.canFallBack)

        var inResponse = Call(u: false) {
            $0.rcs51 = .both
            $0.allowsFallback = true
        }
        inResponse.offer(try description(Section.plain()), from: .core, isInResponse: true)
        #expect(try inResponse.line(to: .ue).isTLS && !inResponse.media.canFallBack)
    }

    @Test("a gateway without means refuses the fall-back with 503")
    func noMeans() throws {
        var call = try Self.offered()
        call.nextReservations = [.noGateway]
        call.fallBack()
        #expect(call.refused.map(\.status) == [503] && call.released == call.reserved && call.media.isIdle)
    }
}
