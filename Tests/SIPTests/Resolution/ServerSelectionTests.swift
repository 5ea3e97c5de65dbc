import Testing
import WireSyntax

@testable import SIP

@Suite("RFC 3263 4: locating a server")
struct ServerSelectionTests {
    /// A domain as the DNS knows it.
    struct Zone {
        var naptr: [String: [NAPTRRecord]] = [:]
        var srv: [String: [SRVRecord]] = [:]
        var addresses: [String: [String]] = [:]
        var silent: Set<DNSQuestion> = []

        func answer(_ question: DNSQuestion) -> DNSAnswer {
            if silent.contains(question) { return .failed }
            switch question.kind {
            case .naptr: return naptr[question.name].map { .naptr($0) } ?? .absent
            case .srv: return srv[question.name].map { .srv($0) } ?? .absent
            case .addresses:
                return addresses[question.name].map { .addresses($0.compactMap { IPAddress($0) }) } ?? .absent
            }
        }
    }

    static let all = ServerSelection.Abilities(transports: [.udp, .tcp, .tls])
    static let plain = ServerSelection.Abilities(transports: [.udp, .tcp])

    /// The example of RFC 3263 §4.1, with two servers.
    static let example = Zone(
        naptr: [
            "ims.lab": [
                NAPTRRecord(
                    order: 100, preference: 50, flags: "s", service: "SIP+D2U", replacement: "_sip._udp.ims.lab"),
                NAPTRRecord(
                    order: 50, preference: 50, flags: "s", service: "SIPS+D2T", replacement: "_sips._tcp.ims.lab"),
                NAPTRRecord(
                    order: 90, preference: 50, flags: "S", service: "sip+d2t", replacement: "_sip._tcp.ims.lab"),
            ]
        ],
        srv: [
            "_sip._udp.ims.lab": [SRVRecord(priority: 0, weight: 0, port: 5070, target: "one.ims.lab")],
            "_sip._tcp.ims.lab": [
                SRVRecord(priority: 2, weight: 0, port: 5072, target: "two.ims.lab"),
                SRVRecord(priority: 1, weight: 0, port: 5071, target: "one.ims.lab"),
            ],
            "_sips._tcp.ims.lab": [SRVRecord(priority: 0, weight: 0, port: 5081, target: "two.ims.lab")],
        ],
        addresses: [
            "one.ims.lab": ["2001:db8::1", "192.0.2.1"], "two.ims.lab": ["192.0.2.2"], "ims.lab": ["192.0.2.9"],
        ])

    /// What was asked, and what came of it.
    static func run(
        _ uri: String, _ abilities: ServerSelection.Abilities, _ zone: Zone, backwards: Bool = false
    ) throws -> (asked: [String], outcome: [String]) {
        var selection = ServerSelection(try SIPURI(uri), abilities: abilities)
        var lots = Repeatable()
        var asked: [String] = []
        while selection.result == nil {
            let questions = selection.takeQuestions()
            try #require(!questions.isEmpty, "it waits for nothing")
            asked += questions.map(\.description)
            for question in backwards ? questions.reversed() : questions {
                selection.receive(zone.answer(question), to: question, using: &lots)
            }
        }
        switch try #require(selection.result) {
        case .success(let targets): return (asked, targets.map(\.description))
        case .failure(let failure): return (asked, ["\(failure)"])
        }
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let rule: String
        let uri: String
        let abilities: ServerSelection.Abilities
        let asked: [String]
        let outcome: [String]
        var testDescription: String { "\(rule): \(uri)" }

        init(
            _ rule: String, _ uri: String, _ abilities: ServerSelection.Abilities, _ asked: [String],
            _ outcome: [String]
        ) {
            self.rule = rule
            self.uri = uri
            self.abilities = abilities
            self.asked = asked
            self.outcome = outcome
        }
    }

    static let rows = [
        Row("RFC 3261 19.1.2, RFC 3263 4.1: a number, sip: UDP", "sip:192.0.2.7", all, [], ["udp:192.0.2.7:5060"]),
        Row("4.1: a number, sips: TLS over TCP", "sips:192.0.2.7", all, [], ["tls:192.0.2.7:5061"]),
        Row(
            "4.1: the transport parameter decides", "sip:192.0.2.7;transport=TCP", all, [],
            ["tcp:192.0.2.7:5060"]),
        Row("4.2: a number and a port", "sip:[2001:db8::7]:5099", all, [], ["udp:[2001:db8::7]:5099"]),
        Row("4: maddr is the target", "sip:ims.lab;maddr=192.0.2.8", all, [], ["udp:192.0.2.8:5060"]),
        Row(
            "4.1: sips over UDP is nothing", "sips:192.0.2.7;transport=udp", all, [],
            ["transport udp is not supported for this URI"]),
        Row(
            "4.1: a transport that the client has not", "sip:ims.lab;transport=sctp", all, [],
            ["transport sctp is not supported for this URI"]),
        Row("4.1: sips without TLS", "sips:ims.lab", plain, [], ["transport tls is not supported for this URI"]),
        Row(
            "4.2: a name and a port: A and AAAA, no SRV", "sip:one.ims.lab:5060", all, ["A/AAAA one.ims.lab"],
            ["udp:[2001:db8::1]:5060", "udp:192.0.2.1:5060"]),
        Row(
            "4.2: a transport and no port: SRV, by priority", "sip:ims.lab;transport=tcp", all,
            ["SRV _sip._tcp.ims.lab", "A/AAAA one.ims.lab", "A/AAAA two.ims.lab"],
            ["tcp:[2001:db8::1]:5071", "tcp:192.0.2.1:5071", "tcp:192.0.2.2:5072"]),
        Row(
            "4.2: no SRV: A and AAAA at the default port", "sip:one.ims.lab;transport=tls", all,
            ["SRV _sips._tcp.one.ims.lab", "A/AAAA one.ims.lab"],
            ["tls:[2001:db8::1]:5061", "tls:192.0.2.1:5061"]),
        Row(
            "4.1: NAPTR of the lowest order that the client can do", "sip:ims.lab", all,
            ["NAPTR ims.lab", "SRV _sips._tcp.ims.lab", "A/AAAA two.ims.lab"], ["tls:192.0.2.2:5081"]),
        Row(
            "4.1: SIPS is not for a client without TLS", "sip:ims.lab", plain,
            ["NAPTR ims.lab", "SRV _sip._tcp.ims.lab", "A/AAAA one.ims.lab", "A/AAAA two.ims.lab"],
            ["tcp:[2001:db8::1]:5071", "tcp:192.0.2.1:5071", "tcp:192.0.2.2:5072"]),
        Row(
            "4.1: sips MUST discard all but SIPS", "sips:ims.lab", all,
            ["NAPTR ims.lab", "SRV _sips._tcp.ims.lab", "A/AAAA two.ims.lab"], ["tls:192.0.2.2:5081"]),
        Row(
            "4.1: no NAPTR: SRV for each transport, then UDP to the host", "sip:one.ims.lab", all,
            ["NAPTR one.ims.lab", "SRV _sip._udp.one.ims.lab", "SRV _sip._tcp.one.ims.lab", "A/AAAA one.ims.lab"],
            ["udp:[2001:db8::1]:5060", "udp:192.0.2.1:5060"]),
        Row(
            "4.1: no NAPTR and sips: _sips alone, then TLS to the host", "sips:one.ims.lab", all,
            ["NAPTR one.ims.lab", "SRV _sips._tcp.one.ims.lab", "A/AAAA one.ims.lab"],
            ["tls:[2001:db8::1]:5061", "tls:192.0.2.1:5061"]),
        Row(
            "a host that nobody knows", "sip:none.ims.lab:5060", all, ["A/AAAA none.ims.lab"],
            ["no SIP server found for none.ims.lab"]),
        Row(
            "only addresses that the client can reach", "sip:one.ims.lab:5060",
            ServerSelection.Abilities(transports: [.tcp], v6: false), ["A/AAAA one.ims.lab"],
            ["tcp:192.0.2.1:5060"]),
        Row(
            "a number that it cannot reach", "sip:[2001:db8::1]",
            ServerSelection.Abilities(transports: [.udp], v6: false), [], ["no SIP server found for [2001:db8::1]"]),
    ]

    @Test("RFC 3263 4.1, 4.2 (from RFC 3261 8.1.2 and 19.1.2) table", arguments: rows, [false, true])
    func table(row: Row, backwards: Bool) throws {
        let (asked, outcome) = try Self.run(row.uri, row.abilities, Self.example, backwards: backwards)
        #expect(asked == row.asked)
        #expect(outcome == row.outcome)
    }

    @Test("RFC 3263 4.1, RFC 3403 4.1: NAPTR of one order by preference; what does not apply is discarded")
    func preference() throws {
        var zone = Self.example
        zone.naptr["ims.lab"] = [
            NAPTRRecord(order: 1, preference: 1, flags: "s", service: "E2U+sip", replacement: "_sip._udp.ims.lab"),
            NAPTRRecord(order: 1, preference: 1, flags: "u", service: "SIP+D2U", replacement: "_sip._udp.ims.lab"),
            NAPTRRecord(
                order: 1, preference: 1, flags: "s", service: "SIP+D2U", regularExpression: "!x!y!",
                replacement: "_sip._udp.ims.lab"),
            NAPTRRecord(order: 1, preference: 1, flags: "s", service: "SIP+D2U", replacement: ""),
            NAPTRRecord(order: 2, preference: 9, flags: "s", service: "SIP+D2U", replacement: "_sip._udp.ims.lab"),
            NAPTRRecord(order: 2, preference: 1, flags: "s", service: "SIP+D2T", replacement: "_sip._tcp.ims.lab"),
        ]
        zone.srv["_sip._tcp.ims.lab"] = [SRVRecord(priority: 0, weight: 0, port: 5072, target: "two.ims.lab")]
        zone.addresses["one.ims.lab"] = ["192.0.2.1"]
        #expect(try Self.run("sip:ims.lab", Self.plain, zone).outcome == ["tcp:192.0.2.2:5072", "udp:192.0.2.1:5070"])
    }

    @Test("RFC 2782: a target of \".\" says that there is no such service: the host is not asked in its place")
    func denied() throws {
        var zone = Self.example
        zone.srv["_sip._tcp.ims.lab"] = [SRVRecord(priority: 0, weight: 0, port: 0, target: "")]
        let (asked, outcome) = try Self.run("sip:ims.lab;transport=tcp", Self.all, zone)
        #expect(asked == ["SRV _sip._tcp.ims.lab"])
        #expect(outcome == ["no SIP server found for ims.lab"])
    }

    static let silences: [(String, String, DNSQuestion)] = [
        ("sip:ims.lab", "no answer from the DNS for NAPTR ims.lab", DNSQuestion(.naptr, "ims.lab")),
        (
            "sips:ims.lab", "no answer from the DNS for SRV _sips._tcp.ims.lab",
            DNSQuestion(.srv, "_sips._tcp.ims.lab")
        ),
        (
            "sip:one.ims.lab:5060", "no answer from the DNS for A/AAAA one.ims.lab",
            DNSQuestion(.addresses, "one.ims.lab")
        ),
    ]

    @Test("RFC 3263 7: an unanswered question leads to no lesser transport: it fails", arguments: silences)
    func unanswered(uri: String, failure: String, question: DNSQuestion) throws {
        var zone = Self.example
        zone.silent = [question]
        #expect(try Self.run(uri, Self.all, zone).outcome == [failure])
    }

    @Test("one server's address unanswered: the others are tried")
    func partly() throws {
        var zone = Self.example
        zone.silent = [DNSQuestion(.addresses, "one.ims.lab")]
        #expect(try Self.run("sip:ims.lab;transport=tcp", Self.all, zone).outcome == ["tcp:192.0.2.2:5072"])
    }

    @Test("RFC 3263 4.1, RFC 3261 8.1.2: the name to prove is that of the URI, whatever the DNS puts in its place")
    func serverName() throws {
        var selection = ServerSelection(try SIPURI("sips:ims.lab"), abilities: Self.all)
        var lots = Repeatable()
        while selection.result == nil {
            for question in selection.takeQuestions() {
                selection.receive(Self.example.answer(question), to: question, using: &lots)
            }
        }
        #expect(try #require(selection.result).get().map(\.serverName) == ["ims.lab"])
        let numeric = ServerSelection(try SIPURI("sips:192.0.2.1"), abilities: Self.all)
        #expect(try #require(numeric.result).get().map(\.serverName) == [nil])
    }

    @Test("A13: a flood of records costs no more than the limits")
    func limits() throws {
        var zone = Self.example
        zone.srv["_sip._tcp.ims.lab"] = (0..<10_000).map {
            SRVRecord(priority: 0, weight: 1, port: 5060, target: "s\($0).ims.lab")
        }
        for index in 0..<100 {
            zone.addresses["s\(index).ims.lab"] = (0..<50).map { "192.0.2.\($0)" }
        }
        let (asked, outcome) = try Self.run("sip:ims.lab;transport=tcp", Self.all, zone)
        #expect(asked.count == 1 + ServerSelection.maximumServers)
        #expect(outcome.count <= ServerSelection.maximumServers * ServerSelection.maximumAddresses)
    }

    @Test("an answer that nobody asked for, and one that comes twice, change nothing")
    func strangers() throws {
        var selection = ServerSelection(try SIPURI("sip:one.ims.lab:5060"), abilities: Self.all)
        var lots = Repeatable()
        selection.receive(.addresses([.v4(1)]), to: DNSQuestion(.addresses, "other.lab"), using: &lots)
        #expect(selection.result == nil)
        let question = try #require(selection.takeQuestions().first)
        #expect(selection.takeQuestions().isEmpty)
        selection.receive(.addresses([.v4(2)]), to: question, using: &lots)
        selection.receive(.addresses([.v4(3)]), to: question, using: &lots)
        #expect(try #require(selection.result).get().map(\.endpoint) == [Endpoint(.v4(2), 5060)])
    }

    @Test("time out: what was not answered counts as such")
    func giveUp() throws {
        var selection = ServerSelection(try SIPURI("sip:ims.lab"), abilities: Self.all)
        var lots = Repeatable()
        _ = selection.takeQuestions()
        selection.giveUp(using: &lots)
        #expect(throws: ServerSelection.Failure.unanswered(DNSQuestion(.naptr, "ims.lab"))) {
            try #require(selection.result).get()
        }
    }

    @Test("addresses that no server has are not contacted: 0.0.0.0, ::, multicast")
    func strangeAddresses() throws {
        var zone = Self.example
        zone.addresses["one.ims.lab"] = ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "192.0.2.1"]
        #expect(try Self.run("sip:one.ims.lab:5060", Self.all, zone).outcome == ["udp:192.0.2.1:5060"])
    }
}

@Suite("RFC 3263 4.3: failover")
struct ServerTrialsTests {
    static let targets = (1...3).map { ServerSelection.Target(transport: .udp, endpoint: Endpoint(.v4($0), 5060)) }

    @Test(
        "RFC 3263 4.3: the next server after 503, a transport failure, and no response at all",
        arguments: [
            ServerTrials.Outcome.response(503), .transportFailed, .timedOut(hadResponse: false),
        ])
    func failure(outcome: ServerTrials.Outcome) {
        var trials = ServerTrials(Self.targets)
        #expect(trials.current == Self.targets[0])
        #expect(trials.next(after: outcome) == Self.targets[1])
        #expect(trials.next(after: outcome) == Self.targets[2])
        #expect(trials.next(after: outcome) == nil)
        #expect(trials.current == nil)
        #expect(trials.next(after: outcome) == nil)
    }

    @Test(
        "RFC 3263 4.3: no other server after any other response, or when one had answered",
        arguments: [
            ServerTrials.Outcome.response(200), .response(404), .response(500), .response(603),
            .timedOut(hadResponse: true),
        ])
    func final(outcome: ServerTrials.Outcome) {
        var trials = ServerTrials(Self.targets)
        #expect(trials.next(after: outcome) == nil)
        #expect(trials.current == Self.targets[0])
    }
}
