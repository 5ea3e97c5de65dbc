import AccessGateway
import ApplicationLevelGateway
import H248
import NIOCore
import Testing
import WireSyntax

@Suite("iq-h248 9, 10: what the gateway refuses, and with which error")
struct ErrorTests {
    static let local = "v=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\na=setup:passive\n"
    static let tls = "v=0\nc=IN IP4 $\nm=message $ TCP/TLS *\na=setup:passive\na=fingerprint:SHA-256 $\n"
    static let activeTLS = "v=0\nc=IN IP4 $\nm=message $ TCP/TLS *\na=setup:active\n"

    struct Row: Sendable, CustomTestStringConvertible {
        var code: UInt16
        var actions: String
        var testDescription: String { "\(code): \(actions.prefix(90))" }
        init(_ code: UInt16, _ actions: String) {
            self.code = code
            self.actions = actions
        }
    }

    static func new(_ local: String, realm: String = "", remote: String? = nil, control: String = "", rest: String = "")
        -> String
    {
        "Context = $ { " + AgentHarness.add(local, realm: realm, remote: remote, control: control, rest: rest) + " }"
    }

    /// Context 1 holds ip/1/1/1 and ip/1/1/2, context 2 holds ip/1/1/3 and ip/1/1/4.
    static let rows: [Row] = [
        Row(411, "Context = 99 { Subtract = * }"),
        Row(430, "Context = 1 { Subtract = ip/1/1/77 }"),
        Row(430, "Context = - { Subtract = ip/1/1/77 }"),
        Row(430, "Context = 1 { Modify = $ { Signals {} } }"),
        Row(430, "Context = 1 { Add = ip/1/1/9 }"),
        Row(430, "Context = 1 { Add = rtp/$ }"),
        Row(435, "Context = 1 { Subtract = ip/1/1/3 }"),
        Row(435, "Context = - { AuditValue = IP/1/1/3 { Audit {} } }"),
        Row(431, "Context = 1 { Subtract = ip/2/* }"),
        Row(431, "Context = * { AuditValue = rtp/* { Audit {} } }"),
        Row(431, "Context = - { Subtract = * }"),
        Row(433, "Context = 1 { Add = ip/1/1/1 }"),
        Row(433, "Context = 1 { Add = ip/1/1/3 }"),
        Row(434, "Context = 1 { \(AgentHarness.addCore) }"),
        Row(440, new(local, control: "xyz/abc = 1")),
        Row(440, new(local, rest: ", Signals { xyz/abc }")),
        Row(440, "Context = 1 { Modify = ip/1/1/1 { Events = 1 { tlsbsc/BNCChange } } }"),
        Row(440, "Context = - { Modify = ROOT { Events = 1 { it/ito { mit = 30 } } } }"),
        Row(441, new(activeTLS, remote: "v=0\nc=IN IP4 127.0.0.21\nm=message 7000 TCP/TLS *\na=setup:passive\n")),
        Row(442, "Context = 1 { Subtract = ip/1/1/1 { Audit } }"),
        Row(443, "Context = 1 { Move = ip/1/1/1 }"),
        Row(443, "Context = 1 { AuditCapabilities = ip/1/1/1 { Audit {} } }"),
        Row(443, "Context = 1 { AuditCapability = ip/1/1/1 { Audit {} } }"),
        Row(443, "Context = 1 { Notify = ip/1/1/1 { ObservedEvents = 1 { g/cause } } }"),
        Row(444, "Context = 1 { Modify = ip/1/1/1 { DigitMap = d } }"),
        Row(444, "Context = 1 { Modify = ip/1/1/1 { Frob { x } } }"),
        Row(446, "Context = 1 { Modify = ip/1/1/1 { Events = 1 { g/cause { x = 1 } } } }"),
        Row(447, "Context = 1 { Modify = ip/1/1/1 { Packages { g-1 } } }"),
        Row(448, "Context = 1 { Modify = ip/1/1/1 { Signals {}, Signals {} } }"),
        Row(449, new(local, realm: "elsewhere")),
        Row(449, new("v=0\nc=IN IP4 $\nm=message $ UDP/MSRP *\n")),
        Row(449, new("v=0\nc=IN IP4 127.0.0.1\nm=message $ TCP/MSRP *\n")),
        Row(449, new("v=0\nc=IN IP4 $\nm=message 7000 TCP/MSRP *\n")),
        Row(449, new("v=0\nc=IN IP4 $\nm=message $ TCP/TLS *\na=fingerprint:MD5 $\n")),
        Row(449, new(tls, remote: "v=0\nc=IN IP4 127.0.0.21\nm=message 9 TCP/TLS *\na=fingerprint:MD5 AB:CD\n")),
        Row(449, new(local, rest: ", Signals { ipnapt/latch { napt = LATCH } }")),
        Row(449, new(tls, rest: ", Signals { ipnapt/latch { napt = FROB } }")),
        Row(449, new(local, control: "gm/sam = [ \"10.0.0.0/8\" ], gm/saf = ON")),
        Row(449, new(local, control: "gm/spf = ON")),
        Row(449, new(local, control: "tman/pol = ON")),
        Row(449, "Context = 1 { Modify = ip/1/1/1 { Media { LocalControl { ipdc/realm = core } } } }"),
        Row(
            449,
            "Context = 1 { Modify = ip/1/1/1 { Media { Local {\nv=0\nc=IN IP4 127.0.0.11\nm=message 1 TCP/TLS/MSRP *\n} } } }"
        ),
        Row(449, "Context = 1 { Modify = ip/1/1/1 { Events = 1 { hangterm/thb { timerx = 0 } } } }"),
        Row(449, "Context = 1 { Modify = ip/1/1/1 { Media { Stream = 2 { LocalControl { Mode = Inactive } } } } }"),
        Row(450, new(local, control: "gm/xyz = 1")),
        Row(451, "Context = 1 { Modify = ip/1/1/1 { Events = 1 { g/xyz } } }"),
        Row(452, new(local, rest: ", Signals { ipnapt/xyz }")),
        Row(456, new(local, control: "gm/saf = OFF, gm/saf = OFF")),
        Row(472, "Context = $ { Add = $ }"),
        Row(472, new(local, control: "gm/saf = ON")),
        Row(474, new("v=0\nnonsense\n")),
        Row(474, new("v=0\nc=IN IP4 $\nm=message\n")),
        Row(474, new("v=0\nm=message $ TCP *\n")),
        Row(474, new(local, remote: "v=0\nc=IN IP4 127.0.0.21\nm=message 9 TCP/MSRP *\na=fingerprint:SHA-256 xy\n")),
        Row(501, "Context = 1 { Topology { *, *, Bothway }, AuditValue = * { Audit {} } }"),
        Row(501, "Context = - { AuditValue = ROOT { Audit { Media { TerminationState } } } }"),
        Row(515, new("v=0\nc=IN IP4 $\nm=audio $ RTP/AVP 0\n")),
        Row(517, "Context = 1 { Modify = ip/1/1/1 { Media { LocalControl { Mode = Loopback } } } }"),
        Row(542, "Context = - { \(AgentHarness.addCore) }"),
        Row(542, "Context = $ { Subtract = * }"),
        Row(542, "Context = * { \(AgentHarness.addCore) }"),
    ]

    @Test("RFC 3525 7.3: the error of each refusal; it has changed nothing", arguments: rows)
    func refused(row: Row) throws {
        let harness = try AgentHarness.associated()
        try harness.addContext()
        try harness.addContext()
        let journal = harness.media.journal
        #expect(harness.code(row.actions) == row.code)
        #expect(harness.media.journal == journal)
        #expect(harness.agent.contextCount == 2)
    }

    @Test("the media plane's refusals pass as they are", arguments: [449, 510])
    func mediaFailure(code: Int) throws {
        let harness = try AgentHarness.associated()
        harness.media.failure = GatewayFailure(code: code, text: "none")
        #expect(harness.code(Self.new(Self.local)) == UInt16(code))
        #expect(harness.agent.contextCount == 0)
        try harness.addContext()
        harness.media.failure = GatewayFailure(code: code, text: "none")
        let modify = "Context = 2 { Modify = * { Media { LocalControl { Mode = Inactive } } } }"
        #expect(harness.code(modify) == UInt16(code))
        harness.media.isFull = true
        #expect(harness.code(Self.new(Self.local)) == 510)
    }

    @Test("510 at the limit of contexts")
    func limit() throws {
        let harness = try AgentHarness.associated { $0.contexts = 1 }
        try harness.addContext()
        #expect(harness.code(Self.new(Self.local)) == 510)
        _ = harness.ask("Context = 1 { Subtract = * }")
        try harness.addContext()
    }

    @Test("505 until ServiceChange was answered, without effect")
    func beforeRegistration() throws {
        let harness = try AgentHarness()
        #expect(harness.code(Self.new(Self.local)) == 505)
        #expect(harness.media.journal.isEmpty)
    }

    @Test("504 for a configured controller that is not the one of the association")
    func otherController() throws {
        let other = Endpoint(.v4(0x7F00_0009), 2944)
        let harness = try AgentHarness(controllers: [
            Peer(address: AgentHarness.controller.address, port: 2944), Peer(address: other.address, port: 2944),
        ])
        try harness.acceptServiceChange()
        let reply = harness.ask("Context = * { Subtract = * }", from: other, mid: "[127.0.0.9]:2944")
        #expect(reply?.firstError?.code == .unauthorizedEntity)
    }

    @Test("502 while it goes out of service")
    func draining() throws {
        let harness = try AgentHarness.associated()
        try harness.addContext()
        harness.media.delay = .seconds(1)
        let stopped = harness.agent.stop()
        harness.settle()
        let goodbye = try #require(harness.take().compactMap(\.request).first)
        guard case .serviceChange(let change)? = goodbye.actions.first?.commands.first?.descriptors.first else {
            Issue.record("no ServiceChange")
            return
        }
        #expect(change.method == .graceful && change.reasonCode == 905)
        harness.receive("MEGACO/2 [127.0.0.1]:2944 Reply = \(goodbye.id) { Context = - { ServiceChange = ROOT } }")
        // The context that remains goes with Forced.
        let forced = try #require(harness.take().compactMap(\.request).first)
        guard case .serviceChange(let last)? = forced.actions.first?.commands.first?.descriptors.first else {
            Issue.record("no second ServiceChange")
            return
        }
        #expect(last.method == .forced && last.reasonCode == 908)
        harness.receive("MEGACO/2 [127.0.0.1]:2944 Reply = \(forced.id) { Context = - { ServiceChange = ROOT } }")
        harness.advance(.seconds(2))
        // An embedded loop can't be waited on: a future that is not done would hang here, not fail.
        try stopped.wait()
        #expect(harness.media.contexts.values.allSatisfy { $0.terminations.isEmpty })
    }
}
