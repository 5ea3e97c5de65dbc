import Observability

/// What was sent in a scenario, so that what arrived can be compared with it.
package struct SentContent: Hashable, Sendable {
    package var bytes: Int
    /// SHA-256, lower-case hexadecimal.
    package var digest: String

    package init(bytes: Int, digest: String) {
        self.bytes = bytes
        self.digest = digest
    }
}

/// The checks of a scenario over the recorded events of all nodes: pure, so that tests can feed recorded streams, failing ones among them.
package struct Checks {
    package struct Finding: Hashable, Sendable {
        package var name: String
        package var passed: Bool
        package var detail: String
    }

    package private(set) var findings: [Finding] = []
    package let legs: [Leg]

    private let scenario: Scenario
    private let events: [FlowEvent]
    private let observed: LegCollector

    package init(_ scenario: Scenario, events: [FlowEvent], map: NetworkMap, sent: SentContent) {
        self.scenario = scenario
        self.events = events.sorted { $0.time < $1.time }
        observed = LegCollector(events, map: map)
        legs = observed.legs.map(\.leg)
        registrations()
        indications()
        decisions()
        switch scenario.outcome {
        case .delivered:
            delivery(sent)
            accessLegs()
            coreLegs()
        case .refused: refusal()
        }
        fingerprints()
        order()
        resources()
    }

    package var passed: Bool { findings.allSatisfy(\.passed) }

    /// What failed, or a word on what was shown.
    package var detail: String {
        let failed = findings.filter { !$0.passed }
        guard failed.isEmpty else { return failed.map { "\($0.name): \($0.detail)" }.joined(separator: "; ") }
        return "\(findings.count) checks"
    }

    package var delivered: Int {
        milestones(NodeName.calledUE).filter { $0.name == .messageReceived || $0.name == .fileReceived }.count
    }

    // MARK: - Signalling

    private mutating func registrations() {
        for ue in [NodeName.callingUE, NodeName.calledUE] {
            expect("\(ue) registered", milestones(ue).contains { $0.name == .registered }, "no registration was seen")
        }
    }

    /// media-security.md 2: the network indicates over protected Gm only, to a UE that is then expected to use it.
    private mutating func indications() {
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

    private mutating func decisions() {
        let found = all { if case .decision(let decision) = $0.what { decision } else { nil } }
        for (direction, leg) in [("originating", scenario.originating), ("terminating", scenario.terminating)] {
            let outcomes = Set(found.filter { $0.direction == direction }.map(\.outcome))
            let expected = leg == .tls ? "e2ae" : "plain"
            expect(
                "\(direction) decision is \(expected)", outcomes == [expected],
                outcomes.isEmpty ? "none was made" : "it was \(outcomes.sorted().joined(separator: " and "))")
        }
    }

    // MARK: - Media

    private mutating func delivery(_ sent: SentContent) {
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

    private mutating func accessLegs() {
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

    private mutating func coreLegs() {
        let ues: Set<String> = [NodeName.callingUE, NodeName.calledUE]
        let core = observed.established.filter { !ues.contains($0.leg.from) && !ues.contains($0.leg.to) }
        expect("the core leg exists", !core.isEmpty, "no connection between the gateways was seen")
        expect("the core leg is plain TCP", core.allSatisfy { !$0.leg.isTLS }, "it is TLS")
    }

    /// RFC 8122 §6.2: nobody is let in whose certificate the SDP did not announce; and what the two ends of a leg saw agrees.
    private mutating func fingerprints() {
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
    private mutating func order() {
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

    private mutating func refusal() {
        let refused = all { event -> FlowEvent.Handshake? in
            guard case .tls(let handshake) = event.what, event.node == NodeName.gateway, !handshake.accepted else {
                return nil
            }
            return handshake
        }
        expect("the gateway refused the handshake", !refused.isEmpty, "no refusal was seen")
        expect(
            "because of the certificate",
            refused.contains { handshake in
                handshake.peerFingerprint.map { !handshake.expectedFingerprints.contains($0) } ?? false
            }, refused.first?.reason ?? "no certificate was compared")
        let notified = all { event -> Bool? in
            guard case .h248(let message) = event.what, event.node == NodeName.gateway, message.direction == .sent
            else { return nil }
            return message.summary.contains("Notify") && message.summary.hasPrefix("Transaction") ? true : nil
        }
        expect("Notify went over Iq", !notified.isEmpty, "none was sent")
        // The UE that was refused hears it from TLS too, and may say BYE before the network does: either ends its side.
        for ue in [NodeName.callingUE, NodeName.calledUE] {
            let byes = (signalling(ue, .received) + signalling(ue, .sent)).filter { $0.startLine.hasPrefix("BYE ") }
            expect("the session with \(ue) was released", !byes.isEmpty, "no BYE was seen there")
        }
        let byes = Set(signalling(NodeName.proxy, .sent).filter { $0.startLine.hasPrefix("BYE ") }.map(\.remote))
        expect("the P-CSCF released it", !byes.isEmpty, "it sent no BYE")
        let delivered = delivered
        expect("nothing was delivered", delivered == 0, "\(delivered) arrived")
    }

    /// Every context that Add made was emptied by Subtract.
    private mutating func resources() {
        var made: Set<UInt32> = []
        var gone: Set<UInt32> = []
        for event in events where event.node == NodeName.gateway {
            guard case .h248(let message) = event.what, message.direction == .sent, let context = message.context,
                message.summary.hasPrefix("Reply")
            else { continue }
            if message.summary.contains("Add") { made.insert(context) }
            if message.summary.contains("Subtract") { gone.insert(context) }
        }
        expect("the gateway was commanded", !made.isEmpty, "no context was made")
        expect(
            "every context was given back", made.subtracting(gone).isEmpty,
            "left: \(made.subtracting(gone).sorted().map(String.init).joined(separator: ", "))")
    }

    // MARK: - Reading the events

    private mutating func expect(_ name: String, _ passed: Bool, _ otherwise: @autoclosure () -> String) {
        findings.append(Finding(name: name, passed: passed, detail: passed ? "" : otherwise()))
    }

    private func all<Value>(_ pick: (FlowEvent) -> Value?) -> [Value] { events.compactMap(pick) }

    private func milestones(_ node: String) -> [FlowEvent.Milestone] {
        all { event in
            guard event.node == node, case .milestone(let milestone) = event.what else { return nil }
            return milestone
        }
    }

    private func signalling(_ node: String, _ direction: FlowEvent.Direction) -> [FlowEvent.Signalling] {
        signalling(node, direction, withTimes: true).map(\.message)
    }

    private func signalling(_ node: String, _ direction: FlowEvent.Direction, withTimes: Bool)
        -> [(time: Int64, message: FlowEvent.Signalling)]
    {
        all { event in
            guard event.node == node, case .sip(let message) = event.what, message.direction == direction else {
                return nil
            }
            return (event.time, message)
        }
    }
}
