import Observability

@testable import Lab

/// The events of one scenario as a lab would record them when everything goes as it should; tests take pieces out or change them.
struct RecordedScenario {
    static let sent = SentContent(bytes: 5, digest: "2cf24d")
    static let fingerprint = "SHA-256 AA:BB"
    static let other = "SHA-256 CC:DD"

    /// Last parts of the addresses.
    enum Host {
        static let home = 10
        static let proxy = 20
        static let gateway = 30
        static let access = 31
        static let core = 32
        static let caller = 101
        static let callee = 102
        static let second = 103
    }

    static let map = NetworkMap([
        .init(NodeName.callingUE, ["127.9.9.101"]), .init(NodeName.proxy, ["127.9.9.20"]),
        .init(NodeName.serving, ["127.9.9.10"]), .init(NodeName.gateway, ["127.9.9.30", "127.9.9.31", "127.9.9.32"]),
        .init(NodeName.calledUE, ["127.9.9.102"]), .init(NodeName.secondDevice, ["127.9.9.103"]),
    ])

    /// Where all share ::1 the map learns from the events.
    static func map(of scenario: Scenario) -> NetworkMap {
        scenario.network.family == .v4 ? map : NetworkMap(map.nodes.map { NetworkMap.Node($0.name, []) })
    }

    /// What was sent, one after the other.
    var allSent: [SentContent] {
        [Self.sent] + scenario.furtherMessages.map { SentContent(bytes: $0.utf8.count, digest: "digest of " + $0) }
    }

    let scenario: Scenario
    private(set) var events: [FlowEvent] = []
    private var time: Int64 = 1_000_000_000

    init(_ scenario: Scenario) {
        self.scenario = scenario
        register(NodeName.callingUE, scenario.caller, Host.caller)
        register(NodeName.calledUE, scenario.callee, Host.callee)
        if let party = scenario.secondDevice { register(NodeName.secondDevice, party, Host.second) }
        for direction in ["originating", "terminating"] {
            for outcome in scenario.decisions(direction) { decide(direction, outcome) }
        }
        gateway("Reply 1: Add ip/1/access/1, Add ip/1/core/1", context: 1)
        gateway("Reply 2: Add ip/1/access/2, Add ip/1/core/2", context: 2)
        negotiate()
        switch scenario.outcome {
        case .delivered: deliver()
        case .refused: refuse()
        case .rejected: reject()
        }
        gateway("Reply 8: Subtract ip/1/access/1, Subtract ip/1/core/1", context: 1)
        gateway("Reply 9: Subtract ip/1/access/2, Subtract ip/1/core/2", context: 2)
    }

    /// An address with port; with IPv6 the port holds what the address does not say.
    func at(_ host: Int, _ port: Int) -> String {
        scenario.network.family == .v4 ? "127.9.9.\(host):\(port)" : "[::1]:\(port + host)"
    }

    mutating func remove(where matches: (FlowEvent) -> Bool) { events.removeAll(where: matches) }

    mutating func change(_ edit: (inout FlowEvent) -> Void) {
        for index in events.indices { edit(&events[index]) }
    }

    mutating func add(_ node: String, _ what: FlowEvent.What) {
        time += 1_000_000
        events.append(FlowEvent(time: time, node: node, what: what))
    }

    // MARK: - Signalling

    private mutating func register(_ ue: String, _ party: Scenario.Party, _ host: Int) {
        let lines = party.gm == .tls ? ["Security-Server: msrp-tls;mediasec"] : []
        let (ends, proxy) = (at(host, 5060), at(Host.proxy, 5060))
        let algorithm = party.usesAKA ? "AKAv1-MD5" : "SHA-256"
        sip(
            ue, .received, ends, proxy, "SIP/2.0 401 Unauthorized", cSeq: "1 REGISTER",
            lines: ["WWW-Authenticate: Digest algorithm=" + algorithm])
        sip(
            ue, .sent, ends, proxy, "REGISTER sip:ims.lab SIP/2.0", cSeq: "1 REGISTER",
            lines: ["Authorization: Digest username=\"x\" algorithm=" + algorithm])
        sip(ue, .received, ends, proxy, "SIP/2.0 200 OK", cSeq: "1 REGISTER", lines: lines)
        add(ue, .milestone(.init(.registered)))
    }

    private mutating func decide(_ direction: String, _ outcome: String) {
        let isProtected = (direction == "originating" ? scenario.caller : scenario.callee).isProtected
        add(
            NodeName.proxy,
            .decision(
                .init(
                    callID: "1", direction: direction, outcome: outcome,
                    reason: isProtected ? "because" : "RCS 5.1 needs no indication", clause: "4.1", media: 0)))
    }

    mutating func gateway(_ summary: String, context: UInt32, lines: [String] = []) {
        add(
            NodeName.gateway,
            .h248(
                .init(
                    direction: .sent, transport: "udp", local: at(Host.gateway, 2944), remote: at(Host.proxy, 2944),
                    summary: summary, transaction: 1, context: context, terminations: [], lines: lines)))
    }

    mutating func sip(
        _ node: String, _ direction: FlowEvent.Direction, _ local: String, _ remote: String, _ startLine: String,
        cSeq: String, lines: [String] = [], toTag: String = "b"
    ) {
        add(
            node,
            .sip(
                .init(
                    direction: direction, transport: "tcp", local: local, remote: remote, startLine: startLine,
                    callID: "1", fromTag: "a", toTag: toTag, cSeq: cSeq, lines: lines)))
    }

    /// A message between a UE and the P-CSCF, seen at the UE.
    mutating func atUE(
        _ ue: String, _ direction: FlowEvent.Direction, _ startLine: String, cSeq: String, lines: [String] = [],
        toTag: String = "b"
    ) {
        let hosts = [NodeName.callingUE: Host.caller, NodeName.calledUE: Host.callee]
        sip(
            ue, direction, at(hosts[ue] ?? Host.second, 5060), at(Host.proxy, 5060), startLine, cSeq: cSeq,
            lines: lines,
            toTag: toTag)
    }

    /// The message line of a UE or of its gateway.
    private func line(
        _ host: Int, _ port: Int, _ leg: Scenario.AccessLeg, setup: String, path: String? = nil, cema: Bool = false
    ) -> [String] {
        let isTLS = leg == .tls
        let v6 = scenario.network.family == .v6
        let usesCEMA = cema || scenario.proofs.contains(.untouchedPaths)
        return [
            "c=IN " + (v6 ? "IP6 ::1" : "IP4 127.9.9.\(host)"), "m=message \(port) TCP/\(isTLS ? "TLS/" : "")MSRP *",
            "a=setup:\(setup)",
            "a=path:\(isTLS ? "msrps" : "msrp")://\(v6 ? "[::1]" : "127.9.9.\(host)"):\(path ?? "\(port)/s\(host)");tcp",
        ] + (isTLS ? ["a=fingerprint:" + Self.fingerprint] : []) + (usesCEMA ? ["a=msrp-cema"] : [])
    }

    private mutating func negotiate() {
        let hasRoles = scenario.proofs.contains(.roles)
        let usesCEMA = scenario.proofs.contains(.untouchedPaths)
        atUE(
            NodeName.callingUE, .sent, "INVITE sip:b SIP/2.0", cSeq: "1 INVITE",
            lines: line(
                Host.caller, hasRoles ? 9 : 40_001, scenario.originating, setup: hasRoles ? "active" : "actpass",
                cema: scenario.proofs.contains(.ownPaths)))
        sip(
            NodeName.proxy, .sent, at(Host.proxy, 5060), at(Host.home, 5060), "INVITE sip:b SIP/2.0", cSeq: "1 INVITE",
            lines: line(Host.core, 50_001, .tcp, setup: "actpass") + ["P-Asserted-Identity: <sip:carol@ims.lab>"])
        if scenario.proofs.contains(.forked) { ring() }
        if scenario.proofs.contains(.fallback) { refuseTLS() }
        if scenario.proofs.contains(.ownPaths) { giveUpCEMA() }
        let answered = scenario.outcome == .rejected ? .tcp : scenario.terminating
        offerToCallee(scenario.terminating, path: usesCEMA ? "40001/s101" : nil)
        atUE(
            NodeName.calledUE, .sent, "SIP/2.0 200 OK", cSeq: "1 INVITE",
            lines: line(Host.callee, 40_002, answered, setup: hasRoles ? "passive" : "active"))
        guard scenario.outcome != .rejected else { return }
        atUE(
            NodeName.callingUE, .received, "SIP/2.0 200 OK", cSeq: "1 INVITE",
            lines: line(
                Host.access, 40_011, scenario.originating, setup: "passive", path: usesCEMA ? "40002/s102" : nil
            ).map { usesCEMA ? $0.replacing("//127.9.9.31", with: "//127.9.9.102") : $0 })
        gateway(
            "Transaction 3: Modify", context: 1,
            lines: ["Local: m=message 40011 TCP/TLS\(usesCEMA ? "" : "/MSRP") *"])
    }

    private mutating func offerToCallee(_ leg: Scenario.AccessLeg, path: String? = nil) {
        atUE(
            NodeName.calledUE, .received, "INVITE sip:b SIP/2.0", cSeq: "1 INVITE",
            lines: line(Host.access, 40_012, leg, setup: "actpass", path: path)
                .map { path == nil ? $0 : $0.replacing("//127.9.9.31", with: "//127.9.9.101") })
    }

    /// RFC 6714 4.2: the first offer and its answer; the caller offers again without.
    private mutating func giveUpCEMA() {
        offerToCallee(scenario.terminating, path: "40001/s101")
        atUE(
            NodeName.calledUE, .sent, "SIP/2.0 200 OK", cSeq: "1 INVITE",
            lines: line(Host.callee, 9, scenario.terminating, setup: "active"))
        atUE(
            NodeName.callingUE, .received, "SIP/2.0 200 OK", cSeq: "1 INVITE",
            lines: line(Host.access, 9, scenario.originating, setup: "active", path: "9/s102")
                .map { $0.replacing("//127.9.9.31", with: "//127.9.9.102") })
        gateway("Transaction 3: Modify", context: 1, lines: ["Local: m=message 40011 TCP/TLS *"])
        atUE(
            NodeName.callingUE, .sent, "INVITE sip:b SIP/2.0", cSeq: "2 INVITE",
            lines: line(Host.caller, 40_001, scenario.originating, setup: "actpass"))
    }

    private mutating func refuseTLS() {
        offerToCallee(.tls)
        atUE(NodeName.calledUE, .sent, "SIP/2.0 488 Not Acceptable Here", cSeq: "1 INVITE")
    }

    // MARK: - Media

    private mutating func deliver() {
        leg(NodeName.callingUE, at(Host.caller, 40_001), at(Host.access, 40_011), tls: scenario.originating == .tls)
        core()
        leg(
            NodeName.calledUE, at(Host.callee, 40_002), at(Host.access, 40_012), tls: scenario.terminating == .tls,
            gatewayConnects: scenario.proofs.contains(.roles))
        add(NodeName.callingUE, .milestone(.init(.messageSent, messageID: "m", bytes: Self.sent.bytes)))
        add(
            NodeName.calledUE,
            .milestone(
                .init(
                    scenario.content == .message ? .messageReceived : .fileReceived, bytes: Self.sent.bytes,
                    digest: Self.sent.digest)))
        add(NodeName.callingUE, .milestone(.init(.messageConfirmed)))
        if scenario.proofs.contains(.renewals) { renew() }
        for end in [
            (at(Host.caller, 40_001), at(Host.access, 40_011)), (at(Host.callee, 40_002), at(Host.access, 40_012)),
        ] {
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
        let (one, two) = (at(Host.core, 50_001), at(Host.core, 50_002))
        add(NodeName.gateway, .connection(.init(state: .connected, local: one, remote: two, leg: "core")))
        add(NodeName.gateway, .connection(.init(state: .accepted, local: two, remote: one, leg: "core")))
    }

    /// The UE connects, as it does by default, or the gateway.
    mutating func leg(_ node: String, _ ue: String, _ gateway: String, tls: Bool, gatewayConnects: Bool = false) {
        add(
            node,
            .connection(
                .init(state: gatewayConnects ? .accepted : .connected, local: ue, remote: gateway, leg: "msrp")))
        add(
            NodeName.gateway,
            .connection(
                .init(state: gatewayConnects ? .connected : .accepted, local: gateway, remote: ue, leg: "access")))
        guard tls else { return }
        let roles: (FlowEvent.Handshake.Role, FlowEvent.Handshake.Role) =
            gatewayConnects ? (.server, .client) : (.client, .server)
        add(node, .tls(handshake(roles.0, ue, gateway, "msrp", accepted: true, peer: Self.fingerprint)))
        add(NodeName.gateway, .tls(handshake(roles.1, gateway, ue, "access", accepted: true, peer: Self.fingerprint)))
    }

    /// The callee connects to the caller's own port, and is let in.
    mutating func pastTheGateway() {
        let (caller, callee) = (at(Host.caller, 40_007), at(Host.callee, 40_008))
        add(NodeName.calledUE, .connection(.init(state: .connected, local: callee, remote: caller, leg: "msrp")))
        add(NodeName.callingUE, .connection(.init(state: .accepted, local: caller, remote: callee, leg: "msrp")))
        add(NodeName.calledUE, .tls(handshake(.client, callee, caller, "msrp", accepted: true, peer: Self.fingerprint)))
        add(
            NodeName.callingUE, .tls(handshake(.server, caller, callee, "msrp", accepted: true, peer: Self.fingerprint))
        )
    }

    /// A handshake of the caller that nobody asked for.
    mutating func addHandshake(at time: Int64) {
        let (gateway, ue) = (at(Host.access, 40_019), at(Host.caller, 40_019))
        events.append(
            FlowEvent(
                time: time, node: NodeName.gateway,
                what: .tls(handshake(.server, gateway, ue, "access", accepted: true, peer: Self.fingerprint))))
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
        let (ue, gatewayEnd) = (at(Host.caller, 40_001), at(Host.access, 40_011))
        add(NodeName.gateway, .connection(.init(state: .accepted, local: gatewayEnd, remote: ue, leg: "access")))
        add(NodeName.gateway, .tls(handshake(.server, gatewayEnd, ue, "access", accepted: false, peer: Self.other)))
        gateway("Transaction 7: Notify ip/1/access/1", context: 1)
        let reason = ["Reason: SIP;cause=488;text=\"the certificate\""]
        for peer in [Host.caller, Host.home] {
            sip(
                NodeName.proxy, .sent, at(Host.proxy, 5060), at(peer, 5060), "BYE sip:x SIP/2.0", cSeq: "1 BYE",
                lines: reason)
        }
        for ue in [NodeName.callingUE, NodeName.calledUE] { atUE(ue, .received, "BYE sip:x SIP/2.0", cSeq: "1 BYE") }
    }

    private mutating func reject() {
        atUE(NodeName.calledUE, .received, "ACK sip:b SIP/2.0", cSeq: "1 ACK")
        atUE(
            NodeName.calledUE, .received, "BYE sip:b SIP/2.0", cSeq: "2 BYE",
            lines: ["Reason: SIP;cause=488;text=\"no TLS\""])
        atUE(NodeName.callingUE, .received, "SIP/2.0 488 Not Acceptable Here", cSeq: "1 INVITE")
    }

    /// Both devices; the second one is cancelled when the first has answered.
    private mutating func ring() {
        gateway("Reply 3: Add ip/1/access/3, Add ip/1/core/3", context: 3)
        for (device, tag) in [(NodeName.calledUE, "b"), (NodeName.secondDevice, "c")] {
            sip(
                NodeName.serving, .sent, at(Host.home, 5060), at(Host.proxy, 5060), "INVITE sip:b SIP/2.0",
                cSeq: "1 INVITE", lines: line(Host.core, 50_001, .tcp, setup: "actpass"))
            atUE(device, .sent, "SIP/2.0 180 Ringing", cSeq: "1 INVITE", toTag: tag)
            atUE(NodeName.callingUE, .received, "SIP/2.0 180 Ringing", cSeq: "1 INVITE", toTag: tag)
        }
        atUE(NodeName.secondDevice, .received, "CANCEL sip:b SIP/2.0", cSeq: "1 CANCEL")
        atUE(NodeName.secondDevice, .sent, "SIP/2.0 487 Request Terminated", cSeq: "1 INVITE", toTag: "c")
        gateway("Reply 4: Subtract ip/1/access/3, Subtract ip/1/core/3", context: 3)
    }

    /// The caller's changes, as `Scenario.actions` lists them.
    private mutating func renew() {
        var offer = line(Host.caller, 40_001, .tls, setup: "actpass")
        var number = 1
        for action in scenario.actions {
            if action.hasPrefix("message:") {
                let sent = allSent.first { $0.digest.hasSuffix(action.dropFirst("message:".count)) }
                add(NodeName.calledUE, .milestone(.init(.messageReceived, bytes: sent?.bytes, digest: sent?.digest)))
                continue
            }
            number += 1
            var peer: String?
            offer.removeAll { $0 == "a=inactive" }
            switch action {
            case "hold": offer.append("a=inactive")
            case "new-port":
                offer = offer.map { $0.replacing("40001", with: "40003") }
                peer = Self.fingerprint
            case "new-certificate":
                offer = offer.map { $0.replacing(Self.fingerprint, with: Self.other) }
                peer = Self.other
            default: break
            }
            atUE(NodeName.callingUE, .sent, "INVITE sip:b SIP/2.0", cSeq: "\(number) INVITE", lines: offer)
            atUE(
                NodeName.callingUE, .received, "SIP/2.0 200 OK", cSeq: "\(number) INVITE",
                lines: action == "hold" ? ["a=inactive"] : [])
            guard let peer else { continue }
            let (ue, gateway) = (at(Host.caller, 40_001 + 10 * number), at(Host.access, 40_011 + 10 * number))
            add(NodeName.gateway, .connection(.init(state: .accepted, local: gateway, remote: ue, leg: "access")))
            var seen = handshake(.server, gateway, ue, "access", accepted: true, peer: peer)
            seen.expectedFingerprints = [peer]
            add(NodeName.gateway, .tls(seen))
        }
        atUE(NodeName.callingUE, .sent, "BYE sip:b SIP/2.0", cSeq: "\(number + 1) BYE")
    }
}
