import MediaSecurity
import Testing

@Suite struct DecisionTests {
    @Test("media-security 4: exactly one row applies to every input, and the function says what it says")
    func wholeInputSpace() {
        #expect(everyInput.count == 2 * 6 * 6 * 2 * 32)
        for input in everyInput {
            let rows = decisionTable.filter { $0.applies(to: input) }
            guard rows.count == 1, let row = rows.first else {
                Issue.record("\(rows.count) rows apply to \(input): \(rows)")
                continue
            }
            let decision = decide(input)
            if DecisionRow.name(decision) != row.outcome {
                Issue.record("\(input) is \(decision), the row says \(row)")
            }
        }
    }

    @Test("media-security 4, TS 33.328 4.1.1: no indicating UE ends up plain silently")
    func neverSilentlyPlain() {
        for input in everyInput where input.ueIndicated && input.networkIndicated {
            let decision = decide(input)
            guard decision.outcome == .plain else { continue }
            #expect(decision.isNoteworthy, "\(input)")
            #expect(input.kind == .plain, "\(input)")
            let isOwnOffer = (input.existing == nil || input.existing == .off) && input.direction == .originating
            #expect(isOwnOffer && !input.strict || input.existing == .plain, "\(input)")
        }
    }

    @Test("A11: a refused offer becomes plain only where R alone made it e2ae and the policy says so, over all inputs")
    func fallback() {
        var plain = 0
        for input in everyInput {
            for allowed in [false, true] {
                let decision = decideFallback(input, allowed: allowed)
                guard decision.outcome == .plain else {
                    #expect(decision.refusal == .notAcceptableHere)
                    continue
                }
                plain += 1
                #expect(decision.isNoteworthy && allowed && input.rcs51 && !input.bothIndicated, "\(input)")
                #expect(input.direction == .terminating && input.existing == nil && input.kind == .plain, "\(input)")
            }
        }
        // Three pairs of indications, both policies for plain offers and for U4.
        #expect(plain == 3 * 2 * 2)
    }

    @Test("media-security 4.5: what is e2e stays untouched in every first offer")
    func endToEnd() {
        for input in everyInput where input.kind == .endToEnd && input.existing == nil {
            #expect(decide(input).outcome == .transparent)
        }
    }

    @Test("a line that TLS protects never becomes plain, whoever offers it (A11)")
    func neverDowngraded() {
        for input in everyInput where ![nil, .off, .plain].contains(input.existing) {
            #expect(decide(input).outcome != .plain, "\(input)")
        }
    }

    @Test("a refusal has its response, and every decision its reason and clause")
    func words() {
        for input in everyInput {
            let decision = decide(input)
            #expect((decision.outcome == .refuse) == (decision.refusal != nil))
            #expect(!decision.reason.isEmpty && !decision.clause.isEmpty)
        }
    }
}
