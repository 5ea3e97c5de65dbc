import NIOCore
import Testing
import WireSyntax

@testable import SIP

@Suite("RFC 3261 17.2: server transactions")
struct ServerTransactionTests {
    typealias H = TransactionHarness

    enum Event: Sendable {
        case again
        case ack
        case respond(Int)
        case drop
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let rule: String
        let method: Method
        let flow: Flow
        let events: [(Int64, Event)]
        let expected: [String]
        var testDescription: String { rule }

        init(_ rule: String, _ method: Method, _ flow: Flow, _ events: [(Int64, Event)], _ expected: [String]) {
            self.rule = rule
            self.method = method
            self.flow = flow
            self.events = events
            self.expected = expected
        }
    }

    static let rows = [
        Row(
            "RFC 3261 17.2.1: 100 by itself after 200 ms, repeated for each INVITE", .invite, H.udp, [(500, .again)],
            ["0 request INVITE", "200 > 100", "500 > 100"]),
        Row(
            "A13: a dropped INVITE gets no 100, and the same again is a new one", .invite, H.udp,
            [(100, .drop), (500, .again), (550, .drop)],
            ["0 request INVITE", "100 terminated", "500 request INVITE", "550 terminated"]),
        Row(
            "RFC 3261 17.2.1: no 100 of its own once the user has answered", .invite, H.udp,
            [(100, .respond(180)), (500, .again)], ["0 request INVITE", "100 > 180", "500 > 180"]),
        Row(
            "RFC 3261 17.2.1: before any response an INVITE again is absorbed", .invite, H.udp, [(100, .again)],
            ["0 request INVITE", "200 > 100"]),
        Row(
            "RFC 6026 7.1: 2xx leads to Accepted: INVITE absorbed, 2xx of the user sent, ACK passed up, until timer L",
            .invite, H.udp,
            [(50, .respond(200)), (500, .again), (550, .respond(200)), (600, .ack), (700, .respond(486))],
            ["0 request INVITE", "50 > 200", "550 > 200", "600 request ACK", "32050 terminated"]),
        Row(
            "RFC 3261 17.2.1: timer G repeats the refusal up to T2, timer H ends it", .invite, H.udp,
            [(0, .respond(486))],
            [
                "0 request INVITE", "0 > 486", "500 > 486", "1500 > 486", "3500 > 486", "7500 > 486", "11500 > 486",
                "15500 > 486", "19500 > 486", "23500 > 486", "27500 > 486", "31500 > 486", "32000 timedOut",
                "32000 terminated",
            ]),
        Row(
            "RFC 3261 17.2.1: the ACK leads to Confirmed, which absorbs until timer I", .invite, H.udp,
            [(0, .respond(486)), (100, .again), (200, .ack), (300, .ack), (400, .again)],
            ["0 request INVITE", "0 > 486", "100 > 486", "5200 terminated"]),
        Row(
            "RFC 3261 17.2.1: over TCP no timer G, and timer I is 0", .invite, H.tcp,
            [(0, .respond(486)), (900, .ack)],
            ["0 request INVITE", "0 > 486", "900 terminated"]),
        Row(
            "RFC 3261 17.2.1: timer H ends it over TCP as well", .invite, H.tcp, [(0, .respond(486))],
            ["0 request INVITE", "0 > 486", "32000 timedOut", "32000 terminated"]),
        Row(
            "RFC 3261 17.2.1: in Completed every other final response is discarded, and the INVITE again gets the first",
            .invite,
            H.tcp, [(0, .respond(486)), (10, .respond(200)), (20, .respond(603)), (30, .again), (900, .ack)],
            ["0 request INVITE", "0 > 486", "30 > 486", "900 terminated"]),
        Row(
            "RFC 3261 17.2.1: every provisional response goes out, and the last of them again", .invite, H.udp,
            [(10, .respond(100)), (20, .respond(180)), (30, .respond(183)), (40, .again), (50, .respond(200))],
            ["0 request INVITE", "10 > 100", "20 > 180", "30 > 183", "40 > 183", "50 > 200", "32050 terminated"]),
        Row(
            "RFC 3261 17.2.2: Trying absorbs, Proceeding repeats the 1xx, Completed the final until timer J", .options,
            H.udp,
            [(10, .again), (20, .respond(100)), (30, .again), (40, .respond(200)), (50, .again), (60, .respond(500))],
            ["0 request OPTIONS", "20 > 100", "30 > 100", "40 > 200", "50 > 200", "32040 terminated"]),
        Row(
            "RFC 3261 17.2.2: timer J is 0 over TCP", .bye, H.tcp, [(40, .respond(200))],
            ["0 request BYE", "40 > 200", "40 terminated"]),
        Row(
            "a user that never answers leaves nothing behind", .bye, H.tcp, [],
            ["0 request BYE", "64000 timedOut", "64000 terminated"]),
    ]

    @Test("RFC 3261 17.2.1, 17.2.2 table", arguments: rows)
    func table(row: Row) throws {
        var harness = H()
        let request = H.request(row.method)
        harness.receive(request, over: row.flow)
        let id = try #require(harness.ids.first)
        for (at, event) in row.events {
            harness.advance(to: at)
            switch event {
            case .again: harness.receive(request, over: row.flow)
            case .ack: harness.receive(H.request(.ack, toTag: "there"), over: row.flow)
            case .respond(let status): harness.respond(status, to: request, id)
            case .drop: harness.drop(try #require(harness.ids.last))
            }
        }
        harness.advance(to: 130_000)
        #expect(harness.take() == row.expected)
        if row.expected.contains(where: { $0.hasSuffix("terminated") }) {
            #expect(harness.layer.count == 0)
            #expect(harness.layer.nextDeadline == nil)
        }
    }

    /// Requests that differ in one thing from `OPTIONS` with branch 776 of 127.0.0.1:5060, and whether they are the same transaction.
    static let neighbours: [(String, Request, Flow, Bool)] = [
        ("same", H.request(.options), H.udp, true),
        ("other branch", H.request(.options, branch: "z9hG4bK777"), H.udp, false),
        ("other port in sent-by", H.request(.options, sentBy: "127.0.0.1:5070"), H.udp, false),
        ("other host in sent-by", H.request(.options, sentBy: "127.0.0.9:5060"), H.udp, false),
        ("other method", H.request(.info), H.udp, false),
        ("from elsewhere", H.request(.options), H.flow(.udp, remote: "127.0.0.66:5060"), false),
        ("from another port", H.request(.options), H.flow(.udp, remote: "127.0.0.2:9"), true),
    ]

    @Test("RFC 3261 17.2.3: branch, sent-by and method match a request", arguments: neighbours.indices)
    func matching(index: Int) {
        let (name, request, flow, same) = Self.neighbours[index]
        var harness = H()
        harness.receive(H.request(.options), over: H.udp)
        _ = harness.take()
        harness.receive(request, over: flow)
        #expect(harness.take().isEmpty == same, "\(name)")
    }

    @Test(
        "RFC 3261 17.2.3: a branch without the cookie is matched as RFC 2543 did, the ACK without regard to its To tag",
        arguments: [nil, "old", "z9hG4bK"])
    func fallback(branch: String?) throws {
        var harness = H()
        let invite = H.request(.invite, branch: branch)
        harness.receive(invite, over: H.udp)
        harness.receive(invite, over: H.udp)
        harness.receive(H.request(.invite, branch: branch, cSeq: 2), over: H.udp)
        #expect(harness.take() == ["0 request INVITE", "0 request INVITE"])
        harness.respond(404, to: invite, try #require(harness.ids.first))
        harness.receive(H.request(.ack, branch: branch, toTag: "there"), over: H.udp)
        harness.advance(to: 10_000)
        #expect(harness.take() == ["0 > 404", "200 > 100", "5000 terminated"])
    }

    @Test("RFC 3261 17.1.1.3: an ACK that matches nothing is a 2xx's and goes to the user")
    func strayACK() {
        var harness = H()
        harness.receive(H.request(.ack), over: H.udp)
        #expect(harness.take() == ["0 request ACK of nothing"])
        #expect(harness.layer.count == 0)
    }

    @Test(
        "RFC 6026 7.1: a transport failure is told; over UDP the INVITE transaction stays, over TCP it ends",
        arguments: [(H.udp, ["0 failed"]), (H.tcp, ["0 failed", "0 terminated"])])
    func transportFailure(flow: Flow, expected: [String]) {
        var harness = H()
        harness.receive(H.request(.invite), over: flow)
        _ = harness.take()
        harness.fail(flow)
        #expect(harness.take() == expected)
    }

    @Test("RFC 6026 8.3: a response to a transaction that has ended is dropped")
    func ended() throws {
        var harness = H()
        let bye = H.request(.bye)
        harness.receive(bye, over: H.tcp)
        let id = try #require(harness.ids.first)
        harness.respond(200, to: bye, id)
        _ = harness.take()
        harness.respond(200, to: bye, id)
        #expect(harness.take().isEmpty)
    }

    @Test("RFC 6026 7.1: a transport failure in Accepted is told to the user, who repeats the 2xx")
    func acceptedFails() throws {
        var harness = H()
        let invite = H.request(.invite)
        harness.receive(invite, over: H.udp)
        harness.respond(200, to: invite, try #require(harness.ids.first))
        harness.fail(H.udp)
        #expect(harness.take() == ["0 request INVITE", "0 > 200", "0 failed"])
        #expect(harness.layer.count == 1)
    }

    @Test("RFC 3261 18.2.2: a connection is gone and answers may go by another: the server transaction stays")
    func spared() throws {
        var harness = H()
        harness.receive(H.request(.invite), over: H.tcp)
        _ = harness.send(H.request(.bye, branch: "z9hG4bKbye"), over: H.tcp)
        _ = harness.take()
        harness.layer.transportFailed(H.tcp, now: harness.now, sparesServers: true)
        harness.advance(to: 0)
        harness.respond(486, to: H.request(.invite), try #require(harness.ids.first))
        #expect(harness.take() == ["0 failed", "0 terminated", "0 > 486"])
    }

    @Test("RFC 6026 7.3, 8.3: an answer to a request whose transaction has ended goes nowhere")
    func late() throws {
        var harness = H()
        let request = H.request(.options)
        harness.receive(request, over: H.tcp)
        let id = try #require(harness.ids.first)
        harness.respond(200, to: request, id)
        harness.advance(to: 10)
        harness.respond(500, to: request, id)
        #expect(harness.take() == ["0 request OPTIONS", "0 > 200", "0 terminated"])
    }

    @Test("A13: requests beyond the limit get 503 with Retry-After and leave no state")
    func limit() {
        var harness = H(limits: TransactionLimits(serverTransactions: 1))
        harness.receive(H.request(.options), over: H.udp)
        harness.receive(H.request(.options, branch: "z9hG4bKother"), over: H.udp)
        harness.receive(H.request(.ack, branch: "z9hG4bKthird"), over: H.udp)
        #expect(harness.take() == ["0 request OPTIONS", "0 > 503", "0 request ACK of nothing"])
        #expect(harness.layer.count == 1)
    }

    @Test("A13: a flood of retransmissions does not make the deadline queue grow")
    func flood() {
        var queue = DeadlineQueue<Int>()
        for value in [5, 3, 9, 1, 7, 3] { queue.push(.uptimeNanoseconds(UInt64(value)), value) }
        var order: [Int] = []
        while let first = queue.first {
            order.append(first.name)
            queue.removeFirst()
        }
        #expect(order == [1, 3, 3, 5, 7, 9])
        var harness = H()
        let invite = H.request(.invite)
        for _ in 0..<1000 { harness.receive(invite, over: H.udp) }
        harness.advance(to: 300)
        #expect(harness.take() == ["0 request INVITE", "200 > 100"])
    }
}
