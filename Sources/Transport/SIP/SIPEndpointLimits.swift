import NIOCore

/// What a SIP endpoint grants to peers.
package struct SIPEndpointLimits: Sendable {
    /// Connections of all listeners, accepted and opened.
    package var connections = 4096
    /// Accepted connections of one source: an IPv4 address, or the /64 of an IPv6 address, all of which is one subscriber's.
    package var connectionsPerSource = 256
    /// A connection over which nothing comes or goes for so long is closed. Keep-alives (RFC 5626 §3.5.1) count.
    ///
    /// Longer than the longest registration that a registrar grants by default (two hours): the flow of a registration carries every call of its UE, and
    /// nothing needs to pass over it before the registration is refreshed. Longer registrations need keep-alives.
    package var idle = TimeAmount.minutes(125)
    /// From the first octet of a message, and from the acceptance of a connection (TLS included), to the end of the message.
    package var messageTime = TimeAmount.seconds(20)
    /// RFC 3261 §18.1.1: a longer request does not go over UDP while TCP can be had.
    package var datagramRequest = 1300
    /// How long the peer has to take the TCP connection for such a request; after that, and for `datagramPeerTime`, it goes over UDP.
    package var switchTime = TimeAmount.seconds(2)
    package var datagramPeerTime = TimeAmount.minutes(5)
    /// Peers of whom it is remembered that they take no TCP.
    package var datagramPeers = 4096
    /// RFC 5626 §4.4.1: a ping that gets no pong in this time has found a dead flow.
    package var pongTime = TimeAmount.seconds(10)
    /// Flows that are kept alive at a time.
    package var keepAlives = 10_000
    /// Octets that may wait for a peer that does not read; beyond, its connection is closed.
    package var pendingOctets = 1 << 20
    /// Answers to malformed requests: so many at once, and so many a second.
    package var malformedBurst = 32
    package var malformedRate = 16

    package init() {}
}

/// Why a request could not be sent, or a connection could not be had.
package enum SIPTransportError: Error, Hashable, CustomStringConvertible {
    case noListener(String)
    case tooManyConnections
    /// TLS without TLS settings, or the other way round.
    case settings
    case closed(String)

    package var description: String {
        switch self {
        case .noListener(let name): "no SIP socket named \(name)"
        case .tooManyConnections: "too many SIP connections"
        case .settings: "TLS needs TLS settings, and nothing else takes them"
        case .closed(let reason): reason
        }
    }
}

/// So many at once, and so many a second: keeps an endpoint from being made to answer rubbish.
struct TokenBucket {
    let burst: Int
    /// Tokens a second.
    let rate: Int
    private var tokens: Int
    private var filled: NIODeadline?

    init(burst: Int, rate: Int) {
        self.burst = burst
        self.rate = rate
        tokens = burst
    }

    /// Whether there was a token, which is then gone.
    mutating func take(now: NIODeadline) -> Bool {
        let last = filled ?? now
        let gained = Int64(rate) * (now - last).nanoseconds / 1_000_000_000
        if gained > 0 || filled == nil {
            tokens = min(burst, tokens + Int(min(gained, Int64(burst))))
            filled = now
        }
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }
}
