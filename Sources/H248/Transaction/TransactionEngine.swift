import NIOCore
import WireSyntax

/// Names a request of a peer until it has been replied to.
public struct IncomingTransaction: Hashable, Sendable {
    public var id: UInt32
    /// The peer as its MId says.
    public var sender: MessageIdentifier
    /// Where the request came from and its reply goes to (RFC 3525 D.1).
    public var source: Endpoint
}

/// Names an own request.
public struct OutgoingTransaction: Hashable, Sendable {
    public var id: UInt32
    public var peer: Endpoint
}

/// Transactions of H.248 over UDP (RFC 3525 §8, Annex D.1), both roles at once, for any number of configured peers.
///
/// ```
///  send ──► Transaction ──►            │  ──► Transaction ──► .request ──► user
///           (again, slower and slower) │      (again: reply from the store, or Pending)
///  .reply ◄── Reply ◄──                │  ◄── Reply ◄── reply(…)
///           ──► TransactionResponseAck │      (only where immAckRequired, or a Pending came before)
/// ```
/// - Requests are repeated with exponential back-off and a random part until the reply, a T-MAX, or a Pending, which slows them down.
/// - A request is executed at most once per MId and transaction id: a repeated one gets the stored reply octet for octet for LONG-TIMER, or a
///   TransactionPending while it is executed.
/// - Messages of others than the configured peers (`PeerPolicy`) are dropped without an answer and counted.
///
/// A value: events go in with the time, actions come out of `nextAction()`; call `timersDue` at `nextDeadline`. It reads no clock and no random source.
public struct TransactionEngine: Sendable {
    public enum Action: Hashable, Sendable {
        /// Send these octets. The same octets again are a repetition.
        case transmit(ByteBuffer, to: Endpoint)
        /// For flow events, only with `reportsTraffic`: what is sent first or again. It comes just before its `.transmit`.
        case sent(Message, to: Endpoint, isRepetition: Bool)
        /// For flow events, only with `reportsTraffic`: a message of a configured peer.
        case received(Message, from: Endpoint)
        /// Execute this and call `reply(_:to:now:)` once, now or later. `version` is the one of the message's header.
        case request(TransactionRequest, IncomingTransaction, version: UInt8)
        /// The final reply to an own request.
        case reply(TransactionReply.Body, OutgoingTransaction)
        /// No reply until T-MAX: the association is in trouble (D.1.5).
        case timedOut(OutgoingTransaction)
        /// The limit of TransactionPendings was reached: 506 has been sent; the reply, when it comes, is dropped.
        case abandoned(IncomingTransaction)
        /// The peer sent a message-level error instead of transactions.
        case peerError(ErrorDescriptor, from: Endpoint)
        /// A configured peer's message could not be read; it has been answered with its error where an answer was due.
        case malformed(DecodingFailure, from: Endpoint)
        /// A message of somebody else: no answer. `count`: how many since the start.
        case refused(Endpoint, reason: String, count: Int)
    }

    private struct Outgoing: Sendable {
        var message: Message
        var octets: ByteBuffer
        var began: NIODeadline
        var nextTransmission: NIODeadline
        var giveUp: NIODeadline
        /// AAD of D.1.3 for this transaction, in nanoseconds; doubled after each repetition.
        var delay: Int64
        var transmissions = 1
        var isPending = false
    }

    private struct Key: Hashable, Sendable {
        var sender: MessageIdentifier
        var id: UInt32
    }

    private enum Incoming: Sendable {
        case executing(source: Endpoint, nextPending: NIODeadline, pendings: Int)
        /// `octets` nil: confirmed, or too old for a repetition; only the id is kept.
        case replied(octets: ByteBuffer?, expires: NIODeadline)
    }

    /// What is measured and negotiated with one peer address.
    private struct PeerState: Sendable {
        var version: UInt8?
        /// Smoothed delay and deviation, nanoseconds (D.1.3).
        var delay: Int64
        var deviation: Int64 = 0
        var executing = 0
        var stored = 0
    }

    public let settings: EngineSettings
    private let decoder: MessageDecoder
    private var outgoing: [OutgoingTransaction: Outgoing] = [:]
    private var incoming: [Key: Incoming] = [:]
    /// Keys of stored replies in the order in which they expire.
    private var expiry: [(key: Key, at: NIODeadline)] = []
    private var expired = 0
    private var peers: [IPAddress: PeerState] = [:]
    private var actions: [Action] = []
    private var taken = 0
    private var nextID: UInt32
    private var random: SplitMix

    /// Messages dropped because they came from somebody else than a configured peer.
    public private(set) var refusedMessages = 0
    /// Messages of configured peers that could not be read.
    public private(set) var malformedMessages = 0
    /// Own requests sent again, replies sent again from the store.
    public private(set) var repeatedRequests = 0
    public private(set) var repeatedReplies = 0

    /// - Parameter seed: from a good random source; gives the first transaction id and the random part of the back-off.
    public init(settings: EngineSettings, seed: UInt64) {
        self.settings = settings
        decoder = MessageDecoder(limits: settings.decoding)
        random = SplitMix(state: seed)
        nextID = UInt32(truncatingIfNeeded: random.next()) >> 1 | 1
    }

    public var outstanding: Int { outgoing.count }
    public var executing: Int { peers.values.reduce(0) { $0 + $1.executing } }
    public var storedReplies: Int { peers.values.reduce(0) { $0 + $1.stored } }

    public mutating func nextAction() -> Action? {
        guard taken < actions.count else {
            actions.removeAll(keepingCapacity: true)
            taken = 0
            return nil
        }
        defer { taken += 1 }
        return actions[taken]
    }

    // MARK: Sending

    /// Sends a request, repeats it until it is answered, and reports `.reply` or `.timedOut` exactly once.
    ///
    /// Nil when too many own requests are unanswered or the message does not fit a datagram.
    public mutating func send(_ requests: [ActionRequest], to peer: Endpoint, now: NIODeadline) -> OutgoingTransaction?
    {
        guard outgoing.count < settings.limits.outstanding else { return nil }
        repeat { nextID = nextID == .max ? 1 : nextID + 1 } while outgoing[.init(id: nextID, peer: peer)] != nil
        let transaction = OutgoingTransaction(id: nextID, peer: peer)
        let message = message([.request(TransactionRequest(id: nextID, actions: requests))], to: peer)
        let octets = message.encoded(form: settings.form)
        guard octets.readableBytes <= settings.limits.datagram else { return nil }
        let state = peerState(peer.address)
        var entry = Outgoing(
            message: message, octets: octets, began: now, nextTransmission: now,
            giveUp: now + settings.timers.maximum, delay: state.delay)
        entry.nextTransmission = now + interval(state.delay, deviation: state.deviation, isFirst: true)
        outgoing[transaction] = entry
        transmit(octets, message, to: peer, isRepetition: false)
        return transaction
    }

    /// Stops repeating a request; its reply, when it comes, is dropped.
    public mutating func forget(_ transaction: OutgoingTransaction) { outgoing[transaction] = nil }

    /// Answers a request. Without effect when it was answered before.
    public mutating func reply(
        _ body: TransactionReply.Body, to transaction: IncomingTransaction, now: NIODeadline
    ) {
        let key = Key(sender: transaction.sender, id: transaction.id)
        guard case .executing(let source, _, let pendings)? = incoming[key] else { return }
        var reply = TransactionReply(id: transaction.id, immAckRequired: pendings > 0, body: body)
        var message = message([.reply(reply)], to: source)
        var octets = message.encoded(form: settings.form)
        if octets.readableBytes > settings.limits.datagram {
            reply.body = .error(ErrorDescriptor(.responseTooLong))
            message = self.message([.reply(reply)], to: source)
            octets = message.encoded(form: settings.form)
        }
        store(octets, for: key, source: source, now: now)
        transmit(octets, message, to: source, isRepetition: false)
    }

    /// The version that ServiceChange settled: it stands in the header of every message to this peer from now on.
    public mutating func setVersion(_ version: UInt8?, for peer: IPAddress) {
        var state = peerState(peer)
        state.version = version
        peers[peer] = state
    }

    public func version(for peer: IPAddress) -> UInt8 { peers[peer]?.version ?? settings.version }

    /// The peer has restarted: its transaction ids begin anew, so that stored replies and requests under way must not be compared with them, and
    /// nothing sent before can be answered any more. Own requests to it end without a report.
    ///
    /// - Parameter except: the ServiceChange that said so.
    public mutating func restarted(_ peer: IPAddress, except transaction: IncomingTransaction?) {
        let kept = transaction.map { Key(sender: $0.sender, id: $0.id) }
        var state = peerState(peer)
        for (key, value) in incoming where key != kept && belongs(key, to: peer, value) {
            if case .executing = value { state.executing -= 1 } else { state.stored -= 1 }
            incoming[key] = nil
        }
        for transaction in outgoing.keys where transaction.peer.address == peer { outgoing[transaction] = nil }
        state.delay = settings.timers.initialDelay.nanoseconds
        state.deviation = 0
        peers[peer] = state
    }

    private func belongs(_ key: Key, to peer: IPAddress, _ value: Incoming) -> Bool {
        if case .executing(let source, _, _) = value { return source.address == peer }
        return origin[key] == peer
    }
    /// The address from which a stored transaction came.
    private var origin: [Key: IPAddress] = [:]

    // MARK: Receiving

    /// One datagram.
    public mutating func receive(_ datagram: ByteBuffer, from source: Endpoint, now: NIODeadline) {
        guard settings.policy.peer(sending: source) != nil else {
            refuse(source, "\(source) is not a configured peer")
            return
        }
        do {
            try receive(decoder.decode(datagram), from: source, now: now)
        } catch {
            receive(error, from: source, now: now)
        }
    }

    /// A message that was decoded elsewhere.
    public mutating func receive(_ message: Message, from source: Endpoint, now: NIODeadline) {
        if let reason = settings.policy.refusal(of: message.sender, from: source) {
            refuse(source, reason)
            return
        }
        if settings.reportsTraffic { actions.append(.received(message, from: source)) }
        switch message.body {
        case .error(let error): actions.append(.peerError(error, from: source))
        case .transactions(let items):
            guard settings.versions.contains(message.version) else {
                if items.contains(where: { if case .request = $0 { true } else { false } }) {
                    answer(ErrorDescriptor(.versionNotSupported, "version \(message.version)"), to: source)
                }
                return
            }
            guard items.count <= settings.limits.itemsPerMessage else {
                answer(
                    ErrorDescriptor(.tooManyTransactions, "more than \(settings.limits.itemsPerMessage)"), to: source)
                return
            }
            for item in items { receive(item, message, from: source, now: now) }
        }
    }

    private mutating func receive(_ failure: DecodingFailure, from source: Endpoint, now: NIODeadline) {
        malformedMessages += 1
        if let sender = failure.sender, let reason = settings.policy.refusal(of: sender, from: source) {
            refuse(source, reason)
            return
        }
        actions.append(.malformed(failure, from: source))
        guard failure.items.count < settings.limits.itemsPerMessage else {
            answer(ErrorDescriptor(.tooManyTransactions), to: source)
            return
        }
        if let version = failure.version, !settings.versions.contains(version) {
            answer(ErrorDescriptor(.versionNotSupported, "version \(version)"), to: source)
            return
        }
        if let sender = failure.sender, let version = failure.version {
            let message = Message(version: version, sender: sender, body: .transactions(failure.items))
            for item in failure.items { receive(item, message, from: source, now: now) }
        }
        guard !failure.isUnanswerable else { return }
        if let id = failure.transaction {
            let reply = TransactionReply(id: id, body: .error(failure.descriptor))
            let message = message([.reply(reply)], to: source)
            transmit(message.encoded(form: settings.form), message, to: source, isRepetition: false)
        } else {
            answer(failure.descriptor, to: source)
        }
    }

    private mutating func receive(
        _ item: TransactionItem, _ message: Message, from source: Endpoint, now: NIODeadline
    ) {
        switch item {
        case .request(let request): receive(request, message, from: source, now: now)
        case .reply(let reply): receive(reply, from: source, now: now)
        case .pending(let id):
            guard let transaction = own(id, from: source), var entry = outgoing[transaction] else { return }
            entry.isPending = true
            entry.nextTransmission = now + settings.timers.pendingRetransmission
            entry.giveUp = max(entry.giveUp, now + settings.timers.maximum)
            outgoing[transaction] = entry
        case .responseAck(let ranges):
            for (key, value) in incoming where key.sender == message.sender {
                if case .replied(_?, let expires) = value, ranges.contains(where: { $0.contains(key.id) }) {
                    incoming[key] = .replied(octets: nil, expires: expires)
                }
            }
        }
    }

    private mutating func receive(
        _ request: TransactionRequest, _ message: Message, from source: Endpoint, now: NIODeadline
    ) {
        let key = Key(sender: message.sender, id: request.id)
        var state = peerState(source.address)
        switch incoming[key] {
        case .replied(let octets?, _)?:
            repeatedReplies += 1
            if settings.reportsTraffic, let stored = try? decoder.decode(octets) {
                actions.append(.sent(stored, to: source, isRepetition: true))
            }
            actions.append(.transmit(octets, to: source))
        case .replied(nil, _)?: break
        case .executing(let first, let next, let pendings)?:
            incoming[key] = .executing(source: first, nextPending: next, pendings: pendings)
            sendPending(key, now: now)
        case nil:
            guard state.executing < settings.limits.executing, state.stored < settings.limits.replies else {
                let reply = TransactionReply(
                    id: request.id, body: .error(ErrorDescriptor(.insufficientResources, "too many transactions")))
                let answer = self.message([.reply(reply)], to: source)
                transmit(answer.encoded(form: settings.form), answer, to: source, isRepetition: false)
                return
            }
            state.executing += 1
            peers[source.address] = state
            incoming[key] = .executing(
                source: source, nextPending: now + settings.timers.normalExecution, pendings: 0)
            actions.append(
                .request(
                    request, IncomingTransaction(id: request.id, sender: message.sender, source: source),
                    version: message.version))
        }
    }

    private mutating func receive(_ reply: TransactionReply, from source: Endpoint, now: NIODeadline) {
        guard let transaction = own(reply.id, from: source), let entry = outgoing.removeValue(forKey: transaction)
        else {
            // The acknowledgement was lost: the peer repeats its reply.
            if reply.immAckRequired { acknowledge(reply.id, to: source) }
            return
        }
        if entry.transmissions == 1, !entry.isPending { measure((now - entry.began).nanoseconds, source.address) }
        if reply.immAckRequired || entry.isPending { acknowledge(reply.id, to: source) }
        actions.append(.reply(reply.body, transaction))
    }

    /// A reply may come from another port of the peer than the request went to.
    private func own(_ id: UInt32, from source: Endpoint) -> OutgoingTransaction? {
        let exact = OutgoingTransaction(id: id, peer: source)
        if outgoing[exact] != nil { return exact }
        return outgoing.keys.first { $0.id == id && $0.peer.address == source.address }
    }

    private mutating func acknowledge(_ id: UInt32, to peer: Endpoint) {
        let message = message([.responseAck([id...id])], to: peer)
        transmit(message.encoded(form: settings.form), message, to: peer, isRepetition: false)
    }

    private mutating func sendPending(_ key: Key, now: NIODeadline) {
        guard case .executing(let source, _, let pendings)? = incoming[key] else { return }
        guard pendings < settings.limits.pendings else {
            let reply = TransactionReply(id: key.id, body: .error(ErrorDescriptor(.tooManyPending)))
            let message = message([.reply(reply)], to: source)
            let octets = message.encoded(form: settings.form)
            store(octets, for: key, source: source, now: now)
            transmit(octets, message, to: source, isRepetition: false)
            actions.append(.abandoned(IncomingTransaction(id: key.id, sender: key.sender, source: source)))
            return
        }
        incoming[key] = .executing(
            source: source, nextPending: now + settings.timers.provisionalResponse, pendings: pendings + 1)
        let message = message([.pending(key.id)], to: source)
        transmit(message.encoded(form: settings.form), message, to: source, isRepetition: pendings > 0)
    }

    private mutating func store(_ octets: ByteBuffer, for key: Key, source: Endpoint, now: NIODeadline) {
        let expires = now + settings.timers.long
        incoming[key] = .replied(octets: octets, expires: expires)
        origin[key] = source.address
        expiry.append((key, expires))
        var state = peerState(source.address)
        state.executing -= 1
        state.stored += 1
        peers[source.address] = state
    }

    // MARK: Time

    /// When `timersDue` is to be called next.
    public var nextDeadline: NIODeadline? {
        var deadline: NIODeadline?
        func consider(_ other: NIODeadline) { deadline = min(deadline ?? other, other) }
        for entry in outgoing.values { consider(min(entry.nextTransmission, entry.giveUp)) }
        if executing > 0 {
            for case .executing(_, let next, _) in incoming.values { consider(next) }
        }
        if expired < expiry.count { consider(expiry[expired].at) }
        return deadline
    }

    public mutating func timersDue(now: NIODeadline) {
        for (transaction, entry) in outgoing where min(entry.nextTransmission, entry.giveUp) <= now {
            guard entry.giveUp > now else {
                outgoing[transaction] = nil
                actions.append(.timedOut(transaction))
                continue
            }
            var entry = entry
            entry.transmissions += 1
            if entry.isPending {
                entry.nextTransmission = now + settings.timers.pendingRetransmission
            } else {
                entry.delay = min(entry.delay * 2, settings.timers.maximumRetransmission.nanoseconds)
                let deviation = peerState(transaction.peer.address).deviation
                entry.nextTransmission = now + interval(entry.delay, deviation: deviation, isFirst: false)
            }
            outgoing[transaction] = entry
            repeatedRequests += 1
            transmit(entry.octets, entry.message, to: transaction.peer, isRepetition: true)
        }
        if executing > 0 {
            for (key, value) in incoming {
                if case .executing(_, let next, _) = value, next <= now { sendPending(key, now: now) }
            }
        }
        while expired < expiry.count, expiry[expired].at <= now {
            let key = expiry[expired].key
            expired += 1
            guard case .replied(_, let expires)? = incoming[key], expires <= now else { continue }
            incoming[key] = nil
            if let address = origin.removeValue(forKey: key), var state = peers[address] {
                state.stored -= 1
                peers[address] = state
            }
        }
        if expired > 1024, expired * 2 > expiry.count {
            expiry.removeFirst(expired)
            expired = 0
        }
    }

    /// D.1.3: after the first transmission delay and deviation; after a repetition a random part of the doubled delay and the deviation.
    private mutating func interval(_ delay: Int64, deviation: Int64, isFirst: Bool) -> TimeAmount {
        let base = isFirst ? delay : Int64.random(in: delay / 2...max(delay, 1), using: &random)
        let value = base + 4 * deviation
        return .nanoseconds(
            min(
                max(value, settings.timers.minimumRetransmission.nanoseconds),
                settings.timers.maximumRetransmission.nanoseconds))
    }

    private mutating func measure(_ delay: Int64, _ peer: IPAddress) {
        var state = peerState(peer)
        let error = delay - state.delay
        state.delay += error / 8
        state.deviation += (abs(error) - state.deviation) / 4
        peers[peer] = state
    }

    // MARK: Pieces

    private func peerState(_ address: IPAddress) -> PeerState {
        peers[address] ?? PeerState(delay: settings.timers.initialDelay.nanoseconds)
    }

    private func message(_ items: [TransactionItem], to peer: Endpoint) -> Message {
        Message(version: version(for: peer.address), sender: settings.identifier, body: .transactions(items))
    }

    private mutating func answer(_ error: ErrorDescriptor, to source: Endpoint) {
        let message = Message(version: version(for: source.address), sender: settings.identifier, body: .error(error))
        transmit(message.encoded(form: settings.form), message, to: source, isRepetition: false)
    }

    private mutating func transmit(_ octets: ByteBuffer, _ message: Message, to peer: Endpoint, isRepetition: Bool) {
        if settings.reportsTraffic { actions.append(.sent(message, to: peer, isRepetition: isRepetition)) }
        actions.append(.transmit(octets, to: peer))
    }

    private mutating func refuse(_ source: Endpoint, _ reason: String) {
        refusedMessages += 1
        actions.append(.refused(source, reason: reason, count: refusedMessages))
    }
}

/// SplitMix64: the random part of the back-off needs no more; the seed comes from outside.
struct SplitMix: RandomNumberGenerator, Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
