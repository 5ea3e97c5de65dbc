import Observability

/// Changes of a call that stands (docs/media-security.md 4.3, 5.4), and a call that rang at two devices.
extension Checks {
    /// One re-INVITE of the caller, with what happened until its next request.
    private struct Change {
        var action: String
        var invite: FlowEvent.Signalling
        /// The session lines of the offer before it.
        var before: [String]
        /// Those that the gateway accepted from the caller meanwhile.
        var handshakes: [FlowEvent.Handshake]
        var answer: FlowEvent.Signalling?

        /// What the media of an offer is. The role may be named anew: it follows the connection that stands (RFC 6135 §4.2.2).
        static func session(_ lines: [String]) -> [String] {
            lines.filter { ($0.hasPrefix("a=") || $0.hasPrefix("m=")) && !$0.hasPrefix("a=setup:") }
        }

        func values(_ prefix: String) -> Set<String> { Set(invite.values(prefix)) }
        func valuesBefore(_ prefix: String) -> Set<String> {
            Set(before.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) })
        }
    }

    mutating func renewals() {
        let wanted = scenario.actions.filter { !$0.hasPrefix("message:") }
        let changes = changes(wanted)
        expect(
            "the caller makes \(wanted.count) changes, each answered 200",
            changes.count == wanted.count
                && changes.allSatisfy { $0.answer?.startLine.hasPrefix("SIP/2.0 200") ?? false },
            "\(changes.count) re-INVITEs: \(changes.map { $0.answer?.startLine ?? "no answer" })")
        for change in changes {
            let session = Change.session(change.invite.lines)
            let isNew = ["new-port", "new-certificate"].contains(change.action)
            expect(
                "\(change.action) makes \(isNew ? "one handshake" : "no handshake")",
                change.handshakes.count == (isNew ? 1 : 0), "it made \(change.handshakes.count)")
            switch change.action {
            case "refresh":
                expect("refresh offers the same again", session == Change.session(change.before), "\(session)")
            case "hold":
                expect("hold offers a=inactive", session.contains("a=inactive"), "\(session)")
                expect("hold is answered a=inactive", change.answer?.has("a=inactive") ?? false, "it is not")
            case "resume": expect("resume takes a=inactive away", !session.contains("a=inactive"), "\(session)")
            case "new-port":
                expect(
                    "new-port offers another path", change.values("a=path:") != change.valuesBefore("a=path:"),
                    "\(change.values("a=path:"))")
            case "new-certificate":
                let fingerprints = change.values("a=fingerprint:")
                expect(
                    "new-certificate offers another fingerprint",
                    !fingerprints.isEmpty && fingerprints != change.valuesBefore("a=fingerprint:"), "\(fingerprints)")
                expect(
                    "the gateway saw that certificate",
                    change.handshakes.contains { $0.peerFingerprint.map(fingerprints.contains) ?? false },
                    "\(change.handshakes.map { $0.peerFingerprint ?? "none" })")
            default: continue
            }
        }
    }

    private func changes(_ actions: [String]) -> [Change] {
        let sent = signalling(NodeName.callingUE, .sent, withTimes: true).filter { _, message in
            message.startLine.hasPrefix("INVITE ") || message.startLine.hasPrefix("BYE ")
        }
        let answers = responses("", to: "INVITE", NodeName.callingUE, .received)
        let handshakes: [(time: Int64, what: FlowEvent.Handshake)] = all { event in
            guard event.node == NodeName.gateway, case .tls(let handshake) = event.what, handshake.leg == "access",
                handshake.accepted
            else { return nil }
            return (event.time, handshake)
        }
        var changes: [Change] = []
        for (index, request) in sent.enumerated().dropFirst() where request.message.startLine.hasPrefix("INVITE ") {
            let end = index + 1 < sent.count ? sent[index + 1].time : .max
            changes.append(
                Change(
                    action: changes.count < actions.count ? actions[changes.count] : "nothing", invite: request.message,
                    before: sent[index - 1].message.lines,
                    handshakes: handshakes.filter { (request.time..<end).contains($0.time) }.map(\.what),
                    answer: answers.last { $0.cSeq == request.message.cSeq }))
        }
        return changes
    }

    /// RFC 3261 §16.7, media-security.md 5.4.
    mutating func forked() {
        let devices = [NodeName.calledUE, NodeName.secondDevice]
        for device in devices {
            expect(
                "\(device) rings", !responses("180", to: "INVITE", device, .sent).isEmpty, "no 180 was seen there")
        }
        expect(
            "\(NodeName.secondDevice) is cancelled", !requests("CANCEL", NodeName.secondDevice, .received).isEmpty,
            "no CANCEL came")
        let last = responses("", to: "INVITE", NodeName.secondDevice, .sent).last?.startLine
        expect("it ends with 487", last?.hasPrefix("SIP/2.0 487") ?? false, last ?? "it said nothing")
        let rung = Set(responses("18", to: "INVITE", NodeName.callingUE, .received).compactMap(\.toTag))
        expect("the caller hears both ring", rung.count == 2, "\(rung.count) tags were in its 18x")
        let answered = responses("200", to: "INVITE", NodeName.callingUE, .received)
        expect("the caller gets one 200", answered.count == 1, "it got \(answered.count)")
        let branches = requests("INVITE", NodeName.serving, .sent)
        let ports = Set(branches.map(\.mediaPort))
        expect(
            "both branches carry one core port", branches.count == 2 && ports.count == 1,
            "\(branches.count) INVITEs with ports \(ports.sorted())")
        let contexts = made.count
        expect("three contexts: the caller's, and one a device", contexts == 3, "\(contexts) were made")
        let strays = milestones(NodeName.secondDevice).filter { [.messageReceived, .established].contains($0.name) }
        expect("nothing arrives at \(NodeName.secondDevice)", strays.isEmpty, "\(strays.map(\.name.rawValue))")
        let legs = observed.established.filter { [$0.leg.from, $0.leg.to].contains(NodeName.secondDevice) }
        expect("\(NodeName.secondDevice) gets no media connection", legs.isEmpty, "\(legs.count) were established")
    }
}
