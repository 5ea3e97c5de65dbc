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

    /// Every context that Add made was emptied by Subtract.
    mutating func resources() {
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
}
