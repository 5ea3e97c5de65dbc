import NIOCore
import SIP
import WireSyntax

/// RFC 5626 §4.4.1: keep-alives with CRLF, as a client.
///
/// ```
///   every 80 to 100 % of the interval:  CRLF CRLF ──▶ peer
///   a connection: no CRLF within 10 s:  the flow has failed, the connection is closed
///   UDP: the datagram keeps the NAT's binding; nothing comes back (STUN, §4.4.2, is left out)
/// ```
extension SIPEndpoint {
    final class KeptAlive {
        let interval: TimeAmount
        let timer: DeadlineRegistration
        /// A ping is out, and its pong is missing.
        var isWaiting = false

        init(interval: TimeAmount, timer: DeadlineRegistration) {
            self.interval = interval
            self.timer = timer
        }
    }

    /// The shortest interval that is used.
    static let shortestKeepAlive = TimeAmount.milliseconds(100)

    /// Keeps a flow alive, until it is closed.
    ///
    /// - Parameter interval: the longest time between two pings; each waits 80 to 100 % of it. Nil: no more pings.
    /// - Returns: false if the flow is not open, or too many are kept alive.
    @discardableResult
    package func keepAlive(_ flow: Flow, every interval: TimeAmount?) -> Bool {
        eventLoop.preconditionInEventLoop()
        keptAlive.removeValue(forKey: flow)?.timer.cancel()
        guard let interval else { return true }
        guard isOpen(flow), keptAlive.count < limits.keepAlives else { return false }
        let timer = deadlines.register { [weak self] now in self?.keepAliveDue(flow, now) }
        let one = KeptAlive(interval: max(interval, Self.shortestKeepAlive), timer: timer)
        keptAlive[flow] = one
        timer.set(eventLoop.now + next(one.interval))
        return true
    }

    func received(pong flow: Flow) {
        guard let one = keptAlive[flow], one.isWaiting else { return }
        one.isWaiting = false
        one.timer.set(eventLoop.now + next(one.interval))
    }

    private func keepAliveDue(_ flow: Flow, _ now: NIODeadline) {
        guard let one = keptAlive[flow] else { return }
        guard !one.isWaiting else {
            keptAlive[flow] = nil
            connections[flow.connection]?.close("no pong to a keep-alive")
            return
        }
        if flow.transport == .udp {
            guard let socket = sockets.first(where: { $0.transport == .udp && $0.local == flow.local }) else {
                keptAlive[flow] = nil
                return
            }
            let octets = ByteBuffer(string: "\r\n\r\n")
            capture?.datagram(from: flow.local, to: flow.remote, octets)
            socket.channel.writeAndFlush(
                AddressedEnvelope(remoteAddress: SocketAddress(flow.remote), data: octets), promise: nil)
            one.timer.set(now + next(one.interval))
        } else {
            one.isWaiting = true
            connections[flow.connection]?.ping()
            one.timer.set(now + limits.pongTime)
        }
    }

    private func next(_ interval: TimeAmount) -> TimeAmount {
        .nanoseconds(interval.nanoseconds / 1000 * (800 + Int64(random() % 201)))
    }
}
