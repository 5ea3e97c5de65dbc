import NIOCore
import SIP
import Transport
import WireSyntax

/// Where requests to the core go.
extension ProxyCSCF {
    enum NextHopError: Error, Hashable {
        /// Neither the home network nor a configured peer.
        case notAPeer(String)
        case noEndpoint
    }

    /// REGISTER, and whatever has no route.
    func toHome(_ body: @escaping (Result<Flow, any Error>) -> Void) { toCore(settings.home, .tcp, body) }

    /// RFC 3261 §16.6 step 7, RFC 3263 as far as addresses go: the topmost Route, or the Request-URI. Only peers are written to, whatever the URI
    /// says (A10); a name of the home domain is the home network.
    func toCore(for request: Request, _ body: @escaping (Result<Flow, any Error>) -> Void) {
        let target = (try? request.headers.routes(.route))?.first?.uri ?? request.uri
        guard case .sip(let uri) = target else { return toHome(body) }
        guard case .address(let address) = uri.host else {
            guard "\(uri.host)" == settings.domain.lowercased() else {
                return body(.failure(NextHopError.notAPeer("\(uri.host)")))
            }
            return toHome(body)
        }
        guard settings.peers.contains(address.unmapped) else {
            return body(.failure(NextHopError.notAPeer("\(address)")))
        }
        toCore(Endpoint(address, uri.port ?? 5060), .tcp, body)
    }

    private func toCore(
        _ target: Endpoint, _ transport: Flow.Transport, _ body: @escaping (Result<Flow, any Error>) -> Void
    ) {
        guard let endpoint else { return body(.failure(NextHopError.noEndpoint)) }
        let loopBound = NIOLoopBound(body, eventLoop: eventLoop)
        endpoint.flow(to: target, transport: transport, from: "mw").whenComplete { loopBound.value($0) }
    }

    func toUE(_ flow: Flow, _ body: (Result<Flow, any Error>) -> Void) {
        guard let endpoint, endpoint.isOpen(flow) else { return body(.failure(NextHopError.noEndpoint)) }
        body(.success(flow))
    }
}
