import Observability

/// One connection of the media plane as its two ends saw it: what the report and the table say about it.
package struct Leg: Hashable, Sendable, Codable {
    /// The node that opened the connection, and the one that accepted it.
    package var from: String
    package var to: String
    /// `TCP` or `TCP/TLS`.
    package var transport: String
    package var tlsVersion: String?
    /// IANA name.
    package var cipher: String?
    /// Lower-case hexadecimal.
    package var clientRandom: String?
    /// What the SDP said of the peer's certificate, and what the handshake showed: `SHA-256 AB:…`. On an access leg, the certificate of the UE.
    package var fingerprintInSDP: String?
    package var fingerprintInTLS: String?
    /// Octets of payload (within TLS), both directions together.
    package var bytes: Int

    package var isTLS: Bool { transport == "TCP/TLS" }
}

extension Leg {
    // Written out so that an absent value is `null`: every leg has every key.
    enum CodingKeys: String, CodingKey {
        case from, to, transport, tlsVersion, cipher, clientRandom, fingerprintInSDP, fingerprintInTLS, bytes
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(from, forKey: .from)
        try container.encode(to, forKey: .to)
        try container.encode(transport, forKey: .transport)
        try container.encode(tlsVersion, forKey: .tlsVersion)
        try container.encode(cipher, forKey: .cipher)
        try container.encode(clientRandom, forKey: .clientRandom)
        try container.encode(fingerprintInSDP, forKey: .fingerprintInSDP)
        try container.encode(fingerprintInTLS, forKey: .fingerprintInTLS)
        try container.encode(bytes, forKey: .bytes)
    }
}

/// Gathers legs from the events of one scenario.
struct LegCollector {
    /// A leg with what checks need beyond the report.
    struct Observed: Hashable {
        var leg: Leg
        /// `access`, `core` or `msrp`.
        var kind: String
        /// Every handshake event of this connection, from either end.
        var handshakes: [FlowEvent.Handshake]
        var isEstablished: Bool
        /// Nanoseconds since 1970 of the first event.
        var began: Int64
    }

    private struct Pair: Hashable {
        let ends: Set<String>
        init(_ local: String, _ remote: String) { ends = [local, remote] }
    }

    private(set) var legs: [Observed] = []
    private var index: [Pair: Int] = [:]
    private var bytes: [Int: [String: Int]] = [:]
    private let map: NetworkMap

    init(_ events: [FlowEvent], map: NetworkMap) {
        self.map = map
        for event in events.sorted(by: { $0.time < $1.time }) {
            switch event.what {
            case .connection(let connection): add(connection, event)
            case .tls(let handshake): add(handshake, event)
            default: break
            }
        }
        for (place, counts) in bytes { legs[place].leg.bytes = counts[NodeName.gateway] ?? counts.values.max() ?? 0 }
    }

    /// Legs on which TCP, and TLS where there is any, came about.
    var established: [Observed] { legs.filter(\.isEstablished) }

    static func isMedia(_ leg: String) -> Bool { ["access", "core", "msrp"].contains(leg) }

    private mutating func place(_ local: String, _ remote: String, _ kind: String, client: Bool, at time: Int64) -> Int
    {
        let pair = Pair(local, remote)
        // The gateway names the realm; an end only says `msrp`.
        if let found = index[pair] {
            if legs[found].kind == "msrp" { legs[found].kind = kind }
            return found
        }
        let (from, to) = client ? (local, remote) : (remote, local)
        legs.append(
            Observed(
                leg: Leg(
                    from: map.name(ofEndpoint: from), to: map.name(ofEndpoint: to), transport: "TCP", bytes: 0),
                kind: kind, handshakes: [], isEstablished: false, began: time))
        index[pair] = legs.count - 1
        return legs.count - 1
    }

    private mutating func add(_ connection: FlowEvent.Connection, _ event: FlowEvent) {
        // Without both ends there is nothing to join.
        guard Self.isMedia(connection.leg), !connection.local.isEmpty, !connection.remote.isEmpty else { return }
        switch connection.state {
        case .connecting, .failed: return
        case .connected, .accepted:
            let place = place(
                connection.local, connection.remote, connection.leg, client: connection.state == .connected,
                at: event.time)
            if legs[place].handshakes.isEmpty { legs[place].isEstablished = true }
        case .closed:
            guard let place = index[Pair(connection.local, connection.remote)] else { return }
            let count = (connection.bytesReceived ?? 0) + (connection.bytesSent ?? 0)
            bytes[place, default: [:]][event.node] = max(bytes[place]?[event.node] ?? 0, count)
        }
    }

    private mutating func add(_ handshake: FlowEvent.Handshake, _ event: FlowEvent) {
        guard Self.isMedia(handshake.leg) else { return }
        let place = place(
            handshake.local, handshake.remote, handshake.leg, client: handshake.role == .client, at: event.time)
        legs[place].handshakes.append(handshake)
        legs[place].isEstablished = legs[place].handshakes.allSatisfy(\.accepted)
        var leg = legs[place].leg
        leg.transport = "TCP/TLS"
        leg.tlsVersion = leg.tlsVersion ?? handshake.version
        leg.cipher = leg.cipher ?? handshake.cipher
        leg.clientRandom = leg.clientRandom ?? handshake.clientRandom
        // What the gateway checked is what lets a UE in or keeps it out.
        if event.node == NodeName.gateway || leg.fingerprintInTLS == nil {
            leg.fingerprintInSDP = handshake.expectedFingerprints.first ?? leg.fingerprintInSDP
            leg.fingerprintInTLS = handshake.peerFingerprint ?? leg.fingerprintInTLS
        }
        legs[place].leg = leg
    }
}
