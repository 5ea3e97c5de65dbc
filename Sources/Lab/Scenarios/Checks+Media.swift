import Observability

/// What arrived, over which legs, and whose certificates were checked.
extension Checks {
    mutating func delivery(_ sent: SentContent) {
        let wanted: FlowEvent.Milestone.Name = scenario.content == .message ? .messageReceived : .fileReceived
        let received = milestones(NodeName.calledUE).filter { $0.name == wanted }
        expect("one \(scenario.content) arrived", received.count == 1, "\(received.count) arrived")
        expect(
            "its SHA-256 is that of what was sent", received.first?.digest == sent.digest,
            "\(received.first?.digest ?? "none") in place of \(sent.digest)")
        expect(
            "its size is that of what was sent", received.first?.bytes == sent.bytes,
            "\(received.first?.bytes ?? 0) octets in place of \(sent.bytes)")
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
            let found = observed.established.filter { $0.leg.from == ue || $0.leg.to == ue }
            expect("\(ue) has one access leg", found.count == 1, "\(found.count) were established")
            guard let leg = found.first?.leg else { continue }
            expect(
                "the access leg of \(ue) is \(expected.rawValue.uppercased())", leg.isTLS == (expected == .tls),
                "it is \(leg.transport)")
            guard leg.isTLS else { continue }
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
            let expected = [scenario.originating, scenario.terminating].filter { $0 == .tls }.count
            expect(
                "the gateway checked \(expected == 1 ? "the UE" : "both UEs")", checked.count == expected,
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
}
