import NIOCore
import Testing

@testable import SIP

@Suite("RFC 3261 9: CANCEL")
struct CancelTests {
    typealias H = TransactionHarness

    @Test("RFC 3261 9.1: not before a provisional response; then at once; the INVITE ends by its final response")
    func waits() {
        var harness = H()
        let invite = H.request(.invite)
        let id = harness.send(invite, over: H.tcp)
        harness.advance(to: 100)
        harness.cancel(id)
        harness.cancel(id)
        #expect(harness.take() == ["0 > INVITE"])
        harness.advance(to: 200)
        harness.receive(H.response(100, to: invite), over: H.tcp)
        #expect(harness.take() == ["200 response 100", "200 > CANCEL"])
        harness.cancel(id)
        harness.receive(H.response(200, to: H.request(.cancel)), over: H.tcp)
        harness.receive(H.response(487, to: invite), over: H.tcp)
        #expect(
            harness.take() == [
                "200 response 200", "200 terminated", "200 response 487", "200 > ACK", "200 terminated",
            ])
        #expect(harness.layer.count == 0)
    }

    @Test("RFC 3261 9.1: a cancelled INVITE that gets no final response is given up after 64 T1")
    func givesUp() {
        var harness = H()
        let invite = H.request(.invite)
        let id = harness.send(invite, over: H.tcp)
        harness.receive(H.response(180, to: invite), over: H.tcp)
        harness.advance(to: 1000)
        harness.cancel(id)
        harness.receive(H.response(200, to: H.request(.cancel)), over: H.tcp)
        harness.advance(to: 40_000)
        #expect(
            harness.take() == [
                "0 > INVITE", "0 response 180", "1000 > CANCEL", "1000 response 200", "1000 terminated",
                "33000 timedOut", "33000 terminated",
            ])
        #expect(harness.layer.count == 0)
    }

    @Test("RFC 3261 9.1: nothing is cancelled after a final response", arguments: [200, 486])
    func tooLate(status: Int) {
        var harness = H()
        let invite = H.request(.invite)
        let id = harness.send(invite, over: H.udp)
        harness.receive(H.response(status, to: invite), over: H.udp)
        _ = harness.take()
        harness.cancel(id)
        #expect(harness.take().isEmpty)
    }

    @Test(
        "RFC 3261 9.1: the CANCEL has the Via, Request-URI, Route, From, To, Call-ID and CSeq number of the INVITE and the reason asked for"
    )
    func content() {
        var invite = H.request(.invite, cSeq: 9)
        invite.headers.append(.route, "<sip:p@127.0.0.2;lr>")
        invite.headers.append(.via, "SIP/2.0/TCP 127.0.0.9;branch=z9hG4bKbelow")
        invite.headers.append(.require, "precondition")
        invite.headers.append(.proxyRequire, "gruu")
        var extra = Headers()
        extra.append("Reason", "SIP;cause=480")
        let cancel = invite.cancellation(adding: extra)
        #expect(cancel.uri == invite.uri)
        #expect(cancel.headers.values(.via) == ["SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK776"])
        #expect(cancel.headers[.from] == invite.headers[.from] && cancel.headers.callID == invite.headers.callID)
        #expect(!cancel.headers.contains(.require) && !cancel.headers.contains(.proxyRequire))
        #expect(cancel.headers[.route] == invite.headers[.route])
        #expect(cancel.headers[.to] == invite.headers[.to])
        #expect(cancel.headers[.cSeq] == "9 CANCEL")
        #expect(cancel.headers["Reason"] == "SIP;cause=480")
    }

    @Test("RFC 3261 9.2: a CANCEL is reported with the INVITE that it matches")
    func matches() {
        var harness = H()
        harness.receive(H.request(.invite), over: H.udp)
        harness.receive(H.request(.cancel), over: H.udp)
        #expect(harness.take() == ["0 request INVITE", "0 cancel of INVITE"])
        harness.receive(H.request(.cancel, branch: "z9hG4bKnone"), over: H.udp)
        #expect(harness.take() == ["0 cancel of nothing"])
    }

    @Test("A12: a CANCEL from another address than the INVITE's matches nothing")
    func foreignCancel() {
        var harness = H()
        harness.receive(H.request(.invite), over: H.udp)
        _ = harness.take()
        harness.receive(H.request(.cancel), over: H.flow(.udp, remote: "127.0.0.66:5060"))
        #expect(harness.take() == ["0 cancel of nothing"])
    }
}
