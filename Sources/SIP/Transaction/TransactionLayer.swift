import NIOCore
import WireSyntax

/// All transactions of one element: RFC 3261 §17 with RFC 6026, as one value without sockets and without a clock.
///
/// ```
///   socket                     TransactionLayer                       user (proxy, user agent)
///     | receive(message, over:) --> [match §17.1.3, §17.2.3] --> .request / .cancel / .response |
///     | <-- .transmit(message, flow)                          <-- send / respond / cancel        |
///     |                          timersDue(now:)              --> .timedOut, .terminated         |
///     | transportFailed(flow) ------------------------------> --> .failed, .terminated           |
/// ```
///
/// After every call drain `nextAction()` and call `timersDue(now:)` again at `nextDeadline`. Each transaction ends with exactly one
/// `.terminated`, after `.timedOut` or `.failed` where it ended badly.
///
/// - CANCEL (§9.2) is a server transaction of its own, which the user answers (200, or 481 where `of` is nil); the user also answers the INVITE.
/// - The ACK to a 2xx is in no transaction: it arrives with a nil id, and is sent without this layer.
/// - A response that matches nothing is reported with a nil id for counting and never forwarded (RFC 6026 §7.3).
public struct TransactionLayer: Sendable {
    public enum Action: Sendable {
        case transmit(Message, Flow)
        /// A new request; or an ACK to a 2xx, with the id of its INVITE if it has the INVITE's branch, otherwise nil.
        case request(Request, TransactionID?, Flow)
        /// A CANCEL, and the INVITE server transaction that it matches.
        case cancel(Request, TransactionID, of: TransactionID?, Flow)
        case response(Response, TransactionID?, Flow)
        case timedOut(TransactionID)
        /// The transport failed, or there was no room for it.
        case failed(TransactionID)
        case terminated(TransactionID)
    }
    typealias ActionQueue = CircularBuffer<Action>

    public let timers: TransactionTimers
    public let limits: TransactionLimits

    private var serial: UInt64 = 0
    private var actions = ActionQueue()
    private var deadlines = DeadlineQueue<TransactionID>()
    /// The entry of `deadlines` that counts for a transaction; others of it are leftovers.
    private var scheduled: [TransactionID: NIODeadline] = [:]

    private var clientKeys: [ClientKey: TransactionID] = [:]
    private var serverKeys: [ServerKey: TransactionID] = [:]
    private var inviteClients: [TransactionID: InviteClientTransaction] = [:]
    private var clients: [TransactionID: NonInviteClientTransaction] = [:]
    private var inviteServers: [TransactionID: InviteServerTransaction] = [:]
    private var servers: [TransactionID: NonInviteServerTransaction] = [:]

    public init(timers: TransactionTimers = TransactionTimers(), limits: TransactionLimits = TransactionLimits()) {
        self.timers = timers
        self.limits = limits
    }

    /// Transactions alive, client and server.
    public var count: Int { inviteClients.count + clients.count + inviteServers.count + servers.count }

    /// When `timersDue(now:)` is to be called next; nil if no timer runs.
    public var nextDeadline: NIODeadline? { deadlines.first?.deadline }

    public mutating func nextAction() -> Action? { actions.popFirst() }

    // MARK: From the network

    /// A message that has the headers of RFC 3261 §8.1.1; one without a readable top Via or CSeq is dropped here.
    public mutating func receive(_ message: Message, over flow: Flow, now: NIODeadline) {
        switch message {
        case .request(let request): receive(request, over: flow, now: now)
        case .response(let response): receive(response, over: flow, now: now)
        }
    }

    private mutating func receive(_ request: Request, over flow: Flow, now: NIODeadline) {
        let method = request.method == .ack ? Method.invite : request.method
        guard let key = ServerKey(request, over: flow, as: method) else { return }
        if request.method == .ack {
            guard let id = serverKeys[key] else {
                actions.append(.request(request, nil, flow))
                return
            }
            inviteServers[id]?.receiveACK(request, now: now, timers: timers, into: &actions)
            settle(id)
            return
        }
        if let id = serverKeys[key] {
            if id.isInvite {
                inviteServers[id]?.receiveRetransmission(into: &actions)
            } else {
                servers[id]?.receiveRetransmission(into: &actions)
            }
            return
        }
        guard serverKeys.count < limits.serverTransactions else {
            var refusal = Response.make(503, nil, to: request, toTag: nil)
            refusal.headers.set(.retryAfter, to: "\(limits.retryAfter)")
            actions.append(.transmit(.response(refusal), flow))
            return
        }
        let id = newID(request.method == .invite ? .inviteServer : .server)
        serverKeys[key] = id
        if request.method == .invite {
            inviteServers[id] = InviteServerTransaction(
                id: id, key: key, request: request, flow: flow, now: now, timers: timers, into: &actions)
        } else {
            servers[id] = NonInviteServerTransaction(id: id, key: key, flow: flow, now: now, timers: timers)
            if request.method == .cancel {
                let invite = ServerKey(request, over: flow, as: .invite).flatMap { serverKeys[$0] }
                actions.append(.cancel(request, id, of: invite, flow))
            } else {
                actions.append(.request(request, id, flow))
            }
        }
        settle(id)
    }

    private mutating func receive(_ response: Response, over flow: Flow, now: NIODeadline) {
        guard let via = try? response.headers.topVia(), let branch = via.branch,
            let cSeq = try? response.headers.cSeq(),
            let id = clientKeys[ClientKey(branch: branch, method: cSeq.method, peer: flow.remote.address)]
        else {
            actions.append(.response(response, nil, flow))
            return
        }
        if id.isInvite {
            let due = inviteClients[id]?.receive(response, now: now, timers: timers, into: &actions)
            if let due { start(due, of: id, now: now) }
        } else {
            clients[id]?.receive(response, now: now, timers: timers, into: &actions)
        }
        settle(id)
    }

    /// Everything over this flow has failed: RFC 3261 §17.1.4 and §17.2.4, RFC 6026 §7.1.
    ///
    /// - Parameter sparesServers: requests that came by it can still be answered by another connection (RFC 3261 §18.2.2); they fail when that does.
    public mutating func transportFailed(_ flow: Flow, now: NIODeadline, sparesServers: Bool = false) {
        for id in inviteClients.values.filter({ $0.flow == flow }).map(\.id) {
            inviteClients[id]?.transportFailed(into: &actions)
            settle(id)
        }
        for id in clients.values.filter({ $0.flow == flow }).map(\.id) {
            clients[id]?.transportFailed(into: &actions)
            settle(id)
        }
        guard !sparesServers else { return }
        for id in inviteServers.values.filter({ $0.flow == flow }).map(\.id) {
            inviteServers[id]?.transportFailed(into: &actions)
            settle(id)
        }
        for id in servers.values.filter({ $0.flow == flow }).map(\.id) {
            servers[id]?.transportFailed(into: &actions)
            settle(id)
        }
    }

    /// This one message cannot go over its flow, others can: it is longer than a datagram. Only its transaction fails. An ACK, and a response to a
    /// request of RFC 2543, fail nothing.
    public mutating func transmissionFailed(of message: Message, over flow: Flow) {
        switch message {
        case .request(let request):
            guard request.method != .ack, let branch = (try? request.headers.topVia())?.branch,
                let id = clientKeys[ClientKey(branch: branch, method: request.method, peer: flow.remote.address)]
            else { return }
            if id.isInvite {
                inviteClients[id]?.transportFailed(into: &actions)
            } else {
                clients[id]?.transportFailed(into: &actions)
            }
            settle(id)
        case .response(let response):
            guard let key = ServerKey(response, over: flow), let id = serverKeys[key] else { return }
            if id.isInvite {
                inviteServers[id]?.transportFailed(into: &actions)
            } else {
                servers[id]?.transportFailed(into: &actions)
            }
            settle(id)
        }
    }

    // MARK: From the user

    /// Starts a client transaction. `request` carries its top Via with a branch of its own.
    ///
    /// An ACK (to a 2xx) is only transmitted: the id returned then belongs to nothing. For a CANCEL see `cancel(_:adding:now:)`.
    ///
    /// - Parameter reserved: the id that `reserve(_:)` gave for it.
    @discardableResult
    public mutating func send(
        _ request: Request, over flow: Flow, now: NIODeadline, as reserved: TransactionID? = nil
    ) -> TransactionID {
        let id = reserved ?? reserve(request.method)
        if request.method == .ack {
            actions.append(.transmit(.request(request), flow))
            return id
        }
        guard clientKeys.count < limits.clientTransactions, let branch = (try? request.headers.topVia())?.branch else {
            actions.append(.failed(id))
            actions.append(.terminated(id))
            return id
        }
        clientKeys[ClientKey(branch: branch, method: request.method, peer: flow.remote.address)] = id
        if request.method == .invite {
            inviteClients[id] = InviteClientTransaction(
                id: id, request: request, flow: flow, now: now, timers: timers, into: &actions)
        } else {
            clients[id] = NonInviteClientTransaction(
                id: id, request: request, flow: flow, now: now, timers: timers, into: &actions)
        }
        settle(id)
        return id
    }

    /// The id of a client transaction that begins later, because its transport is not there yet.
    public mutating func reserve(_ method: Method) -> TransactionID {
        newID(method == .invite ? .inviteClient : .client)
    }

    /// Ends a transaction that was only reserved.
    public mutating func abandon(_ reserved: TransactionID) {
        actions.append(.failed(reserved))
        actions.append(.terminated(reserved))
    }

    /// RFC 3261 §9.1: cancels an INVITE client transaction. The CANCEL waits for a provisional response if there was none yet; once it is out and
    /// 64·T1 pass without a final response, the INVITE is reported as `.timedOut`.
    ///
    /// - Parameter extra: headers to add to those that the CANCEL copies, such as Reason (RFC 3326).
    /// - Returns: the transaction of the CANCEL, whose responses need no attention; nil where nothing is left to cancel or it was cancelled before.
    @discardableResult
    public mutating func cancel(
        _ invite: TransactionID, adding extra: Headers = Headers(), now: NIODeadline
    ) -> TransactionID? {
        guard let transaction = inviteClients[invite] else { return nil }
        let wasCalling = if case .calling(_, _, _, nil) = transaction.state { true } else { false }
        let order = InviteClientTransaction.Cancellation(id: newID(.client), headers: extra)
        if inviteClients[invite]?.cancel(order, now: now, timers: timers) == true {
            start(order, of: invite, now: now)
            settle(invite)
            return order.id
        }
        return wasCalling ? order.id : nil
    }

    /// Answers a request. Unknown ids (a transaction that has ended) are ignored: RFC 6026 §8.3.
    public mutating func respond(_ response: Response, to id: TransactionID, now: NIODeadline) {
        if id.isInvite {
            inviteServers[id]?.respond(response, now: now, timers: timers, into: &actions)
        } else {
            servers[id]?.respond(response, now: now, timers: timers, into: &actions)
        }
        settle(id)
    }

    /// Forgets a server transaction, answered or not: nothing is sent for it any more. For senders that are not served, who get silence (or one
    /// stateless answer) and for whom nothing is kept.
    public mutating func drop(_ id: TransactionID) {
        inviteServers[id]?.drop(into: &actions)
        servers[id]?.drop(into: &actions)
        settle(id)
    }

    // MARK: Time

    public mutating func timersDue(now: NIODeadline) {
        while let entry = deadlines.first, entry.deadline <= now {
            deadlines.removeFirst()
            guard scheduled[entry.name] == entry.deadline else { continue }
            scheduled[entry.name] = nil
            switch entry.name.kind {
            case .inviteClient:
                inviteClients[entry.name]?.timersDue(now: now, timers: timers, into: &actions)
            case .client: clients[entry.name]?.timersDue(now: now, timers: timers, into: &actions)
            case .inviteServer:
                inviteServers[entry.name]?.timersDue(now: now, timers: timers, into: &actions)
            case .server: servers[entry.name]?.timersDue(now: now, into: &actions)
            }
            settle(entry.name)
        }
        dropStaleDeadlines()
    }

    // MARK: Bookkeeping

    private mutating func newID(_ kind: TransactionID.Kind) -> TransactionID {
        serial += 1
        return TransactionID(kind: kind, serial: serial)
    }

    private mutating func start(
        _ order: InviteClientTransaction.Cancellation, of invite: TransactionID, now: NIODeadline
    ) {
        guard let transaction = inviteClients[invite] else { return }
        let cancel = transaction.request.cancellation(adding: order.headers)
        guard let branch = (try? cancel.headers.topVia())?.branch else { return }
        let peer = transaction.flow.remote.address
        clientKeys[ClientKey(branch: branch, method: .cancel, peer: peer)] = order.id
        clients[order.id] = NonInviteClientTransaction(
            id: order.id, request: cancel, flow: transaction.flow, now: now, timers: timers, into: &actions)
        settle(order.id)
    }

    private func deadline(of id: TransactionID) -> NIODeadline? {
        switch id.kind {
        case .inviteClient: inviteClients[id]?.nextDeadline
        case .client: clients[id]?.nextDeadline
        case .inviteServer: inviteServers[id]?.nextDeadline
        case .server: servers[id]?.nextDeadline
        }
    }

    /// After a machine has moved: forget it if it has ended, otherwise note its next deadline.
    private mutating func settle(_ id: TransactionID) {
        switch id.kind {
        case .inviteClient:
            if let one = inviteClients[id], case .terminated = one.state {
                inviteClients[id] = nil
                forget(one.request, one.flow)
            }
        case .client:
            if let one = clients[id], case .terminated = one.state {
                clients[id] = nil
                forget(one.request, one.flow)
            }
        case .inviteServer:
            if let one = inviteServers[id], case .terminated = one.state {
                inviteServers[id] = nil
                serverKeys[one.key] = nil
            }
        case .server:
            if let one = servers[id], case .terminated = one.state {
                servers[id] = nil
                serverKeys[one.key] = nil
            }
        }
        let deadline = deadline(of: id)
        guard deadline != scheduled[id] else { return }
        scheduled[id] = deadline
        if let deadline { deadlines.push(deadline, id) }
        dropStaleDeadlines()
    }

    private mutating func forget(_ request: Request, _ flow: Flow) {
        guard let branch = (try? request.headers.topVia())?.branch else { return }
        clientKeys[ClientKey(branch: branch, method: request.method, peer: flow.remote.address)] = nil
    }

    private mutating func dropStaleDeadlines() {
        while let entry = deadlines.first, scheduled[entry.name] != entry.deadline { deadlines.removeFirst() }
    }
}
