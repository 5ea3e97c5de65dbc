import Logging
import MediaSecurity
import NIOCore
import NIOPosix
import Observability
import Transport
import WireSyntax

/// What one end of a call shows: the identity whose fingerprint stands in the SDP, and the TLS contexts that present it.
struct MediaIdentity {
    let announced: Identity
    /// What is presented: the same, but for tests of a gateway.
    let tls: PinnedTLS
}

/// What the media of every call of one UE shares.
struct MediaEnvironment {
    let eventLoop: any EventLoop
    let deadlines: DeadlineDriver
    let pool: NIOThreadPool
    let settings: UserEquipmentSettings
    /// Of every call that needs none of its own.
    let identity: MediaIdentity
    /// A fresh one: for a new certificate, and for an anonymous call (RFC 4975 §14.4).
    let makeIdentity: @Sendable () throws -> MediaIdentity
    let fingerprintPolicy: FingerprintPolicy
    let capture: Capture?
    let events: any FlowEventSink
    let logger: Logger
}

/// Timers that no specification gives (X3), and bounds on strangers.
enum MediaLimits {
    static let connectTime = TimeAmount.seconds(10)
    static let handshakeTime = TimeAmount.seconds(10)
    /// From the end of signalling to the first MSRP message of the peer.
    static let establishTime = TimeAmount.seconds(25)
    /// Accepted connections whose peer is not known yet; the oldest gives way.
    static let pendingConnections = 4
    /// Octets in flight to the socket: one flush into TLS stays small.
    static let writeHighMark = 256 * 1024
    static let writeLowMark = 64 * 1024
    /// Responses and REPORTs that may wait before nothing more is read from a peer.
    static let waitingAnswers = 64
    /// Largest message that is kept in memory to be shown.
    static let shownMessage = 1 << 20
}
