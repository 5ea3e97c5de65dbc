import NIOCore
import SIP
import WireSyntax

/// RFC 3261 §18.1.1: a request longer than 1,300 octets goes over a transport that controls congestion; where the peer takes none, over UDP after all.
///
/// ```
///   send ── short ───────────────────────────────────────▶ UDP
///     └──── long ──▶ TCP to the same address and port ───▶ TCP, with TCP in Via
///                      └── refused, or no answer in 2 s ─▶ UDP, and for 5 minutes at once
/// ```
extension SIPEndpoint {
    /// Opens a connection: from an endpoint of ours (nil: any; port 0: any), to one of the peer, in a time.
    typealias Connector = (
        any EventLoop, Endpoint?, Endpoint, TimeAmount, @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel>

    /// A request that waits for its connection.
    struct HeldRequest {
        /// It was cancelled meanwhile: headers for the CANCEL.
        var cancellation: Headers?
    }

    func isTooLong(_ request: Request, for flow: Flow) -> Bool {
        guard flow.transport == .udp, request.method != .cancel, !isStopped else { return false }
        if let until = datagramPeers[flow.remote] {
            guard until <= eventLoop.now else { return false }
            datagramPeers[flow.remote] = nil
        }
        guard request.body.readableBytes <= limits.datagramRequest else { return true }
        var octets = ByteBuffer()
        Message.request(request).write(into: &octets)
        return octets.readableBytes > limits.datagramRequest
    }

    /// A TCP flow beside a UDP flow: same name, same ends (our port where no listener of ours has it), by which the peer knows who we are. `body` is called once, on the loop; perhaps before this call returns.
    func overTCP(_ flow: Flow, _ body: @escaping (Result<Flow, any Error>) -> Void) {
        let isTaken = sockets.contains { $0.transport != .udp && $0.local.port == flow.local.port }
        connect(
            to: flow.remote, .tcp, from: name(of: flow), Endpoint(flow.local.address, isTaken ? 0 : flow.local.port),
            nil,
            timeout: limits.switchTime
        ).assumeIsolated().whenComplete { result in
            if case .failure = result { self.noteDatagramPeer(flow.remote) }
            body(result)
        }
    }

    private func noteDatagramPeer(_ peer: Endpoint) {
        let now = eventLoop.now
        if datagramPeers.count >= limits.datagramPeers { datagramPeers = datagramPeers.filter { $0.value > now } }
        guard datagramPeers.count < limits.datagramPeers else { return }
        datagramPeers[peer] = now + limits.datagramPeerTime
    }
}
