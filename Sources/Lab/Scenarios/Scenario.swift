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
        /// Registers by AKA, as the user who has keys in place of a password.
        package var usesAKA: Bool

        package init(gm: GmTransport, indicates: Bool, _ settings: [Setting] = [], usesAKA: Bool = false) {
            self.gm = gm
            self.indicates = indicates
            self.settings = settings
            self.usesAKA = usesAKA
        }

        /// Both sides indicate, Gm is TLS.
        package static let secure = Party(gm: .tls, indicates: true)
        package static let plain = Party(gm: .udp, indicates: false)

        package static func secure(_ settings: Setting...) -> Party { Party(gm: .tls, indicates: true, settings) }

        package static func quiet(_ settings: Setting...) -> Party { Party(gm: .tls, indicates: false, settings) }

        var isProtected: Bool { indicates && gm == .tls }
    }

    package enum Content: Hashable, Sendable { case message, file }

    /// What a leg between a UE and its gateway must be.
    package enum AccessLeg: String, Hashable, Sendable { case tls, tcp }

    package enum Outcome: Hashable, Sendable {
        case delivered
        /// The gateway refuses the caller's certificate; nobody gets anything and the session is released both ways.
        case refused
        /// The callee's answer is less than what it was offered: the caller gets 488, the callee ACK and BYE.
        case rejected
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

    /// Outcomes of the decisions for one direction, in their order.
    func decisions(_ direction: String) -> [String] {
        let leg = direction == "originating" ? originating : terminating
        if direction == "terminating", proofs.contains(.fallback) { return ["e2ae", "plain"] }
        return [leg == .tls ? "e2ae" : "plain"]
    }

    /// Texts that the caller sends after the first content.
    var furtherMessages: [String] {
        actions.compactMap { $0.hasPrefix(Self.messagePrefix) ? String($0.dropFirst(Self.messagePrefix.count)) : nil }
    }

    private static let messagePrefix = "message:"

    /// Connections that the caller's changes bring about beyond the first.
    var renewals: Int { actions.filter { $0 == "new-port" || $0 == "new-certificate" }.count }
}
