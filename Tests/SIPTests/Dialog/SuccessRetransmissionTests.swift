import NIOCore
import Testing

@testable import SIP

@Suite("RFC 3261 13.3.1.4: the 2xx until the ACK")
struct SuccessRetransmissionTests {
    /// Milliseconds at which something came out.
    private func run(acknowledgedAt ack: Int64?) -> [String] {
        let start = NIODeadline.uptimeNanoseconds(0)
        var machine = SuccessRetransmission(now: start)
        var log: [String] = []
        while let deadline = machine.nextDeadline {
            let at = (deadline - start).nanoseconds / 1_000_000
            if let ack, ack <= at {
                machine.acknowledged()
                continue
            }
            machine.timersDue(now: deadline)
            while let action = machine.nextAction() { log.append("\(at) \(action)") }
        }
        #expect(!machine.isActive)
        return log
    }

    @Test("RFC 3261 13.3.1.4, RFC 6026 8.1: doubles from T1 to T2 and gives up after 64 T1")
    func unanswered() {
        #expect(
            run(acknowledgedAt: nil)
                == [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500].map { "\($0) retransmit" }
                + ["32000 gaveUp"])
    }

    @Test("RFC 3261 13.3.1.4: stops with the ACK")
    func acknowledged() {
        #expect(run(acknowledgedAt: 2000) == ["500 retransmit", "1500 retransmit"])
    }
}
