import ApplicationLevelGateway
import MediaSecurity
import SDP
import Testing
import WireSyntax

@Suite struct TerminatingTests {
    @Test("TS 23.334 6.2.10.3: terminating e2ae: the UE is offered TLS, our fingerprint and 3ge2ae:applied")
    func endToAccessEdge() throws {
        var call = Call()
        call.offer(try description(Section.plain(more: ["a=3ge2ae:requested"]), address: "198.51.100.9"), from: .core)
        let (access, core) = (call.requests[0][0], call.requests[0][1])
        #expect(access.transport.proto == "TCP/TLS/MSRP" && access.remote == nil && access.local.role == .passive)
        #expect(access.permittedSources.count == 1)
        #expect(core.transport.proto == "TCP/MSRP" && core.remote?.paths == [corePath] && core.local.role == .passive)
        let offer = try call.line(to: .ue)
        #expect(offer.isTLS && offer.fingerprints == [gatewayFingerprint] && offer.threeGE2AE == .applied)
        #expect(offer.setup == .actpass && offer.address == gatewayAccess)
        #expect(offer.paths == ["msrps://203.0.113.1:20001/gw1;tcp"])

        call.answer(try description(Section.tls(setup: "active", port: 9, more: ["a=3ge2ae:applied"])), from: .ue)
        #expect(call.changes.count == 1 && call.changes[0].0.name.contains("access"))
        #expect(call.changes[0].1.role == nil && call.changes[0].1.remote?.fingerprints == [ueFingerprint])
        let answer = try call.line(to: .core)
        #expect(!answer.isTLS && answer.fingerprints.isEmpty && answer.threeGE2AE == nil && answer.setup == .passive)
        #expect(answer.paths == ["msrp://203.0.113.129:20001/gw1;tcp"])
    }

    @Test("TS 23.334: a UE that waits makes the gateway the TLS client")
    func passiveUE() throws {
        var call = Call()
        call.offer(try description(Section.plain(setup: "passive")), from: .core)
        #expect(call.requests[0][1].local.role == .active)
        call.answer(try description(Section.tls(setup: "passive")), from: .ue)
        #expect(call.changes.map(\.1.role) == [.active])
        #expect(try call.line(to: .core).setup == .active)
    }

    @Test(
        "A11: a UE that answers without e2ae ends the call, whoever indicated what",
        arguments: [
            Section.plain(), Section.tls(fingerprint: nil),
            Section.tls(fingerprint: Fingerprint(hash: .md5, octets: Array(repeating: 1, count: 16))),
            Section.tls(fingerprint: Fingerprint(hash: .sha256, octets: [1])),
        ])
    func notProtected(_ section: [String]) throws {
        for early in [true, false] {
            for u in [true, false] {
                var call = Call(u: u) { $0.rcs51 = .terminating }
                call.offer(try description(Section.plain()), from: .core)
                #expect(try call.line(to: .ue).threeGE2AE == (u ? .applied : nil))
                call.answer(try description(section), from: .ue, early: early)
                #expect(call.failures.count == 1 && call.failures.first?.status == 488)
                #expect(call.last(to: .core) == nil && call.changes.isEmpty)
                #expect(call.released == call.reserved && call.media.isIdle)
            }
        }
    }

    @Test("media-security 4.2: TLS and e2e of the core pass, with 3ge2ae removed")
    func transparent() throws {
        for section in [
            Section.tls(corePath, fingerprint: coreFingerprint, more: ["a=3ge2ae:applied"]), Section.endToEnd,
        ] {
            var call = Call()
            call.offer(try description(section), from: .core)
            #expect(call.requests[0].map(\.transport.proto) == ["TCP", "TCP"])
            #expect(try call.line(to: .ue).threeGE2AE == nil)
            call.answer(try description(Section.plain()), from: .ue)
            #expect(call.failures == [.invalidAnswer("plain MSRP where TLS was offered")])
        }
    }

    @Test("media-security 6: both indicated and no gateway: 503, never plain")
    func noGateway() throws {
        var call = Call()
        call.nextReservations = [.noGateway]
        call.offer(try description(Section.plain()), from: .core)
        #expect(call.refused.map(\.status) == [503] && call.forwarded.isEmpty)
    }

    @Test("media-security 4.2: without both indications a gateway's refusal falls back to plain under R")
    func fallback() throws {
        var call = Call(u: false) { $0.rcs51 = .terminating }
        call.nextReservations = [GatewayFailure(code: 449, text: "no such hash")]
        call.offer(try description(Section.plain()), from: .core)
        #expect(try !call.line(to: .ue).isTLS)
        #expect(call.requests.count == 2)
    }

    @Test("an answer that does not fit its offer ends the call")
    func invalidAnswers() throws {
        let bad = [
            try description(Section.tls(), Section.audio), try description(Section.audio),
            try description(["m=message 9 TCP/TLS/MSRP *", "a=fingerprint:\(ueFingerprint)", "a=setup:active"]),
        ]
        for answer in bad {
            var call = Call()
            call.offer(try description(Section.plain()), from: .core)
            call.answer(answer, from: .ue)
            #expect(call.failures.count == 1 && call.released == call.reserved)
        }
    }
}
