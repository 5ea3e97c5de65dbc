import NIOCore
import WireSyntax

/// Writes what passes at one socket into a capture. The first handler of the pipeline, below TLS; changes nothing.
package final class CaptureTap: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = IOData
    package typealias OutboundOut = IOData

    private let capture: Capture
    private let opener: CaptureStream.Opener
    private var stream: CaptureStream?
    /// The other end writes what it sends.
    private var isShared = false

    /// - Parameter isClient: whether this end opened the connection.
    package init(_ capture: Capture, isClient: Bool) {
        self.capture = capture
        opener = isClient ? .local : .remote
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    package func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if let packets = stream?.received(unwrapInboundIn(data)) { write(ofOtherEnd: packets) }
        context.fireChannelRead(data)
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .byteBuffer(let octets) = unwrapOutboundIn(data), let packets = stream?.sent(octets) {
            capture.packets(packets)
        }
        context.write(data, promise: promise)
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent, let packets = stream?.finished(.remote) {
            write(ofOtherEnd: packets)
        }
        context.fireUserInboundEventTriggered(event)
    }

    package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .input, let packets = stream?.finished(.local) { capture.packets(packets) }
        context.close(mode: mode, promise: promise)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        if var ended = stream {
            write(ofOtherEnd: ended.finished(.remote))
            capture.packets(ended.finished(.local))
            capture.end(local: ended.localEndpoint, remote: ended.remoteEndpoint)
        }
        stream = nil
        context.fireChannelInactive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard stream == nil, let local = context.channel.localEndpoint, let remote = context.channel.remoteEndpoint
        else { return }
        var stream = CaptureStream(local: local, remote: remote)
        let handshake = stream.open(by: opener)
        isShared = !capture.begin(local: local, remote: remote)
        if !isShared { capture.packets(handshake) }
        self.stream = stream
    }

    private func write(ofOtherEnd packets: [ByteBuffer]) {
        if !isShared, let stream {
            isShared = capture.hasOtherEnd(local: stream.localEndpoint, remote: stream.remoteEndpoint)
        }
        if !isShared { capture.packets(packets) }
    }
}
