/// A scenario as data: what each UE says and does, and what must come of it. A new one is a new value in `Scenario.all`.
package struct Scenario: Hashable, Sendable {
    package enum GmTransport: String, Hashable, Sendable, CaseIterable { case udp, tcp, tls }

    /// How one UE behaves.
    package struct Party: Hashable, Sendable {
        /// Its transport to the P-CSCF. Over anything but TLS the network indicates nothing.
        package var gm: GmTransport
        /// `Security-Client: msrp-tls;mediasec` at registration.
        package var indicates: Bool
        /// Further keys of its configuration.
        package var settings: [Setting]
        /// Seconds for which it rings before it answers.
        package var rings: Int?

        package init(gm: GmTransport, indicates: Bool, _ settings: [Setting] = [], rings: Int? = nil) {
            self.gm = gm
            self.indicates = indicates
            self.settings = settings
            self.rings = rings
        }

        /// Both sides indicate, Gm is TLS.
        package static let secure = Party(gm: .tls, indicates: true)
        package static let plain = Party(gm: .udp, indicates: false)

        package static func secure(_ settings: Setting..., rings: Int? = nil) -> Party {
            Party(gm: .tls, indicates: true, settings, rings: rings)
        }

        var isProtected: Bool { indicates && gm == .tls }
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
    package var network: NetworkVariant
    package var caller: Party
    package var callee: Party
    /// Another device of the callee, which gets nothing.
    package var secondDevice: Party?
    package var content: Content
    /// What the caller does after the first message: values of `--then`.
    package var actions: [String]
    package var outcome: Outcome
    /// The decision of TS 33.328 for the originating and for the terminating leg. It follows from who indicates, unless the network's policy says more.
    package var originating: AccessLeg
    package var terminating: AccessLeg
    /// What must be seen beyond that.
    package var proofs: [Proof]

    package init(
        _ name: String, _ summary: String, network: NetworkVariant = .base, caller: Party, callee: Party,
        secondDevice: Party? = nil, content: Content = .message, actions: [String] = [], outcome: Outcome = .delivered,
        originating: AccessLeg? = nil, terminating: AccessLeg? = nil, proofs: [Proof] = []
    ) {
        self.name = name
        self.summary = summary
        self.network = network
        self.caller = caller
        self.callee = callee
        self.secondDevice = secondDevice
        self.content = content
        self.actions = actions
        self.outcome = outcome
        self.originating = originating ?? (caller.isProtected ? .tls : .tcp)
        self.terminating = terminating ?? (callee.isProtected ? .tls : .tcp)
        self.proofs = proofs
    }
}
