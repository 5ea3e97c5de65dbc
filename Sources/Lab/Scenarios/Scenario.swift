/// A scenario as data: what each UE says and does, and what must come of it. A new one is a new value in `Scenario.all`.
package struct Scenario: Hashable, Sendable {
    package enum GmTransport: String, Hashable, Sendable, CaseIterable { case udp, tcp, tls }

    /// How one UE behaves.
    package struct Party: Hashable, Sendable {
        /// Its transport to the P-CSCF. Over anything but TLS the network indicates nothing.
        package var gm: GmTransport
        /// `Security-Client: msrp-tls;mediasec` at registration.
        package var indicates: Bool
        /// Presents another certificate than the one whose fingerprint it put into its SDP.
        package var presentsForeignCertificate = false

        package init(gm: GmTransport, indicates: Bool, presentsForeignCertificate: Bool = false) {
            self.gm = gm
            self.indicates = indicates
            self.presentsForeignCertificate = presentsForeignCertificate
        }

        /// Both sides indicate, Gm is TLS.
        package static let secure = Party(gm: .tls, indicates: true)
        package static let plain = Party(gm: .udp, indicates: false)
    }

    package enum Content: Hashable, Sendable { case message, file }

    /// What a leg between a UE and its gateway must be.
    package enum AccessLeg: String, Hashable, Sendable { case tls, tcp }

    package enum Outcome: Hashable, Sendable {
        case delivered
        /// The gateway refuses the caller's certificate; nobody gets anything and the session is released both ways.
        case refused
    }

    package var name: String
    package var summary: String
    package var caller: Party
    package var callee: Party
    package var content: Content = .message
    package var outcome: Outcome = .delivered

    /// The decision of TS 33.328 for the originating and for the terminating leg follows from who indicates.
    package var originating: AccessLeg { Self.isProtected(caller) ? .tls : .tcp }
    package var terminating: AccessLeg { Self.isProtected(callee) ? .tls : .tcp }

    private static func isProtected(_ party: Party) -> Bool { party.indicates && party.gm == .tls }
}

extension Scenario {
    package static let all: [Scenario] = [
        Scenario(
            name: "plain", summary: "nobody indicates e2ae: plain MSRP through the gateway", caller: .plain,
            callee: Party(gm: .tcp, indicates: false)),
        Scenario(
            name: "e2ae-originating", summary: "the caller's access leg is TLS, the callee's is plain",
            caller: .secure, callee: .plain),
        Scenario(
            name: "e2ae-terminating", summary: "the callee's access leg is TLS, the caller's is plain",
            caller: .plain, callee: .secure),
        Scenario(name: "e2ae-both", summary: "both access legs are TLS", caller: .secure, callee: .secure),
        Scenario(
            name: "bad-fingerprint", summary: "the caller shows another certificate than its SDP announced: refused",
            caller: Party(gm: .tls, indicates: true, presentsForeignCertificate: true), callee: .secure,
            outcome: .refused),
        Scenario(
            name: "file-transfer", summary: "a file in chunks, with reports, over two TLS access legs",
            caller: .secure, callee: .secure, content: .file),
    ]

    package static func named(_ name: String) -> Scenario? { all.first { $0.name == name } }
}
