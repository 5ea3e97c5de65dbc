import Observability
import Testing

@testable import Lab

/// What the proofs of single scenarios rest on: RFC 6714 4, 4.2; RFC 6135 4.2, 4.2.2; RFC 3261 16.7; RFC 3310; RFC 3326; TS 33.203 6.1; RFC 8122 6.2.
@Suite("Lab: a scenario passes only with what must be seen")
struct ChecksTests {
    private func checks(_ scenario: Scenario, _ recorded: RecordedScenario) -> Checks {
        Checks(
            scenario, events: recorded.events, map: RecordedScenario.map(of: scenario),
            sent: recorded.allSent)
    }

    @Test("the events of a good run pass", arguments: Scenario.all)
    func good(_ scenario: Scenario) {
        let result = checks(scenario, RecordedScenario(scenario))
        #expect(result.passed, "\(result.detail)")
    }

    @Test("every proof is shown by a scenario, and every scenario of its own has one")
    func proofs() {
        #expect(Set(Scenario.all.flatMap(\.proofs)) == Set(Proof.allCases))
    }

    @Test("nothing at all fails", arguments: Scenario.all)
    func nothing(_ scenario: Scenario) {
        let result = Checks(scenario, events: [], map: RecordedScenario.map, sent: [RecordedScenario.sent])
        #expect(!result.passed)
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var scenario: String
        var finding: String
        var spoil: @Sendable (inout RecordedScenario) -> Void
    }

    static let faults: [Fault] = [
        Fault(testDescription: "no registration", scenario: "plain", finding: "UE B registered") {
            $0.remove { $0.node == NodeName.calledUE && $0.isMilestone(.registered) }
        },
        Fault(
            testDescription: "the network indicates over unprotected Gm", scenario: "plain",
            finding: "network indication to UE A"
        ) {
            $0.sip(
                NodeName.callingUE, .received, "127.9.9.101:5060", "127.9.9.20:5060", "SIP/2.0 200 OK",
                cSeq: "1 REGISTER", lines: ["Security-Server: msrp-tls;mediasec"])
        },
        Fault(testDescription: "no indication", scenario: "e2ae-both", finding: "network indication to UE A") {
            $0.change { event in
                if case .sip(var message) = event.what {
                    message.lines = []
                    event.what = .sip(message)
                }
            }
        },
        Fault(
            testDescription: "silently plain", scenario: "e2ae-originating", finding: "originating decision is e2ae"
        ) {
            $0.change { event in
                if case .decision(var decision) = event.what {
                    decision.outcome = "plain"
                    event.what = .decision(decision)
                }
            }
        },
        Fault(testDescription: "other octets arrived", scenario: "e2ae-both", finding: "its SHA-256") {
            $0.change { event in
                if case .milestone(var milestone) = event.what, milestone.name == .messageReceived {
                    milestone.digest = "other"
                    event.what = .milestone(milestone)
                }
            }
        },
        Fault(testDescription: "half of it arrived", scenario: "file-transfer", finding: "its size") {
            $0.change { event in
                if case .milestone(var milestone) = event.what, milestone.name == .fileReceived {
                    milestone.bytes = 2
                    event.what = .milestone(milestone)
                }
            }
        },
        Fault(testDescription: "nobody confirmed", scenario: "plain", finding: "the sender was told") {
            $0.remove { $0.isMilestone(.messageConfirmed) }
        },
        Fault(testDescription: "a message twice", scenario: "plain", finding: "one message arrived") {
            $0.add(
                NodeName.calledUE, .milestone(.init(.messageReceived, bytes: 5, digest: RecordedScenario.sent.digest)))
        },
        Fault(
            testDescription: "the access leg is plain", scenario: "e2ae-both", finding: "the access leg of UE A is TLS"
        ) { $0.remove { if case .tls = $0.what { true } else { false } } },
        Fault(testDescription: "TLS 1.1", scenario: "e2ae-both", finding: "TLS 1.2 or 1.3") {
            $0.changeHandshakes { $0.version = "TLS 1.1" }
        },
        Fault(
            testDescription: "the gateway took another certificate", scenario: "e2ae-originating",
            finding: "every accepted certificate"
        ) { $0.changeHandshakes { $0.peerFingerprint = RecordedScenario.other } },
        Fault(
            testDescription: "the gateway took no certificate at all", scenario: "e2ae-originating",
            finding: "every accepted certificate"
        ) { $0.changeHandshakes { $0.peerFingerprint = nil } },
        Fault(testDescription: "TLS on the core leg", scenario: "e2ae-both", finding: "the core leg is plain TCP") {
            $0.add(
                NodeName.gateway,
                .tls(
                    .init(
                        role: .client, accepted: true, local: "127.9.9.32:50001", remote: "127.9.9.32:50002",
                        leg: "core", version: "TLS 1.3", cipher: "X", expectedFingerprints: ["x"], peerFingerprint: "x")
                ))
        },
        Fault(
            testDescription: "media before the 200", scenario: "e2ae-both",
            finding: "TCP and TLS of the access legs begin after the 200"
        ) {
            $0.change { event in
                if case .connection(let connection) = event.what, connection.state == .connected { event.time = 0 }
            }
        },
        Fault(testDescription: "a context is left", scenario: "plain", finding: "every context was given back") {
            $0.remove { event in
                if case .h248(let message) = event.what { message.summary.hasPrefix("Reply 9") } else { false }
            }
        },
        Fault(
            testDescription: "the wrong certificate is let in (tampering)", scenario: "bad-fingerprint",
            finding: "the gateway refused the handshake"
        ) {
            $0.changeHandshakes {
                $0.accepted = true
                $0.reason = nil
            }
        },
        Fault(
            testDescription: "refused for another reason", scenario: "bad-fingerprint",
            finding: "because of the certificate"
        ) { $0.changeHandshakes { $0.peerFingerprint = nil } },
        Fault(testDescription: "no Notify", scenario: "bad-fingerprint", finding: "Notify went over Iq") {
            $0.remove { event in
                if case .h248(let message) = event.what { message.summary.contains("Notify") } else { false }
            }
        },
        Fault(
            testDescription: "BYE to one side only", scenario: "bad-fingerprint",
            finding: "the session with UE B was released"
        ) {
            $0.remove { event in
                guard case .sip(let message) = event.what else { return false }
                return event.node == NodeName.calledUE && message.startLine.hasPrefix("BYE ")
            }
        },
        Fault(testDescription: "no BYE of the network", scenario: "bad-fingerprint", finding: "the P-CSCF released it")
        {
            $0.remove { event in
                guard case .sip(let message) = event.what else { return false }
                return event.node == NodeName.proxy && message.startLine.hasPrefix("BYE ")
            }
        },
        Fault(
            testDescription: "the network's BYE gives no cause", scenario: "bad-fingerprint",
            finding: "the P-CSCF gives a Reason"
        ) { $0.changeSIP { $0.lines.removeAll { $0.hasPrefix("Reason:") } } },
        Fault(testDescription: "something was delivered", scenario: "bad-fingerprint", finding: "nothing was delivered")
        {
            $0.add(NodeName.calledUE, .milestone(.init(.messageReceived, bytes: 5, digest: "2cf24d")))
        },
    ]

    /// What the scenarios that carry a proof of their own would not forgive.
    static let specialFaults: [Fault] = [
        Fault(
            testDescription: "the gateway puts its own path into the offer", scenario: "cema",
            finding: "the path of the caller passes untouched"
        ) { recorded in
            recorded.changeSIP { message in
                guard message.direction == .received else { return }
                message.lines = message.lines.map { $0.replacing("/s101", with: "/gateway") }
            }
        },
        Fault(
            testDescription: "a=msrp-cema is taken out of the answer", scenario: "cema",
            finding: "answer has a=msrp-cema"
        ) { recorded in
            recorded.changeSIP { message in
                guard message.startLine.hasPrefix("SIP/2.0"), message.direction == .received else { return }
                message.lines.removeAll { $0 == "a=msrp-cema" }
            }
        },
        Fault(
            testDescription: "the gateway reads messages all the same", scenario: "cema",
            finding: "the gateway reads no MSRP"
        ) { $0.gateway("Transaction 4: Modify", context: 1, lines: ["Remote: m=message 1 TCP/TLS/MSRP *"]) },
        Fault(
            testDescription: "the caller never offers CEMA", scenario: "no-cema", finding: "the caller offers CEMA"
        ) { $0.changeSIP { $0.lines.removeAll { $0 == "a=msrp-cema" } } },
        Fault(
            testDescription: "the caller is told to connect", scenario: "no-cema",
            finding: "the caller is told that the other end connects"
        ) { recorded in
            recorded.changeSIP { message in
                guard message.direction == .received else { return }
                message.lines = message.lines.map { $0.replacing("a=setup:active", with: "a=setup:passive") }
            }
        },
        Fault(
            testDescription: "the second offer has CEMA again", scenario: "no-cema",
            finding: "the caller offers again without CEMA"
        ) { recorded in
            recorded.changeSIP { message in
                guard message.direction == .sent, message.startLine.hasPrefix("INVITE") else { return }
                message.lines.append("a=msrp-cema")
            }
        },
        Fault(
            testDescription: "the callee keeps the caller's path", scenario: "no-cema",
            finding: "the callee gets the gateway's path at last"
        ) { recorded in
            recorded.changeSIP { message in
                guard message.direction == .received, message.startLine.hasPrefix("INVITE") else { return }
                message.lines = message.lines.map { $0.replacing("//127.9.9.31:40012", with: "//127.9.9.101:40001") }
            }
        },
        Fault(
            testDescription: "the gateway never reads messages", scenario: "no-cema", finding: "the gateway reads MSRP"
        ) { recorded in
            recorded.change { event in
                guard case .h248(var message) = event.what else { return }
                message.lines = message.lines.map { $0.replacing("/MSRP", with: "") }
                event.what = .h248(message)
            }
        },
        Fault(
            testDescription: "the callee is let in at the caller's own port", scenario: "no-cema",
            finding: "no UE is let in past the gateway"
        ) { $0.pastTheGateway() },
        Fault(
            testDescription: "the caller names a port", scenario: "active-passive",
            finding: "the caller offers a=setup:active at port 9"
        ) { $0.changeSIP { $0.lines = $0.lines.map { $0.replacing("message 9 ", with: "message 40001 ") } } },
        Fault(
            testDescription: "the callee connects", scenario: "active-passive",
            finding: "IMS-AGW connects on the leg of UE B"
        ) { recorded in
            recorded.change { event in
                guard case .connection(var connection) = event.what,
                    connection.local.contains(".102:")
                        || connection.remote.contains(".102:")
                else { return }
                connection.state = connection.state == .accepted ? .connected : .accepted
                event.what = .connection(connection)
            }
        },
        Fault(
            testDescription: "the gateway is the TLS server on both sides", scenario: "active-passive",
            finding: "the gateway is the TLS client of UE B"
        ) { $0.changeHandshakes { if $0.leg == "access" { $0.role = .server } } },
        Fault(
            testDescription: "the unchanged offer makes a handshake", scenario: "reinvite",
            finding: "refresh makes no handshake"
        ) { $0.handshakeAfter("refresh") },
        Fault(testDescription: "hold makes a handshake", scenario: "reinvite", finding: "hold makes no handshake") {
            $0.handshakeAfter("hold")
        },
        Fault(
            testDescription: "the other certificate makes none", scenario: "reinvite",
            finding: "new-certificate makes one handshake"
        ) { recorded in
            recorded.remove { event in
                if case .tls(let handshake) = event.what {
                    handshake.peerFingerprint == RecordedScenario.other
                } else {
                    false
                }
            }
        },
        Fault(
            testDescription: "the gateway sees the old certificate again", scenario: "reinvite",
            finding: "the gateway saw that certificate"
        ) { $0.changeHandshakes { $0.peerFingerprint = RecordedScenario.fingerprint } },
        Fault(
            testDescription: "the offer is not the same", scenario: "reinvite",
            finding: "refresh offers the same again"
        ) { $0.changeSIP { if $0.cSeq == "2 INVITE" { $0.lines.append("a=path:other") } } },
        Fault(
            testDescription: "one is refused", scenario: "reinvite",
            finding: "the caller makes 5 changes, each answered 200"
        ) {
            $0.changeSIP {
                if $0.cSeq == "4 INVITE", $0.direction == .received { $0.startLine = "SIP/2.0 488 Not Acceptable Here" }
            }
        },
        Fault(testDescription: "hold is not answered", scenario: "reinvite", finding: "hold is answered a=inactive") {
            $0.changeSIP { if $0.direction == .received { $0.lines.removeAll { $0 == "a=inactive" } } }
        },
        Fault(
            testDescription: "a message in between is lost", scenario: "reinvite", finding: "4 messages arrived"
        ) { recorded in
            let last = recorded.allSent.last?.digest
            recorded.remove { event in
                if case .milestone(let milestone) = event.what {
                    milestone.digest == last
                } else {
                    false
                }
            }
        },
        Fault(testDescription: "the other device does not ring", scenario: "forking", finding: "UE B2 rings") {
            $0.remove { $0.node == NodeName.secondDevice && $0.isSIP("SIP/2.0 180") }
        },
        Fault(testDescription: "it is not cancelled", scenario: "forking", finding: "UE B2 is cancelled") {
            $0.removeSIP { $0.startLine.hasPrefix("CANCEL") }
        },
        Fault(testDescription: "it answers too", scenario: "forking", finding: "it ends with 487") {
            $0.atUE(NodeName.secondDevice, .sent, "SIP/2.0 200 OK", cSeq: "1 INVITE")
        },
        Fault(testDescription: "the caller gets two 200", scenario: "forking", finding: "the caller gets one 200") {
            $0.atUE(NodeName.callingUE, .received, "SIP/2.0 200 OK", cSeq: "1 INVITE")
        },
        Fault(testDescription: "one early dialog only", scenario: "forking", finding: "the caller hears both ring") {
            $0.changeSIP { $0.toTag = "b" }
        },
        Fault(
            testDescription: "a core port a branch", scenario: "forking", finding: "both branches carry one core port"
        ) { recorded in
            recorded.sip(
                NodeName.serving, .sent, "127.9.9.10:1", "127.9.9.20:1", "INVITE sip:b SIP/2.0", cSeq: "1 INVITE",
                lines: ["m=message 7 TCP/MSRP *"])
        },
        Fault(testDescription: "a context too many", scenario: "forking", finding: "three contexts") {
            $0.gateway("Reply 7: Add ip/1/access/9, Add ip/1/core/9", context: 9)
            $0.gateway("Reply 8: Subtract ip/1/access/9, Subtract ip/1/core/9", context: 9)
        },
        Fault(testDescription: "the message comes there too", scenario: "forking", finding: "nothing arrives at UE B2")
        {
            $0.add(NodeName.secondDevice, .milestone(.init(.messageReceived, bytes: 5, digest: "2cf24d")))
        },
        Fault(testDescription: "it gets a connection", scenario: "forking", finding: "UE B2 gets no media connection") {
            $0.add(
                NodeName.secondDevice,
                .connection(.init(state: .connected, local: "127.9.9.103:7", remote: "127.9.9.31:7", leg: "msrp")))
        },
        Fault(
            testDescription: "the caller is challenged for a password", scenario: "aka",
            finding: "UE A is challenged by AKAv1-MD5"
        ) { $0.changeSIP { $0.lines = $0.lines.map { $0.replacing("AKAv1-MD5", with: "MD5") } } },
        Fault(testDescription: "it answers otherwise", scenario: "aka", finding: "UE A answers so") {
            $0.changeSIP { if $0.direction == .sent { $0.lines.removeAll { $0.hasPrefix("Authorization") } } }
        },
        Fault(
            testDescription: "another identity is asserted", scenario: "aka",
            finding: "the core is told whose keys they were"
        ) { $0.changeSIP { $0.lines = $0.lines.map { $0.replacing("sip:carol@", with: "sip:alice@") } } },
        Fault(
            testDescription: "the caller is told 200", scenario: "downgrade-refused",
            finding: "the caller gets 488 and no 200"
        ) { $0.changeSIP { $0.startLine = $0.startLine.replacing("488 Not Acceptable Here", with: "200 OK") } },
        Fault(testDescription: "no ACK", scenario: "downgrade-refused", finding: "the callee gets ACK") {
            $0.removeSIP { $0.startLine.hasPrefix("ACK ") }
        },
        Fault(
            testDescription: "the callee is left alone", scenario: "downgrade-refused", finding: "the callee gets BYE"
        ) { $0.removeSIP { $0.startLine.hasPrefix("BYE ") } },
        Fault(testDescription: "BYE without a cause", scenario: "downgrade-refused", finding: "with a Reason") {
            $0.changeSIP { $0.lines.removeAll { $0.hasPrefix("Reason:") } }
        },
        Fault(
            testDescription: "the callee kept to TLS: nothing was tried", scenario: "downgrade-refused",
            finding: "the callee was offered TLS and answered without"
        ) { $0.changeSIP { $0.lines = $0.lines.map { $0.replacing("TCP/MSRP", with: "TCP/TLS/MSRP") } } },
        Fault(
            testDescription: "plain MSRP is answered", scenario: "downgrade-refused",
            finding: "the gateway takes no MSRP from the callee"
        ) {
            $0.add(
                NodeName.calledUE,
                .msrp(
                    .init(
                        direction: .received, local: "127.9.9.102:1", remote: "127.9.9.31:2", summary: "200 OK",
                        transactionID: "t", leg: "msrp")))
        },
        Fault(
            testDescription: "a core leg comes about", scenario: "downgrade-refused", finding: "nothing else connects"
        ) {
            $0.add(
                NodeName.gateway,
                .connection(.init(state: .connected, local: "127.9.9.32:1", remote: "127.9.9.32:2", leg: "core")))
        },
        Fault(
            testDescription: "the caller indicated after all", scenario: "rcs51-originating",
            finding: "UE A indicated nothing"
        ) {
            $0.changeSIP {
                if $0.startLine.hasPrefix("REGISTER") { $0.lines.append("Security-Client: msrp-tls;mediasec") }
            }
        },
        Fault(
            testDescription: "the caller asked for e2ae", scenario: "rcs51-originating",
            finding: "the caller offers TLS with a fingerprint and does not ask"
        ) { $0.changeSIP { if $0.startLine.hasPrefix("INVITE") { $0.lines.append("a=3ge2ae:requested") } } },
        Fault(
            testDescription: "e2ae for another reason", scenario: "rcs51-originating",
            finding: "the reason of the originating decision is the RCS 5.1 option"
        ) { recorded in
            recorded.change { event in
                guard case .decision(var decision) = event.what else { return }
                decision.reason = "both indicated"
                event.what = .decision(decision)
            }
        },
        Fault(
            testDescription: "the fingerprint goes into the core", scenario: "rcs51-originating",
            finding: "the core sees TCP/MSRP without a fingerprint"
        ) { recorded in
            recorded.change { event in
                guard event.node == NodeName.proxy, case .sip(var message) = event.what else { return }
                message.lines.append("a=fingerprint:" + RecordedScenario.fingerprint)
                event.what = .sip(message)
            }
        },
        Fault(
            testDescription: "the caller is answered without fingerprint", scenario: "rcs51-originating",
            finding: "the caller is answered with TLS and a fingerprint"
        ) {
            $0.changeSIP {
                if $0.startLine.hasPrefix("SIP/2.0") { $0.lines.removeAll { $0.hasPrefix("a=fingerprint:") } }
            }
        },
        Fault(
            testDescription: "the callee is told 3ge2ae:applied", scenario: "rcs51-terminating",
            finding: "it offers TLS with a fingerprint and without 3ge2ae"
        ) { $0.changeSIP { if $0.startLine.hasPrefix("INVITE") { $0.lines.append("a=3ge2ae:applied") } } },
        Fault(
            testDescription: "no second offer", scenario: "rcs51-fallback", finding: "the callee gets two offers"
        ) { recorded in
            recorded.removeSIP {
                $0.startLine.hasPrefix("INVITE") && $0.direction == .received && $0.mediaTransport == "TCP/MSRP"
            }
        },
        Fault(
            testDescription: "the second offer is TLS again", scenario: "rcs51-fallback",
            finding: "the second one offers plain TCP"
        ) { $0.changeSIP { $0.lines = $0.lines.map { $0.replacing(" TCP/MSRP", with: " TCP/TLS/MSRP") } } },
        Fault(
            testDescription: "the caller hears of the refusal", scenario: "rcs51-fallback",
            finding: "the caller gets one final answer, 200"
        ) { $0.atUE(NodeName.callingUE, .received, "SIP/2.0 488 Not Acceptable Here", cSeq: "1 INVITE") },
        Fault(testDescription: "one socket is IPv4", scenario: "ipv6", finding: "every socket is at ::1") {
            $0.sip(
                NodeName.proxy, .sent, "127.0.0.1:5060", "127.0.0.1:5062", "OPTIONS sip:x SIP/2.0", cSeq: "1 OPTIONS")
        },
        Fault(testDescription: "one c= line is IPv4", scenario: "ipv6", finding: "SDP and paths name ::1 only") {
            $0.changeSIP { $0.lines = $0.lines.map { $0.replacing("IP6 ::1", with: "IP4 127.0.0.1") } }
        },
    ]

    @Test("a fault is found", arguments: faults + specialFaults)
    func found(_ fault: Fault) throws {
        let scenario = try #require(Scenario.named(fault.scenario))
        var recorded = RecordedScenario(scenario)
        fault.spoil(&recorded)
        let result = checks(scenario, recorded)
        let failed = result.findings.filter { !$0.passed }
        #expect(failed.contains { $0.name.hasPrefix(fault.finding) }, "\(failed)")
        #expect(result.detail.contains(fault.finding))
    }
}

extension FlowEvent {
    func isSIP(_ start: String) -> Bool {
        if case .sip(let message) = what { message.startLine.hasPrefix(start) } else { false }
    }

    func isMilestone(_ name: Milestone.Name) -> Bool {
        if case .milestone(let milestone) = what { milestone.name == name } else { false }
    }
}

extension RecordedScenario {
    /// A handshake of the caller just after one of its changes.
    mutating func handshakeAfter(_ action: String) {
        let changes = scenario.actions.filter { !$0.hasPrefix("message:") }
        guard let number = changes.firstIndex(of: action) else { return }
        let invite = events.first { event in
            guard event.node == NodeName.callingUE, case .sip(let message) = event.what else { return false }
            return message.startLine.hasPrefix("INVITE") && message.cSeq == "\(number + 2) INVITE"
        }
        guard let invite else { return }
        addHandshake(at: invite.time + 1)
    }

    mutating func changeSIP(_ edit: (inout FlowEvent.Signalling) -> Void) {
        change { event in
            if case .sip(var message) = event.what {
                edit(&message)
                event.what = .sip(message)
            }
        }
    }

    mutating func removeSIP(where matches: (FlowEvent.Signalling) -> Bool) {
        remove { event in if case .sip(let message) = event.what { matches(message) } else { false } }
    }

    mutating func changeHandshakes(_ edit: (inout FlowEvent.Handshake) -> Void) {
        change { event in
            if case .tls(var handshake) = event.what {
                edit(&handshake)
                event.what = .tls(handshake)
            }
        }
    }
}
