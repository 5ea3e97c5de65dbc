import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Transport
import WireSyntax

/// What a media plane is made with.
package struct MediaSettings: Sendable {
    /// The addresses of each realm, at most one of a family counts. Listeners bind to them, and so do outgoing connections.
    package var addresses: [Realm: [IPAddress]]
    /// Ports to listen on; nil: the kernel chooses.
    package var ports: ClosedRange<UInt16>?
    /// The identity that a TLS termination of a realm shows. A termination keeps the one whose fingerprint it gave.
    package var identities: [Realm: PinnedTLS]
    package var fingerprints = FingerprintPolicy.standard
    package var limits = MediaLimits()
    package var timers = MediaTimers()
    /// Never connected to: the gateway's own Iq address, and what the operator adds (A10).
    package var forbiddenAddresses: [IPAddress] = []
    package var capture: Capture?

    package init(addresses: [Realm: [IPAddress]], identities: [Realm: PinnedTLS], ports: ClosedRange<UInt16>? = nil) {
        self.addresses = addresses
        self.identities = identities
        self.ports = ports
    }

    /// The address of a realm in a family; nil: the realm has none (449).
    func address(_ realm: Realm, _ family: AddressFamily) -> IPAddress? {
        addresses[realm]?.first { $0.isV6 == (family == .v6) }
    }
}

/// X3: the timers that no specification gives, in one table.
package struct MediaTimers: Hashable, Sendable {
    /// From when both Remotes of the context are known until TCP stands.
    package var tcpEstablishment = TimeAmount.seconds(10)
    package var tlsHandshake = TimeAmount.seconds(10)
    /// How long a connection is held unread for a missing remote address or fingerprint, from accept.
    package var hold = TimeAmount.seconds(30)
    /// Until the core's peer has sent the first request head of its session.
    package var firstRequest = TimeAmount.seconds(10)
    /// How long a leg may stay half closed.
    package var linger = TimeAmount.seconds(5)
    package init() {}
}

/// What the media plane gives before it refuses (510).
package struct MediaLimits: Hashable, Sendable {
    /// Contexts at a time. From the limit of open files unless set.
    package var contexts: Int
    /// Connections accepted and not yet checked, over all contexts.
    package var pendingConnections = 1024
    /// Connections held or being checked, a termination (architecture.md).
    package var pendingPerTermination = 4
    /// Answers of our own that wait for the end of a chunk, a direction.
    package var waitingAnswers = 16

    /// Files that a process keeps for other things than sessions.
    static let reservedFiles = 256
    /// Two listeners and two connections.
    static let filesPerContext = 4

    package init(contexts: Int? = nil) {
        let files = OpenFileLimit.current - MediaLimits.reservedFiles - pendingConnections
        self.contexts = contexts ?? max(1, files / MediaLimits.filesPerContext)
    }
}
