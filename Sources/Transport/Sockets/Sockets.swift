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
        var bootstrap = DatagramBootstrap(group: eventLoop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: largestDatagram))
            .channelInitializer(initializer)
        if local.address.isV6 { bootstrap = bootstrap.channelOption(onlyV6, value: 1) }
        return bootstrap.bind(to: SocketAddress(local))
    }

    /// Listens for TCP connections; each is set up by `initializer` on the same loop.
    package static func listener(
        on eventLoop: any EventLoop, at local: Endpoint,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        var bootstrap = ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: backlog)
            // A restarted function takes its address back at once.
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer(initializer)
        if local.address.isV6 { bootstrap = bootstrap.serverChannelOption(onlyV6, value: 1) }
        return bootstrap.bind(to: SocketAddress(local))
    }

    /// An IPv6 socket takes IPv6 alone, so that one on `::` and one on `0.0.0.0` stand side by side and every answer leaves by the family of its request.
    private static let onlyV6 = ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only)

    /// Opens a TCP connection from an address of ours, so that the peer (and its permitted sources) can tell who we are.
    ///
    /// - Parameter port: of ours; 0: the kernel chooses.
    package static func connection(
        on eventLoop: any EventLoop, from local: IPAddress?, port: UInt16 = 0, to remote: Endpoint,
        timeout: TimeAmount = connectTimeout,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        var bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer(initializer)
        if let local, !local.isUnspecified || port != 0 {
            // A port of an earlier connection may be taken again at once.
            if port != 0 { bootstrap = bootstrap.channelOption(.socketOption(.so_reuseaddr), value: 1) }
            bootstrap = bootstrap.bind(to: SocketAddress(Endpoint(local, port)))
        }
        return bootstrap.connect(to: SocketAddress(remote))
    }
}
