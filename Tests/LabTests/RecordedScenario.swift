import Observability

@testable import Lab

/// The events of one scenario as a lab would record them when everything goes as it should; tests take pieces out or change them.
struct RecordedScenario {
    static let map = NetworkMap([
        .init(NodeName.callingUE, ["127.9.9.101"]), .init(NodeName.proxy, ["127.9.9.20"]),
        .init(NodeName.serving, ["127.9.9.10"]), .init(NodeName.gateway, ["127.9.9.30", "127.9.9.31", "127.9.9.32"]),
        .init(NodeName.calledUE, ["127.9.9.102"]),
    ])
    static let sent = SentContent(bytes: 5, digest: "2cf24d")
    static let fingerprint = "SHA-256 AA:BB"
    static let other = "SHA-256 CC:DD"

    private(set) var events: [FlowEvent] = []
    private var time: Int64 = 1_000_000_000

    init(_ scenario: Scenario) {
        for (ue, party, address) in [
            (NodeName.callingUE, scenario.caller, "127.9.9.101:5060"),
            (NodeName.calledUE, scenario.callee, "127.9.9.102:5060"),
        ] {
            register(ue, party, address)
        }
        decide("originating", scenario.originating)
        decide("terminating", scenario.terminating)
        gateway("Reply 1: Add ip/1/access/1, Add ip/1/core/1", context: 1)
        gateway("Reply 2: Add ip/1/access/2, Add ip/1/core/2", context: 2)
        sip(NodeName.calledUE, .sent, "127.9.9.102:5060", "127.9.9.20:5060", "SIP/2.0 200 OK", cSeq: "1 INVITE")
        sip(NodeName.callingUE, .received, "127.9.9.101:5060", "127.9.9.20:5060", "SIP/2.0 200 OK", cSeq: "1 INVITE")
        switch scenario.outcome {
        case .delivered: deliver(scenario)
        case .refused: refuse()
        }
        gateway("Reply 8: Subtract ip/1/access/1, Subtract ip/1/core/1", context: 1)
        gateway("Reply 9: Subtract ip/1/access/2, Subtract ip/1/core/2", context: 2)
    }

    mutating func remove(where matches: (FlowEvent) -> Bool) { events.removeAll(where: matches) }

    mutating func change(_ edit: (inout FlowEvent) -> Void) {
        for index in events.indices { edit(&events[index]) }
    }

    mutating func add(_ node: String, _ what: FlowEvent.What) {
        time += 1_000_000
        events.append(FlowEvent(time: time, node: node, what: what))
    }

    private mutating func register(_ ue: String, _ party: Scenario.Party, _ address: String) {
        let lines = party.gm == .tls ? ["Security-Server: msrp-tls;mediasec"] : []
        sip(ue, .sent, address, "127.9.9.20:5060", "REGISTER sip:ims.lab SIP/2.0", cSeq: "1 REGISTER")
        sip(ue, .received, address, "127.9.9.20:5060", "SIP/2.0 200 OK", cSeq: "1 REGISTER", lines: lines)
        add(ue, .milestone(.init(.registered)))
    }

    private mutating func decide(_ direction: String, _ leg: Scenario.AccessLeg) {
        add(
            NodeName.proxy,
            .decision(
                .init(
                    callID: "1", direction: direction, outcome: leg == .tls ? "e2ae" : "plain", reason: "because",
                    clause: "4.1", media: 0)))
    }

    private mutating func gateway(_ summary: String, context: UInt32) {
        add(
            NodeName.gateway,
            .h248(
                .init(
                    direction: .sent, transport: "udp", local: "127.9.9.30:2944", remote: "127.9.9.20:2944",
                    summary: summary, transaction: 1, context: context, terminations: [], lines: [])))
    }

    mutating func sip(
        _ node: String, _ direction: FlowEvent.Direction, _ local: String, _ remote: String, _ startLine: String,
        cSeq: String, lines: [String] = []
    ) {
        add(
            node,
            .sip(
                .init(
                    direction: direction, transport: "tcp", local: local, remote: remote, startLine: startLine,
                    callID: "1", fromTag: "a", toTag: "b", cSeq: cSeq, lines: lines)))
    }

    private mutating func deliver(_ scenario: Scenario) {
        leg("127.9.9.101:40001", "127.9.9.31:40011", tls: scenario.originating == .tls)
        core()
        leg("127.9.9.102:40002", "127.9.9.31:40012", tls: scenario.terminating == .tls)
        add(NodeName.callingUE, .milestone(.init(.messageSent, messageID: "m", bytes: Self.sent.bytes)))
        add(
            NodeName.calledUE,
            .milestone(
                .init(
                    scenario.content == .message ? .messageReceived : .fileReceived, bytes: Self.sent.bytes,
                    digest: Self.sent.digest)))
        add(NodeName.callingUE, .milestone(.init(.messageConfirmed)))
        for end in [("127.9.9.101:40001", "127.9.9.31:40011"), ("127.9.9.102:40002", "127.9.9.31:40012")] {
            add(
                NodeName.gateway,
                .connection(
                    .init(
                        state: .closed, local: end.1, remote: end.0, leg: "access", bytesReceived: 300, bytesSent: 100))
            )
        }
        add(NodeName.calledUE, .milestone(.init(.ended)))
    }

    private mutating func core() {
        add(
            NodeName.gateway,
            .connection(.init(state: .connected, local: "127.9.9.32:50001", remote: "127.9.9.32:50002", leg: "core")))
        add(
            NodeName.gateway,
            .connection(.init(state: .accepted, local: "127.9.9.32:50002", remote: "127.9.9.32:50001", leg: "core")))
    }

    /// The UE connects, as it does by default.
    private mutating func leg(_ ue: String, _ gateway: String, tls: Bool) {
        let node = ue.contains(".101:") ? NodeName.callingUE : NodeName.calledUE
        add(node, .connection(.init(state: .connected, local: ue, remote: gateway, leg: "msrp")))
        add(NodeName.gateway, .connection(.init(state: .accepted, local: gateway, remote: ue, leg: "access")))
        guard tls else { return }
        add(node, .tls(handshake(.client, ue, gateway, "msrp", accepted: true, peer: Self.fingerprint)))
        add(
            NodeName.gateway, .tls(handshake(.server, gateway, ue, "access", accepted: true, peer: Self.fingerprint)))
    }

    private func handshake(
        _ role: FlowEvent.Handshake.Role, _ local: String, _ remote: String, _ leg: String, accepted: Bool, peer: String
    ) -> FlowEvent.Handshake {
        .init(
            role: role, accepted: accepted, local: local, remote: remote, leg: leg, version: "TLS 1.3",
            cipher: "TLS_AES_128_GCM_SHA256", clientRandom: "00ff", expectedFingerprints: [Self.fingerprint],
            peerFingerprint: peer, reason: accepted ? nil : "the certificate is not the one announced")
    }

    private mutating func refuse() {
        add(
            NodeName.gateway,
            .connection(.init(state: .accepted, local: "127.9.9.31:40011", remote: "127.9.9.101:40001", leg: "access")))
        add(
            NodeName.gateway,
            .tls(
                handshake(
                    .server, "127.9.9.31:40011", "127.9.9.101:40001", "access", accepted: false, peer: Self.other)))
        gateway("Transaction 7: Notify ip/1/access/1", context: 1)
        sip(NodeName.proxy, .sent, "127.9.9.20:5060", "127.9.9.101:5060", "BYE sip:a SIP/2.0", cSeq: "1 BYE")
        sip(NodeName.proxy, .sent, "127.9.9.20:5060", "127.9.9.10:5060", "BYE sip:b SIP/2.0", cSeq: "1 BYE")
        for (ue, address) in [(NodeName.callingUE, "127.9.9.101:5060"), (NodeName.calledUE, "127.9.9.102:5060")] {
            sip(ue, .received, address, "127.9.9.20:5060", "BYE sip:x SIP/2.0", cSeq: "1 BYE")
        }
    }
}
