import Observability

/// How a call ended, and what it left behind.
extension Checks {
    mutating func refusal() {
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
        let byes = requests("BYE", NodeName.proxy, .sent)
        expect("the P-CSCF released it", !byes.isEmpty, "it sent no BYE")
        // RFC 3326; one that it only passes on may have none.
        expect(
            "the P-CSCF gives a Reason", byes.contains { !$0.values("Reason: ").isEmpty }, "none of its BYEs has one")
        let delivered = delivered
        expect("nothing was delivered", delivered == 0, "\(delivered) arrived")
    }

    /// media-security.md 6: an answer without TLS to an offer of e2ae. A 2xx is acknowledged and the session ended; the caller hears 488.
    mutating func rejection() {
        let offered = requests("INVITE", NodeName.calledUE, .received).first
        let answer = responses("200", to: "INVITE", NodeName.calledUE, .sent).first
        expect(
            "the callee was offered TLS and answered without",
            offered?.mediaTransport == "TCP/TLS/MSRP" && answer?.mediaTransport == "TCP/MSRP",
            "\(offered?.mediaTransport ?? "no offer"), \(answer?.mediaTransport ?? "no answer")")
        let finals = signalling(NodeName.callingUE, .received).filter { message in
            message.cSeq?.hasSuffix(" INVITE") == true && !message.startLine.hasPrefix("SIP/2.0 1")
        }
        expect(
            "the caller gets 488 and no 200",
            !finals.isEmpty && finals.allSatisfy { $0.startLine.hasPrefix("SIP/2.0 488 ") },
            "it got \(finals.map(\.startLine).joined(separator: ", "))")
        expect(
            "the callee gets ACK", !requests("ACK", NodeName.calledUE, .received).isEmpty, "none was seen")
        let byes = requests("BYE", NodeName.calledUE, .received)
        expect("the callee gets BYE", !byes.isEmpty, "none was seen")
        expect(
            "with a Reason", byes.contains { !$0.values("Reason: ").isEmpty }, "its BYE has none")
        // It may connect before it hears BYE: nothing that is not TLS gets through.
        let heard = all { event -> FlowEvent.MessageSession? in
            guard case .msrp(let message) = event.what else { return nil }
            let isAnswered = event.node == NodeName.calledUE && message.direction == .received
            return isAnswered || event.node == NodeName.gateway ? message : nil
        }
        expect("the gateway takes no MSRP from the callee", heard.isEmpty, "it took or sent \(heard.count) messages")
        let legs = observed.established.filter { ![$0.leg.from, $0.leg.to].contains(NodeName.calledUE) }
        expect("nothing else connects", legs.isEmpty, "\(legs.count) other legs were established")
        let delivered = delivered
        expect("nothing was delivered", delivered == 0, "\(delivered) arrived")
    }

    /// Contexts that Add made.
    var made: Set<UInt32> { contexts("Add") }

    /// Every context that Add made was emptied by Subtract.
    mutating func resources() {
        let made = made
        let left = made.subtracting(contexts("Subtract"))
        expect("the gateway was commanded", !made.isEmpty, "no context was made")
        expect(
            "every context was given back", left.isEmpty,
            "left: \(left.sorted().map(String.init).joined(separator: ", "))")
    }

    /// Contexts for which the gateway answered a command.
    private func contexts(_ command: String) -> Set<UInt32> {
        let contexts: [UInt32] = all { event in
            guard event.node == NodeName.gateway, case .h248(let message) = event.what, message.direction == .sent,
                message.summary.hasPrefix("Reply"), message.summary.contains(command)
            else { return nil }
            return message.context
        }
        return Set(contexts)
    }
}
