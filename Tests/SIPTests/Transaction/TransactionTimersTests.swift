import NIOCore
import Testing

@testable import SIP

@Suite("RFC 3261 17, table 4: timers")
struct TransactionTimersTests {
    typealias H = TransactionHarness

    @Test("the default values: T1 500 ms, T2 4 s, T4 5 s; B, F, H, J, L and M 64 T1")
    func defaults() {
        let timers = TransactionTimers()
        #expect(timers.t1 == .milliseconds(500))
        #expect(timers.t2 == .seconds(4))
        #expect(timers.t4 == .seconds(5))
        #expect(timers.timeout == .seconds(32))
        #expect(timers.j(H.udp) == .seconds(32))
        #expect((timers.i(H.udp), timers.k(H.udp)) == (.seconds(5), .seconds(5)))
    }

    @Test("RFC 3261 17.1.1.2: timer D is at least 32 s over UDP, whatever T1 is", arguments: [Int64(10), 500, 2_000])
    func timerD(t1: Int64) {
        let timers = TransactionTimers(t1: .milliseconds(t1))
        #expect(timers.d(H.udp) == max(.seconds(32), timers.timeout))
    }

    @Test("D, I, J and K are 0 over a connection", arguments: [Flow.Transport.tcp, .tls])
    func reliable(transport: Flow.Transport) {
        let flow = H.flow(transport)
        let timers = TransactionTimers()
        #expect([timers.d(flow), timers.i(flow), timers.j(flow), timers.k(flow)] == Array(repeating: .zero, count: 4))
    }

    @Test("an interval doubles up to T2")
    func intervals() {
        let timers = TransactionTimers()
        var interval = timers.t1
        var all: [Int64] = []
        for _ in 0..<6 {
            all.append(interval.nanoseconds / 1_000_000)
            interval = timers.next(interval)
        }
        #expect(all == [500, 1000, 2000, 4000, 4000, 4000])
    }
}
