import Observability

/// What arrived, over which legs, and whose certificates were checked.
extension Checks {
    mutating func delivery(_ sent: [SentContent]) {
        let wanted: FlowEvent.Milestone.Name = scenario.content == .message ? .messageReceived : .fileReceived
        let received = milestones(NodeName.calledUE).filter { $0.name == wanted }
        let number = sent.count == 1 ? "one \(scenario.content)" : "\(sent.count) messages"
        expect("\(number) arrived", received.count == sent.count, "\(received.count) arrived")
        expect(
            "its SHA-256 is that of what was sent", received.map(\.digest) == sent.map(\.digest),
            "\(received.map { $0.digest ?? "none" }) in place of \(sent.map(\.digest))")
        expect(
            "its size is that of what was sent", received.map(\.bytes) == sent.map(\.bytes),
            "\(received.map { $0.bytes ?? 0 }) octets in place of \(sent.map(\.bytes))")
        expect(
            "the sender was told", milestones(NodeName.callingUE).contains { $0.name == .messageConfirmed },
            "neither 200 nor Success-Report confirmed it")
        expect(
            "the call ended", milestones(NodeName.calledUE).contains { $0.name == .ended },
            "no end of the call was seen")
    }

    mutating func accessLegs() {
        for (ue, expected) in [
            (NodeName.callingUE, scenario.originating), (NodeName.calledUE, scenario.terminating),
        ] {
            let found = observed.established.filter { Set([$0.leg.from, $0.leg.to]) == [ue, NodeName.gateway] }
            let number = ue == NodeName.callingUE ? 1 + scenario.renewals : 1
            expect(
                "\(ue) has \(number == 1 ? "one access leg" : "\(number) access legs")", matches(found.count, number),
                "\(found.count) were established")
            expect(
                "the access leg of \(ue) is \(expected.rawValue.uppercased())",
                found.allSatisfy { $0.leg.isTLS == (expected == .tls) },
                found.map(\.leg.transport).joined(separator: ", "))
            guard let leg = found.last?.leg, leg.isTLS else { continue }
            expect(
                "TLS 1.2 or 1.3 with \(ue)",
                ["TLS 1.2", "TLS 1.3"].contains(leg.tlsVersion ?? "") && leg.cipher != nil,
                "it is \(leg.tlsVersion ?? "unknown") with \(leg.cipher ?? "no known cipher")")
        }
    }

    mutating func coreLegs() {
        let ues: Set<String> = [NodeName.callingUE, NodeName.calledUE]
        let core = observed.established.filter { !ues.contains($0.leg.from) && !ues.contains($0.leg.to) }
        expect("the core leg exists", !core.isEmpty, "no connection between the gateways was seen")
        expect("the core leg is plain TCP", core.allSatisfy { !$0.leg.isTLS }, "it is TLS")
    }

    /// RFC 8122 §6.2: nobody is let in whose certificate the SDP did not announce; and what the two ends of a leg saw agrees.
    mutating func fingerprints() {
        let handshakes = observed.legs.flatMap(\.handshakes)
        let wrong = handshakes.filter { handshake in
            handshake.accepted
                && !(handshake.peerFingerprint.map(handshake.expectedFingerprints.contains) ?? false)
        }
        expect(
            "every accepted certificate has a fingerprint of the SDP", wrong.isEmpty,
            "\(wrong.first?.peerFingerprint ?? "none") was accepted by \(wrong.first?.local ?? "somebody")")
        if scenario.outcome == .delivered, scenario.originating == .tls || scenario.terminating == .tls {
            let checked = all { event -> FlowEvent.Handshake? in
                guard case .tls(let handshake) = event.what, event.node == NodeName.gateway else { return nil }
                return handshake.leg == "access" && handshake.accepted ? handshake : nil
            }
            let legs = [scenario.originating, scenario.terminating].filter { $0 == .tls }.count
            let expected = legs + scenario.renewals
            let times = scenario.renewals == 0 ? "" : ", \(expected) times"
            expect(
                "the gateway checked \(legs == 1 ? "the UE" : "both UEs")\(times)", matches(checked.count, expected),
                "it accepted \(checked.count) handshakes")
        }
    }

    /// media-security.md 1: session set-up completes, then TCP, then TLS.
    mutating func order() {
        let answered = signalling(NodeName.calledUE, .sent, withTimes: true).first {
            $0.message.startLine.hasPrefix("SIP/2.0 200") && ($0.message.cSeq?.hasSuffix(" INVITE") ?? false)
        }
        let ues: Set<String> = [NodeName.callingUE, NodeName.calledUE]
        let first = observed.legs.filter { ues.contains($0.leg.from) || ues.contains($0.leg.to) }.map(\.began).min()
        guard let first else { return }
        expect(
            "TCP and TLS of the access legs begin after the 200", answered.map { $0.time <= first } ?? false,
            answered == nil ? "no 200 to the INVITE was seen" : "a connection came before it")
    }

    /// Before CEMA is given up a connection may have been made by it.
    private func matches(_ count: Int, _ expected: Int) -> Bool {
        scenario.proofs.contains(.ownPaths) ? count >= expected : count == expected
    }
}
