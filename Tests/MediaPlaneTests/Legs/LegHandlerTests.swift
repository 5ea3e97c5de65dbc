import MSRP
import NIOCore
import NIOEmbedded
import Testing
import Transport

@testable import MediaPlane

@Suite("performance.md: back-pressure, half-close and flushes between two legs")
struct LegHandlerTests {
    @Test("Held: nothing is read; up without the other leg: nothing is read; coupled: octets pass as they are")
    func stages() throws {
        let pair = try LegPair(couple: false)
        pair.one.channel.read()
        #expect(pair.one.reads.count == 0)
        pair.one.leg.stage = .up
        #expect(pair.one.reads.count == 0)
        pair.other.leg.stage = .up
        pair.couple()
        #expect(pair.one.reads.count == 1, "the read that was asked for is made up for")
        try pair.one.channel.writeInbound(ByteBuffer(string: "octets"))
        #expect(try pair.other.channel.readOutbound(as: ByteBuffer.self) == ByteBuffer(string: "octets"))
        #expect(pair.one.leg.octetsReceived == 6 && pair.other.leg.octetsSent == 6)
    }

    @Test("Reading pauses while the other leg is not writable, and goes on when it is")
    func backPressure() throws {
        let pair = try LegPair()
        pair.other.setWritable(false)
        pair.one.channel.read()
        #expect(pair.one.reads.count == 0)
        pair.other.setWritable(true)
        #expect(pair.one.reads.count == 1)
    }

    @Test("Mode Inactive: what is on its way waits, in order, and is delivered after SendReceive")
    func inactive() throws {
        let pair = try LegPair()
        pair.couple(mayForward: false)
        try pair.one.channel.writeInbound(ByteBuffer(string: "one "))
        try pair.one.channel.writeInbound(ByteBuffer(string: "two "))
        pair.one.channel.read()
        #expect(try pair.other.channel.readOutbound(as: ByteBuffer.self) == nil && pair.one.reads.count == 0)
        pair.couple()
        var text = ""
        while let buffer = try pair.other.channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: buffer) }
        #expect(text == "one two " && pair.one.reads.count == 1)
    }

    @Test("A flush into TLS is at most 64 KiB, and loses nothing", arguments: [1, 65_536, 65_537, 300_000])
    func flushes(_ size: Int) throws {
        let pair = try LegPair(isTLS: true)
        let sent = ByteBuffer(bytes: (0..<size).map { UInt8(truncatingIfNeeded: $0) })
        try pair.one.channel.writeInbound(sent)
        var received = ByteBuffer()
        while let buffer = try pair.other.channel.readOutbound(as: ByteBuffer.self) {
            #expect(buffer.readableBytes <= LegHandler.largestFlushIntoTLS)
            received.writeImmutableBuffer(buffer)
        }
        #expect(received == sent)
        #expect(pair.other.largestFlush.value <= LegHandler.largestFlushIntoTLS)
    }

    @Test("Half-close goes on to the other side after what came before it, and is told to the context")
    func halfClose() throws {
        let pair = try LegPair()
        try pair.one.channel.writeInbound(ByteBuffer(string: "last words"))
        pair.one.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        pair.loop.run()
        #expect(pair.owner.halfClosed == 1)
        #expect(try pair.other.channel.readOutbound(as: ByteBuffer.self) == ByteBuffer(string: "last words"))
        #expect(pair.other.closes.modes == [.output])
        // The other side has nothing more to say either: both close.
        pair.other.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        pair.loop.run()
        #expect(pair.other.closes.modes.last == .all)
    }

    @Test("What waits is delivered before the half-close is passed on, and only then does its time run")
    func halfCloseWaits() throws {
        let pair = try LegPair()
        pair.couple(mayForward: false)
        try pair.one.channel.writeInbound(ByteBuffer(string: "last words"))
        pair.one.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        pair.loop.run()
        #expect(pair.owner.halfClosed == 0 && pair.other.closes.modes.isEmpty)
        pair.couple()
        pair.loop.run()
        #expect(try pair.other.channel.readOutbound(as: ByteBuffer.self) == ByteBuffer(string: "last words"))
        #expect(pair.owner.halfClosed == 1 && pair.other.closes.modes == [.output])
    }

    @Test("A13: a leg that ends takes the octets that wait with it, and parts from the other")
    func closed() throws {
        let pair = try LegPair()
        pair.one.leg.close("released")
        pair.loop.run()
        #expect(pair.owner.closed == 1 && pair.one.leg.reason == "released")
        try pair.other.channel.writeInbound(ByteBuffer(string: "nobody"))
        pair.other.channel.read()
        #expect(pair.other.reads.count == 0)
    }
}

/// Two legs over embedded channels, and what they tell their context.
final class LegPair {
    let loop = EmbeddedEventLoop()
    let owner = RecordingOwner()
    let one: Side
    let other: Side

    init(couple: Bool = true, isTLS: Bool = false) throws {
        one = try Side(1, loop, owner, isTLS: false)
        other = try Side(2, loop, owner, isTLS: isTLS)
        guard couple else { return }
        one.leg.stage = .up
        other.leg.stage = .up
        self.couple()
    }

    func couple(mayForward: Bool = true) {
        one.leg.couple(to: other.leg, mayForward: mayForward) { _, _ in nil }
        other.leg.couple(to: one.leg, mayForward: mayForward) { _, _ in nil }
        one.leg.deliverWaiting()
        other.leg.deliverWaiting()
    }

    final class Side {
        let channel: EmbeddedChannel
        let leg: LegHandler
        let reads = ReadCounter()
        let closes = CloseRecorder()
        let largestFlush = FlushRecorder()

        init(_ id: UInt64, _ loop: EmbeddedEventLoop, _ owner: RecordingOwner, isTLS: Bool) throws {
            channel = EmbeddedChannel(loop: loop)
            leg = LegHandler(
                ConnectionID(value: id), termination: "\(id)", isTLS: isTLS, isOutgoing: true, owner: owner)
            try channel.pipeline.syncOperations.addHandlers(reads, closes, largestFlush, leg)
            channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        }

        func setWritable(_ isWritable: Bool) {
            channel.isWritable = isWritable
            channel.pipeline.fireChannelWritabilityChanged()
        }
    }
}

final class RecordingOwner: LegOwner {
    private(set) var halfClosed = 0
    private(set) var closed = 0
    func accepted(_ leg: LegHandler) {}
    func handshakeEnded(_ outcome: HandshakeOutcome, on leg: LegHandler) {}
    func firstRequest(_ event: MSRPDecoder.Event?, on leg: LegHandler) {}
    func halfClosed(_ leg: LegHandler) { halfClosed += 1 }
    func closed(_ leg: LegHandler) { closed += 1 }
    func passed(_ messages: [PassedMessage], from: LegHandler, to: LegHandler) {}
}

final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    private(set) var count = 0
    func read(context: ChannelHandlerContext) { count += 1 }
}

final class CloseRecorder: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    private(set) var modes: [CloseMode] = []
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        modes.append(mode)
        if mode == .all { context.close(mode: mode, promise: promise) } else { promise?.succeed() }
    }
}

/// The most octets that were written between two flushes.
final class FlushRecorder: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    private(set) var value = 0
    private var current = 0
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        current += unwrapOutboundIn(data).readableBytes
        value = max(value, current)
        context.write(data, promise: promise)
    }
    func flush(context: ChannelHandlerContext) {
        current = 0
        context.flush()
    }
}
