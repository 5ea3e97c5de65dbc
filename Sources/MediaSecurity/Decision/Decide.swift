/// Decides about one offered MSRP line: the only place where that is done.
///
/// docs/media-security.md 4: first offers, new lines and lines that were off follow the tables for offers from the served UE (4.1) and to it (4.2); on the
/// others a line keeps its mode (4.3). With both sides' indications a line becomes plain in one cell only, the plain offer of the UE itself, and that is noteworthy.
package func decide(_ input: DecisionInput) -> Decision {
    switch input.existing {
    case nil, .off: input.direction == .originating ? decideOriginating(input) : decideTerminating(input)
    case .e2ae: decideOnEndToAccessEdgeLine(input)
    case .plain: decideOnPlainLine(input)
    case .transparent: decideOnTransparentLine(input, byU4: false)
    case .transparentByU4: decideOnTransparentLine(input, byU4: true)
    }
}

// MARK: - 4.1 Offers from the served UE

private func decideOriginating(_ input: DecisionInput) -> Decision {
    switch input.kind {
    case .contradictory:
        return .refused("the line asks for e2ae and contradicts itself", clause: Clause.contradictory)
    case .endToEnd:
        return Decision(.transparent, "the UE secures the media end to end", clause: Clause.endToEnd)
    case .tlsByName:
        return Decision(.transparent, "TLS without fingerprint and without key management", clause: Clause.tlsByName)
    case .plain:
        guard input.bothIndicated else {
            return Decision(.plain, "the UE offers plain MSRP", clause: Clause.originating)
        }
        if input.strict {
            return .refused("plain MSRP from a UE that indicated e2ae, and the policy is strict", clause: Clause.shall)
        }
        return Decision(
            .plain, "the UE indicated e2ae but offers plain MSRP", clause: Clause.originating, isNoteworthy: true)
    case .endToAccessEdge:
        if input.bothIndicated {
            return input.gatewayCapable
                ? Decision(.e2ae, "UE and network indicated e2ae, and the UE requests it", clause: Clause.shall)
                : .unavailable
        }
        if input.rcs51, input.gatewayCapable {
            return Decision(.e2ae, "the UE requests e2ae, and RCS 5.1 needs no indication", clause: Clause.rcs51)
        }
        switch input.unhonouredRequest {
        case .transparent:
            return Decision(
                .transparent, "e2ae requested without both indications: TLS is passed on", clause: Clause.unhonoured,
                isByU4: true, isNoteworthy: true)
        case .reject:
            return .refused("e2ae requested without both indications", clause: Clause.unhonoured)
        }
    case .fingerprintOnly:
        return input.rcs51 && input.gatewayCapable
            ? Decision(.e2ae, "TLS with a fingerprint, and RCS 5.1 needs no request", clause: Clause.rcs51)
            : Decision(.transparent, "TLS with a fingerprint, e2ae not requested", clause: Clause.originating)
    }
}

// MARK: - 4.2 Offers to the served UE

private func decideTerminating(_ input: DecisionInput) -> Decision {
    switch input.kind {
    case .endToEnd:
        return Decision(.transparent, "the far end secures the media end to end", clause: Clause.endToEnd)
    case .fingerprintOnly:
        return Decision(.transparent, "the far end already protects the media with TLS", clause: Clause.terminating)
    case .tlsByName:
        return Decision(.transparent, "TLS without fingerprint and without key management", clause: Clause.tlsByName)
    case .plain:
        if input.bothIndicated {
            return input.gatewayCapable
                ? Decision(.e2ae, "UE and network indicated e2ae, and the core offers plain MSRP", clause: Clause.shall)
                : .unavailable
        }
        return input.rcs51 && input.gatewayCapable
            ? Decision(.e2ae, "plain MSRP from the core, and RCS 5.1 needs no indication", clause: Clause.rcs51)
            : Decision(.plain, "plain MSRP from the core, without both indications", clause: Clause.terminating)
    case .endToAccessEdge, .contradictory:
        return .foreignRequest
    }
}

// MARK: - 4.2 The UE refuses what it was offered

/// What becomes of a line that was offered to the UE as e2ae and that it refused: its refusal stands, or the line is offered once more, over plain TCP.
///
/// Plain only where R alone made the first offer e2ae, the policy allows it, and it is the first offer of a call; never where both sides indicated support.
///
/// - Parameters:
///   - input: what the refused offer was decided by.
///   - allowed: the operator's `mediaSecurity.rcs51-fallback`.
package func decideFallback(_ input: DecisionInput, allowed: Bool) -> Decision {
    guard input.direction == .terminating, input.kind == .plain, input.existing == nil,
        decide(input).outcome == .e2ae
    else { return .refused("the UE refused the offer", clause: Clause.terminating) }
    if input.bothIndicated {
        return .refused("UE and network indicated e2ae, and the UE refused it", clause: Clause.failures)
    }
    guard allowed else {
        return .refused("the UE refused TLS, and the policy has no fall-back", clause: Clause.terminating)
    }
    return Decision(
        .plain, "the UE refused TLS that RCS 5.1 offered, and the policy lets it have plain MSRP",
        clause: Clause.rcs51, isNoteworthy: true)
}

// MARK: - 4.3 Later offers: a line keeps its mode

private func decideOnEndToAccessEdgeLine(_ input: DecisionInput) -> Decision {
    let kept = Decision(.e2ae, "the line stays e2ae", clause: Clause.later)
    switch (input.direction, input.kind) {
    case (.originating, .endToAccessEdge), (.terminating, .plain): return kept
    case (.originating, .fingerprintOnly) where input.rcs51: return kept
    case (.terminating, .endToAccessEdge), (.terminating, .contradictory): return .foreignRequest
    case (.originating, .contradictory):
        return .refused("the line asks for e2ae and contradicts itself", clause: Clause.contradictory)
    case (.originating, _): return .refused("the UE may not take e2ae off a line", clause: Clause.later)
    case (.terminating, _): return .refused("the core offers TLS on a line that is e2ae", clause: Clause.later)
    }
}

private func decideOnPlainLine(_ input: DecisionInput) -> Decision {
    switch (input.direction, input.kind) {
    case (_, .plain):
        return Decision(
            .plain, "the line stays plain", clause: Clause.later, isNoteworthy: input.bothIndicated)
    case (.originating, .endToAccessEdge):
        if input.gatewayCapable { return Decision(.e2ae, "the UE starts e2ae on a plain line", clause: Clause.later) }
        return input.bothIndicated ? .unavailable : .refused("no gateway can do e2ae", clause: Clause.later)
    case (.terminating, .endToAccessEdge), (.terminating, .contradictory): return .foreignRequest
    case (.originating, .contradictory):
        return .refused("the line asks for e2ae and contradicts itself", clause: Clause.contradictory)
    case (.originating, _): return .refused("a plain line changes by a request for e2ae only", clause: Clause.later)
    case (.terminating, _): return .refused("the core may not change a plain line", clause: Clause.later)
    }
}

private func decideOnTransparentLine(_ input: DecisionInput, byU4: Bool) -> Decision {
    switch (input.direction, input.kind) {
    case (_, .fingerprintOnly), (_, .endToEnd), (_, .tlsByName):
        return Decision(.transparent, "the line stays transparent", clause: Clause.later, isByU4: byU4)
    case (.originating, .endToAccessEdge) where byU4:
        return Decision(
            .transparent, "the request is passed on as before", clause: Clause.unhonoured, isByU4: true,
            isNoteworthy: true)
    case (.terminating, .endToAccessEdge), (.terminating, .contradictory): return .foreignRequest
    case (.originating, .contradictory):
        return .refused("the line asks for e2ae and contradicts itself", clause: Clause.contradictory)
    case (.originating, .endToAccessEdge):
        return .refused("e2ae cannot start on a line that is transparent", clause: Clause.later)
    case (_, .plain): return .refused("plain MSRP on a line that TLS protects", clause: Clause.later)
    }
}

// MARK: - 4 Lines that nobody here reads

/// A session message line over a transport that is not known here (`TCP/WSS/MSRP`, …).
///
/// A UE that indicated e2ae where the network did too gets none of it: what it would carry is neither protected nor read. Others keep it as it is (nil).
package func decideUnknownTransport(_ proto: String, bothIndicated: Bool) -> Decision? {
    guard bothIndicated else { return nil }
    return .refused("MSRP over a transport for which e2ae is not defined: \(proto)", clause: Clause.shall)
}

// MARK: - Words

/// What a decision cites. `(ours)` marks what the specifications leave to the operator.
private enum Clause {
    static let shall = "TS 33.328 4.1.1 (TR 29.828): both indicated, e2ae shall be requested"
    static let rcs51 = "TS 33.328 CR 0052: RCS 5.1 compatibility"
    static let originating = "docs/media-security.md 4.1 (ours)"
    static let terminating = "docs/media-security.md 4.2 (ours)"
    static let later = "docs/media-security.md 4.3 (ours)"
    static let endToEnd = "TS 33.328 Annex H: e2e is not touched"
    static let tlsByName = "RFC 4975 14.2: TLS by name (ours)"
    static let contradictory = "TS 24.229 7.5.2: K5 (ours)"
    static let unhonoured = "docs/open-points.md U4 (ours)"
    static let failures = "docs/media-security.md 6 (ours)"
}

extension Decision {
    fileprivate static func refused(_ reason: String, clause: String) -> Decision {
        Decision(.refuse, reason, clause: clause, refusal: .notAcceptableHere, isNoteworthy: true)
    }

    fileprivate static var unavailable: Decision {
        Decision(
            .refuse, "UE and network indicated e2ae, and no gateway can give it", clause: Clause.failures,
            refusal: .serviceUnavailable, isNoteworthy: true)
    }

    /// 3ge2ae of the core is removed before classifying; whoever did not is refused.
    fileprivate static var foreignRequest: Decision {
        .refused("a request for e2ae cannot come from the core", clause: Clause.contradictory)
    }
}
