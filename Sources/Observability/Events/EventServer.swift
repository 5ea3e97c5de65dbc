import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// Serves an `EventStream` on a unix socket (mode 0600): each reader that connects gets the ring and then every event, as JSON lines.
///
/// A reader that does not read loses the newest events once `queueCapacity` of them wait; when it reads again, a `warning` event tells it how many it missed.
/// What a reader sends is ignored.
package final class EventServer: Sendable {
    /// Events that wait for one reader.
    package static let queueCapacity = 8192
    /// Readers at one time; more are closed at once.
    package static let maximumReaders = 16
    /// Octets of encoded events that may lie in a reader's channel.
    static let highWaterMark = 256 * 1024

    private let channel: any Channel
    private let path: String

    private init(channel: any Channel, path: String) {
        self.channel = channel
        self.path = path
    }

    /// Binds `path`. A socket that an earlier process left there is replaced; anything else there is an error.
    package static func start(
        _ stream: EventStream, path: String, on group: any EventLoopGroup
    ) async throws -> EventServer {
        let descriptor = try bindPrivateSocket(path)
        let shared = ReaderCount()
        let bootstrap = ServerBootstrap(group: group)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: highWaterMark / 2, high: highWaterMark))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(EventReaderHandler(stream, count: shared))
                }
            }
        do {
            let channel = try await bootstrap.withBoundSocket(descriptor).get()
            return EventServer(channel: channel, path: path)
        } catch {
            close(descriptor)
            throw error
        }
    }

    package func stop() async {
        try? await channel.close().get()
        unlink(path)
    }

    /// A listening unix socket that was never accessible to anybody else: on Linux the mode of the socket's own inode becomes, at bind, that of the file.
    private static func bindPrivateSocket(_ path: String) throws -> CInt {
        var status = stat()
        if lstat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFSOCK else { throw EventSocketError(path, "is not a socket", 0) }
            unlink(path)
        }
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw EventSocketError(path, "socket", errno) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let octets = Array(path.utf8)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard octets.count < capacity else {
            close(descriptor)
            throw EventSocketError(path, "path is longer than \(capacity - 1) octets", 0)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: octets) }
        let failed: String? = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                if fchmod(descriptor, 0o600) != 0 { return "fchmod" }
                if bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_un>.size)) != 0 { return "bind" }
                if chmod(path, 0o600) != 0 { return "chmod" }
                if listen(descriptor, 16) != 0 { return "listen" }
                return nil
            }
        }
        if let failed {
            let code = errno
            close(descriptor)
            throw EventSocketError(path, failed, code)
        }
        return descriptor
    }
}

/// The events socket could not be made.
package struct EventSocketError: Error, CustomStringConvertible {
    package let description: String

    init(_ path: String, _ what: String, _ code: CInt) {
        description = "events socket \(path): \(what)" + (code == 0 ? "" : ": " + String(cString: strerror(code)))
    }
}

private final class ReaderCount: Sendable {
    private let value = Atomic<Int>(0)

    func add(_ difference: Int) -> Int { value.add(difference, ordering: .relaxed).newValue }
}

/// One reader of the events socket.
private final class EventReaderHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Queue {
        var events = CircularBuffer<FlowEvent>()
        var lost = 0
        var isScheduled = false
    }

    private let stream: EventStream
    private let count: ReaderCount
    private let queue = Mutex(Queue())
    private let subscription = Mutex<UInt64?>(nil)

    init(_ stream: EventStream, count: ReaderCount) {
        self.stream = stream
        self.count = count
    }

    func channelActive(context: ChannelHandlerContext) {
        guard count.add(1) <= EventServer.maximumReaders else {
            context.close(promise: nil)
            return
        }
        let channel = context.channel
        // The handler lives as long as the subscription: both end with channelInactive.
        let id = stream.subscribe { event in
            let mustSchedule = self.queue.withLock { queue in
                if queue.events.count >= EventServer.queueCapacity {
                    queue.lost += 1
                } else {
                    queue.events.append(event)
                }
                defer { queue.isScheduled = true }
                return !queue.isScheduled
            }
            if mustSchedule { channel.eventLoop.execute { self.drain(channel) } }
        }
        subscription.withLock { $0 = id }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { drain(context.channel) }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        _ = count.add(-1)
        if let id = subscription.withLock({ $0.take() }) { stream.unsubscribe(id) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// On the channel's loop: writes what waits, as long as the reader takes it.
    private func drain(_ channel: any Channel) {
        let coding = EventCoding()
        while channel.isActive, channel.isWritable {
            let (events, lost) = queue.withLock { queue in
                let events = Array(queue.events.prefix(64))
                queue.events.removeFirst(events.count)
                let lost = queue.events.isEmpty ? queue.lost : 0
                if lost > 0 { queue.lost = 0 }
                if events.isEmpty { queue.isScheduled = false }
                return (events, lost)
            }
            if events.isEmpty { return }
            var buffer = channel.allocator.buffer(capacity: events.count * 512)
            for event in events { coding.write(event, into: &buffer) }
            if lost > 0 {
                stream.countLost(lost)
                let notice = FlowEvent(
                    time: WallClock.nanoseconds(), node: stream.node, what: .warning("\(lost) events lost: slow reader")
                )
                coding.write(notice, into: &buffer)
            }
            channel.writeAndFlush(buffer, promise: nil)
        }
    }
}
