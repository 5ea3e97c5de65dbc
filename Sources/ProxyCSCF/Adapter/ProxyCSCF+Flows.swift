import Logging
import NIOCore
import Observability
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

    /// How many addresses the name of the home network may lead to, and how long one that it no longer leads to stays a peer: a dialog may still use it.
    static let homeAddressLimit = 32
    static let homeAddressLife = TimeAmount.hours(1)

    /// Where requests of the core come from, and may go to: what is configured, and what the name of the home network led to (A12).
    var peers: Set<IPAddress> {
        homeAddresses.isEmpty ? settings.peers : settings.peers.union(homeAddresses.keys)
    }

    /// REGISTER, and whatever has no route. A name is looked up for each request (the resolver keeps answers for their time to live), and its targets are
    /// tried in order (RFC 3263 §4.3).
    func toHome(_ body: @escaping (Result<Flow, any Error>) -> Void) {
        if let address = settings.home.host.numeric {
            return toCore(Endpoint(address, settings.home.port ?? 5060), .tcp, body)
        }
        let loopBound = NIOLoopBound(body, eventLoop: eventLoop)
        lookUpHome { [weak self] result in
            switch result {
            case .success(let targets): self?.tryHome(targets[...], loopBound.value)
            case .failure(let error): loopBound.value(.failure(error))
            }
        }
    }

    /// Where the name of the home network leads; the addresses are peers from then on.
    private func lookUpHome(_ body: @escaping @Sendable (Result<[ServerSelection.Target], any Error>) -> Void) {
        guard let names, let uri = try? SIPURI("sip:\(settings.home);transport=tcp") else {
            return body(.failure(NextHopError.noEndpoint))
        }
        names.resolve(uri).whenComplete { [weak self] result in
            if let self, case .success(let targets) = result { self.note(home: targets) }
            body(result)
        }
    }

    private func note(home targets: [ServerSelection.Target]) {
        let now = eventLoop.now
        homeAddresses = homeAddresses.filter { $0.value + Self.homeAddressLife > now }
        for target in targets.prefix(Self.homeAddressLimit) {
            let address = target.endpoint.address.unmapped
            if homeAddresses.count >= Self.homeAddressLimit, homeAddresses[address] == nil,
                let oldest = homeAddresses.min(by: { $0.value < $1.value })
            {
                homeAddresses[oldest.key] = nil
            }
            homeAddresses[address] = now
        }
    }

    private func tryHome(
        _ targets: ArraySlice<ServerSelection.Target>, _ body: @escaping (Result<Flow, any Error>) -> Void
    ) {
        guard let target = targets.first else { return body(.failure(NextHopError.noEndpoint)) }
        toCore(target.endpoint, .tcp) { [weak self] result in
            guard let self, case .failure = result, targets.count > 1 else { return body(result) }
            self.names?.setAside(target)
            self.tryHome(targets.dropFirst(), body)
        }
    }

    /// Requests of the core may come before the first REGISTER: the name is looked up at once, so that its addresses are known. One that leads nowhere is
    /// said, and asked again with each request.
    func startNames() async throws {
        guard settings.home.host.numeric == nil else { return }
        let isV6 = settings.mw.address.isV6
        let resolver = try SIPResolver(
            eventLoop: eventLoop, servers: settings.dns,
            abilities: .init(transports: [.tcp], v4: !isV6, v6: isV6), deadlines: deadlines)
        let promise = eventLoop.makePromise(of: Void.self)
        eventLoop.execute {
            self.names = resolver
            self.lookUpHome { result in
                if case .failure(let error) = result {
                    let text = "mw.home \(self.settings.home): \(error)"
                    self.logger.warning("\(text)")
                    self.events.emit(.warning(text))
                }
                promise.succeed()
            }
        }
        try await promise.futureResult.get()
    }

    /// RFC 3261 §16.6 step 7, RFC 3263 as far as addresses go: the topmost Route, or the Request-URI. Only peers are written to, whatever the URI
    /// says (A10); a name of the home domain, or that of `mw.home`, is the home network.
    func toCore(for request: Request, _ body: @escaping (Result<Flow, any Error>) -> Void) {
        let target = (try? request.headers.routes(.route))?.first?.uri ?? request.uri
        guard case .sip(let uri) = target else { return toHome(body) }
        guard case .address(let address) = uri.host else {
            guard "\(uri.host)" == settings.domain.lowercased() || uri.host == settings.home.host else {
                return body(.failure(NextHopError.notAPeer("\(uri.host)")))
            }
            return toHome(body)
        }
        guard peers.contains(address.unmapped) else {
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
