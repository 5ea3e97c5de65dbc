import NIOCore
import NIOSSL
import Observability
import SIP
import WireSyntax

/// A bound socket of an endpoint: a UDP socket, or a listener for TCP or TLS connections.
struct SIPSocket {
    let name: String
    let transport: Flow.Transport
    let local: Endpoint
    let channel: any Channel
}

extension SIPEndpoint {
    /// Binds a socket.
    ///
    /// - Parameters:
    ///   - name: `gm`, `mw`; several transports may share one.
    ///   - local: port 0 lets the kernel choose.
    ///   - tls: for transport `.tls`.
    /// - Returns: where it is bound.
    package func listen(
        _ name: String, transport: Flow.Transport, at local: Endpoint, tls: TLSServerSettings? = nil
    ) -> EventLoopFuture<Endpoint> {
        guard (transport == .tls) == (tls != nil) else { return eventLoop.makeFailedFuture(SIPTransportError.settings) }
        let bound: EventLoopFuture<any Channel>
        switch transport {
        case .udp:
            bound = Sockets.datagrams(on: eventLoop, at: local) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SIPDatagramHandler(self, name: name))
                }
            }
        case .tcp, .tls:
            bound = Sockets.listener(on: eventLoop, at: local) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try self.accept(channel, name: name, transport: transport, tls: tls)
                }
            }
        }
        return bound.flatMapThrowing { channel in
            guard let endpoint = channel.localEndpoint, !self.isStopped else {
                channel.close(promise: nil)
                throw SIPTransportError.closed("the endpoint was stopped")
            }
            self.sockets.append(SIPSocket(name: name, transport: transport, local: endpoint, channel: channel))
            self.events.emit(
                .listening(.init(name: name, transport: transport.rawValue, local: "\(endpoint)")))
            return endpoint
        }
    }

    /// Gives a name to an address without listening there: outgoing connections `from` this name are bound to it. One of each family.
    package func use(_ address: IPAddress, as name: String) {
        eventLoop.preconditionInEventLoop()
        addresses[name] = (addresses[name] ?? []).filter { $0.isV6 != address.isV6 } + [address]
    }

    /// Of several sockets of a name (IPv4 and IPv6, for one) that from which `remote` can be reached.
    func socket(_ name: String, _ transport: Flow.Transport? = nil, for remote: IPAddress) -> SIPSocket? {
        sockets.first {
            $0.name == name && (transport == nil || $0.transport == transport) && $0.local.address.isV6 == remote.isV6
        }
    }

    private func localAddress(_ name: String, for remote: IPAddress) -> IPAddress? {
        socket(name, for: remote)?.local.address ?? addresses[name]?.first { $0.isV6 == remote.isV6 }
    }

    /// A way to a peer: for UDP the socket `name`; otherwise the open connection to it that was opened from `name`, or a new one.
    ///
    /// - Parameters:
    ///   - name: the socket whose address a new connection is bound to, and whose port stands in Via.
    ///   - tls: for transport `.tls`.
    /// - Returns: for TLS, when the server has proved its name.
    package func flow(
        to remote: Endpoint, transport: Flow.Transport, from name: String, tls: TLSClientSettings? = nil
    ) -> EventLoopFuture<Flow> {
        eventLoop.preconditionInEventLoop()
        guard transport != .udp else {
            guard let socket = socket(name, .udp, for: remote.address) else {
                return eventLoop.makeFailedFuture(SIPTransportError.noListener(name))
            }
            return eventLoop.makeSucceededFuture(Flow(transport: .udp, local: socket.local, remote: remote))
        }
        // Without its settings a flow named TLS would be plain TCP.
        let local = localAddress(name, for: remote.address).map { Endpoint($0, 0) }
        return connect(to: remote, transport, from: name, local, tls)
    }

    /// - Parameter local: where to connect from; nil, and port 0: the system chooses.
    func connect(
        to remote: Endpoint, _ transport: Flow.Transport, from name: String, _ local: Endpoint?,
        _ tls: TLSClientSettings?, timeout: TimeAmount = Sockets.connectTimeout
    ) -> EventLoopFuture<Flow> {
        guard (transport == .tls) == (tls != nil) else { return eventLoop.makeFailedFuture(SIPTransportError.settings) }
        let target = SIPConnection.Target(
            name: name, transport: transport, remote: remote, serverName: tls?.serverName)
        if let existing = reusable[target] { return existing }
        guard !isStopped, connections.count < limits.connections else {
            return eventLoop.makeFailedFuture(SIPTransportError.tooManyConnections)
        }
        let ready = eventLoop.makePromise(of: Flow.self)
        reusable[target] = ready.futureResult
        ready.futureResult.whenFailure { _ in self.reusable[target] = nil }
        connector(eventLoop, local, remote, timeout) { channel in
            channel.eventLoop.makeCompletedFuture {
                try self.prepare(channel, target: target, tls: tls, ready: ready)
            }
        }.whenFailure { error in
            self.emitConnection(.failed, local: local.map { "\($0)" } ?? "", remote: remote, name, "\(error)")
            ready.fail(error)
        }
        return ready.futureResult
    }

    /// Closes a connection; its transactions fail. Nothing for UDP.
    package func close(_ flow: Flow) {
        eventLoop.preconditionInEventLoop()
        connections[flow.connection]?.close("closed by us")
    }

    /// Whether messages can still be sent over it.
    package func isOpen(_ flow: Flow) -> Bool {
        flow.transport == .udp ? sockets.contains { $0.local == flow.local } : connections[flow.connection] != nil
    }

    /// Closes all sockets and connections.
    package func stop() -> EventLoopFuture<Void> {
        eventLoop.flatSubmit {
            self.isStopped = true
            let listening = self.sockets.map { $0.channel.close() }
            self.sockets = []
            for one in self.keptAlive.values { one.timer.cancel() }
            self.keptAlive = [:]
            for connection in Array(self.connections.values) { connection.close("stopped") }
            return EventLoopFuture.andAllComplete(listening, on: self.eventLoop)
        }
    }

    /// The name under which the socket of a flow was opened.
    package func name(of flow: Flow) -> String {
        if flow.transport == .udp {
            return sockets.first { $0.transport == .udp && $0.local == flow.local }?.name ?? ""
        }
        return connections[flow.connection]?.name ?? closedNames[flow.connection] ?? ""
    }

    /// RFC 3261 §18.1.1: where responses can come to if the connection is gone: the listener of the same name and transport; without one, the connection's own end.
    func sentBy(for flow: Flow) -> Endpoint {
        guard flow.transport != .udp else { return flow.local }
        let name = name(of: flow)
        let listeners = sockets.filter {
            $0.name == name && $0.transport == flow.transport && $0.local.address.isV6 == flow.local.address.isV6
        }
        let listener = listeners.first { $0.local.address == flow.local.address } ?? listeners.first
        guard let local = listener?.local else { return flow.local }
        return local.address.isUnspecified ? Endpoint(flow.local.address, local.port) : local
    }

    // MARK: Octets out

    enum WriteOutcome {
        case written
        /// Nothing can be sent over the flow any more.
        case gone
        /// This message of so many octets does not fit a datagram; others may.
        case tooLarge(Int)
    }

    func write(_ message: Message, over flow: Flow) -> WriteOutcome {
        var octets = ByteBuffer()
        message.write(into: &octets)
        guard flow.transport == .udp else {
            return connections[flow.connection]?.write(octets) == true ? .written : .gone
        }
        guard let socket = sockets.first(where: { $0.transport == .udp && $0.local == flow.local }) else {
            return .gone
        }
        guard octets.readableBytes <= Sockets.largestDatagram else { return .tooLarge(octets.readableBytes) }
        var target = flow.remote
        if case .response = message { target = ViaStamp.responseTarget(try? message.headers.topVia(), over: flow) }
        capture?.datagram(from: flow.local, to: target, octets)
        let envelope = AddressedEnvelope(remoteAddress: SocketAddress(target), data: octets)
        socket.channel.writeAndFlush(envelope, promise: nil)
        return .written
    }

    func emitConnection(
        _ state: FlowEvent.Connection.State, local: String, remote: Endpoint, _ name: String, _ reason: String? = nil,
        received: Int? = nil, sent: Int? = nil
    ) {
        guard events.isEnabled else { return }
        events.emit(
            .connection(
                .init(
                    state: state, local: local, remote: "\(remote)", leg: name, bytesReceived: received,
                    bytesSent: sent, reason: reason)))
    }
}
