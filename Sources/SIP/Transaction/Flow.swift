import WireSyntax

/// The way a message came or goes: a transport, both ends, and for connections which one.
///
/// RFC 5626 §3 calls this a flow. Two TCP connections between the same ends at different times are different flows: `connection` is never reused
/// in the life of a process.
public struct Flow: Hashable, Sendable, CustomStringConvertible {
    public enum Transport: String, Hashable, Sendable, CaseIterable {
        case udp, tcp, tls

        /// As in a Via: `UDP`, `TCP`, `TLS`.
        public var viaName: String { rawValue.uppercased() }
    }

    public var transport: Transport
    public var local: Endpoint
    public var remote: Endpoint
    /// Number of the connection, from 1; 0 for UDP.
    public var connection: UInt64

    public init(transport: Transport, local: Endpoint, remote: Endpoint, connection: UInt64 = 0) {
        self.transport = transport
        self.local = local
        self.remote = remote
        self.connection = connection
    }

    /// RFC 3261 §17: over a reliable transport nothing is retransmitted.
    public var isReliable: Bool { transport != .udp }

    public var description: String {
        "\(transport.rawValue) \(local)-\(remote)" + (connection == 0 ? "" : "#\(connection)")
    }
}
