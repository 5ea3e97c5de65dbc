import NIOCore
import Observability
import SIP
import WireSyntax

/// RFC 3261 §18.2.2: a response whose connection is gone goes over a new one.
///
/// To the source of the request alone, at the port of its sent-by: where else the Via points (a name, `maddr`; RFC 3263 §5) is the word of whoever sent the
/// request, and following it would let a peer choose whom we connect to.
extension SIPEndpoint {
    /// Lets responses to requests that came by the listeners `name` go over a new connection. Not for Gm: behind a NAT another may listen at that address.
    ///
    /// - Parameter tls: for requests that came over TLS, which are answered over TLS or not at all (RFC 3263 §5).
    package func connectBack(_ name: String, tls: TLSClientSettings? = nil) {
        eventLoop.preconditionInEventLoop()
        connectingBack[name] = .some(tls)
    }

    /// - Returns: false if that is not allowed; otherwise the transaction fails when the connection does.
    func sendBack(_ response: Response, over flow: Flow) -> Bool {
        guard flow.isReliable, !isStopped, connections[flow.connection] == nil, let listener = listener(of: flow),
            let tls = connectingBack[listener.name], flow.transport != .tls || tls != nil,
            let via = try? response.headers.topVia()
        else { return false }
        let target = Endpoint(flow.remote.address, via.sentBy.port ?? ViaStamp.defaultPort(flow.transport))
        guard target.port != 0 else { return false }
        connect(
            to: target, flow.transport, from: listener.name, Endpoint(flow.local.address, 0),
            flow.transport == .tls ? tls : nil
        ).assumeIsolated().whenComplete { result in
            guard case .success(let open) = result, case .written = self.write(.response(response), over: open) else {
                self.layer.transmissionFailed(of: .response(response), over: flow)
                return self.pump()
            }
            if self.events.isEnabled { self.events.emit(SIPTrace.event(.response(response), .sent, over: open)) }
        }
        return true
    }

    /// The listener by which the connection of a flow was accepted.
    private func listener(of flow: Flow) -> SIPSocket? {
        sockets.first {
            $0.transport == flow.transport && $0.local.port == flow.local.port
                && ($0.local.address == flow.local.address || $0.local.address.isUnspecified)
        }
    }
}
