import NIOCore
import WireSyntax

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
    private struct Outgoing: Sendable {
        var peer: Endpoint
        var message: Message
        var octets: ByteBuffer
        var began: NIODeadline
        var nextTransmission: NIODeadline
        var giveUp: NIODeadline
        /// AAD of D.1.3 for this transaction, in nanoseconds; doubled after each repetition.
        var delay: Int64
        var transmissions = 1
        var isPending = false

        var due: NIODeadline { min(nextTransmission, giveUp) }
    }

    private struct Key: Hashable, Sendable {
        var sender: MessageIdentifier
        var id: UInt32
    }

    /// A request of a peer that the user has not answered yet.
    private struct Executing: Sendable {
        var source: Endpoint
        /// Of the request's header: the reply goes under it as long as none is negotiated.
        var version: UInt8
        var nextPending: NIODeadline
        var pendings = 0
    }

    /// A request of a peer that has been answered.
    private struct Replied: Sendable {
        /// Nil: confirmed; only the id is kept, against duplicates (D.1.1).
        var octets: ByteBuffer?
        var expires: NIODeadline
        var origin: Peer
    }

    /// What a deadline is about. It counts only while the entry still has that deadline.
    private enum Timer: Sendable {
        case outgoing(UInt32)
        case executing(Key)
        case replied(Key)
    }

    /// What is measured and negotiated with one peer.
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
    /// By transaction id, which is unique over all peers.
    private var outgoing: [UInt32: Outgoing] = [:]
    private var executingRequests: [Key: Executing] = [:]
    private var replies: [Key: Replied] = [:]
    private var timers = DeadlineHeap<Timer>()
    private var peers: [Peer: PeerState] = [:]
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
    public var executing: Int { executingRequests.count }
    public var storedReplies: Int { replies.count }

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
        repeat { nextID = nextID == .max ? 1 : nextID + 1 } while outgoing[nextID] != nil
        let message = message([.request(TransactionRequest(id: nextID, actions: requests))], to: peer)
        let octets = message.encoded(form: settings.form)
        guard octets.readableBytes <= settings.limits.datagram else { return nil }
        let state = peerState(self.peer(at: peer))
        outgoing[nextID] = Outgoing(
            peer: peer, message: message, octets: octets, began: now,
            nextTransmission: now + interval(state.delay, deviation: state.deviation, isFirst: true),
            giveUp: now + settings.timers.maximum, delay: state.delay)
        watch(nextID)
        transmit(octets, message, to: peer, isRepetition: false)
        return OutgoingTransaction(id: nextID, peer: peer)
    }

    /// Stops repeating a request; its reply, when it comes, is dropped.
    public mutating func forget(_ transaction: OutgoingTransaction) { outgoing[transaction.id] = nil }

    /// Answers a request. Without effect when it was answered before.
    public mutating func reply(
        _ body: TransactionReply.Body, to transaction: IncomingTransaction, now: NIODeadline
    ) {
        let key = Key(sender: transaction.sender, id: transaction.id)
        guard let entry = executingRequests[key] else { return }
        var reply = TransactionReply(id: transaction.id, immAckRequired: entry.pendings > 0, body: body)
        var message = message([.reply(reply)], to: entry.source, version: entry.version)
        var octets = message.encoded(form: settings.form)
        if octets.readableBytes > settings.limits.datagram {
            reply.body = .error(ErrorDescriptor(.responseTooLong))
            message = self.message([.reply(reply)], to: entry.source, version: entry.version)
            octets = message.encoded(form: settings.form)
        }
        store(octets, for: key, now: now)
        transmit(octets, message, to: entry.source, isRepetition: false)
    }

    /// The version that ServiceChange settled: it stands in the header of every message to this peer from now on.
    public mutating func setVersion(_ version: UInt8?, for endpoint: Endpoint) {
        let peer = peer(at: endpoint)
        var state = peerState(peer)
        state.version = version
        peers[peer] = state
    }

    public func version(for endpoint: Endpoint) -> UInt8 { peers[peer(at: endpoint)]?.version ?? settings.version }

    /// The peer has restarted: its transaction ids begin anew, so that stored replies and requests under way must not be compared with them, and
    /// nothing sent before can be answered any more. Own requests to it end without a report.
    ///
    /// - Parameter except: the ServiceChange that said so.
    public mutating func restarted(_ endpoint: Endpoint, except transaction: IncomingTransaction?) {
        let peer = peer(at: endpoint)
        let kept = transaction.map { Key(sender: $0.sender, id: $0.id) }
        var state = peerState(peer)
        for (key, entry) in executingRequests where key != kept && self.peer(at: entry.source) == peer {
            executingRequests[key] = nil
            state.executing -= 1
        }
        for (key, entry) in replies where key != kept && entry.origin == peer {
            replies[key] = nil
            state.stored -= 1
        }
        for (id, entry) in outgoing where self.peer(at: entry.peer) == peer { outgoing[id] = nil }
        state.version = nil
        state.delay = settings.timers.initialDelay.nanoseconds
        state.deviation = 0
        peers[peer] = state
    }

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
        if let id = failure.reply, let entry = outgoing[id], entry.peer.address == source.address {
            // It will not become readable by asking again.
            outgoing[id] = nil
            if entry.isPending { acknowledge(id, to: source) }
            let error = ErrorDescriptor(.badRequest, "the Reply cannot be read: \(failure.syntax)")
            actions.append(.reply(.error(error), OutgoingTransaction(id: id, peer: entry.peer)))
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
            guard var entry = outgoing[id], entry.peer.address == source.address else { return }
            entry.isPending = true
            entry.nextTransmission = now + settings.timers.pendingRetransmission
            entry.giveUp = max(entry.giveUp, now + settings.timers.maximum)
            outgoing[id] = entry
            watch(id)
        case .responseAck(let ranges): confirmed(ranges, by: message.sender)
        }
    }

    /// D.1.1: the copy of a confirmed reply goes, its id stays. Only what was replied to is looked at, so that ranges mean nothing for later requests.
    private mutating func confirmed(_ ranges: [ClosedRange<UInt32>], by sender: MessageIdentifier) {
        for range in ranges {
            if range.count <= replies.count {
                for id in range { replies[Key(sender: sender, id: id)]?.octets = nil }
            } else {
                for key in replies.keys where key.sender == sender && range.contains(key.id) {
                    replies[key]?.octets = nil
                }
            }
        }
    }

    private mutating func receive(
        _ request: TransactionRequest, _ message: Message, from source: Endpoint, now: NIODeadline
    ) {
        let key = Key(sender: message.sender, id: request.id)
        if let stored = replies[key] {
            guard let octets = stored.octets else { return }
            repeatedReplies += 1
            if settings.reportsTraffic, let message = try? decoder.decode(octets) {
                actions.append(.sent(message, to: source, isRepetition: true))
            }
            actions.append(.transmit(octets, to: source))
            return
        }
        if executingRequests[key] != nil { return sendPending(key, now: now) }
        let peer = peer(at: source)
        var state = peerState(peer)
        guard state.executing < settings.limits.executing, state.stored < settings.limits.replies else {
            let reply = TransactionReply(
                id: request.id, body: .error(ErrorDescriptor(.insufficientResources, "too many transactions")))
            let answer = self.message([.reply(reply)], to: source, version: message.version)
            return transmit(answer.encoded(form: settings.form), answer, to: source, isRepetition: false)
        }
        state.executing += 1
        peers[peer] = state
        let pending = now + settings.timers.normalExecution
        executingRequests[key] = Executing(source: source, version: message.version, nextPending: pending)
        timers.insert(.executing(key), at: pending)
        actions.append(
            .request(
                request, IncomingTransaction(id: request.id, sender: message.sender, source: source),
                version: message.version))
    }

    private mutating func receive(_ reply: TransactionReply, from source: Endpoint, now: NIODeadline) {
        // It may come from another port of the peer than the request went to.
        guard let entry = outgoing[reply.id], entry.peer.address == source.address else {
            // The acknowledgement was lost: the peer repeats its reply.
            if reply.immAckRequired { acknowledge(reply.id, to: source) }
            return
        }
        outgoing[reply.id] = nil
        if entry.transmissions == 1, !entry.isPending { measure((now - entry.began).nanoseconds, peer(at: entry.peer)) }
        if reply.immAckRequired || entry.isPending { acknowledge(reply.id, to: source) }
        actions.append(.reply(reply.body, OutgoingTransaction(id: reply.id, peer: entry.peer)))
    }

    private mutating func acknowledge(_ id: UInt32, to peer: Endpoint) {
        let message = message([.responseAck([id...id])], to: peer)
        transmit(message.encoded(form: settings.form), message, to: peer, isRepetition: false)
    }

    private mutating func sendPending(_ key: Key, now: NIODeadline) {
        guard var entry = executingRequests[key] else { return }
        guard entry.pendings < settings.limits.pendings else {
            let reply = TransactionReply(id: key.id, body: .error(ErrorDescriptor(.tooManyPending)))
            let message = message([.reply(reply)], to: entry.source, version: entry.version)
            let octets = message.encoded(form: settings.form)
            store(octets, for: key, now: now)
            transmit(octets, message, to: entry.source, isRepetition: false)
            actions.append(.abandoned(IncomingTransaction(id: key.id, sender: key.sender, source: entry.source)))
            return
        }
        entry.pendings += 1
        entry.nextPending = now + settings.timers.provisionalResponse
        executingRequests[key] = entry
        timers.insert(.executing(key), at: entry.nextPending)
        let message = message([.pending(key.id)], to: entry.source, version: entry.version)
        transmit(
            message.encoded(form: settings.form), message, to: entry.source, isRepetition: entry.pendings > 1)
    }

    /// From executing to replied.
    private mutating func store(_ octets: ByteBuffer, for key: Key, now: NIODeadline) {
        guard let entry = executingRequests.removeValue(forKey: key) else { return }
        let expires = now + settings.timers.long
        let origin = peer(at: entry.source)
        replies[key] = Replied(octets: octets, expires: expires, origin: origin)
        timers.insert(.replied(key), at: expires)
        var state = peerState(origin)
        state.executing -= 1
        state.stored += 1
        peers[origin] = state
    }

    // MARK: Time

    /// When `timersDue` is to be called next. It may come early: then nothing is due.
    public var nextDeadline: NIODeadline? { timers.first }

    public mutating func timersDue(now: NIODeadline) {
        while let (timer, deadline) = timers.take(until: now) {
            switch timer {
            case .outgoing(let id):
                guard let entry = outgoing[id], entry.due == deadline else { continue }
                repeatOrGiveUp(id, entry, now: now)
            case .executing(let key):
                guard executingRequests[key]?.nextPending == deadline else { continue }
                sendPending(key, now: now)
            case .replied(let key):
                guard let entry = replies[key], entry.expires == deadline else { continue }
                replies[key] = nil
                peers[entry.origin]?.stored -= 1
            }
        }
    }

    private mutating func repeatOrGiveUp(_ id: UInt32, _ entry: Outgoing, now: NIODeadline) {
        guard entry.giveUp > now else {
            outgoing[id] = nil
            actions.append(.timedOut(OutgoingTransaction(id: id, peer: entry.peer)))
            return
        }
        var entry = entry
        entry.transmissions += 1
        if entry.isPending {
            entry.nextTransmission = now + settings.timers.pendingRetransmission
        } else {
            entry.delay = min(entry.delay * 2, settings.timers.maximumRetransmission.nanoseconds)
            let deviation = peerState(peer(at: entry.peer)).deviation
            entry.nextTransmission = now + interval(entry.delay, deviation: deviation, isFirst: false)
        }
        outgoing[id] = entry
        watch(id)
        repeatedRequests += 1
        transmit(entry.octets, entry.message, to: entry.peer, isRepetition: true)
    }

    private mutating func watch(_ id: UInt32) {
        guard let entry = outgoing[id] else { return }
        timers.insert(.outgoing(id), at: entry.due)
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

    private mutating func measure(_ delay: Int64, _ peer: Peer) {
        var state = peerState(peer)
        let error = delay - state.delay
        state.delay += error / 8
        state.deviation += (abs(error) - state.deviation) / 4
        peers[peer] = state
    }

    // MARK: Pieces

    /// The configured peer behind an address and port: two on one host are two where their ports are configured.
    private func peer(at endpoint: Endpoint) -> Peer {
        let address = endpoint.address.unmapped
        return settings.policy.peer(sending: endpoint) ?? settings.policy.peers.first { $0.address == address }
            ?? Peer(address: address)
    }

    private func peerState(_ peer: Peer) -> PeerState {
        peers[peer] ?? PeerState(delay: settings.timers.initialDelay.nanoseconds)
    }

    /// - Parameter version: for a peer with which none is negotiated; nil: our own.
    private func message(_ items: [TransactionItem], to peer: Endpoint, version: UInt8? = nil) -> Message {
        Message(
            version: peers[self.peer(at: peer)]?.version ?? version ?? settings.version, sender: settings.identifier,
            body: .transactions(items))
    }

    private mutating func answer(_ error: ErrorDescriptor, to source: Endpoint) {
        let message = Message(version: version(for: source), sender: settings.identifier, body: .error(error))
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
