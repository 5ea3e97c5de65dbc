import NIOCore

/// Receives messages in chunks (RFC 4975 §7.3.1), answers them and reports on them.
///
/// A message is passed on as `.incoming`, `.content` in order, `.received`; or `.abandoned` where the peer gave it up (`#`) or it was refused. The checks of
/// To-Path and From-Path come before (`Session`).
struct MessageReceiver: Sendable {
    /// What is to be sent because of a chunk.
    enum Answer: Hashable, Sendable {
        case status(UInt16)
        /// RFC 4975 §7.1.3: all octets of this message have been received.
        /// `isNew`: its user has not been told of it before, and may still confirm it.
        case success(Ident, total: UInt64, isNew: Bool)
    }

    let limits: ReceiverLimits
    /// Lower case; `*` and `type/*` are wild.
    let acceptTypes: [String]
    private(set) var actions: [Session.Action] = []

    private var messages: [Ident: Message] = [:]
    private var chunk: Chunk = .none
    private var finished = RememberedMessages()

    private struct Message: Sendable {
        var reassembly = Reassembly()
        var successReport = false
    }

    private enum Chunk: Sendable {
        case none
        /// Nothing of it is wanted, and it has been answered where it may be.
        case ignored
        /// Known in full from before: acknowledged, its content dropped.
        case duplicate(RequestHead)
        case bodiless(RequestHead)
        case content(RequestHead, id: Ident, offset: UInt64)
    }

    init(acceptTypes: [String], limits: ReceiverLimits) {
        self.acceptTypes = acceptTypes.map { $0.lowercased() }
        self.limits = limits
    }

    mutating func takeActions() -> [Session.Action] {
        defer { actions.removeAll(keepingCapacity: true) }
        return actions
    }

    // MARK: Chunks

    /// A SEND of this session. An error is answered at once, before its content has come (RFC 4975 §7.2).
    mutating func begin(_ head: RequestHead) -> [Answer] {
        guard head.hasBody else {
            chunk = .bodiless(head)
            return []
        }
        guard let id = head.messageID, head.byteRange?.start != 0 else { return ignore(400) }
        switch finished.outcome(id) {
        case .received?:
            chunk = .duplicate(head)
            return []
        case .refused(let status)?: return ignore(status)
        case nil: break
        }
        let offset = (head.byteRange?.start ?? 1) - 1
        if let total = head.byteRange?.total, total > limits.messageSize {
            return refuse(id, 413, "larger than allowed")
        }
        if messages[id] == nil {
            let contentType = head.contentType.map { String(buffer: $0) } ?? ""
            guard isAccepted(mediaTypeName(contentType)) else { return refuse(id, 415, "its type is not accepted") }
            guard messages.count < limits.incompleteMessages else { return ignore(413) }
            messages[id] = Message(successReport: head.effectiveSuccessReport)
            actions.append(
                .incoming(
                    IncomingMessage(
                        id: id, contentType: contentType,
                        contentDisposition: head.value(of: "Content-Disposition").map { String(buffer: $0) },
                        total: head.byteRange?.total, isOutOfOrder: offset > 0)))
        }
        chunk = .content(head, id: id, offset: offset)
        return []
    }

    mutating func body(_ data: ByteBuffer) -> [Answer] {
        guard case .content(let head, let id, let offset) = chunk else { return [] }
        guard var message = messages[id] else { return ignore(refusal(of: id)) }
        let end = offset + UInt64(data.readableBytes)
        guard end <= limits.messageSize else { return refuse(id, 413, "larger than allowed") }
        messages[id] = nil
        guard let content = message.reassembly.insert(data, at: offset, limits: limits) else {
            return refuse(id, 413, "too much of it waits for an earlier part")
        }
        messages[id] = message
        chunk = .content(head, id: id, offset: end)
        actions.append(contentsOf: content.map { .content(id, $0) })
        return []
    }

    mutating func end(_ flag: ContinuationFlag) -> [Answer] {
        defer { chunk = .none }
        switch chunk {
        case .none, .ignored:
            return []
        case .bodiless(let head), .duplicate(let head):
            var answers = accepted(head)
            if flag == .complete, head.effectiveSuccessReport, let id = head.messageID {
                answers.append(.success(id, total: finished.size(id) ?? 0, isNew: false))
            }
            return answers
        case .content(let head, let id, let offset):
            guard var message = messages[id] else { return ignore(refusal(of: id)) }
            switch flag {
            case .aborted:
                messages[id] = nil
                finished.remember(id, .refused(413), limits)
                actions.append(.abandoned(id, reason: "given up by the sender"))
                return accepted(head)
            case .more:
                let content = message.reassembly.flushIfWhole()
                messages[id] = message
                actions.append(contentsOf: content.map { .content(id, $0) })
            case .complete:
                guard let content = message.reassembly.finish(at: offset) else {
                    return refuse(id, 400, "its end lies before data already received")
                }
                messages[id] = message
                actions.append(contentsOf: content.map { .content(id, $0) })
            }
            var answers = accepted(head)
            if message.reassembly.isComplete {
                let size = message.reassembly.delivered
                messages[id] = nil
                finished.remember(id, .received(size: size), limits)
                actions.append(.received(id, size: size))
                if message.successReport { answers.append(.success(id, total: size, isNew: true)) }
            }
            return answers
        }
    }

    // MARK: Decisions of the user

    /// The receiver of the content does not want it, or any more of it.
    /// - Returns: false where the message has been received or refused already.
    mutating func refuse(_ id: Ident, status: UInt16) -> Bool {
        guard messages.removeValue(forKey: id) != nil else { return false }
        finished.remember(id, .refused(status), limits)
        return true
    }

    /// The connection or the session is gone.
    mutating func end(reason: String) {
        for id in messages.keys.sorted(by: { $0.description < $1.description }) {
            actions.append(.abandoned(id, reason: reason))
        }
        messages = [:]
        chunk = .none
    }

    // MARK: Parts

    /// RFC 4975 §8.6, and §14.3: multipart/mixed and multipart/alternative are always taken.
    private func isAccepted(_ type: String) -> Bool {
        if type == "multipart/mixed" || type == "multipart/alternative" { return true }
        return acceptTypes.contains { accepted in
            accepted == "*" || accepted == type || accepted.hasSuffix("/*") && type.hasPrefix(accepted.dropLast(1))
        }
    }

    /// RFC 4975 §7.2: 200 only where Failure-Report is yes.
    private func accepted(_ head: RequestHead) -> [Answer] {
        head.effectiveFailureReport == .yes ? [.status(200)] : []
    }

    /// With which status the user refused a message while it came.
    private func refusal(of id: Ident) -> UInt16 {
        if case .refused(let status)? = finished.outcome(id) { return status }
        return 413
    }

    private mutating func ignore(_ status: UInt16) -> [Answer] {
        chunk = .ignored
        return [.status(status)]
    }

    private mutating func refuse(_ id: Ident, _ status: UInt16, _ reason: String) -> [Answer] {
        messages[id] = nil
        finished.remember(id, .refused(status), limits)
        actions.append(.abandoned(id, reason: reason))
        return ignore(status)
    }
}

/// What became of the last messages, by Message-ID. The oldest is forgotten first.
struct RememberedMessages: Sendable {
    enum Outcome: Hashable, Sendable {
        case received(size: UInt64)
        case refused(UInt16)
    }

    private var outcomes: [Ident: Outcome] = [:]
    private var order: [Ident] = []

    func outcome(_ id: Ident) -> Outcome? { outcomes[id] }

    func size(_ id: Ident) -> UInt64? {
        if case .received(let size)? = outcomes[id] { return size }
        return nil
    }

    mutating func remember(_ id: Ident, _ outcome: Outcome, _ limits: ReceiverLimits) {
        if outcomes.updateValue(outcome, forKey: id) == nil { order.append(id) }
        if order.count > limits.rememberedMessages { outcomes[order.removeFirst()] = nil }
    }
}
