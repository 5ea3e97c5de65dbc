import NIOCore
import SIP
import Testing

@testable import ProxyCSCF

@Suite("Loops")
struct LoopGuardTests {
    /// Server transactions for the requests, as the transaction layer names them.
    private static func transactions(_ count: Int) -> [TransactionID] {
        var layer = TransactionLayer()
        return (0..<count).compactMap { number in
            layer.receive(
                .request(Fixtures.request(.message, cSeq: number + 1)), over: Fixtures.ueFlow, now: Fixtures.start)
            guard case .request(_, let id, _) = layer.nextAction() else { return nil }
            return id
        }
    }

    @Test("RFC 3261 16.3 step 4: the same request again is a loop, until its first passage is over")
    func same() throws {
        let ids = Self.transactions(3)
        try #require(ids.count == 3)
        var loops = LoopGuard()
        var request = Fixtures.request(.invite)
        #expect(loops.begin(request, ids[0]) == true)
        // What each hop changes says nothing.
        request.headers.prepend(.via, "SIP/2.0/TCP 127.2.0.1:5060;branch=z9hG4bKx")
        request.headers.set(.maxForwards, to: "60")
        #expect(loops.begin(request, ids[1]) == false)
        loops.ended(ids[1])
        #expect(loops.begin(request, ids[1]) == false)
        loops.ended(ids[0])
        #expect(loops.begin(request, ids[1]) == true)
        loops.ended(ids[1])
        #expect(loops.count == 0)
    }

    @Test(
        "RFC 3261 16.6 step 8: a spiral is none: Request-URI, Route or the dialog have changed",
        arguments: [0, 1, 2, 3])
    func spiral(change: Int) throws {
        let ids = Self.transactions(2)
        try #require(ids.count == 2)
        var loops = LoopGuard()
        #expect(loops.begin(Fixtures.request(.invite), ids[0]) == true)
        let second = [
            Fixtures.request(.invite, uri: "sip:u@127.4.0.2:40000;transport=tls"),
            Fixtures.request(.invite, headers: [(.route, "<sip:token@127.1.0.1:6000;lr>")]),
            Fixtures.request(.invite, to: "<sip:b@ims.lab>;tag=x"),
            Fixtures.request(.invite, cSeq: 2),
        ][change]
        #expect(loops.begin(second, ids[1]) == true)
    }
}
