import NIOCore
import NIOPosix
import Synchronization
import Transport
import WireSyntax

/// A TCP peer of the gateway, core side or stranger: notes what it gets, and says what it is told to.
final class PlainPeer: Sendable {
    let received: Noted
    /// `connected` and `closed`, one line each.
    let states: Noted
    private let channels: Channels
    private let listener: (any Channel)?
    /// Where it listens.
    let endpoint: Endpoint?

    /// Listens at a port of the kernel's choice.
    static func listening(at address: IPAddress) async throws -> PlainPeer {
        let (received, states, channels) = (Noted(), Noted(), Channels())
        let listener = try await Sockets.listener(
            on: MultiThreadedEventLoopGroup.singleton.next(), at: Endpoint(address, 0)
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Handler(received, states, channels))
            }
        }.get()
        return PlainPeer(received, states, channels, listener)
    }

    static func connected(to remote: Endpoint, from source: IPAddress) async throws -> PlainPeer {
        let (received, states, channels) = (Noted(), Noted(), Channels())
        let channel = try await Sockets.connection(
            on: MultiThreadedEventLoopGroup.singleton.next(), from: source, to: remote
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Handler(received, states, channels))
            }
        }.get()
        // `channelActive` may still be to come.
        channels.add(channel)
        return PlainPeer(received, states, channels, nil)
    }

    private init(_ received: Noted, _ states: Noted, _ channels: Channels, _ listener: (any Channel)?) {
        self.received = received
        self.states = states
        self.channels = channels
        self.listener = listener
        endpoint = listener?.localEndpoint
    }

    func send(_ text: String) { channels.last?.writeAndFlush(ByteBuffer(string: text), promise: nil) }

    func close() {
        listener?.close(promise: nil)
        for channel in channels.all { channel.close(promise: nil) }
    }

    final class Channels: Sendable {
        private let list = Mutex<[any Channel]>([])
        func add(_ channel: any Channel) { list.withLock { $0.append(channel) } }
        var last: (any Channel)? { list.withLock { $0.last } }
        var all: [any Channel] { list.withLock { $0 } }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let received: Noted
        private let states: Noted
        private let channels: Channels

        init(_ received: Noted, _ states: Noted, _ channels: Channels) {
            self.received = received
            self.states = states
            self.channels = channels
        }

        func channelActive(context: ChannelHandlerContext) {
            channels.add(context.channel)
            states.append("connected\n")
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received.append(String(buffer: unwrapInboundIn(data)))
        }

        func channelInactive(context: ChannelHandlerContext) { states.append("closed\n") }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
