import ApplicationLevelGateway
import H248
import NIOCore
import SDP
import Testing
import WireSyntax

@testable import GatewayControl

@Suite("The controller of Iq against gateways of any make")
struct GatewayControlTests {
    @Test("a gateway counts once its packages are known; without one nothing can be reserved")
    func registration() throws {
        let harness = try ControlHarness()
        let early = harness.reserve()
        #expect(early.value == .failure(.noGateway))
        harness.receive("T=1{C=-{SC=ROOT{SV{MT=RS,RE=\"901\",V=3}}}}")
        guard case .transactions(let items)? = harness.outbox.first?.message.body,
            case .reply(let reply)? = items.first,
            case .actions(let actions) = reply.body,
            case .serviceChange(let change)? = actions.first?.commands.first?.descriptors.first
        else {
            Issue.record("\(harness.outbox)")
            return
        }
        // We agree to 2 at most, and an absent profile is accepted.
        #expect(change.version == 2 && change.profile == nil)
        #expect(!harness.control.isCapable)
        let audit = try #require(harness.next())
        harness.receive("P=\(audit.id){C=-{AV=ROOT{PG{g-1}}}}")
        #expect(harness.control.isCapable && harness.availability == [true])
        #expect(harness.control.gateways.first?.packages == [PackageItem("g", 1)])
    }

    @Test("a reply in another's handwriting is read; its names are used as it spelled them")
    func foreignReply() throws {
        let harness = try ControlHarness()
        try harness.register()
        let box = harness.reserve()
        let add = try #require(harness.next())
        #expect(add.action.context == .choose && add.action.commands.map(\.kind) == [.add, .add])
        harness.receive(ControlHarness.added(add.id))
        let reserved = try #require(try box.value?.get())
        #expect(reserved.map(\.handle.name) == ["ip/1/1/a", "ip/1/1/b"])
        #expect(reserved[0].handle.context == ContextHandle(gateway: "127.0.0.2", context: 5))
        #expect(reserved[0].local.endpoint == Endpoint("127.0.0.11:7001"))
        #expect(
            reserved[0].local.fingerprints == [Fingerprint(hash: .sha256, octets: Array(repeating: 0xAB, count: 32))])
        // Notified in other letters: still the same termination.
        harness.receive("T=9{C=5{N=IP/1/1/A{OE=1{20261125T09000000:G/Cause{generalcause=ft,FailureCause=\"41\"}}}}}")
        #expect(harness.notified.count == 1)
        #expect(harness.notified.first?.0 == reserved[0].handle)
        #expect(harness.notified.first?.1 == .released(reason: "41"))
        harness.control.release(reserved[0].handle.context)
        harness.settle()
        let subtract = try #require(harness.next())
        #expect(subtract.action.context == ContextID(5) && subtract.command.wantsWildcardedResponse)
        #expect(subtract.command.termination == .all)
    }

    @Test(
        "events as other gateways may put them",
        arguments: [
            ("g/cause{Generalcause=FP,Failurecause=\"x\"}", TerminationEvent.tlsFailed(reason: "x")),
            ("g/cause{Generalcause=FT,Failurecause=\"TLS: handshake\"}", .tlsFailed(reason: "handshake")),
            ("g/cause{Generalcause=FT,Failurecause=\"TCP: time\"}", .tcpFailed(reason: "time")),
            ("g/cause{Generalcause=NR}", .released(reason: "g/cause NR")),
            ("g/cause", .released(reason: "g/cause ")),
            ("g/cause{Failurecause=8C62}", .released(reason: "8C62")),
            ("tlsbsc/BNCChange", .tlsFailed(reason: "TLS connection")),
            ("tcpbcc/bncchange{type=est}", .tcpFailed(reason: "TCP connection")),
        ])
    func events(text: String, event: TerminationEvent) throws {
        let harness = try ControlHarness()
        try harness.register()
        let box = harness.reserve()
        harness.receive(ControlHarness.added(try #require(harness.next()).id))
        let reserved = try #require(try box.value?.get())
        harness.receive("T=9{C=5{N=ip/1/1/b{OE=1{\(text)}}}}")
        #expect(harness.notified.map(\.0) == [reserved[1].handle] && harness.notified.map(\.1) == [event])
    }

    @Test(
        "errors at any level of a reply fail the Reserve, and what stands is subtracted",
        arguments: [
            ("ER=510{}", 510, false),
            ("C=${ER=412{}}", 412, false),
            ("C=${A=ip/1/$/${ER=449{\"x\"}}}", 449, false),
            ("C=5{A=ip/1/1/a{M{ST=1{L{v=0\nc=IN IP4 127.0.0.11\nm=message 7001 TCP/TLS *\n}}}},ER=510{}}", 510, true),
            ("C=5{A=ip/1/1/a{M{ST=1{L{v=0\nc=IN IP4 127.0.0.11\nm=message 7001 TCP/TLS *\n}}}}}", 500, true),
            ("C=5{A=ip/1/1/a{M{ST=1{L{v=0\nc=IN IP4 $\nm=message $ TCP/TLS *\n}}}},A=ip/1/1/b}", 474, true),
            ("C=5{A=ip/1/1/a,A=ip/1/1/b}", 500, true),
        ])
    func failures(reply: String, code: Int, subtracts: Bool) throws {
        let harness = try ControlHarness()
        try harness.register()
        let box = harness.reserve()
        let add = try #require(harness.next())
        harness.receive("P=\(add.id){\(reply)}")
        guard case .failure(let failure)? = box.value else {
            Issue.record("\(String(describing: box.value))")
            return
        }
        #expect(failure.code == code)
        let next = harness.next()
        #expect((next?.command.kind == .subtract && next?.action.context == ContextID(5)) == subtracts)
        #expect(harness.control.contextCount == 0)
    }

    @Test("of two gateways the one with fewer contexts is used; one that is lost takes only its own")
    func twoGateways() throws {
        let harness = try ControlHarness(gateways: [
            Peer(address: ControlHarness.first.address), Peer(address: ControlHarness.second.address),
        ])
        try harness.register(ControlHarness.first)
        try harness.register(ControlHarness.second, id: 2)
        let one = harness.reserve()
        let first = try #require(harness.next())
        let other = harness.reserve()
        let second = try #require(harness.next())
        #expect(first.to == ControlHarness.first && second.to == ControlHarness.second)
        harness.receive(ControlHarness.added(first.id), from: ControlHarness.first)
        // The same context id at another gateway is another context.
        harness.receive(ControlHarness.added(second.id), from: ControlHarness.second)
        #expect(try one.value?.get().count == 2)
        #expect(try other.value?.get().count == 2)
        harness.receive("T=70{C=-{SC=ROOT{SV{MT=FO,RE=\"908 MG Impending Failure\"}}}}", from: ControlHarness.first)
        #expect(harness.lost == ["127.0.0.2"] && harness.control.isCapable && harness.control.contextCount == 1)
        // A reply that names another gateway's transaction is none.
        let third = harness.reserve()
        let add = try #require(harness.next())
        #expect(add.to == ControlHarness.second)
        harness.receive(ControlHarness.added(add.id), from: ControlHarness.first)
        #expect(third.value == nil)
    }

    @Test("supervision: an audit every ten seconds; silence until T-MAX ends what was there, once")
    func supervision() throws {
        let harness = try ControlHarness()
        try harness.register()
        let box = harness.reserve()
        harness.receive(ControlHarness.added(try #require(harness.next()).id))
        #expect(try box.value?.get().count == 2)
        harness.outbox = []
        harness.advance(.seconds(10))
        let audit = try #require(harness.next())
        #expect(audit.command.kind == .auditValue && audit.command.termination.isRoot)
        harness.receive("P=\(audit.id){C=-{AV=ROOT}}")
        harness.advance(.seconds(40))
        #expect(harness.lost == ["127.0.0.2"] && harness.availability == [true, false])
        #expect(harness.control.contextCount == 0)
        // It answers again: its packages, then what it still holds, then the rest is subtracted.
        harness.outbox = []
        harness.advance(.seconds(10))
        while let asked = harness.next() {
            switch asked.command.kind {
            case .auditValue where asked.action.context == .all:
                harness.receive("P=\(asked.id){C=5{AV=ip/1/1/a,AV=ip/1/1/b}}")
            case .auditValue: harness.receive("P=\(asked.id){C=-{AV=ROOT}}")
            case .subtract:
                #expect(asked.action.context == ContextID(5))
                harness.receive("P=\(asked.id){C=5{S=*}}")
                #expect(harness.control.isCapable)
                return
            default: Issue.record("\(asked)")
            }
        }
        Issue.record("the old context was not subtracted")
    }

    @Test(
        "RFC 3525 7.2.8: ServiceChangeAddress moves later requests, on the gateway's own address only",
        arguments: [
            ("AD=5000", Endpoint(ControlHarness.first.address, 5000)),
            ("AD=[127.0.0.2]:5001", Endpoint(ControlHarness.first.address, 5001)),
            ("AD=[127.0.0.66]:5001", ControlHarness.first),
            ("AD=0", ControlHarness.first),
        ])
    func redirect(address: String, endpoint: Endpoint) throws {
        let harness = try ControlHarness()
        harness.receive("T=1{C=-{SC=ROOT{SV{MT=RS,RE=\"901\",\(address),V=2}}}}")
        #expect(harness.next()?.to == endpoint)
    }

    @Test("a gateway that restarts has forgotten everything: calls end, and its old replies mean nothing")
    func restart() throws {
        let harness = try ControlHarness()
        try harness.register()
        let box = harness.reserve()
        let add = try #require(harness.next())
        harness.receive("T=44{C=-{SC=ROOT{SV{MT=RS,RE=\"901 Cold Boot\",V=2}}}}")
        harness.settle()
        guard case .failure(let failure)? = box.value else {
            Issue.record("\(String(describing: box.value))")
            return
        }
        #expect(failure.code == 0 && harness.lost == ["127.0.0.2"])
        harness.receive(ControlHarness.added(add.id))
        #expect(harness.control.contextCount == 0)
        let audit = try #require(harness.next())
        harness.receive("P=\(audit.id){C=-{AV=ROOT}}")
        #expect(harness.control.isCapable)
    }

    /// A gateway with one reserved context, 5.
    private func reserved(
        _ gateways: [Peer] = [Peer(address: ControlHarness.first.address)]
    ) throws -> (ControlHarness, [ReservedTermination]) {
        let harness = try ControlHarness(gateways: gateways)
        try harness.register()
        let box = harness.reserve()
        harness.receive(ControlHarness.added(try #require(harness.next()).id))
        return (harness, try #require(try box.value?.get()))
    }

    @Test("a Notify of a context whose Subtract is under way is answered, and nothing more")
    func notifyWhileReleasing() throws {
        let (harness, terminations) = try reserved()
        harness.control.release(terminations[0].handle.context)
        harness.settle()
        let subtract = try #require(harness.next())
        harness.receive("T=9{C=5{N=ip/1/1/a{OE=1{g/cause{Generalcause=NR}}}}}")
        #expect(harness.outbox.count == 1 && harness.next() == nil && harness.notified.isEmpty)
        harness.receive("P=\(subtract.id){C=5{S=*}}")
        // After it, the context is one that nobody knows.
        harness.receive("T=10{C=5{N=ip/1/1/a{OE=1{g/cause{Generalcause=NR}}}}}")
        #expect(harness.next()?.action.context == ContextID(5))
    }

    /// Registers again with Disconnected: the controller looks for contexts that it does not know.
    private func reconnect(_ harness: ControlHarness) throws -> ControlHarness.Asked {
        harness.receive("T=60{C=-{SC=ROOT{SV{MT=DC,RE=\"900\",V=2}}}}")
        let packages = try #require(harness.next())
        harness.receive("P=\(packages.id){C=-{AV=ROOT}}")
        let audit = try #require(harness.next())
        #expect(audit.action.context == .all && audit.command.kind == .auditValue)
        return audit
    }

    @Test("an audit of more contexts than fit a request's limit is read, and the unknown ones are subtracted")
    func largeAudit() throws {
        let (harness, _) = try reserved()
        let audit = try reconnect(harness)
        harness.receive("P=\(audit.id){\((1...2000).map { "C=\($0){AV=ip/1/\($0)/a}" }.joined(separator: ","))}")
        var contexts: [ContextID] = []
        while let asked = harness.next() {
            #expect(asked.command.kind == .subtract)
            contexts.append(asked.action.context)
        }
        #expect(Set(contexts) == Set((1...2000).map { ContextID($0) }).subtracting([ContextID(5)]))
        #expect(harness.lost.isEmpty && harness.control.contextCount == 1)
    }

    @Test(
        "RFC 3525 533: contexts that do not fit a Reply, or can't be read, go together if none is ours",
        arguments: ["ER=533{}", "C=1{AV=ip/1/1/a{nonsense"])
    func tooManyToList(reply: String) throws {
        let harness = try ControlHarness()
        let audit = try reconnect(harness)
        harness.receive("P=\(audit.id){\(reply)}")
        let subtract = try #require(harness.next())
        #expect(subtract.action.context == .all && subtract.command.kind == .subtract)
        #expect(subtract.command.termination == .all && subtract.command.wantsWildcardedResponse)
        // A repetition of it must not take a new context along.
        #expect(!harness.control.isCapable)
        harness.receive("P=\(subtract.id){C=*{S=*}}")
        #expect(harness.control.isCapable && harness.lost.isEmpty)
    }

    @Test("RFC 3525 533: with contexts of ours nothing is subtracted, and the next supervision looks again")
    func tooManyBesideOurs() throws {
        let (harness, _) = try reserved()
        let audit = try reconnect(harness)
        harness.receive("P=\(audit.id){ER=533{}}")
        #expect(harness.next() == nil && harness.control.contextCount == 1 && harness.control.isCapable)
        harness.advance(.seconds(10))
        let root = try #require(harness.next())
        harness.receive("P=\(root.id){C=-{AV=ROOT}}")
        #expect(harness.next()?.action.context == .all)
    }

    @Test("a request that can't be sent fails with 510 and says nothing about the gateway")
    func notSent() throws {
        let (harness, _) = try reserved()
        let box = ControlHarness.Box<GatewayControl.Reply>()
        let large = CommandRequest(
            .modify, .all,
            [
                .media(
                    MediaDescriptor(streams: [
                        StreamDescriptor(id: 1, local: ByteBuffer(repeating: 0x61, count: 70_000))
                    ]))
            ])
        harness.control.send([ActionRequest(ContextID(5), commands: [large])], to: 0) { box.value = $0 }
        #expect(box.value == nil)
        harness.settle()
        #expect(box.value.flatMap { GatewayFailure($0) }?.code == 510)
        #expect(harness.lost.isEmpty && harness.control.contextCount == 1)
    }

    @Test("contexts in an audit wait for the Reserves under way: what none of them made is subtracted")
    func auditUnderLoad() throws {
        let (harness, _) = try reserved()
        let audit = try reconnect(harness)
        let box = harness.reserve()
        let add = try #require(harness.next())
        harness.receive("P=\(audit.id){C=5{AV=ip/1/1/a},C=6{AV=ip/1/1/c},C=7{AV=ip/1/1/d}}")
        #expect(harness.next() == nil)
        // Another one begins: it made neither.
        let other = harness.reserve()
        _ = try #require(harness.next())
        harness.receive(ControlHarness.added(add.id, context: 6))
        #expect(try box.value?.get().count == 2)
        let subtract = try #require(harness.next())
        #expect(subtract.command.kind == .subtract && subtract.action.context == ContextID(7))
        #expect(harness.next() == nil && other.value == nil)
    }

    @Test("two gateways on one host, told apart by their configured ports: a restart of one leaves the other alone")
    func oneHost() throws {
        let second = Endpoint(ControlHarness.first.address, 2945)
        let (harness, _) = try reserved([
            Peer(address: second.address, port: 2944), Peer(address: second.address, port: 2945),
        ])
        harness.receive("T=2{C=-{SC=ROOT{SV{MT=RS,RE=\"901\",V=1}}}}", from: second)
        let packages = try #require(harness.next())
        #expect(packages.to == second)
        harness.receive("P=\(packages.id){C=-{AV=ROOT}}", from: second)
        harness.outbox = []
        let box = harness.reserve()
        let add = try #require(harness.next())
        #expect(add.to == second)
        harness.receive("T=44{C=-{SC=ROOT{SV{MT=RS,RE=\"901\",V=2}}}}")
        #expect(harness.lost == ["127.0.0.2:2944"] && box.value == nil)
        harness.receive(ControlHarness.added(add.id), from: second)
        #expect(try box.value?.get().count == 2)
        // The version is the one that this gateway settled.
        harness.outbox = []
        harness.receive("T=45{C=-{AV=ROOT{AT{}}}}", from: second)
        #expect(harness.outbox.first?.message.version == 1)
    }

    @Test("Graceful: the gateway is out of service when its last context has gone")
    func draining() throws {
        let (harness, terminations) = try reserved()
        harness.receive("T=50{C=-{SC=ROOT{SV{MT=GR,RE=\"905\"}}}}")
        #expect(!harness.control.isCapable && harness.lost.isEmpty)
        harness.control.release(terminations[0].handle.context)
        harness.settle()
        let subtract = try #require(harness.next())
        #expect(harness.lost.isEmpty)
        harness.receive("P=\(subtract.id){C=5{S=*}}")
        #expect(harness.lost == ["127.0.0.2"])
        // Nobody asks it whether it is back.
        harness.outbox = []
        harness.advance(.seconds(30))
        #expect(harness.next() == nil && !harness.control.isCapable)
    }
}
