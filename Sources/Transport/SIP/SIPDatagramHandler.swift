import NIOCore
import SIP
import WireSyntax

/// One UDP socket of a SIP endpoint: a message a datagram (RFC 3261 §18.3).
final class SIPDatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let endpoint: SIPEndpoint
    private let name: String
    private var local: Endpoint?

    init(_ endpoint: SIPEndpoint, name: String) {
        self.endpoint = endpoint
        self.name = name
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard let remote = Endpoint(envelope.remoteAddress), let local = local ?? context.channel.localEndpoint
        else { return }
        self.local = local
        endpoint.capture?.datagram(from: remote, to: local, envelope.data)
        // Nothing can be sent to port 0; and a keep-alive (RFC 5626 §3.5.1, or what NAT-bound clients send in practice) is no message.
        guard remote.port != 0, !isKeepAlive(envelope.data) else { return }
        endpoint.receive(datagram: envelope.data, over: Flow(transport: .udp, local: local, remote: remote))
    }

    /// A socket error (an ICMP message, for one) concerns one peer; the socket stays.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}

    private func isKeepAlive(_ octets: ByteBuffer) -> Bool {
        octets.readableBytes <= 4
            && octets.readableBytesView.allSatisfy { $0 == 0x0D || $0 == 0x0A || $0 == 0x00 || $0 == 0x20 }
    }
}
