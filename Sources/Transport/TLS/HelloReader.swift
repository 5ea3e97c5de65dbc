import NIOCore

/// What the hellos of a handshake said.
package struct HandshakeParameters: Hashable, Sendable {
    /// `TLS 1.2`, `TLS 1.3`.
    package var version: String?
    /// The suite's IANA name.
    package var cipher: String?
    /// 64 hexadecimal digits, lower case: what a key log and a capture are joined by.
    package var clientRandom: String?
    package init() {}
}

/// Sits below TLS and reads the hellos as they pass in clear: the engine has no call for the negotiated suite. Changes nothing. Removed when the handshake ends.
package final class HelloReader: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    package private(set) var parameters = HandshakeParameters()
    private var inbound = HandshakeHello()
    private var outbound = HandshakeHello()

    package init() {}

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !inbound.isFinished {
            inbound.feed(unwrapInboundIn(data))
            note(inbound.hello)
        }
        context.fireChannelRead(data)
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if !outbound.isFinished {
            outbound.feed(unwrapOutboundIn(data))
            note(outbound.hello)
        }
        context.write(data, promise: promise)
    }

    private func note(_ hello: HandshakeHello.Hello?) {
        switch hello {
        case .client(let random):
            parameters.clientRandom = random.map { octet in
                String(octet >> 4, radix: 16) + String(octet & 15, radix: 16)
            }.joined()
        case .server(let version, let suite):
            parameters.version =
                switch version {
                case 0x0304: "TLS 1.3"
                case 0x0303: "TLS 1.2"
                default: "0x" + String(version, radix: 16)
                }
            parameters.cipher = CipherSuite.name(of: suite)
        case nil: break
        }
    }
}
