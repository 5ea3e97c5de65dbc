import NIOCore
import NIOPosix

/// Reads the events socket of another process: connects (again and again until the deadline, because the process may still be starting) and gives its events
/// as an asynchronous sequence, which ends when the function ends.
package struct FlowEventReader: Sendable {
    /// Events that may wait for whoever iterates; the newest beyond that are lost.
    package static let capacity = 65_536
    static let retryInterval = TimeAmount.milliseconds(20)

    package let path: String
    private let group: any EventLoopGroup

    package init(path: String, on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton) {
        self.path = path
        self.group = group
    }

    /// - Parameter within: how long to try until the socket is there.
    /// - Throws: the last connection error when time is out, or `CancellationError`.
    package func connect(within: TimeAmount = .seconds(10)) async throws -> AsyncStream<FlowEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: FlowEvent.self, bufferingPolicy: .bufferingOldest(Self.capacity))
        let deadline = NIODeadline.now() + within
        while true {
            do {
                let channel = try await ClientBootstrap(group: group)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(EventLineHandler(continuation))
                        }
                    }
                    .connect(unixDomainSocketPath: path).get()
                continuation.onTermination = { _ in channel.close(promise: nil) }
                return stream
            } catch {
                try Task.checkCancellation()
                guard NIODeadline.now() + Self.retryInterval < deadline else { throw error }
                try await Task.sleep(for: .nanoseconds(Self.retryInterval.nanoseconds))
            }
        }
    }
}

private final class EventLineHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let continuation: AsyncStream<FlowEvent>.Continuation
    private let coding = EventCoding()
    private var lines = LineSplitter()

    init(_ continuation: AsyncStream<FlowEvent>.Continuation) { self.continuation = continuation }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lines.feed(unwrapInboundIn(data))
        while let line = lines.next() {
            if let event = coding.read(line) { continuation.yield(event) }
        }
    }

    func channelInactive(context: ChannelHandlerContext) { continuation.finish() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
