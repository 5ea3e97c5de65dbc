import NIOCore
import NIOEmbedded
import Testing

@testable import Transport

@Suite struct DeadlineDriverTests {
    let loop = EmbeddedEventLoop()

    /// What fired, and when.
    final class Log {
        var lines: [String] = []
    }

    @Test("fires each deadline once, in order of time, whatever the order of setting")
    func order() {
        let driver = DeadlineDriver(eventLoop: loop)
        let log = Log()
        let start = loop.now
        let registrations = [5, 1, 4, 2, 3].map { second -> DeadlineRegistration in
            let registration = driver.register { now in
                log.lines.append("\(second)@\((now - start).nanoseconds / 1_000_000_000)")
            }
            registration.set(start + .seconds(Int64(second)))
            return registration
        }
        for _ in 0..<10 { loop.advanceTime(by: .seconds(1)) }
        #expect(log.lines == ["1@1", "2@2", "3@3", "4@4", "5@5"])
        #expect(driver.count == 0)
        withExtendedLifetime(registrations) {}
    }

    @Test("a deadline can be moved either way, and taken back")
    func moving() {
        let driver = DeadlineDriver(eventLoop: loop)
        let log = Log()
        let start = loop.now
        let one = driver.register { _ in log.lines.append("one") }
        let two = driver.register { _ in log.lines.append("two") }
        let three = driver.register { _ in log.lines.append("three") }
        one.set(start + .seconds(1))
        two.set(start + .seconds(9))
        three.set(start + .seconds(2))
        one.set(start + .seconds(5))
        two.set(start + .seconds(1))
        three.cancel()
        #expect(three.current == nil)
        loop.advanceTime(by: .seconds(3))
        #expect(log.lines == ["two"])
        loop.advanceTime(by: .seconds(3))
        #expect(log.lines == ["two", "one"])
    }

    @Test("a machine sets its next deadline from inside its timer")
    func rearm() {
        let driver = DeadlineDriver(eventLoop: loop)
        let log = Log()
        var registration: DeadlineRegistration?
        registration = driver.register { now in
            log.lines.append("tick")
            registration?.set(now + .milliseconds(500))
        }
        registration?.set(loop.now + .milliseconds(500))
        loop.advanceTime(by: .seconds(2))
        #expect(log.lines.count == 4)
        registration?.cancel()
        loop.advanceTime(by: .seconds(2))
        #expect(log.lines.count == 4)
        registration = nil
    }

    @Test("a timer that takes back another due at the same time is obeyed")
    func cancelWhileDue() {
        let driver = DeadlineDriver(eventLoop: loop)
        let log = Log()
        var second: DeadlineRegistration?
        let first = driver.register { _ in
            log.lines.append("first")
            second?.cancel()
        }
        second = driver.register { _ in log.lines.append("second") }
        first.set(loop.now + .seconds(1))
        second?.set(loop.now + .seconds(1))
        loop.advanceTime(by: .seconds(1))
        #expect(log.lines == ["first"])
    }

    @Test("a thousand random deadlines come in order")
    func many() {
        let driver = DeadlineDriver(eventLoop: loop)
        var random = SystemRandomNumberGenerator()
        let start = loop.now
        var fired: [Int64] = []
        var registrations: [DeadlineRegistration] = []
        for _ in 0..<1000 {
            var due: Int64 = 0
            let registration = driver.register { now in
                #expect((now - start).nanoseconds >= due)
                fired.append(due)
            }
            for _ in 0..<3 {
                due = Int64.random(in: 0..<1_000_000, using: &random) * 1000
                registration.set(start + .nanoseconds(due))
            }
            registrations.append(registration)
        }
        loop.advanceTime(by: .seconds(2))
        #expect(fired.count == 1000)
        #expect(fired == fired.sorted())
    }
}
