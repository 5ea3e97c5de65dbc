import Configuration
import Logging
import MSRP
import MediaSecurity
import NIOCore
import NIOPosix
import Observability
import SDP
import Synchronization
import Testing
import Transport
import WireSyntax

@testable import UserEquipment

/// Two media legs on loopback sockets, joined by an offer and an answer; strangers in between.
@Suite(.timeLimit(.minutes(2))) struct MediaLegTests {
    /// One end.
    // Confined to `media.eventLoop`: tests reach it through `submit` and `execute`; `port` is set before the tests get it.
    final class End: @unchecked Sendable {
        let media: MediaEnvironment
        let leg: MediaLeg
        var session: MessageSession?
        var port: UInt16 = 0
        let events = AsyncStream.makeStream(of: String.self)

        init(_ address: String, eventLoop: any EventLoop, folder: String?, wrong: Bool = false) throws {
            var yaml = "identity: sip:x@ims.lab\npassword: x\npcscf: tcp:127.0.0.1:5060\naddress: \(address)\n"
            if let folder { yaml += "receive:\n  folder: \(folder)\n" }
            let settings = try UserEquipmentSettings(Configuration(UserEquipmentSettings.schema, yaml: yaml))
            let announced = try Identity.selfSigned()
            media = MediaEnvironment(
                eventLoop: eventLoop, deadlines: DeadlineDriver(eventLoop: eventLoop), pool: .singleton,
                settings: settings,
                identity: MediaIdentity(
                    announced: announced,
                    tls: try PinnedTLS(identity: wrong ? try Identity.selfSigned() : announced)),
                makeIdentity: { throw UserEquipmentError.stopped },
                fingerprintPolicy: .standard, capture: nil, events: NoEvents(), logger: Logger(label: "test"))
            leg = MediaLeg(media, callID: address)
            let continuation = events.continuation
            leg.onEstablished = { continuation.yield("established \($0.leg.rawValue)") }
            leg.onFailed = { reason, _ in continuation.yield("failed \(reason)") }
        }

        func local(_ isTLS: Bool, listening: Bool) -> LocalMedia {
            LocalMedia(
                address: media.settings.address, port: listening ? port : nil,
                sessionID: "s\(UInt64.random(in: .min ... .max))", descriptionID: 1,
                fingerprints: [media.identity.announced.fingerprint()].compactMap { $0 },
                setup: listening ? .passive : .active, cema: false, acceptTypes: ["text/plain", "*"],
                maximumSize: 64 << 20, policy: isTLS ? .always : .never, isAgreed: isTLS,
                fingerprintPolicy: .standard)
        }

        func begin(_ plan: MediaPlan) {
            let session = MessageSession(media, plan: plan, callID: "c", peer: "sip:peer@ims.lab", acceptTypes: ["*"])
            let continuation = events.continuation
            session.onEvent = { event in
                switch event {
                case .message(_, _, let text): continuation.yield("message \(text)")
                case .file(_, _, let name, _, let bytes, let digest):
                    continuation.yield("file \(name) \(bytes) \(digest)")
                default: break
                }
            }
            self.session = session
            leg.begin(plan, session: session)
        }

        /// The first event from now on that begins so.
        func event(_ prefix: String) async -> String? {
            for await event in events.stream where event.hasPrefix(prefix) { return event }
            return nil
        }
    }

    struct Ends: Sendable {
        var passive: End
        var active: End
        var passivePlan: MediaPlan
        var activePlan: MediaPlan

        func beginPassive() async throws {
            try await passive.media.eventLoop.submit { [passive, passivePlan] in passive.begin(passivePlan) }.get()
        }

        func beginActive() async throws {
            try await active.media.eventLoop.submit { [active, activePlan] in active.begin(activePlan) }.get()
        }

        func close() async throws {
            try await passive.media.eventLoop.submit { [passive, active] in
                passive.leg.close("done")
                active.leg.close("done")
            }.get()
        }
    }

    /// Both ends with their plans made; nothing has begun.
    func ends(isTLS: Bool, folder: String? = nil, wrongClient: Bool = false) async throws -> Ends {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let passive = try End("127.0.0.41", eventLoop: eventLoop, folder: folder)
        let active = try End("127.0.0.42", eventLoop: eventLoop, folder: nil, wrong: wrongClient)
        return try await eventLoop.flatSubmit {
            passive.leg.listen().flatMapThrowing { port in
                passive.port = port
                let caller = active.local(isTLS, listening: false)
                let callee = passive.local(isTLS, listening: true)
                let offer = caller.offer()
                let (answer, plan) = try callee.answer(offer)
                return Ends(
                    passive: passive, active: active, passivePlan: plan,
                    activePlan: try caller.plan(offer: offer, answer: answer))
            }
        }.get()
    }

    func send(_ text: String, by end: End) async -> MessageOutcome {
        await withCheckedContinuation { continuation in
            end.media.eventLoop.execute {
                end.session?.send(text, from: "sip:a@b", to: "sip:c@d", now: "") { continuation.resume(returning: $0) }
            }
        }
    }

    /// Connects, writes, and gives what comes back until the connection is closed.
    func stranger(_ text: String, to port: UInt16) async throws -> String {
        let collector = Collector()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { $0.pipeline.addHandler(collector) }
            .connect(host: "127.0.0.41", port: Int(port)).get()
        try? await channel.writeAndFlush(ByteBuffer(string: text))
        try await channel.closeFuture.get()
        return collector.text.withLock { $0 }
    }

    final class Collector: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let text = Mutex("")
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let octets = String(buffer: unwrapInboundIn(data))
            text.withLock { $0 += octets }
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    @Test("a message crosses, over mutual TLS by fingerprints and in plain", arguments: [true, false])
    func message(_ isTLS: Bool) async throws {
        let ends = try await ends(isTLS: isTLS)
        try await ends.beginPassive()
        try await ends.beginActive()
        #expect(await ends.active.event("established") == "established \(isTLS ? "e2ae" : "plain")")
        let outcome = await send("hello", by: ends.active)
        guard case .confirmed(5, _) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(await ends.passive.event("message") == "message hello")
        try await ends.close()
    }

    @Test("A3: a stranger who connects first is closed, and the right peer still succeeds", arguments: [true, false])
    func strangers(_ isTLS: Bool) async throws {
        let ends = try await ends(isTLS: isTLS)
        try await ends.beginPassive()
        let port = ends.passive.port
        let foreign =
            "MSRP abcd1 SEND\r\nTo-Path: msrp://127.0.0.41:\(port)/guess;tcp\r\n"
            + "From-Path: msrp://127.0.0.66:9/x;tcp\r\nMessage-ID: 1234\r\n-------abcd1$\r\n"
        let seen = try await stranger(foreign, to: port)
        #expect(isTLS ? !seen.contains("MSRP") : seen.hasPrefix("MSRP abcd1 481 "))
        _ = try await stranger("GET / HTTP/1.0\r\n\r\n", to: port)
        try await ends.beginActive()
        #expect(await ends.active.event("established") != nil)
        try await ends.close()
    }

    @Test("another certificate than the one announced gets nothing through, and the listener goes on waiting")
    func wrongCertificate() async throws {
        let ends = try await ends(isTLS: true, wrongClient: true)
        try await ends.beginPassive()
        try await ends.beginActive()
        #expect(await ends.active.event("failed") != nil)
        ends.passive.events.continuation.yield("end of events")
        #expect(await ends.passive.event("") == "end of events")
        try await ends.close()
    }

    @Test("A17: a file arrives whole under a name of its own, and an existing file is never touched")
    func file() async throws {
        try await withTemporaryFolder { folder in
            let content = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
            let path = "\(folder)/.photo.bin"
            try PrivateFile.write(content, to: path)
            try PrivateFile.write([1, 2, 3], to: "\(folder)/photo.bin")
            let ends = try await ends(isTLS: true, folder: folder)
            try await ends.beginPassive()
            try await ends.beginActive()
            #expect(await ends.active.event("established") != nil)
            let file = try FileSource(path, eventLoop: ends.active.media.eventLoop, pool: .singleton)
            let active = ends.active
            let outcome = await withCheckedContinuation { continuation in
                active.media.eventLoop.execute {
                    active.session?.send(file: file) { continuation.resume(returning: $0) }
                }
            }
            guard case .confirmed(700_000, let digest) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(await ends.passive.event("file") == "file photo-1.bin 700000 \(digest)")
            try await ends.close()
        }
    }
}
