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

    let scenario: Scenario
    /// In the order of time.
    let events: [FlowEvent]
    let observed: LegCollector

    /// - Parameter sent: in the order of sending.
    package init(_ scenario: Scenario, events: [FlowEvent], map: NetworkMap, sent: [SentContent]) {
        self.scenario = scenario
        self.events = events.sorted { $0.time < $1.time }
        observed = LegCollector(events, map: map.learning(from: events))
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
        case .rejected: rejection()
        }
        fingerprints()
        order()
        resources()
        for proof in scenario.proofs { prove(proof) }
    }

    package var passed: Bool { findings.allSatisfy(\.passed) }

    /// What failed, or a word on what was shown.
    package var detail: String {
        let failed = findings.filter { !$0.passed }
        guard failed.isEmpty else { return failed.map { "\($0.name): \($0.detail)" }.joined(separator: "; ") }
        return "\(findings.count) checks"
    }

    /// Call-IDs of all INVITEs.
    package var callIDs: [String] {
        let invites: [String] = all { event in
            guard case .sip(let message) = event.what, message.startLine.hasPrefix("INVITE ") else { return nil }
            return message.callID
        }
        return Set(invites).sorted()
    }

    package var delivered: Int {
        milestones(NodeName.calledUE).filter { $0.name == .messageReceived || $0.name == .fileReceived }.count
    }

    // MARK: - Reading the events

    mutating func expect(_ name: String, _ passed: Bool, _ otherwise: @autoclosure () -> String) {
        findings.append(Finding(name: name, passed: passed, detail: passed ? "" : otherwise()))
    }

    func all<Value>(_ pick: (FlowEvent) -> Value?) -> [Value] { events.compactMap(pick) }

    func milestones(_ node: String) -> [FlowEvent.Milestone] {
        all { event in
            guard event.node == node, case .milestone(let milestone) = event.what else { return nil }
            return milestone
        }
    }

    func signalling(_ node: String, _ direction: FlowEvent.Direction) -> [FlowEvent.Signalling] {
        signalling(node, direction, withTimes: true).map(\.message)
    }

    func signalling(_ node: String, _ direction: FlowEvent.Direction, withTimes: Bool)
        -> [(time: Int64, message: FlowEvent.Signalling)]
    {
        all { event in
            guard event.node == node, case .sip(let message) = event.what, message.direction == direction else {
                return nil
            }
            return (event.time, message)
        }
    }

    /// Requests of one method, in the order of time.
    func requests(_ method: String, _ node: String, _ direction: FlowEvent.Direction) -> [FlowEvent.Signalling] {
        signalling(node, direction).filter { $0.startLine.hasPrefix(method + " ") }
    }

    /// Responses to one method, in the order of time.
    ///
    /// - Parameter status: the beginning of the status: `200`, `18`.
    func responses(_ status: String, to method: String, _ node: String, _ direction: FlowEvent.Direction)
        -> [FlowEvent.Signalling]
    {
        signalling(node, direction).filter { message in
            message.startLine.hasPrefix("SIP/2.0 " + status) && message.cSeq?.hasSuffix(" " + method) ?? false
        }
    }

    func handshakes(_ node: String, accepted: Bool = true) -> [FlowEvent.Handshake] {
        all { event in
            guard event.node == node, case .tls(let handshake) = event.what, handshake.accepted == accepted,
                LegCollector.isMedia(handshake.leg)
            else { return nil }
            return handshake
        }
    }
}

extension FlowEvent.Signalling {
    /// What stands after `prefix` in the lines that begin with it.
    func values(_ prefix: String) -> [String] {
        lines.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }

    func has(_ line: String) -> Bool { lines.contains(line) }

    /// The first m= line in words: `message`, port, transport, format.
    var media: [String] { values("m=").first?.split(separator: " ").map(String.init) ?? [] }
    var mediaPort: String { media.count > 1 ? media[1] : "none" }
    var mediaTransport: String { media.count > 2 ? media[2] : "none" }
}
