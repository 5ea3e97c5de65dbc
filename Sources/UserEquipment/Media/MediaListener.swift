import NIOCore
import NIOPosix
import Transport
import WireSyntax

/// The port that a UE gave out for one call: bound for as long as the call may need it, accepting only while a leg waits for its peer. A leg that takes the place of
/// another takes its listener over.
// Confined to the channel's event loop, like the legs.
final class MediaListener: @unchecked Sendable {
    private var channel: (any Channel)?
    /// Who gets what is accepted.
    weak var leg: MediaLeg?
    private(set) var port: UInt16 = 0

    /// Binds a free port. Connections wait in the kernel until `accepts` is set.
    static func bind(
        _ address: IPAddress, on eventLoop: any EventLoop
    ) -> EventLoopFuture<MediaListener> {
        let listener = MediaListener()
        return ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 16)
            .serverChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let leg = listener.leg else { throw UserEquipmentError.stopped }
                    try leg.accept(channel)
                }
            }
            .bind(to: SocketAddress(Endpoint(address, 0)))
            .flatMapThrowing { channel in
                guard let local = channel.localEndpoint else {
                    channel.close(promise: nil)
                    throw UserEquipmentError.stopped
                }
                listener.channel = channel
                listener.port = local.port
                return listener
            }
    }

    func accept(_ wanted: Bool) {
        guard let channel else { return }
        channel.setOption(.autoRead, value: wanted).whenSuccess { if wanted { channel.read() } }
    }

    func close() {
        channel?.close(promise: nil)
        channel = nil
    }
}
