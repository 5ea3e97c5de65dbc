import MediaSecurity
import NIOCore
import SDP
import WireSyntax

/// What e2ae makes of one offer, without a network: the decision on each MSRP line, and the SDP of both legs as they would be with a gateway that grants
/// everything and a peer that accepts. `sallyport decide` prints it.
package struct OfferExamination: Sendable {
    /// The decision on one MSRP line.
    package struct Line: Hashable, Sendable {
        /// Index of the m= line, from 0.
        package var media: Int
        package var kind: OfferKind
        package var decision: Decision
    }

    package let direction: OfferDirection
    /// The MSRP lines that were not at port 0.
    package private(set) var lines: [Line] = []
    /// Offer and answer between the UE and the P-CSCF, then between it and the core; what was not sent is missing.
    package private(set) var accessOffer: SessionDescription?
    package private(set) var accessAnswer: SessionDescription?
    /// The offer that the UE refused before, where there is a fall-back.
    package private(set) var refusedOffer: SessionDescription?
    package private(set) var coreOffer: SessionDescription?
    package private(set) var coreAnswer: SessionDescription?
    /// The final response, where the offer is refused as a whole.
    package private(set) var refusal: CallMedia.Refusal?
    /// What the gateway would be asked for: access and core of each context.
    package private(set) var requests: [[TerminationRequest]] = []

    /// - Parameters:
    ///   - direction: from the served UE, or to it.
    ///   - gatewayCapable: whether a gateway that can do e2ae is there.
    ///   - ueRefusesTLS: the UE answers the first offer of TLS under R with 488, so that the fall-back shows.
    package init(
        offer: SessionDescription, direction: OfferDirection, settings: CallMediaSettings, gatewayCapable: Bool = true,
        ueRefusesTLS: Bool = false
    ) {
        self.direction = direction
        let offerer: OfferSide = direction == .originating ? .ue : .core
        var call = CallMedia(settings: settings)
        call.gatewayCapable = gatewayCapable
        var gateway = SimulatedGateway()
        set(offer, from: offerer, isOffer: true)
        call.offer(offer, from: offerer, token: 1)
        run(&call, &gateway, offer, offerer, isOffer: true)
        if ueRefusesTLS, call.canFallBack {
            refusedOffer = accessOffer
            call.fallBack(token: 3)
            run(&call, &gateway, offer, offerer, isOffer: true)
        }
        guard let sent = offerer == .ue ? coreOffer : accessOffer else { return }
        let address = IPAddress.v4(offerer == .ue ? 0xC633_6407 : 0xC000_0207)
        let answer = SimulatedGateway.answer(to: sent, from: address)
        set(answer, from: offerer.other, isOffer: false)
        call.answer(answer, from: offerer.other, branch: "simulated", isFinal: true, token: 2)
        run(&call, &gateway, offer, offerer, isOffer: false)
    }

    private mutating func run(
        _ call: inout CallMedia, _ gateway: inout SimulatedGateway, _ offer: SessionDescription, _ offerer: OfferSide,
        isOffer: Bool
    ) {
        while let action = call.nextAction() {
            switch action {
            case .decided(let decision, let media, _):
                guard let line = offer.messageMedia(at: media) else { continue }
                lines.removeAll { $0.media == media }
                let kind = classify(line, from: offerer, policy: call.settings.fingerprints)
                lines.append(Line(media: media, kind: kind, decision: decision))
            case .reserve(let id, let terminations):
                requests.append(terminations)
                call.gatewayReplied(id, .success(gateway.reserve(terminations)))
            case .configure(let id, _, _): call.gatewayReplied(id, .success([]))
            case .forward(let description, let side, _):
                if let description { set(description, from: side, isOffer: isOffer) }
            case .refuse(_, let refusal): self.refusal = refusal
            case .release, .fail: continue
            }
        }
    }

    private mutating func set(_ description: SessionDescription, from side: OfferSide, isOffer: Bool) {
        switch (side, isOffer) {
        case (.ue, true): accessOffer = description
        case (.ue, false): accessAnswer = description
        case (.core, true): coreOffer = description
        case (.core, false): coreAnswer = description
        }
    }
}

extension OfferExamination: CustomStringConvertible {
    /// Lines for a terminal: the decisions, then the legs. A peer's control characters are escaped.
    package var description: String {
        var text = lines.map { line in
            """
            media line \(line.media + 1): \(line.kind.rawValue), \(direction.rawValue): \(line.decision.outcome.rawValue)
              reason: \(displayEscaped(line.decision.reason))
              clause: \(line.decision.clause)

            """
        }.joined()
        if lines.isEmpty { text += "no MSRP line to decide about\n" }
        if let refusal { text += "the offer is refused: \(refusal.status) \(displayEscaped(refusal.text))\n" }
        let legs = [
            ("access leg (UE to P-CSCF)", accessOffer, accessAnswer),
            ("core leg (P-CSCF to core)", coreOffer, coreAnswer),
        ]
        if let refusedOffer {
            text += OfferExamination.section("access leg, the offer that the UE refused", refusedOffer)
        }
        for (name, offer, answer) in legs {
            if let offer { text += OfferExamination.section("\(name), offer", offer) }
            if let answer { text += OfferExamination.section("\(name), answer", answer) }
        }
        return text
    }

    private static func section(_ title: String, _ description: SessionDescription) -> String {
        let lines = String(buffer: description.octets).split(separator: "\r\n").map { "  \(displayEscaped($0))\n" }
        return "\n\(title)\n" + lines.joined()
    }
}
