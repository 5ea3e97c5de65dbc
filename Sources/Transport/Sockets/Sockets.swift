import NIOCore
import NIOPosix
import WireSyntax

/// The three kinds of socket that signalling uses, made the same way everywhere: on the caller's loop, with the options that our protocols need.
package enum Sockets {
    /// The largest UDP payload over IPv4: a datagram is never cut.
    package static let largestDatagram = 65_507
    package static let connectTimeout = TimeAmount.seconds(5)
    /// Pending connections that the kernel keeps for us.
    static let backlog: Int32 = 256

    /// Binds a UDP socket. Port 0: the kernel chooses; ask the channel's `localEndpoint`.
    package static func datagrams(
        on eventLoop: any EventLoop, at local: Endpoint,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        DatagramBootstrap(group: eventLoop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: largestDatagram))
            .channelInitializer(initializer)
            .bind(to: SocketAddress(local))
    }

    /// Listens for TCP connections; each is set up by `initializer` on the same loop.
    package static func listener(
        on eventLoop: any EventLoop, at local: Endpoint,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: backlog)
            // A restarted function takes its address back at once.
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer(initializer)
            .bind(to: SocketAddress(local))
    }

    /// Opens a TCP connection from an address of ours, so that the peer (and its permitted sources) can tell who we are.
    package static func connection(
        on eventLoop: any EventLoop, from local: IPAddress?, to remote: Endpoint,
        timeout: TimeAmount = connectTimeout,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        var bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer(initializer)
        if let local, !local.isUnspecified { bootstrap = bootstrap.bind(to: SocketAddress(Endpoint(local, 0))) }
        return bootstrap.connect(to: SocketAddress(remote))
    }
}
