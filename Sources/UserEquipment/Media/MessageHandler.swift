import MSRP
import NIOCore
import Transport
import WireSyntax

/// The top of a media connection's pipeline: octets to MSRP events, and what happens to the connection, for its leg.
///
/// Confined to the channel's event loop, like every handler.
final class MessageHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    let number: UInt64
    private(set) var context: ChannelHandlerContext?
    private weak var leg: MediaLeg?
    private var decoder = MSRPDecoder()
    /// Nothing is read from this peer any more.
    private var isDeaf = false
    private(set) var bytesReceived = 0
    var bytesSent = 0
    /// Of the TLS handshake, where there was one.
    var handshake: HandshakeReport?

    init(number: UInt64, leg: MediaLeg) {
        self.number = number
        self.leg = leg
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        leg?.connected(self)
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let outcome = event as? HandshakeOutcome { leg?.handshake(outcome, self) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let octets = unwrapInboundIn(data)
        bytesReceived += octets.readableBytes
        guard !isDeaf else { return }
        decoder.feed(octets)
        do {
            while !isDeaf, let event = try decoder.next() { leg?.received(event, self) }
        } catch {
            close("not MSRP: \(error)")
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { leg?.readComplete(self) }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        leg?.writabilityChanged(self)
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        leg?.closed(self, reason: nil)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close("\(error)")
    }

    func close(_ reason: String) {
        isDeaf = true
        let context = context
        leg?.closed(self, reason: reason)
        context?.close(promise: nil)
    }
}
