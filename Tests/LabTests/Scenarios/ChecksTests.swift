import Observability
import Testing

@testable import Lab

@Suite("Lab: a scenario passes only with what must be seen")
struct ChecksTests {
    private func checks(_ scenario: Scenario, _ recorded: RecordedScenario) -> Checks {
        Checks(
            scenario, events: recorded.events, map: RecordedScenario.map(of: scenario), sent: RecordedScenario.sent)
    }

    @Test("the events of a good run pass", arguments: Scenario.all)
    func good(_ scenario: Scenario) {
        let result = checks(scenario, RecordedScenario(scenario))
        #expect(result.passed, "\(result.detail)")
    }

    @Test("nothing at all fails", arguments: Scenario.all)
    func nothing(_ scenario: Scenario) {
        let result = Checks(scenario, events: [], map: RecordedScenario.map, sent: RecordedScenario.sent)
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
    func isMilestone(_ name: Milestone.Name) -> Bool {
        if case .milestone(let milestone) = what { milestone.name == name } else { false }
    }
}

extension RecordedScenario {
    mutating func changeSIP(_ edit: (inout FlowEvent.Signalling) -> Void) {
        change { event in
            if case .sip(var message) = event.what {
                edit(&message)
                event.what = .sip(message)
            }
        }
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
