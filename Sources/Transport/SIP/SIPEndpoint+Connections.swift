import NIOCore
import NIOSSL
import Observability
import SIP
import WireSyntax

extension SIPEndpoint {
    /// A connection was accepted: its pipeline, or its end if there are too many.
    func accept(_ channel: any Channel, name: String, transport: Flow.Transport, tls: TLSServerSettings?) throws {
        guard let remote = channel.remoteEndpoint else { throw SIPTransportError.closed("no remote address") }
        let source = remote.address.subscriber
        let ofSource = sources[source, default: 0]
        // Who has connected and brought nothing yet gives way: the first of them.
        if connections.count >= limits.connections,
            let first = connections.values.filter(\.givesWay).min(by: { $0.number < $1.number })
        {
            first.close("it has sent nothing, and others want to connect")
        }
        guard !isStopped, connections.count < limits.connections, ofSource < limits.connectionsPerSource else {
            refusedCount += 1
            if events.isEnabled {
                events.emit(
                    .refused(
                        .init(
                            kind: "limit", remote: "\(remote)", local: channel.localEndpoint.map { "\($0)" },
                            reason: "too many SIP connections", count: refusedCount)))
            }
            throw SIPTransportError.tooManyConnections
        }
        let hello = tls.map { _ in HelloReader() }
        let connection = SIPConnection(
            self, number: takeNumber(), name: name, transport: transport, target: nil, ready: nil, hello: hello,
            ownFingerprint: tls?.fingerprint)
        connection.countedSource = source
        sources[source] = ofSource + 1
        try assemble(
            channel, connection, hello, isClient: false, engine: tls.map { NIOSSLServerHandler(context: $0.context) })
    }

    /// The pipeline of a connection that we open.
    func prepare(
        _ channel: any Channel, target: SIPConnection.Target, tls: TLSClientSettings?, ready: EventLoopPromise<Flow>
    ) throws {
        let hello = tls.map { _ in HelloReader() }
        let connection = SIPConnection(
            self, number: takeNumber(), name: target.name, transport: target.transport, target: target, ready: ready,
            hello: hello, ownFingerprint: nil)
        try assemble(
            channel, connection, hello, isClient: true,
            engine: tls.map { try NIOSSLClientHandler(context: $0.context, serverHostname: $0.serverName) })
    }

    private func takeNumber() -> UInt64 {
        defer { nextConnection += 1 }
        return nextConnection
    }

    private func assemble(
        _ channel: any Channel, _ connection: SIPConnection, _ hello: HelloReader?, isClient: Bool,
        engine: NIOSSLHandler?
    ) throws {
        connections[connection.number] = connection
        do {
            try channel.syncOptions?.setOption(
                .writeBufferWaterMark, value: .init(low: limits.pendingOctets / 2, high: limits.pendingOctets))
            let pipeline = channel.pipeline.syncOperations
            if let capture { try pipeline.addHandler(CaptureTap(capture, isClient: isClient)) }
            if let hello { try pipeline.addHandler(hello) }
            if let engine { try pipeline.addHandler(engine) }
            try pipeline.addHandler(connection)
        } catch {
            forget(connection, target: nil, flow: nil)
            throw error
        }
    }

    /// A connection has ended.
    func forget(_ connection: SIPConnection, target: SIPConnection.Target?, flow: Flow?) {
        guard connections.removeValue(forKey: connection.number) != nil else { return }
        if let target { reusable[target] = nil }
        if let source = connection.countedSource, let count = sources[source] {
            sources[source] = count > 1 ? count - 1 : nil
        }
        if let flow { lost(flow, name: connection.name) }
    }
}

extension IPAddress {
    /// What one subscriber has: an IPv4 address, or a /64 of IPv6 (RFC 6177 §2), in which he may take any address.
    var subscriber: IPAddress {
        guard case .v6(let high, _) = unmapped else { return unmapped }
        return .v6(high: high, low: 0)
    }
}
