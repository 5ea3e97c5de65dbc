import WireSyntax

/// A configured peer of Iq. RFC 3525 §10.1 leaves the protection to IPsec; what is ours: messages are taken only from configured peers.
public struct Peer: Hashable, Sendable, CustomStringConvertible {
    public var address: IPAddress
    /// Counts only where the configuration gives one: then datagrams from another port, and MIds with another port, are foreign.
    public var port: UInt16?

    /// H.248 text port (RFC 3525 D.1), where no other is known.
    public static let defaultPort: UInt16 = 2944

    public init(address: IPAddress, port: UInt16? = nil) {
        self.address = address
        self.port = port
    }

    /// Where requests to it go.
    public var endpoint: Endpoint { Endpoint(address, port ?? Peer.defaultPort) }
    public var description: String { port.map { "\(address.bracketed):\($0)" } ?? address.bracketed }
}

/// Who may speak: a pure rule, for both ends of Iq.
///
/// A message is taken when its datagram comes from a configured address (and port, where one is configured) and its MId is an address equal to the
/// datagram's, or a domain or device name. Anything else gets no answer and is counted.
public struct PeerPolicy: Hashable, Sendable {
    public var peers: [Peer]

    public init(peers: [Peer]) { self.peers = peers }

    /// The configured peer that may have sent a datagram; nil: foreign.
    public func peer(sending source: Endpoint) -> Peer? {
        peers.first { $0.address == source.address.unmapped && ($0.port ?? source.port) == source.port }
    }

    /// Why a message is foreign; nil when it is not.
    public func refusal(of sender: MessageIdentifier, from source: Endpoint) -> String? {
        guard let peer = peer(sending: source) else { return "\(source) is not a configured peer" }
        switch sender {
        case .address(let address, let port):
            guard address.unmapped == source.address.unmapped else {
                return "the mId \(sender) has another address than the datagram"
            }
            guard peer.port == nil || port == nil || port == peer.port else {
                return "the mId \(sender) has another port than the configured one"
            }
            return nil
        case .domain, .device: return nil
        case .mtp: return "an MTP address is no peer over IP"
        }
    }
}
