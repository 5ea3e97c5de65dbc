import ApplicationLevelGateway
import MediaSecurity
import SDP
import Testing

@Suite struct OfferExaminationTests {
    static func examine(
        _ offer: SessionDescription, _ direction: OfferDirection, u: Bool, n: Bool, capable: Bool = true
    ) -> OfferExamination {
        let settings = CallMediaSettings(ueIndicated: u, networkIndicated: n)
        return OfferExamination(offer: offer, direction: direction, settings: settings, gatewayCapable: capable)
    }

    @Test("decide: an offer that asks for e2ae, and both legs of it")
    func endToAccessEdge() throws {
        let result = Self.examine(try description(Section.requested()), .originating, u: true, n: true)
        #expect(result.lines.map(\.kind) == [.endToAccessEdge])
        #expect(result.lines.map(\.decision.outcome) == [.e2ae])
        #expect(result.coreOffer?.messageMedia(at: 0)?.isTLS == false)
        #expect(result.accessAnswer?.messageMedia(at: 0)?.threeGE2AE == .applied)
        #expect(result.description.contains("K2, originating: e2ae"))
        #expect(result.refusal == nil && result.requests.count == 1)
    }

    @Test("decide: an offer to an indicating UE")
    func terminating() throws {
        let result = Self.examine(try description(Section.plain()), .terminating, u: true, n: true)
        #expect(result.accessOffer?.messageMedia(at: 0)?.threeGE2AE == .applied)
        #expect(result.coreAnswer?.messageMedia(at: 0)?.isTLS == false)
    }

    @Test("decide: the fall-back shows the refused offer and the plain one")
    func fallback() throws {
        var settings = CallMediaSettings(ueIndicated: false, networkIndicated: true)
        settings.rcs51 = .terminating
        settings.allowsFallback = true
        let result = OfferExamination(
            offer: try description(Section.plain()), direction: .terminating, settings: settings, ueRefusesTLS: true)
        #expect(result.refusedOffer?.messageMedia(at: 0)?.isTLS == true)
        #expect(result.accessOffer?.messageMedia(at: 0)?.isTLS == false && result.coreAnswer != nil)
        #expect(result.description.contains("the offer that the UE refused"))
    }

    @Test("decide: a refusal says with which response, and the peer's text is escaped (A17)")
    func refused() throws {
        let offer = try description(
            ["m=message 9 TCP/MSRP *", "a=3ge2ae:requested", "a=x:\u{1B}[2J"])
        let result = Self.examine(offer, .originating, u: true, n: true)
        #expect(result.refusal?.status == 488 && result.coreOffer == nil && result.accessAnswer == nil)
        #expect(!result.description.contains("\u{1B}"))
        let none = Self.examine(try description(Section.plain()), .terminating, u: true, n: true, capable: false)
        #expect(none.refusal?.status == 503)
    }

    @Test("decide: every kind in both directions comes to an end", arguments: OfferDirection.allCases)
    func everyKind(_ direction: OfferDirection) throws {
        for section in [
            Section.requested(), Section.tls(), Section.plain(), Section.endToEnd, Section.tls(fingerprint: nil),
            Section.audio,
        ] {
            for bits in 0..<4 {
                let result = Self.examine(try description(section), direction, u: bits & 1 == 1, n: bits & 2 == 2)
                #expect(result.refusal != nil || result.accessAnswer != nil && result.coreAnswer != nil)
            }
        }
    }
}
