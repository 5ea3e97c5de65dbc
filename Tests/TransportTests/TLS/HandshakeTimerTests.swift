import NIOCore
import NIOEmbedded
import Testing

@testable import Transport

@Suite("X3: 10 s for a TLS handshake, the wait for a verdict not counted")
struct HandshakeTimerTests {
    @Test("A13: fires after the handshake's time, not counting the hold, and never after it was stopped")
    func budgets() {
        let loop = EmbeddedEventLoop()
        let deadline = HandshakeDeadline(
            DeadlineDriver(eventLoop: loop), handshake: .seconds(10), hold: .seconds(30))
        var fired = 0
        let timer = HandshakeTimer(deadline) { fired += 1 }
        loop.advanceTime(by: .seconds(6))
        timer.hold()
        loop.advanceTime(by: .seconds(29))
        timer.resume()
        loop.advanceTime(by: .milliseconds(3_999))
        #expect(fired == 0)
        loop.advanceTime(by: .milliseconds(1))
        #expect(fired == 1)
        timer.hold()
        loop.advanceTime(by: .seconds(30))
        #expect(fired == 2, "the hold is bounded as well")
        timer.resume()
        timer.stop()
        loop.advanceTime(by: .hours(1))
        #expect(fired == 2)
    }
}
