import AccessGateway
import ApplicationLevelGateway
import GatewayControl
import H248
import IqProfile
import NIOCore
import NIOEmbedded
import Observability
import SDP
import Testing
import WireSyntax

@testable import Transport

@Suite("TS 23.334: both ends of Iq against each other")
struct BothEndsTests {
    @Test(
        "what the ALG asks for is what the media plane is told, and what it chose comes back",
        arguments: TokenForm.allCases)
    func reserve(form: TokenForm) throws {
        let pair = try IqPair(control: { $0.form = form }, agent: { $0.form = form })
        pair.register()
        let reserved = try #require(try pair.reserve()?.get())
        let context = try #require(pair.media.contexts.values.first)
        let told = reserved.compactMap { context.terminations[$0.handle.name] }
        #expect(told.count == 2)
        var expected = IqPair.requests
        // What is not TLS asks for no fingerprint, and what was not asked for arrives as not asked for.
        for index in expected.indices { #expect(told[index] == expected[index]) }
        expected.removeAll()
        #expect(reserved.map(\.local) == reserved.compactMap { context.locals[$0.handle.name] })
        #expect(reserved[0].local.fingerprints == [FakeMedia.fingerprint])
        #expect(reserved[0].local.path == "msrps://127.0.0.11:40001/s1;tcp")
        #expect(reserved[0].handle.context == reserved[1].handle.context)
        pair.release(reserved[0].handle.context)
        #expect(pair.agent.contextCount == 0 && pair.control.contextCount == 0)
        #expect(pair.media.journal.filter { $0.hasPrefix("subtract") }.count == 2)
    }

    @Test("configure: Remote, mode, role and filter arrive; a failure changes nothing")
    func configure() throws {
        let pair = try IqPair()
        pair.register()
        let reserved = try #require(try pair.reserve()?.get())
        let remote = RemoteDescription(
            address: Host("127.0.0.40"), port: 7000, paths: ["msrp://127.0.0.40:7000/x;tcp"], setup: .passive)
        let change = TerminationChange(remote: remote, mode: .inactive, role: .active, permittedSources: [])
        let local = try #require(try pair.configure(reserved[1].handle, change)?.get())
        #expect(local.role == .active && local.endpoint == reserved[1].local.endpoint)
        let context = try #require(pair.media.contexts.values.first)
        #expect(context.changes.map(\.name) == [reserved[1].handle.name])
        #expect(context.changes.first?.change == change)
        pair.media.failure = GatewayFailure(code: 449, text: "no")
        #expect(
            pair.configure(reserved[1].handle, TerminationChange(mode: .sendReceive))
                == .failure(GatewayFailure(code: 449, text: "no")))
        let stranger = TerminationHandle(context: reserved[0].handle.context, name: "ip/9/9/9")
        #expect(pair.configure(stranger, change) == .failure(GatewayFailure(code: 430, text: "")))
    }

    @Test("a Reserve that half failed gives back what stands")
    func halfFailed() throws {
        let pair = try IqPair()
        pair.register()
        var requests = IqPair.requests
        requests[1].transport = MediaTransport(isTLS: true, isAware: false)
        requests[1].local.fingerprintHashes = [.md5]
        guard case .failure(let failure)? = pair.reserve(requests) else {
            Issue.record("reserved")
            return
        }
        #expect(failure.code == 449)
        pair.run(.seconds(1))
        #expect(pair.agent.contextCount == 0 && pair.control.contextCount == 0)
    }

    @Test("failure 510 and no gateway", arguments: [true, false])
    func resources(isRegistered: Bool) throws {
        let pair = try IqPair()
        if isRegistered { pair.register() }
        pair.media.isFull = true
        guard case .failure(let failure)? = pair.reserve() else {
            Issue.record("reserved")
            return
        }
        #expect(failure.code == (isRegistered ? 510 : 0) && failure.isShortage)
    }

    @Test("U6: a package that is switched off gets 440; the controller repeats without it")
    func packageLess() throws {
        let pair = try IqPair(control: { $0.provisional.usesConnectionPackages = true })
        pair.register()
        #expect(try pair.reserve()?.get().count == 2)
        #expect(pair.agent.contextCount == 1)
        let adds = pair.recorded.messages.filter {
            $0.summary.contains("Add") && $0.direction == .sent && $0.summary.hasPrefix("Transaction")
        }
        #expect(adds.count == 2)
        // From now on at once.
        #expect(try pair.reserve()?.get().count == 2)
        #expect(pair.agent.contextCount == 2)
    }

    @Test("events come up once, as what they are", arguments: [false, true])
    func events(packages: Bool) throws {
        let pair = try IqPair(
            control: { $0.provisional.usesConnectionPackages = packages },
            agent: { $0.provisional.usesConnectionPackages = packages })
        pair.register()
        let reserved = try #require(try pair.reserve()?.get())
        let context = try #require(pair.media.contexts.values.first)
        context.onEvent(reserved[0].handle.name, .tlsFailed(reason: "the certificate does not match"))
        context.onEvent(reserved[0].handle.name, .tlsFailed(reason: "again"))
        context.onEvent(reserved[1].handle.name, .tcpFailed(reason: "no TCP connection in time"))
        pair.run(.seconds(1))
        #expect(pair.notified.map(\.0) == reserved.map(\.handle))
        guard case .tlsFailed(let reason)? = pair.notified.first?.1, case .tcpFailed? = pair.notified.last?.1 else {
            Issue.record("\(pair.notified)")
            return
        }
        if !packages { #expect(reason == "the certificate does not match") }
        let other = try #require(try pair.reserve()?.get())
        pair.media.contexts.values.first { $0 !== context }?.onEvent(
            other[1].handle.name, .released(reason: "closed by the peer"))
        pair.run(.seconds(1))
        #expect(pair.notified.last?.1 == .released(reason: "closed by the peer"))
        pair.release(reserved[0].handle.context)
        context.onEvent(reserved[0].handle.name, .released(reason: "late"))
        pair.run(.seconds(1))
        #expect(pair.notified.count == 3)
    }

    @Test("iq-h248 7: a termination that the controller does not know is subtracted when its heartbeat comes")
    func unknownHeartbeat() throws {
        let pair = try IqPair()
        pair.register()
        let notify = "MEGACO/2 [127.0.0.2]:2944 T=1{C=77{N=ip/1/1/9{OE=1{hangterm/thb}}}}"
        pair.controllerEndpoint.receive(ByteBuffer(string: notify), from: IqPair.gatewayEnd)
        pair.run(.seconds(1))
        let subtract = pair.recorded.messages.first { $0.direction == .sent && $0.summary.hasSuffix("Subtract *") }
        #expect(subtract?.context == 77)
    }

    @Test("the controller restarts where no port was configured: the gateway hears 504 for a Notify and begins anew")
    func controllerRestartUnknownPort() throws {
        let pair = try IqPair(agent: { $0.silence = .seconds(100_000) })
        pair.register()
        let reserved = try #require(try pair.reserve()?.get())
        try pair.restartController()
        pair.run(.seconds(15))
        #expect(!pair.control.isCapable)
        pair.media.contexts.values.first?.onEvent(reserved[0].handle.name, .released(reason: "closed"))
        pair.run(.seconds(5))
        #expect(pair.control.isCapable && pair.agent.contextCount == 0)
    }

    @Test("the controller restarts: the gateway is found by an audit, and contexts that nobody knows are subtracted")
    func controllerRestart() throws {
        let pair = try IqPair(control: { $0.gateways = [Peer(address: IqPair.gatewayEnd.address, port: 2944)] })
        pair.register()
        _ = try #require(try pair.reserve()?.get())
        try pair.restartController()
        #expect(!pair.control.isCapable)
        pair.run(.seconds(15))
        #expect(pair.control.isCapable && pair.agent.contextCount == 0)
        #expect(try pair.reserve()?.get().count == 2)
    }

    @Test("the path is cut: both sides notice, calls end, and the association comes back with Disconnected")
    func cut() throws {
        let pair = try IqPair()
        pair.register()
        let reserved = try #require(try pair.reserve()?.get())
        pair.network.isCut = true
        pair.run(.seconds(60))
        #expect(pair.lostGateways == [reserved[0].handle.context.gateway])
        #expect(!pair.control.isCapable && !pair.agent.isAssociated)
        #expect(pair.recorded.milestones.filter { $0 == .gatewayLost }.count == 2)
        pair.network.isCut = false
        pair.register()
        pair.run(.seconds(5))
        // The context that the controller gave up is cleaned away.
        #expect(pair.agent.contextCount == 0)
        #expect(try pair.reserve()?.get().count == 2)
    }

    @Test("Graceful, and Forced for what is still there: the controller knows that its contexts have ended")
    func graceful() throws {
        let pair = try IqPair()
        pair.register()
        _ = try #require(try pair.reserve()?.get())
        let stopped = pair.agent.stop()
        pair.run(.seconds(3))
        try stopped.wait()
        #expect(!pair.control.isCapable && pair.control.contextCount == 0 && pair.agent.contextCount == 0)
        guard case .failure(let failure)? = pair.reserve() else {
            Issue.record("reserved")
            return
        }
        #expect(failure.code == 0)
    }

    @Test("A7: a UE's SDP value cannot end a descriptor: it arrives as it is or is refused")
    func hostileValues() throws {
        let pair = try IqPair()
        pair.register()
        // RFC 3986 2: none of these stands unescaped in a URI.
        let evil = [
            "msrps://h:1/a}", "msrps://h:1/a\\", "msrps://h:1/}, Remote { v=0", "msrps://h:1/a b",
            "msrps://h:1/\r\na=x",
            "msrps://h:1/{", "", "msrps://h:1/\u{e9}", "msrps://h:1/\0",
        ]
        for path in evil {
            var requests = IqPair.requests
            requests[0].remote?.paths = [path]
            guard case .failure(let failure)? = pair.reserve(requests) else {
                Issue.record("\(path) went through")
                continue
            }
            #expect(failure.code == 474)
        }
        #expect(pair.media.journal.isEmpty && pair.agent.contextCount == 0)
        // Names of hashes and of hosts are values too.
        var requests = IqPair.requests
        requests[0].remote?.fingerprints.append(Fingerprint(hash: .other("x}\\"), octets: [1]))
        let reserved = try #require(try pair.reserve(requests)?.get())
        #expect(pair.media.contexts.values.first?.terminations[reserved[0].handle.name]?.remote == IqPair.remote)
    }

    @Test("A8: a foreign gateway gets no answer, is counted, and is never used")
    func foreignGateway() throws {
        let pair = try IqPair()
        let stranger = Endpoint(.v4(0x7F00_0063), 2944)
        let change = "T=1{C=-{SC=ROOT{SV{MT=RS,RE=\"901 Cold Boot\",V=2}}}}"
        for mid in ["[127.0.0.99]:2944", "[127.0.0.2]:2944", "<agw.example>"] {
            pair.controllerEndpoint.receive(ByteBuffer(string: "MEGACO/2 \(mid) \(change)"), from: stranger)
        }
        // The gateway's address, another's name.
        pair.controllerEndpoint.receive(ByteBuffer(string: "MEGACO/2 [127.0.0.99] \(change)"), from: IqPair.gatewayEnd)
        pair.controllerEndpoint.receive(ByteBuffer(string: "\u{1}garbage"), from: stranger)
        #expect(try pair.controllerChannel.readOutbound(as: AddressedEnvelope<ByteBuffer>.self) == nil)
        #expect(pair.controllerEndpoint.refusedMessages == 5 && !pair.control.isCapable)
        #expect(pair.recorded.refusals.map(\.kind) == Array(repeating: "foreignGateway", count: 5))
        #expect(pair.recorded.refusals.map(\.count) == [1, 2, 3, 4, 5])
        pair.register()
    }

    @Test("a bad profile gets 461, a ServiceChange without Reason 472, a Notify before one 504")
    func refusedServiceChange() throws {
        let pair = try IqPair()
        func ask(_ id: Int, _ command: String) throws -> ErrorCode? {
            pair.controllerEndpoint.receive(
                ByteBuffer(string: "MEGACO/2 [127.0.0.2]:2944 T=\(id){C=-{\(command)}}"), from: IqPair.gatewayEnd)
            pair.loop.run()
            var last: Message?
            while let envelope = try pair.controllerChannel.readOutbound(as: AddressedEnvelope<ByteBuffer>.self) {
                last = try Message(decoding: envelope.data)
            }
            return last?.reply?.body.firstError?.code
        }
        #expect(try ask(1, "SC=ROOT{SV{MT=RS,RE=\"901\",PF=other/1,V=2}}") == .unknownProfile)
        #expect(try ask(2, "SC=ROOT{SV{MT=RS,V=2}}") == .missingInformation)
        #expect(try ask(3, "N=ip/1/1/1{OE=1{g/cause}}") == .unauthorizedEntity)
        #expect(try ask(4, "A=ip/1/1/1") == .unknownCommand)
        #expect(try ask(5, "SC=ROOT{SV{MT=X-abc,RE=\"901\"}}") == .unsupportedValue)
    }

    @Test(
        "a network that loses, doubles and reorders: every call gets its context and gives it back", arguments: 1...10)
    func badNetwork(seed: UInt64) throws {
        let pair = try IqPair()
        pair.network = .init(
            lossPercent: 12, doublePercent: 10, delay: .milliseconds(1)...TimeAmount.milliseconds(250),
            random: Seed(state: seed))
        pair.media.delay = .milliseconds(30)
        pair.register()
        var reserved = 0
        let calls = 30
        for _ in 0..<calls {
            pair.control.reserve(IqPair.requests) { result in
                guard case .success(let terminations) = result else { return }
                reserved += 1
                let change = TerminationChange(remote: IqPair.remote, mode: .sendReceive)
                pair.control.configure(terminations[0].handle, change) { _ in
                    pair.control.release(terminations[0].handle.context)
                }
            }
        }
        pair.run(.seconds(120)) { pair.control.contextCount == 0 && pair.agent.contextCount == 0 && reserved == calls }
        #expect(reserved == calls)
        #expect(pair.agent.contextCount == 0)
        #expect(pair.media.journal.filter { $0.hasPrefix("add") }.count == 2 * calls)
        #expect(pair.media.journal.filter { $0.hasPrefix("subtract") }.count == 2 * calls)
        #expect(pair.network.lost > 0 && pair.network.doubled > 0)
        #expect(pair.lostGateways.isEmpty)
    }
}
