import H248
import NIOCore
import WireSyntax

/// The association of a gateway with one of its controllers (RFC 3525 §11.2, §11.5; iq-h248 6): a value, driven by `GatewayAgent`.
///
/// ```
///   idle ──timer──▶ registering(Restart 901) ──reply──▶ established ──silence, T-MAX──▶ registering(Disconnected 900)
///     ▲                  │ error, T-MAX: the next controller           │ stop: Graceful 905
///     └──────────────────┘                                             ▼ leaving
/// ```
struct Association: Sendable {
    enum State: Hashable, Sendable {
        /// Waiting for the time to register.
        case idle
        case registering(OutgoingTransaction)
        case established
        case leaving
    }

    var state = State.idle
    let controllers: [Peer]
    /// The one that is spoken to.
    private(set) var current = 0
    /// Where its requests and replies go.
    var endpoint: Endpoint
    /// The controller with which there was an association before, since the start.
    private(set) var previous: Int?
    /// When the controller was last heard.
    var heard = NIODeadline.uptimeNanoseconds(0)
    /// Lowered when the controller says 406.
    var version: UInt8?

    init(controllers: [Peer]) {
        self.controllers = controllers
        endpoint = controllers.first?.endpoint ?? Endpoint(.v4(0), 0)
    }

    var isEstablished: Bool { state == .established }

    func isCurrent(_ address: IPAddress) -> Bool { endpoint.address == address.unmapped }

    mutating func moveOn() {
        guard !controllers.isEmpty else { return }
        select((current + 1) % controllers.count)
    }

    mutating func select(_ index: Int) {
        current = index
        endpoint = controllers[index].endpoint
        version = nil
    }

    mutating func established(now: NIODeadline) {
        state = .established
        previous = current
        heard = now
    }

    /// What the next ServiceChange says.
    var occasion: (method: ServiceChangeDescriptor.Method, reason: String) {
        switch previous {
        case nil: (.restart, "901 Cold Boot")
        case current?: (.disconnected, "900 Service Restored")
        default: (.failover, "909 MGC Impending Failure")
        }
    }
}
