import NIOCore
import Observability
import SIP
import WireSyntax

/// Binds SIP transactions to sockets: RFC 3261 §18 with RFC 3581, and RFC 3261 §17 through `TransactionLayer`. No function does it again.
///
///     UDP socket ──────────┐                                             ┌─▶ SIPUser (proxy, registrar, UE)
///     TCP, TLS listener ───┼─▶ decode ─▶ stamp Via ─▶ TransactionLayer ──┤
///     outgoing connection ─┘    400 ◀┘ malformed                          └─▶ transmit ─▶ the flow it came by
///
/// - Sockets have names (`gm`, `mw`): a message says by which it came, and a new connection is bound to the address of the one that it is opened for.
/// - A flow is a socket and a peer. Answers go back by the flow of the request; when its connection is gone, by a new one where `connectBack` allows it (RFC 3261
///   §18.2.2), otherwise they fail.
/// - A request that is too long for UDP goes over TCP while the peer takes it (RFC 3261 §18.1.1).
/// - What a peer sends never ends another peer's connection: a malformed request gets 400 with the place of the fault, an unreadable stream is closed.
/// - Every message that comes or goes is a flow event.
///
/// The user is called on the loop, never from inside a call that it makes.
// Confined to `eventLoop`: entry points check it, so that sharing the reference between threads is safe.
package final class SIPEndpoint: @unchecked Sendable {
    /// Messages that wait for the first user.
    static let maximumWaiting = 1024
    /// Characters of the reason phrase that says what was wrong.
    static let maximumReason = 200

    package let eventLoop: any EventLoop
    package let limits: SIPEndpointLimits
    let events: any FlowEventSink
    let capture: Capture?
    let deadlines: DeadlineDriver
    let random: () -> UInt64

    /// Weak: the user owns the endpoint. Set on the loop, or before the first socket is opened. What arrives between `listen` and the first user waits for it, up to `maximumWaiting`.
    package weak var user: (any SIPUser)? {
        didSet {
            guard user != nil else { return }
            hasHadUser = true
            if eventLoop.inEventLoop { scheduleDelivery() }
        }
    }
    private var hasHadUser = false

    var sockets: [SIPSocket] = []
    /// Addresses for outgoing connections of names that have no listener; one of a family.
    var addresses: [String: [IPAddress]] = [:]
    /// Opens a connection. Tests put their own here.
    var connector: Connector = { loop, local, remote, timeout, initializer in
        Sockets.connection(
            on: loop, from: local?.address, port: local?.port ?? 0, to: remote, timeout: timeout,
            initializer: initializer)
    }
    /// Names whose responses may go over a new connection.
    var connectingBack: [String: TLSClientSettings?] = [:]
    /// Requests that wait for the TCP connection that their length asks for.
    var held: [TransactionID: HeldRequest] = [:]
    /// Peers that took no TCP, until when they are not asked again.
    var datagramPeers: [Endpoint: NIODeadline] = [:]
    var keptAlive: [Flow: KeptAlive] = [:]
    var connections: [UInt64: SIPConnection] = [:]
    /// Open and opening connections that new flows may use.
    var reusable: [SIPConnection.Target: EventLoopFuture<Flow>] = [:]
    /// Names of connections that have ended and whose last events are still to be delivered.
    var closedNames: [UInt64: String] = [:]
    var sources: [IPAddress: Int] = [:]
    var nextConnection: UInt64 = 1
    private var malformedAnswers: TokenBucket
    /// Messages that could not be read, requests and responses.
    package internal(set) var malformedCount = 0
    /// Messages that did not fit a datagram.
    package internal(set) var tooLargeCount = 0
    /// Connections that were refused for a limit.
    package internal(set) var refusedCount = 0
    var isStopped = false

    var layer: TransactionLayer
    private var timer: DeadlineRegistration?
    private var deliveries = CircularBuffer<TransactionLayer.Action>()
    private var closedFlows = CircularBuffer<Flow>()
    private var isDeliveryScheduled = false

    /// - Parameters:
    ///   - deadlines: the driver of the loop, where others use it too.
    ///   - random: where branches come from.
    package init(
        eventLoop: any EventLoop, events: any FlowEventSink = NoEvents(), capture: Capture? = nil,
        deadlines: DeadlineDriver? = nil, timers: SIP.TransactionTimers = SIP.TransactionTimers(),
        transactions: TransactionLimits = TransactionLimits(), limits: SIPEndpointLimits = SIPEndpointLimits(),
        random: @escaping () -> UInt64 = { UInt64.random(in: .min ... .max) }
    ) {
        self.eventLoop = eventLoop
        self.events = events
        self.capture = capture
        self.deadlines = deadlines ?? DeadlineDriver(eventLoop: eventLoop)
        self.limits = limits
        self.random = random
        malformedAnswers = TokenBucket(burst: limits.malformedBurst, rate: limits.malformedRate)
        layer = TransactionLayer(timers: timers, limits: transactions)
        timer = self.deadlines.register { [weak self] now in
            guard let self else { return }
            self.layer.timersDue(now: now)
            self.pump()
        }
    }

    /// Transactions alive.
    package var transactionCount: Int { layer.count }
    package var connectionCount: Int { connections.count }

    // MARK: Sending

    /// Starts a client transaction. Adds the top Via (branch, `rport`). An ACK is only transmitted.
    ///
    /// - Returns: the id under which its responses and its end are reported; never before this call has returned.
    @discardableResult
    package func send(_ request: Request, over flow: Flow) -> TransactionID {
        eventLoop.preconditionInEventLoop()
        let complete = addingVia(to: request, over: flow)
        guard isTooLong(complete, for: flow) else {
            let id = layer.send(complete, over: flow, now: eventLoop.now)
            pump()
            return id
        }
        let id = layer.reserve(request.method)
        held[id] = HeldRequest()
        overTCP(flow) { result in
            let held = self.held.removeValue(forKey: id)
            let chosen = (try? result.get()) ?? flow
            self.layer.send(self.addingVia(to: request, over: chosen), over: chosen, now: self.eventLoop.now, as: id)
            if let extra = held?.cancellation { self.layer.cancel(id, adding: extra, now: self.eventLoop.now) }
            self.pump()
        }
        return id
    }

    /// Answers a request. Nothing happens if its transaction is over.
    package func respond(_ response: Response, to transaction: TransactionID) {
        eventLoop.preconditionInEventLoop()
        layer.respond(response, to: transaction, now: eventLoop.now)
        pump()
    }

    /// Forgets a request that gets no answer, or has got a stateless one.
    package func drop(_ transaction: TransactionID) {
        eventLoop.preconditionInEventLoop()
        layer.drop(transaction)
        pump()
    }

    /// RFC 3261 §9.1: cancels an INVITE that was sent. See `TransactionLayer.cancel`. One that still waits for its connection is cancelled when it has gone out;
    /// its CANCEL then has an id that is not told.
    @discardableResult
    package func cancel(_ invite: TransactionID, adding headers: Headers = Headers()) -> TransactionID? {
        eventLoop.preconditionInEventLoop()
        if held[invite] != nil {
            held[invite]?.cancellation = headers
            return nil
        }
        let id = layer.cancel(invite, adding: headers, now: eventLoop.now)
        pump()
        return id
    }

    /// Sends a message outside of transactions: an ACK to a 2xx, a 2xx again (RFC 3261 §13.3.1.4). A request gets a Via of its own; a response goes as it is.
    package func sendStateless(_ message: Message, over flow: Flow) {
        eventLoop.preconditionInEventLoop()
        switch message {
        case .request(let request):
            let complete = addingVia(to: request, over: flow)
            guard isTooLong(complete, for: flow) else {
                transmit(.request(complete), over: flow)
                break
            }
            overTCP(flow) { result in
                let chosen = (try? result.get()) ?? flow
                self.transmit(.request(self.addingVia(to: request, over: chosen)), over: chosen)
                self.pump()
            }
        case .response: transmit(message, over: flow)
        }
        pump()
    }

    /// RFC 3261 §18.1.1, §8.1.1.7, RFC 3581 §3.
    private func addingVia(to request: Request, over flow: Flow) -> Request {
        var request = request
        let sentBy = sentBy(for: flow)
        let branch = Via.magicCookie + String(random(), radix: 36) + String(random(), radix: 36)
        request.headers.prepend(
            .via, "SIP/2.0/\(flow.transport.viaName) \(sentBy);branch=\(branch);rport")
        return request
    }

    // MARK: Receiving

    /// One datagram (RFC 3261 §18.3).
    func receive(datagram: ByteBuffer, over flow: Flow) {
        switch Message.read(datagram: datagram) {
        case .success(let message): receive(message, over: flow)
        case .failure(let malformed): refuse(malformed, over: flow)
        }
    }

    /// A well-formed message.
    func receive(_ message: Message, over flow: Flow) {
        if events.isEnabled { events.emit(SIPTrace.event(message, .received, over: flow)) }
        var message = message
        if case .request(var request) = message {
            stamp(&request.headers, source: flow.remote)
            message = .request(request)
        }
        layer.receive(message, over: flow, now: eventLoop.now)
        pump()
    }

    /// What is no proper message: counted, and a request answered with 400 and the place of the fault if it can be, not more often than the limits say. A
    /// response is never answered: two endpoints would answer each other for ever.
    func refuse(_ malformed: MalformedMessage, over flow: Flow) {
        malformedCount += 1
        guard malformedAnswers.take(now: eventLoop.now) else { return }
        if events.isEnabled {
            events.emit(
                .refused(
                    .init(
                        kind: "malformed", remote: "\(flow.remote)", local: "\(flow.local)",
                        reason: "\(malformed.error)", count: malformedCount)))
        }
        var malformed = malformed
        stamp(&malformed.headers, source: flow.remote)
        let tag = String(random(), radix: 36)
        guard var response = malformed.response(toTag: tag) else { return }
        response.reason = String(response.reason.prefix(Self.maximumReason))
        transmit(.response(response), over: flow)
    }

    private func stamp(_ headers: inout Headers, source: Endpoint) {
        guard var via = try? headers.topVia() else { return }
        let before = via
        ViaStamp.stamp(&via, source: source)
        if via != before { headers.replaceTopVia(with: via) }
    }

    // MARK: Between the transactions, the sockets and the user

    /// Carries out what the machines want. What concerns the user waits until the calls under way have returned.
    func pump() {
        while let action = layer.nextAction() {
            if case .transmit(let message, let flow) = action {
                transmit(message, over: flow)
            } else if hasHadUser || deliveries.count < Self.maximumWaiting {
                deliveries.append(action)
            }
        }
        timer?.set(layer.nextDeadline)
        scheduleDelivery()
    }

    private func scheduleDelivery() {
        guard hasHadUser, !deliveries.isEmpty || !closedFlows.isEmpty, !isDeliveryScheduled else { return }
        isDeliveryScheduled = true
        eventLoop.execute { self.deliver() }
    }

    private func deliver() {
        isDeliveryScheduled = false
        while true {
            if let action = deliveries.popFirst() {
                deliver(action)
            } else if let flow = closedFlows.popFirst() {
                closedNames[flow.connection] = nil
                user?.sipEndpoint(self, closed: flow)
            } else {
                return
            }
        }
    }

    private func deliver(_ action: TransactionLayer.Action) {
        guard let user else { return }
        switch action {
        case .transmit: break
        case .request(let request, let id, let flow):
            user.sipEndpoint(self, received: request, transaction: id, over: flow, listener: name(of: flow))
        case .cancel(let request, let id, let invite, let flow):
            user.sipEndpoint(self, cancel: request, transaction: id, of: invite, over: flow)
        case .response(let response, let id, let flow):
            user.sipEndpoint(self, received: response, transaction: id, over: flow)
        case .timedOut(let id): user.sipEndpoint(self, failed: id, timedOut: true)
        case .failed(let id): user.sipEndpoint(self, failed: id, timedOut: false)
        case .terminated(let id): user.sipEndpoint(self, terminated: id)
        }
    }

    private func transmit(_ message: Message, over flow: Flow) {
        // RFC 3261 §18.4. Not from inside the loop over actions: the layer is asked afterwards.
        switch write(message, over: flow) {
        case .written: if events.isEnabled { events.emit(SIPTrace.event(message, .sent, over: flow)) }
        case .gone:
            if case .response(let response) = message, sendBack(response, over: flow) { break }
            layer.transportFailed(flow, now: eventLoop.now)
        case .tooLarge(let octets):
            // The fault of who made the message, who need not be this peer: what else runs with the peer goes on.
            tooLargeCount += 1
            layer.transmissionFailed(of: message, over: flow)
            guard events.isEnabled else { return }
            events.emit(
                .refused(
                    .init(
                        kind: "tooLarge", remote: "\(flow.remote)", local: "\(flow.local)",
                        reason: "\(octets) octets are above the \(Sockets.largestDatagram) of a datagram",
                        count: tooLargeCount)))
        }
    }

    /// The connection of `flow` is gone.
    func lost(_ flow: Flow, name: String) {
        // What was received by it is still to be delivered under its name.
        closedNames[flow.connection] = name
        keptAlive.removeValue(forKey: flow)?.timer.cancel()
        layer.transportFailed(flow, now: eventLoop.now, sparesServers: connectingBack[name] != nil)
        closedFlows.append(flow)
        pump()
    }
}
