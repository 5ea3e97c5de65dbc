import Observability

/// Who registered with what indications, and what was decided.
extension Checks {
    mutating func registrations() {
        for ue in [NodeName.callingUE, NodeName.calledUE]
            + (scenario.secondDevice == nil ? [] : [NodeName.secondDevice])
        {
            expect("\(ue) registered", milestones(ue).contains { $0.name == .registered }, "no registration was seen")
        }
    }

    /// media-security.md 2: the network indicates over protected Gm only, to a UE that is then expected to use it.
    mutating func indications() {
        for (ue, party) in [(NodeName.callingUE, scenario.caller), (NodeName.calledUE, scenario.callee)] {
            let server = signalling(ue, .received).flatMap(\.lines).contains {
                $0.lowercased().hasPrefix("security-server:") && $0.contains("msrp-tls")
            }
            let isProtected = party.gm == .tls
            expect(
                "network indication to \(ue)", server == isProtected,
                server ? "msrp-tls;mediasec over unprotected Gm" : "no Security-Server: msrp-tls;mediasec came")
        }
    }

    mutating func decisions() {
        let found = all { if case .decision(let decision) = $0.what { decision } else { nil } }
        for direction in ["originating", "terminating"] {
            // A line that is decided on again keeps its mode; what counts is each change.
            var outcomes: [String] = []
            for decision in found where decision.direction == direction && decision.outcome != outcomes.last {
                outcomes.append(decision.outcome)
            }
            let expected = scenario.decisions(direction)
            expect(
                "\(direction) decision is \(expected.joined(separator: ", then "))", outcomes == expected,
                outcomes.isEmpty ? "none was made" : "it was \(outcomes.joined(separator: ", then "))")
        }
        let silent = found.filter { $0.reason.isEmpty || $0.clause.isEmpty }
        expect("every decision has its reason and clause", silent.isEmpty, "\(silent.count) have none")
    }
}
