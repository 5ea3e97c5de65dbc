import NIOCore
import WireSyntax

/// Sends messages in chunks, and knows what became of each (RFC 4975 §7.1.1, §7.3.2).
///
/// ```
///   enqueue ─▶ waiting ─▶ chunk open ─▶ … ─▶ all sent ─▶ confirmed by 200s, or by a success REPORT
///                 ▲          │ interrupted: a response or REPORT waits, another message waits, the chunk is large
///                 └──────────┘
///   403, 408, 413, 415, …, a failure REPORT, 30 s without a 200: the open chunk ends with #, the message has failed
/// ```
/// The owner calls `next` as long as its connection takes more; content that is not in memory is asked for with `.needContent` and comes with `supply`.
struct MessageSender: Sendable {
    let limits: SenderLimits
    private(set) var actions: [Session.Action] = []

    private var messages: [Ident: Progress] = [:]
    /// Messages with content to send, in the order of their turns.
    private var turns: [Ident] = []
    private var open: OpenChunk?
    private var transactions: [Ident: Transaction] = [:]
    private var deadlines: [(at: NIODeadline, transaction: Ident)] = []
    /// Responses and REPORTs, which go before content.
    private var control: [Control] = []
    private var isOverrun = false

    private enum Control: Sendable {
        case response(ResponseHead)
        case report(RequestHead)
    }

    private struct Progress: Sendable {
        var message: OutgoingMessage
        var sent: UInt64 = 0
        var acknowledged: UInt64 = 0
        /// Chunks whose response is awaited.
        var outstanding = 0
        var reported = RangeSet()
        /// Content at `sent`, not sent yet.
        var supplied = ByteBuffer()
        var isAsked = false
        var isFullySent = false
    }

    private struct OpenChunk: Sendable {
        var head: RequestHead
        var id: Ident
        var octets: UInt64 = 0
        /// The last octets written, in which an end-line may have begun.
        var tail = ByteBuffer()
    }

    private struct Transaction: Sendable {
        var id: Ident
        var octets: UInt64
    }

    init(limits: SenderLimits) { self.limits = limits }

    var nextDeadline: NIODeadline? { deadlines.first { transactions[$0.transaction] != nil }?.at }

    /// Messages that are not confirmed, failed or given up yet.
    var unfinished: [Ident] { Array(messages.keys) }

    mutating func takeActions() -> [Session.Action] {
        defer { actions.removeAll(keepingCapacity: true) }
        return actions
    }

    // MARK: Input

    /// - Returns: false where too many messages are under way, or the Message-ID is in use.
    mutating func enqueue(_ message: OutgoingMessage) -> Bool {
        guard messages.count < limits.messages, messages[message.id] == nil else { return false }
        messages[message.id] = Progress(message: message, supplied: message.content ?? ByteBuffer())
        turns.append(message.id)
        return true
    }

    mutating func respond(_ response: ResponseHead) { answer(.response(response)) }

    mutating func report(_ report: RequestHead) { answer(.report(report)) }

    var waitingAnswers: Int { control.count }

    private mutating func answer(_ item: Control) {
        guard control.count < limits.answers else {
            if !isOverrun { actions.append(.failed("the peer sends and does not read")) }
            isOverrun = true
            return
        }
        control.append(item)
    }

    /// The content that `.needContent` asked for. Nothing is an error of the source: the message is given up.
    mutating func supply(_ content: ByteBuffer, for id: Ident) {
        guard messages[id] != nil else { return }
        guard content.readableBytes > 0 else { return fail(id, 0, "the content cannot be read") }
        messages[id]?.supplied = content
        messages[id]?.isAsked = false
    }

    /// The last octet of this transaction has been handed to the operating system.
    mutating func written(_ transaction: Ident, now: NIODeadline) {
        guard transactions[transaction] != nil else { return }
        deadlines.append((now + limits.transactionTimeout, transaction))
    }

    mutating func timersDue(now: NIODeadline) {
        while let first = deadlines.first, first.at <= now || transactions[first.transaction] == nil {
            deadlines.removeFirst()
            guard let transaction = transactions.removeValue(forKey: first.transaction),
                let progress = messages[transaction.id]
            else { continue }
            if progress.message.failureReport == .partial {
                // Only an error would have been answered.
                messages[transaction.id]?.outstanding -= 1
                finishIfDone(transaction.id)
                continue
            }
            // RFC 4975 §7.1.1: tell the user that it probably failed.
            fail(transaction.id, 408, "no response within \(limits.transactionTimeout.nanoseconds / 1_000_000_000) s")
        }
    }

    /// A transaction response for one of our chunks.
    /// - Returns: false where it answers nothing of ours.
    mutating func receive(_ response: ResponseHead) -> Bool {
        guard let transaction = transactions.removeValue(forKey: response.transactionID) else { return false }
        guard response.status == 200 else {
            let comment = response.comment.map { String(buffer: $0) } ?? ResponseHead.comment(response.status) ?? ""
            outcome(of: transaction.id, response.status, comment)
            return true
        }
        guard var progress = messages[transaction.id] else { return true }
        progress.outstanding -= 1
        progress.acknowledged += transaction.octets
        if !progress.message.isBodiless {
            actions.append(.progress(transaction.id, confirmed: progress.acknowledged, total: progress.message.size))
        }
        put(progress)
        finishIfDone(transaction.id)
        return true
    }

    /// RFC 4975 §7.3.2: a REPORT is read as a response with its code would be; one for a message that is not ours is ignored.
    mutating func receive(report: RequestHead) {
        guard let id = report.messageID, let status = report.status, status.namespace == 0, messages[id] != nil else {
            return
        }
        guard status.code == 200 else { return outcome(of: id, status.code, status.comment, isReport: true) }
        guard var progress = messages[id] else { return }
        let range = report.byteRange
        let first = range?.start ?? 1
        let last = range?.end ?? (range == nil ? progress.message.size : range?.total ?? progress.message.size)
        if last >= first { progress.reported.insert(first, min(last, progress.message.size)) }
        if progress.message.size == 0 { progress.reported.insert(1, 1) }
        put(progress)
        finishIfDone(id)
    }

    /// The session is over: whatever is not confirmed has failed.
    mutating func end(_ reason: String) {
        for id in messages.keys.sorted(by: { $0.description < $1.description }) {
            let message = messages[id]
            if let message, message.isFullySent, message.message.failureReport == .partial,
                !message.message.successReport
            {
                messages[id] = nil
            } else {
                fail(id, 0, reason)
            }
        }
        open = nil
        turns = []
        control = []
        transactions = [:]
        deadlines = []
    }

    /// Stops a message of ours; its open chunk ends with `#`.
    mutating func abort(_ id: Ident, reason: String) { fail(id, 0, reason) }

    // MARK: Output

    /// What is to be written next, or nil while there is nothing.
    mutating func next(
        toPath: ByteBuffer, fromPath: ByteBuffer, using generator: inout some RandomNumberGenerator
    ) -> Session.Output? {
        var output = Session.Output()
        if let chunk = open, messages[chunk.id] == nil {
            close(.aborted, into: &output)
            return output
        }
        if !control.isEmpty {
            // RFC 4975 §7.1.1: an open SEND MUST be interrupted for responses and REPORTs.
            if let chunk = open {
                close(.more, into: &output)
                turns.insert(chunk.id, at: 0)
            }
            writeControl(into: &output)
            return output
        }
        if let chunk = open {
            let othersWait = turns.contains { $0 != chunk.id && canSend($0) }
            if chunk.octets >= limits.maximumChunk || othersWait && chunk.octets >= UInt64(limits.fixedChunk) {
                close(.more, into: &output)
                turns.append(chunk.id)
                return output
            }
            return write(chunk, into: &output) ? output : nil
        }
        guard transactions.count < limits.transactions, let id = turn() else { return nil }
        begin(id, toPath, fromPath, &generator, into: &output)
        return output
    }

    private mutating func writeControl(into output: inout Session.Output) {
        for item in control {
            switch item {
            case .response(let head):
                head.write(into: &output.octets)
                output.responses.append(head)
            case .report(let head):
                head.write(into: &output.octets)
                head.writeEnd(.complete, into: &output.octets)
                output.chunks.append(.init(head: head, octets: 0, flag: .complete))
            }
        }
        control.removeAll(keepingCapacity: true)
    }

    /// Whether content is at hand; asks for it where not.
    private mutating func canSend(_ id: Ident) -> Bool {
        guard let progress = messages[id] else { return false }
        if progress.supplied.readableBytes > 0 || progress.message.size == 0 { return true }
        if !progress.isAsked {
            messages[id]?.isAsked = true
            let rest = progress.message.size - progress.sent
            actions.append(.needContent(id, offset: progress.sent, count: Int(min(rest, UInt64(limits.piece)))))
        }
        return false
    }

    private mutating func turn() -> Ident? {
        turns.removeAll { messages[$0] == nil }
        for (index, id) in turns.enumerated() where canSend(id) {
            turns.remove(at: index)
            return id
        }
        return nil
    }

    /// Opens a chunk and writes what is at hand of it.
    private mutating func begin(
        _ id: Ident, _ toPath: ByteBuffer, _ fromPath: ByteBuffer, _ generator: inout some RandomNumberGenerator,
        into output: inout Session.Output
    ) {
        guard let progress = messages[id] else { return }
        let message = progress.message
        let isFixed =
            message.size <= UInt64(limits.fixedChunk) && UInt64(progress.supplied.readableBytes) == message.size
        let range = ByteRange(start: progress.sent + 1, end: isFixed ? message.size : nil, total: message.size)
        var head: RequestHead
        repeat {
            head = RequestHead(
                transactionID: Ident(random: { generator.next() }), method: .send, toPath: toPath, fromPath: fromPath,
                messageID: id, byteRange: range, successReport: message.successReport ? true : nil,
                failureReport: message.failureReport == .yes ? nil : message.failureReport,
                extra: message.isBodiless ? [] : message.extra,
                contentType: message.isBodiless ? nil : message.contentType)
            // RFC 4975 §7.1: an id whose end-line stands in the content is not taken.
        } while transactions[head.transactionID] != nil || head.endLineOccurs(in: progress.supplied)
        head.write(into: &output.octets)
        let chunk = OpenChunk(head: head, id: id)
        open = chunk
        if message.failureReport != .no {
            // An error may come while the chunk is still being sent (RFC 4975 §7.3.2).
            transactions[head.transactionID] = Transaction(id: id, octets: 0)
            messages[id]?.outstanding += 1
        }
        if message.size == 0 {
            close(.complete, into: &output)
        } else {
            _ = write(chunk, into: &output)
        }
    }

    /// Writes the next piece of the open chunk, and its end where it is the last.
    private mutating func write(_ chunk: OpenChunk, into output: inout Session.Output) -> Bool {
        guard canSend(chunk.id), var progress = messages[chunk.id] else { return false }
        var chunk = chunk
        guard
            let piece = progress.supplied.getSlice(
                at: progress.supplied.readerIndex, length: min(progress.supplied.readableBytes, limits.piece))
        else { return false }
        // RFC 4975 §7.1: where the end-line comes up in the content, the chunk ends before it.
        var joined = chunk.tail
        joined.writeImmutableBuffer(piece)
        if chunk.octets > 0, chunk.head.endLineOccurs(in: joined) {
            put(progress)
            close(.more, into: &output)
            turns.insert(chunk.id, at: 0)
            return true
        }
        progress.supplied.moveReaderIndex(forwardBy: piece.readableBytes)
        progress.sent += UInt64(piece.readableBytes)
        output.octets.writeImmutableBuffer(piece)
        chunk.octets += UInt64(piece.readableBytes)
        joined.moveReaderIndex(forwardBy: max(0, joined.readableBytes - 48))
        chunk.tail = ByteBuffer(bytes: joined.readableBytesView)
        open = chunk
        let isLast = progress.sent >= progress.message.size
        put(progress)
        if isLast { close(.complete, into: &output) }
        return true
    }

    private mutating func close(_ flag: ContinuationFlag, into output: inout Session.Output) {
        guard let chunk = open else { return }
        open = nil
        chunk.head.writeEnd(flag, into: &output.octets)
        output.chunks.append(.init(head: chunk.head, octets: chunk.octets, flag: flag))
        guard var progress = messages[chunk.id] else { return }
        if transactions[chunk.head.transactionID] != nil {
            transactions[chunk.head.transactionID]?.octets = chunk.octets
            output.ended.append(chunk.head.transactionID)
        }
        if flag == .complete {
            progress.isFullySent = true
            if !progress.message.isBodiless { actions.append(.sent(chunk.id)) }
        }
        put(progress)
        if flag == .complete { finishIfDone(chunk.id) }
    }

    // MARK: Outcome

    private mutating func finishIfDone(_ id: Ident) {
        guard let progress = messages[id], progress.isFullySent, progress.outstanding == 0 else { return }
        let message = progress.message
        if message.successReport {
            guard progress.reported.covers(message.size == 0 ? 1 : message.size) else { return }
        }
        messages[id] = nil
        transactions = transactions.filter { $0.value.id != id }
        if !message.isBodiless, message.successReport || message.failureReport == .yes {
            actions.append(.delivered(id))
        }
    }

    /// RFC 4975 §10: what an error means.
    private mutating func outcome(of id: Ident, _ status: UInt16, _ comment: String, isReport: Bool = false) {
        fail(id, status, comment)
        switch status {
        case 481, 506:
            actions.append(.failed("\(status) \(ResponseHead.comment(status) ?? "")"))
        case 408 where isReport:
            // RFC 4975 §7.3.2: a byte range was not received.
            actions.append(.failed("a failure REPORT: \(status) \(displayEscaped(comment, limit: 64))"))
        default: break
        }
    }

    private mutating func fail(_ id: Ident, _ status: UInt16, _ reason: String) {
        guard let progress = messages.removeValue(forKey: id) else { return }
        transactions = transactions.filter { $0.value.id != id }
        turns.removeAll { $0 == id }
        if !progress.message.isBodiless { actions.append(.undelivered(id, status: status, reason: reason)) }
    }

    private mutating func put(_ progress: Progress) { messages[progress.message.id] = progress }
}
