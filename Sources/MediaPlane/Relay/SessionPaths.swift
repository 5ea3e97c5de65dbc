import MSRP
import NIOCore

/// The URIs on one leg of an application-aware session: the gateway's own, which the peer there was given as `a=path`, and the peer's path.
struct SessionPaths: Sendable {
    let own: MSRPURI
    let peer: [MSRPURI]
    /// The values as they stand in messages.
    let ownText: ByteBuffer
    let peerText: ByteBuffer
    /// The leftmost URI of the peer: where responses to SEND go (RFC 4975 §7.2).
    let firstPeerText: ByteBuffer

    init(own: MSRPURI, peer: [MSRPURI]) {
        self.own = own
        self.peer = peer
        ownText = ByteBuffer(string: own.description)
        peerText = ByteBuffer(string: peer.map(\.description).joined(separator: " "))
        firstPeerText = ByteBuffer(string: peer.first?.description ?? "")
    }

    /// To-Path names this session, and nothing else (A9). Equal octets are the usual case and need no parsing.
    func isOwn(_ path: ByteBuffer) -> Bool {
        if path == ownText { return true }
        guard let uris = try? parsePath(path) else { return false }
        return uris == [own]
    }

    /// From-Path is the path that the peer announced in its SDP (A9).
    func isPeer(_ path: ByteBuffer) -> Bool {
        if path == peerText { return true }
        guard let uris = try? parsePath(path) else { return false }
        return uris == peer
    }

    /// From-Path of a response: the hop that answers, or the whole path.
    func isPeerResponse(_ path: ByteBuffer) -> Bool {
        if path == peerText || path == firstPeerText { return true }
        guard let uris = try? parsePath(path) else { return false }
        return uris == peer || uris == Array(peer.prefix(1))
    }
}
