import AccessGateway
import ApplicationLevelGateway
import H248
import NIOCore
import SDP
import Testing
import Transport
import WireSyntax

@Suite("TS 29.334: commands at the gateway")
struct CommandTests {
    @Test("a failure that comes before its Add is answered is notified after the reply")
    func earlyFailure() throws {
        let harness = try AgentHarness.associated()
        harness.media.delay = .milliseconds(5)
        harness.media.earlyEvent = .tcpFailed(reason: "refused")
        harness.receive("MEGACO/2 [127.0.0.1]:2944 Transaction = 900 { Context = $ { \(AgentHarness.addAccess) } }")
        #expect(harness.take().isEmpty)
        harness.advance(.milliseconds(10))
        let messages = harness.take()
        #expect(messages.count == 2 && messages.first?.reply?.id == 900)
        #expect(messages.last?.request?.actions.first?.commands.map(\.kind) == [.notify])
    }

    @Test("an Add is answered with complete SDP: CRLF, no $, never a brace")
    func addReply() throws {
        let harness = try AgentHarness.associated()
        guard case .actions(let actions)? = harness.ask("C = $ { \(AgentHarness.addAccess), \(AgentHarness.addCore) }")
        else {
            Issue.record("refused")
            return
        }
        #expect(actions.first?.context == ContextID(1))
        #expect(actions.first?.commands.map { $0.termination?.spelling } == ["ip/1/1/1", "ip/1/1/2"])
        #expect(
            actions.first?.commands.first?.localText
                == "v=0\r\nc=IN IP4 127.0.0.11\r\nm=message 40001 TCP/TLS/MSRP *\r\n"
                + "a=setup:passive\r\na=path:msrps://127.0.0.11:40001/abc;tcp\r\n"
                + "a=fingerprint:SHA-256 \(FakeMedia.fingerprint.hexadecimal)\r\n")
        #expect(
            actions.first?.commands.last?.localText == "v=0\r\nc=IN IP4 127.0.0.12\r\nm=message 40002 TCP/MSRP *\r\n"
                + "a=setup:passive\r\na=path:msrp://127.0.0.12:40002/own;tcp\r\n")
        let request = try #require(harness.media.contexts[1]?.terminations["ip/1/1/1"])
        #expect(request.realm == .access && request.transport == MediaTransport(isTLS: true, isAware: true))
        #expect(request.local.path == .init(scheme: "msrps", sessionID: "abc"))
        #expect(request.local.fingerprintHashes == [.sha256])
        #expect(request.mode == .sendReceive && request.notifyRelease)
    }

    @Test("RFC 3525 6.1.1, 6.2.2: the names of an Add", arguments: ["$", "ip/$/$/$", "ip/1/$/$", "IP/7/x/$"])
    func names(name: String) throws {
        let harness = try AgentHarness.associated()
        let add = AgentHarness.addCore.split(separator: "ip/1/$/$").joined(separator: name)
        let reply = harness.ask("Context = $ { \(add) }")
        #expect(reply?.actions.first?.commands.first?.termination?.spelling == "ip/1/1/1")
    }

    @Test(
        "realms: named in any case, quoted or bare; by transport where not",
        arguments: [
            ("", "TCP/TLS/MSRP", "access"), ("", "TCP/MSRP", "core"), ("ipdc/realm = CORE", "TCP/TLS", "core"),
            ("ipdc/realm = \"Access\"", "TCP", "access"), ("IPDC/Realm = access", "TCP/MSRP", "access"),
        ])
    func realms(control: String, transport: String, realm: String) throws {
        let harness = try AgentHarness.associated()
        let local = "v=0\nc=IN IP4 $\nm=message $ \(transport) *\n"
        #expect(harness.ask("Context = $ { \(AgentHarness.add(local, control: control)) }")?.firstError == nil)
        #expect(harness.media.contexts[1]?.terminations.values.first?.realm.rawValue == realm)
    }

    @Test("H.248.1 7.1.7: Modify hands over Remote, mode, role and filter; the reply repeats Local")
    func modify() throws {
        let harness = try AgentHarness.associated()
        let (context, names) = try harness.addContext()
        let reply = harness.ask(
            """
            Context = \(context) { Modify = IP/1/1/1 { Media { Stream = 1 {
              LocalControl { Mode = Inactive, gm/saf = ON, gm/sam = [ "127.0.0.30", "127.0.0.31/32" ] },
              Local {
            v=0
            c=IN IP4 127.0.0.11
            m=message 40001 TCP/TLS/MSRP *
            a=setup:active
            }, Remote {
            v=0
            c=IN IP4 127.0.0.21
            m=message 7000 TCP/TLS/MSRP *
            a=setup:passive
            a=path:msrps://127.0.0.21:7000/xyz;tcp msrps://relay.example:2855/r;tcp
            a=fingerprint:sha-256 \(FakeMedia.fingerprint.hexadecimal)
            } } } } }
            """)
        #expect(reply?.firstError == nil)
        #expect(reply?.actions.first?.commands.first?.termination == names[0])
        let text = reply?.actions.first?.commands.first?.localText
        #expect(text?.contains("m=message 40001 TCP/TLS/MSRP *\r\na=setup:active\r\n") == true)
        let change = try #require(harness.media.contexts[1]?.changes.first?.change)
        #expect(change.mode == .inactive && change.role == .active)
        #expect(change.permittedSources == [.v4(0x7F00_001E), .v4(0x7F00_001F)])
        #expect(change.remote?.address == Host("127.0.0.21") && change.remote?.port == 7000)
        #expect(change.remote?.setup == .passive && change.remote?.fingerprints == [FakeMedia.fingerprint])
        #expect(change.remote?.paths == ["msrps://127.0.0.21:7000/xyz;tcp", "msrps://relay.example:2855/r;tcp"])
    }

    @Test("Subtract ends terminations, the last one the context; W- gets one reply; ids are not used again")
    func subtract() throws {
        let harness = try AgentHarness.associated()
        let (context, names) = try harness.addContext()
        let one = harness.ask("Context = \(context) { Subtract = \(names[0]) { Audit { } } }")
        #expect(one == .actions([ActionReply(context, commands: [CommandReply(.subtract, names[0])])]))
        #expect(harness.agent.contextCount == 1)
        let rest = harness.ask("Context = \(context) { W-Subtract = * }")
        #expect(rest == .actions([ActionReply(context, commands: [CommandReply(.subtract, .all)])]))
        #expect(harness.agent.contextCount == 0)
        let (next, nextNames) = try harness.addContext()
        #expect(next == ContextID(2) && nextNames.map(\.spelling) == ["ip/1/1/3", "ip/1/1/4"])
        #expect(harness.code("Context = \(context) { Subtract = * }") == 411)
        let all = harness.ask("Context = * { Subtract = * }")
        #expect(all?.actions.map(\.context) == [next] && all?.actions.first?.commands.count == 2)
        #expect(harness.media.journal.filter { $0.hasPrefix("subtract") }.count == 4)
    }

    @Test("RFC 3525 8: what stood before the failed command stands and is in the reply; the rest is not executed")
    func partialFailure() throws {
        let harness = try AgentHarness.associated()
        let bad = AgentHarness.add("v=0\nc=IN IP4 $\nm=message $ SCTP *\n")
        let reply = harness.ask(
            "Context = $ { \(AgentHarness.addAccess), \(bad), \(AgentHarness.addCore) }, Context = - { AuditValue = ROOT { Audit {} } }"
        )
        #expect(reply?.actions.count == 1)
        #expect(reply?.actions.first?.context == ContextID(1))
        #expect(reply?.actions.first?.commands.map { $0.localText != nil } == [true, false])
        #expect(reply?.firstError?.code == .unsupportedValue)
        #expect(harness.agent.contextCount == 1 && harness.media.journal.count == 1)
    }

    @Test("RFC 3525 8, 8.2.1: after an optional command that failed the rest is executed")
    func optional() throws {
        let harness = try AgentHarness.associated()
        try harness.addContext()
        let reply = harness.ask("Context = 1 { O-Modify = ip/9 { Signals {} }, AuditValue = ip/1/1/1 { Audit {} } }")
        #expect(reply?.actions.first?.commands.count == 2)
        #expect(reply?.firstError?.code == .unknownTermination)
        #expect(reply?.actions.first?.commands.last == CommandReply(.auditValue, "ip/1/1/1"))
    }

    @Test("a context made by $ ends if no termination is in it")
    func emptyContext() throws {
        let harness = try AgentHarness.associated()
        let bad = AgentHarness.add("v=0\nc=IN IP4 $\nm=message $ SCTP *\n")
        #expect(harness.code("Context = $ { O-\(bad), O-\(bad) }") == 449)
        #expect(harness.agent.contextCount == 0)
    }

    @Test("AuditValue: packages of ROOT, media and events of a termination, wildcards")
    func audit() throws {
        let harness = try AgentHarness.associated()
        let root = harness.ask("Context = - { AuditValue = root { Audit { Packages } } }")
        guard case .packages(let packages)? = root?.actions.first?.commands.first?.descriptors.first else {
            Issue.record("no packages")
            return
        }
        let names = packages.map(\.description)
        #expect(
            names.contains("g-1") && names.contains("root-2") && names.contains("ipdc-1") && !names.contains("tlsbsc-1")
        )
        #expect(
            harness.ask("Context = - { AuditValue = ROOT { Audit {} } }")
                == .actions([ActionReply(.null, commands: [CommandReply(.auditValue, .root)])]))
        try harness.addContext()
        try harness.addContext()
        let one = harness.ask("Context = 1 { AuditValue = ip/1/1/1 { Audit { Media, Events, Signals } } }")
        let descriptors = one?.actions.first?.commands.first?.descriptors ?? []
        #expect(descriptors.map(\.token) == [.media, .events, .signals])
        guard case .events(let events)? = descriptors.dropFirst().first else {
            Issue.record("no events")
            return
        }
        #expect(events.id == .number(10) && events.events.map(\.name) == ["g/cause"])
        let all = harness.ask("Context = * { AuditValue = * { Audit { } } }")
        #expect(all?.actions.map(\.context) == [ContextID(1), ContextID(2)])
        #expect(
            all?.actions.flatMap(\.commands).compactMap { $0.termination?.spelling } == [
                "ip/1/1/1", "ip/1/1/2", "ip/1/1/3", "ip/1/1/4",
            ])
        let short = harness.ask("Context = * { W-AuditValue = * { Audit { } } }")
        #expect(short == .actions([ActionReply(.all, commands: [CommandReply(.auditValue, .all)])]))
    }

    @Test("transactions on one context are executed in their order, even when the media plane is slow")
    func order() throws {
        let harness = try AgentHarness.associated()
        try harness.addContext()
        harness.media.delay = .milliseconds(50)
        harness.receive("MEGACO/2 [127.0.0.1]:2944 T=900{C=1{MF=ip/1/1/1{M{O{MO=IN}}}}}")
        harness.receive("MEGACO/2 [127.0.0.1]:2944 T=901{C=1{S=*}}")
        harness.receive("MEGACO/2 [127.0.0.1]:2944 T=902{C=1{MF=ip/1/1/1{M{O{MO=SR}}}}}")
        _ = harness.take()
        harness.advance(.seconds(1))
        let replies = harness.take().compactMap(\.reply)
        #expect(replies.map(\.id) == [900, 901, 902])
        #expect(replies.map { $0.body.firstError?.code } == [nil, nil, .unknownContext])
    }

    @Test("iq-h248 10, Duplicates: a repeated Subtract gets the stored reply octet for octet")
    func duplicate() throws {
        let harness = try AgentHarness.associated()
        try harness.addContext()
        harness.outbox = []
        let text = "MEGACO/2 [127.0.0.1]:2944 Transaction = 700 { Context = 1 { Subtract = * } }"
        harness.receive(text)
        harness.receive(text)
        #expect(harness.outbox.count == 2 && harness.outbox[0].octets == harness.outbox[1].octets)
        #expect(harness.media.journal.filter { $0.hasPrefix("subtract") }.count == 2)
    }

    @Test("A8: a foreign controller gets no answer and changes nothing")
    func foreignController() throws {
        let harness = try AgentHarness.associated()
        try harness.addContext()
        harness.outbox = []
        for source in [Endpoint(.v4(0x7F00_0063), 2944), Endpoint(AgentHarness.controller.address, 5000)] {
            harness.receive("MEGACO/2 [127.0.0.1]:2944 T=1{C=*{S=*}}", from: source)
            harness.receive("MEGACO/2 [\(source.address)]:\(source.port) T=2{C=*{S=*}}", from: source)
            harness.receive("garbage", from: source)
        }
        #expect(harness.outbox.isEmpty)
        #expect(harness.endpoint.refusedMessages == 6)
        #expect(harness.agent.contextCount == 1)
    }
}
