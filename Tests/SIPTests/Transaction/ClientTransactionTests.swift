import NIOCore
import Testing
import WireSyntax

@testable import SIP

@Suite("RFC 3261 17.1: client transactions")
struct ClientTransactionTests {
    typealias H = TransactionHarness

    /// What arrives when, and all that comes out of it.
    struct Row: Sendable, CustomTestStringConvertible {
        let rule: String
        let method: Method
        let flow: Flow
        let responses: [(Int64, Int)]
        let expected: [String]
        var testDescription: String { rule }

        init(_ rule: String, _ method: Method, _ flow: Flow, _ responses: [(Int64, Int)], _ expected: [String]) {
            self.rule = rule
            self.method = method
            self.flow = flow
            self.responses = responses
            self.expected = expected
        }
    }

    static let rows = [
        Row(
            "RFC 3261 17.1.1.2: timer A doubles, timer B ends it after 64 T1", .invite, H.udp, [],
            [
                "0 > INVITE", "500 > INVITE", "1500 > INVITE", "3500 > INVITE", "7500 > INVITE", "15500 > INVITE",
                "31500 > INVITE", "32000 timedOut", "32000 terminated",
            ]),
        Row(
            "RFC 3261 17.1.1.2: no timer A over TCP", .invite, H.tcp, [],
            ["0 > INVITE", "32000 timedOut", "32000 terminated"]),
        Row(
            "RFC 3261 17.1.1.2: a 1xx stops A and B", .invite, H.udp, [(600, 100), (700, 180), (120_000, 180)],
            ["0 > INVITE", "500 > INVITE", "600 response 100", "700 response 180", "120000 response 180"]),
        Row(
            "RFC 6026 8.4, 7.3: a 2xx leads to Accepted; every 2xx is passed up until timer M", .invite, H.udp,
            [(100, 180), (200, 200), (700, 200), (32_100, 200), (32_300, 200)],
            [
                "0 > INVITE", "100 response 180", "200 response 200", "700 response 200", "32100 response 200",
                "32200 terminated", "32300 response 200 of nothing",
            ]),
        Row(
            "RFC 6026 8.4: Accepted passes nothing but 2xx", .invite, H.tcp, [(10, 200), (20, 486), (30, 180)],
            ["0 > INVITE", "10 response 200", "32010 terminated"]),
        Row(
            "RFC 3261 17.1.1.2: 300-699 is acknowledged here, again for each copy until timer D", .invite, H.udp,
            [(100, 486), (600, 486), (32_099, 486)],
            [
                "0 > INVITE", "100 response 486", "100 > ACK", "600 > ACK", "32099 > ACK", "32100 terminated",
            ]),
        Row(
            "RFC 3261 17.1.1.2: timer D is 0 over TCP", .invite, H.tcp, [(100, 486)],
            ["0 > INVITE", "100 response 486", "100 > ACK", "100 terminated"]),
        Row(
            "RFC 3261 17.1.2.2: timer E doubles up to T2, timer F ends it", .options, H.udp, [],
            [
                "0 > OPTIONS", "500 > OPTIONS", "1500 > OPTIONS", "3500 > OPTIONS", "7500 > OPTIONS",
                "11500 > OPTIONS", "15500 > OPTIONS", "19500 > OPTIONS", "23500 > OPTIONS", "27500 > OPTIONS",
                "31500 > OPTIONS", "32000 timedOut", "32000 terminated",
            ]),
        Row(
            "RFC 3261 17.1.2.2: a 1xx makes E run at T2 and leaves F", .options, H.udp, [(600, 100)],
            [
                "0 > OPTIONS", "500 > OPTIONS", "600 response 100", "1500 > OPTIONS", "5500 > OPTIONS",
                "9500 > OPTIONS", "13500 > OPTIONS", "17500 > OPTIONS", "21500 > OPTIONS", "25500 > OPTIONS",
                "29500 > OPTIONS", "32000 timedOut", "32000 terminated",
            ]),
        Row(
            "RFC 3261 17.1.2.2: timer F ends it over TCP as well, with nothing repeated", .options, H.tcp, [(100, 100)],
            ["0 > OPTIONS", "100 response 100", "32000 timedOut", "32000 terminated"]),
        Row(
            "RFC 3261 17.1.2.2: in Completed a late provisional response is absorbed", .options, H.udp,
            [(100, 200), (200, 100)],
            ["0 > OPTIONS", "100 response 200", "5100 terminated"]),
        Row(
            "RFC 3261 17.1.2.2: 503 is a response like others, and ends the transaction", .options, H.tcp, [(100, 503)],
            ["0 > OPTIONS", "100 response 503", "100 terminated"]),
        Row(
            "RFC 3261 17.1.2.2: copies of the final response are absorbed until timer K", .bye, H.udp,
            [(100, 200), (200, 200), (5200, 200)],
            ["0 > BYE", "100 response 200", "5100 terminated", "5200 response 200 of nothing"]),
        Row(
            "RFC 3261 17.1.2.2: timer K is 0 over TCP", .register, H.tcp, [(100, 401)],
            ["0 > REGISTER", "100 response 401", "100 terminated"]),
    ]

    @Test("RFC 3261 17.1.1, 17.1.2 table", arguments: rows)
    func table(row: Row) {
        var harness = H()
        let request = H.request(row.method)
        _ = harness.send(request, over: row.flow)
        for (at, status) in row.responses {
            harness.advance(to: at)
            harness.receive(H.response(status, to: request), over: row.flow)
        }
        harness.advance(to: 130_000)
        #expect(harness.take() == row.expected)
        if row.expected.contains(where: { $0.hasSuffix("terminated") }) {
            #expect(harness.layer.count == 0)
            #expect(harness.layer.nextDeadline == nil)
        }
    }

    @Test(
        "RFC 3261 17.1.1.3: the ACK of a refusal has the INVITE's Via, Request-URI, Route, From, Call-ID, CSeq number and the response's To"
    )
    func acknowledgement() throws {
        var invite = H.request(.invite, cSeq: 314)
        invite.headers.append(.route, "<sip:p@127.0.0.2;lr>")
        invite.headers.append(.via, "SIP/2.0/TCP 127.0.0.9;branch=z9hG4bKbelow")
        let ack = invite.acknowledgement(of: H.response(486, to: invite))
        #expect(ack.method == .ack)
        #expect(ack.uri == invite.uri)
        #expect(ack.headers.values(.via) == ["SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK776"])
        #expect(ack.headers[.route] == "<sip:p@127.0.0.2;lr>")
        #expect(ack.headers[.to] == "<sip:b@ims.lab>;tag=there")
        #expect(ack.headers[.from] == invite.headers[.from])
        #expect(ack.headers[.callID] == invite.headers[.callID])
        #expect(ack.headers[.cSeq] == "314 ACK")
    }

    @Test(
        "RFC 3261 17.1.4: a transport failure ends every client transaction of the flow",
        arguments: [Method.invite, .bye])
    func transportFailure(method: Method) {
        var harness = H()
        _ = harness.send(H.request(method), over: H.tcp)
        _ = harness.send(H.request(method, branch: "z9hG4bKother"), over: H.udp)
        _ = harness.take()
        harness.fail(H.tcp)
        #expect(harness.take() == ["0 failed", "0 terminated"])
        #expect(harness.layer.count == 1)
    }

    @Test(
        "RFC 3261 17.1.1.2, RFC 6026 7.3: the ACK of a refusal goes where the INVITE went, wherever the refusal came from"
    )
    func acknowledgementFlow() {
        var layer = TransactionLayer()
        let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        let invite = H.request(.invite)
        layer.send(invite, over: H.udp, now: now)
        layer.receive(.response(H.response(486, to: invite)), over: H.flow(.udp, remote: "127.0.0.2:9"), now: now)
        var flows: [Flow] = []
        while let action = layer.nextAction() {
            if case .transmit(.request(let request), let flow) = action, request.method == .ack { flows.append(flow) }
        }
        #expect(flows == [H.udp])
    }

    @Test("A request beyond the limit fails at once and leaves nothing")
    func limit() {
        var harness = H(limits: TransactionLimits(clientTransactions: 1))
        _ = harness.send(H.request(.options), over: H.udp)
        _ = harness.take()
        _ = harness.send(H.request(.options, branch: "z9hG4bKother"), over: H.udp)
        #expect(harness.take() == ["0 failed", "0 terminated"])
        #expect(harness.layer.count == 1)
    }

    @Test("RFC 3261 17.1.3: branch and CSeq method match a response", arguments: [true, false])
    func matching(sameBranch: Bool) {
        var harness = H()
        _ = harness.send(H.request(.invite), over: H.udp)
        _ = harness.take()
        let other = sameBranch ? H.request(.cancel) : H.request(.invite, branch: "z9hG4bK777")
        harness.receive(H.response(200, to: other), over: H.udp)
        #expect(harness.take() == ["0 response 200 of nothing"])
    }

    @Test("A12: a response from another address than the request went to matches nothing")
    func foreignResponse() {
        var harness = H()
        let invite = H.request(.invite)
        _ = harness.send(invite, over: H.udp)
        _ = harness.take()
        harness.receive(H.response(200, to: invite), over: H.flow(.udp, remote: "127.0.0.66:5060"))
        #expect(harness.take() == ["0 response 200 of nothing"])
        harness.receive(H.response(200, to: invite), over: H.flow(.udp, remote: "127.0.0.2:9"))
        #expect(harness.take() == ["0 response 200"])
    }
}
