import Observability

/// The RCS 5.1 option (TS 33.328 CR 0052, docs/media-security.md 4): e2ae without an indication at registration.
extension Checks {
    mutating func offersAsRCS() {
        indicatedNothing(NodeName.callingUE)
        let offer = requests("INVITE", NodeName.callingUE, .sent).first
        expect(
            "the caller offers TLS with a fingerprint and does not ask for e2ae", isTLS(offer, says: nil),
            "\(offer?.mediaTransport ?? "no offer") \(offer?.values("a=3ge2ae:") ?? [])")
        reason("originating", ["e2ae"])
        // The first of the two INVITEs that the P-CSCF sends goes into the core.
        let forwarded = requests("INVITE", NodeName.proxy, .sent).first
        expect(
            "the core sees TCP/MSRP without a fingerprint", isPlain(forwarded),
            "\(forwarded?.mediaTransport ?? "no offer") \(forwarded?.values("a=fingerprint:") ?? [])")
        let answered = responses("200", to: "INVITE", NodeName.callingUE, .received).first
        expect(
            "the caller is answered with TLS and a fingerprint",
            answered?.mediaTransport == "TCP/TLS/MSRP" && !(answered?.values("a=fingerprint:").isEmpty ?? true),
            "\(answered?.mediaTransport ?? "no answer")")
    }

    mutating func offeredAsRCS() {
        indicatedNothing(NodeName.calledUE)
        reason("terminating", ["e2ae"])
        let offers = requests("INVITE", NodeName.calledUE, .received)
        expect("the callee gets one offer", offers.count == 1, "it got \(offers.count)")
        expect(
            "it offers TLS with a fingerprint and without 3ge2ae", isTLS(offers.first, says: nil),
            "\(offers.first?.mediaTransport ?? "no offer") \(offers.first?.values("a=3ge2ae:") ?? [])")
    }

    mutating func fallback() {
        indicatedNothing(NodeName.calledUE)
        reason("terminating", ["e2ae"])
        let offers = requests("INVITE", NodeName.calledUE, .received)
        expect("the callee gets two offers", offers.count == 2, "it got \(offers.count)")
        expect(
            "the first one offers TLS", isTLS(offers.first, says: nil), "\(offers.first?.mediaTransport ?? "no offer")")
        let refusals = responses("488", to: "INVITE", NodeName.calledUE, .sent)
        expect("the callee refuses the first", refusals.count == 1, "it sent \(refusals.count) times 488")
        expect(
            "the second one offers plain TCP", offers.count > 1 && isPlain(offers[1]),
            "\(offers.last?.mediaTransport ?? "no offer")")
        let finals = signalling(NodeName.callingUE, .received).filter { message in
            message.cSeq?.hasSuffix(" INVITE") == true && !message.startLine.hasPrefix("SIP/2.0 1")
        }
        expect(
            "the caller gets one final answer, 200", finals.map { $0.startLine.split(separator: " ")[1] } == ["200"],
            "it got \(finals.map(\.startLine))")
    }

    // MARK: - Parts

    private mutating func indicatedNothing(_ ue: String) {
        let said = requests("REGISTER", ue, .sent).flatMap { $0.values("Security-Client: ") }
        expect("\(ue) indicated nothing", said.isEmpty, said.joined(separator: ", "))
    }

    /// Why it was decided so: the option, and not an indication.
    private mutating func reason(_ direction: String, _ outcomes: Set<String>) {
        let reasons: [String] = all { event in
            guard case .decision(let decision) = event.what, decision.direction == direction,
                outcomes.contains(decision.outcome)
            else { return nil }
            return decision.reason
        }
        expect(
            "the reason of the \(direction) decision is the RCS 5.1 option",
            !reasons.isEmpty && reasons.allSatisfy { $0.contains("RCS 5.1") },
            reasons.isEmpty ? "there was none" : reasons.joined(separator: "; "))
    }

    private func isTLS(_ message: FlowEvent.Signalling?, says indicator: String?) -> Bool {
        guard let message else { return false }
        return message.mediaTransport == "TCP/TLS/MSRP" && !message.values("a=fingerprint:").isEmpty
            && message.values("a=3ge2ae:").first == indicator
    }

    private func isPlain(_ message: FlowEvent.Signalling?) -> Bool {
        guard let message else { return false }
        return message.mediaTransport == "TCP/MSRP" && message.values("a=fingerprint:").isEmpty
            && message.values("a=3ge2ae:").isEmpty
    }
}
