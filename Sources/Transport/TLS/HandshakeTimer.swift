import NIOCore

/// How long a pinned handshake may take (X3).
package struct HandshakeDeadline {
    package var driver: DeadlineDriver
    /// For the handshake itself; the time in which a verdict is awaited does not count.
    package var handshake: TimeAmount
    /// For a verdict that waits for a fingerprint.
    package var hold: TimeAmount

    package init(_ driver: DeadlineDriver, handshake: TimeAmount = .seconds(10), hold: TimeAmount = .seconds(30)) {
        self.driver = driver
        self.handshake = handshake
        self.hold = hold
    }
}

/// Two budgets of one handshake, of which one runs at a time.
final class HandshakeTimer {
    private let deadline: HandshakeDeadline
    private let registration: DeadlineRegistration
    private var remaining: TimeAmount
    private var runningSince: NIODeadline?

    init(_ deadline: HandshakeDeadline, _ fire: @escaping () -> Void) {
        self.deadline = deadline
        remaining = deadline.handshake
        registration = deadline.driver.register { _ in fire() }
        resume()
    }

    deinit { registration.cancel() }

    func hold() {
        let now = deadline.driver.eventLoop.now
        if let runningSince { remaining = remaining - (now - runningSince) }
        runningSince = nil
        registration.set(now + deadline.hold)
    }

    func resume() {
        let now = deadline.driver.eventLoop.now
        runningSince = now
        registration.set(now + remaining)
    }

    func stop() { registration.cancel() }
}
