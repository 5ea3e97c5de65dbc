import NIOCore
import WireSyntax

/// One MSRP session on one connection (RFC 4975 §5.4, §7): what comes in is checked, received and answered; what is sent is chunked and followed.
///
/// ```
///   decoder events ─▶ receive ─┬─ SEND ──▶ receiver ─▶ .incoming .content .received .abandoned
///                              ├─ REPORT, responses ─▶ sender ─▶ .progress .delivered .undelivered
///                              └─ path of another session: 481 (A9); unknown method: 501; malformed: 400
///   send, supply ─▶ sender ─▶ nextOutput ─▶ connection;  written starts the 30 s
/// ```
/// A value without I/O: after each call the owner empties `nextAction()`, and writes `nextOutput` for as long as its connection takes more.
public struct Session: Sendable {
    public struct Settings: Sendable {
        /// The URI that this end gave in its `a=path`.
        public var own: MSRPURI
        /// The peer's `a=path`, leftmost visited first; not empty.
        public var peer: [MSRPURI]
        /// This end connects, and sends a SEND at once (RFC 4975 §5.4).
        public var isActive: Bool
        /// This end's `a=accept-types`.
        public var acceptTypes: [String]
        /// Success REPORTs go out when a message is complete; otherwise when `confirm` says so.
        public var confirmsByItself = true
        public var receiver = ReceiverLimits()
        public var sender = SenderLimits()

        public init(own: MSRPURI, peer: [MSRPURI], isActive: Bool, acceptTypes: [String]) {
            self.own = own
            self.peer = peer
            self.isActive = isActive
            self.acceptTypes = acceptTypes
        }
    }

    public enum Action: Hashable, Sendable {
        /// A message begins to arrive.
        case incoming(IncomingMessage)
        /// Its content, in order.
        case content(Ident, ByteBuffer)
        /// It is complete.
        case received(Ident, size: UInt64)
        /// It will not be complete.
        case abandoned(Ident, reason: String)
        /// Content of an outgoing message is wanted: answer with `supply`.
        case needContent(Ident, offset: UInt64, count: Int)
        /// The last octet of an outgoing message is on its way.
        case sent(Ident)
        /// So many octets of an outgoing message have been answered with 200.
        case progress(Ident, confirmed: UInt64, total: UInt64)
        /// By a success REPORT where one was asked for, otherwise by 200s.
        case delivered(Ident)
        /// `status` 0: not by the peer's word. The reason is the peer's text or ours; escape it where it is shown.
        case undelivered(Ident, status: UInt16, reason: String)
        /// The session is of no more use; its connection is to be closed.
        case failed(String)
    }

    /// Octets for the connection, and what they are.
    public struct Output: Sendable {
        public struct Chunk: Sendable {
            public var head: RequestHead
            /// Octets of content in the chunk.
            public var octets: UInt64
            public var flag: ContinuationFlag
        }

        public var octets = ByteBuffer()
        /// Requests that end in these octets.
        public var chunks: [Chunk] = []
        public var responses: [ResponseHead] = []
        /// Transactions whose last octet is in it: give each to `written` once these octets are with the operating system.
        public var ended: [Ident] = []
    }

    public private(set) var settings: Settings
    private let ownPath: ByteBuffer
    private var peerPath: ByteBuffer
    private var sender: MessageSender
    private var receiver: MessageReceiver
    private var actions: [Action] = []
    private var current: RequestHead?
    private var isEnded = false
    /// Requests that were refused because of their paths.
    public private(set) var misdirected = 0

    /// A later offer or answer gave the peer another path, and the connection stays (RFC 4975 §8.1: the path may change with each of them).
    public mutating func peerMoved(to peer: [MSRPURI]) {
        guard !peer.isEmpty else { return }
        settings.peer = peer
        peerPath = ByteBuffer(string: peer.map(\.description).joined(separator: " "))
    }

    public init(_ settings: Settings) {
        self.settings = settings
        ownPath = ByteBuffer(string: settings.own.description)
        peerPath = ByteBuffer(string: settings.peer.map(\.description).joined(separator: " "))
        sender = MessageSender(limits: settings.sender)
        receiver = MessageReceiver(acceptTypes: settings.acceptTypes, limits: settings.receiver)
    }

    public var nextDeadline: NIODeadline? { sender.nextDeadline }

    /// Outgoing messages without an outcome yet.
    public var unfinished: [Ident] { sender.unfinished }

    /// Responses and REPORTs that wait to be written: where they pile up the peer does not read, and nothing more should be read from it.
    public var waitingAnswers: Int { sender.waitingAnswers }

    public mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    // MARK: The connection

    /// It stands (with TLS: the peer has been checked). The active side sends a SEND at once, an empty one where nothing waits (RFC 4975 §5.4).
    public mutating func connected(using generator: inout some RandomNumberGenerator) {
        guard settings.isActive, sender.unfinished.isEmpty else { return }
        _ = sender.enqueue(OutgoingMessage(bodiless: Ident(random: { generator.next() })))
    }

    /// The connection is lost, or the session ended by signalling: what is not confirmed has failed (RFC 4975 §5.4).
    public mutating func end(_ reason: String) {
        guard !isEnded else { return }
        isEnded = true
        sender.end(reason)
        receiver.end(reason: reason)
        collect()
    }

    public mutating func timersDue(now: NIODeadline) {
        sender.timersDue(now: now)
        collect()
    }

    // MARK: Sending

    /// - Returns: false where the session is over, too many messages are under way or the Message-ID is in use.
    public mutating func send(_ message: OutgoingMessage) -> Bool {
        guard !isEnded else { return false }
        return sender.enqueue(message)
    }

    /// The content that `.needContent` asked for; empty where it cannot be read.
    public mutating func supply(_ content: ByteBuffer, for id: Ident) {
        sender.supply(content, for: id)
        collect()
    }

    /// Gives an outgoing message up.
    public mutating func abort(_ id: Ident, reason: String) {
        sender.abort(id, reason: reason)
        collect()
    }

    /// What is to be written next; nil while there is nothing.
    public mutating func nextOutput(using generator: inout some RandomNumberGenerator) -> Output? {
        defer { collect() }
        return sender.next(toPath: peerPath, fromPath: ownPath, using: &generator)
    }

    /// The last octet of the transaction is with the operating system (RFC 4975 §7.1.1: the 30 s begin).
    public mutating func written(_ transaction: Ident, now: NIODeadline) { sender.written(transaction, now: now) }

    // MARK: Receiving

    /// The content of a received message is where it belongs: sends the success REPORT that was asked for.
    public mutating func confirm(_ id: Ident, size: UInt64, using generator: inout some RandomNumberGenerator) {
        guard let asked = unconfirmed.removeValue(forKey: id) else { return }
        report(200, id, ByteRange(start: 1, end: size, total: size), to: asked, using: &generator)
    }

    /// The content of a message is not wanted (any more). One that has been answered already gets a failure REPORT (RFC 4975 §7.1.4).
    public mutating func refuse(
        _ id: Ident, status: UInt16, size: UInt64, using generator: inout some RandomNumberGenerator
    ) {
        if receiver.refuse(id, status: status) { return }
        guard let asked = unconfirmed.removeValue(forKey: id) else { return }
        report(status, id, ByteRange(start: 1, end: size, total: size), to: asked, using: &generator)
    }

    /// Where reports on received messages go that wait for `confirm`.
    private var unconfirmed: [Ident: ByteBuffer] = [:]

    public mutating func receive(_ event: MSRPDecoder.Event, using generator: inout some RandomNumberGenerator) {
        defer { collect() }
        guard !isEnded else { return }
        switch event {
        case .head(let head):
            current = head
            answer(begin(head), to: head, using: &generator)
        case .body(let data):
            if let head = current { answer(receiver.body(data), to: head, using: &generator) }
        case .end(let flag):
            if let head = current { answer(receiver.end(flag), to: head, using: &generator) }
            current = nil
        case .response(let head):
            // A response for another session is as if it had not come.
            guard isOwn(head.toPath) else {
                misdirected += 1
                return
            }
            _ = sender.receive(head)
        case .malformed(let message):
            guard message.isAnswerable, let transaction = message.transactionID, let from = message.fromPath else {
                return
            }
            sender.respond(
                ResponseHead(
                    transactionID: transaction, status: 400, comment: message.error.field ?? "Bad Request",
                    toPath: message.method == .send ? firstURI(of: from) : from, fromPath: ownPath))
        }
    }

    private mutating func begin(_ head: RequestHead) -> [MessageReceiver.Answer] {
        // RFC 4975 §7.3: To-Path has exactly one URI, of a session of this connection. From-Path: the peer of this session and nobody else (A9).
        guard isOwn(head.toPath), isPeer(head.fromPath) else {
            misdirected += 1
            current = nil
            return misdirect(head)
        }
        switch head.method {
        case .send:
            return receiver.begin(head)
        case .report:
            sender.receive(report: head)
            current = nil
            return []
        case .auth, .nickname, .other:
            current = nil
            return [.status(501)]
        }
    }

    private func misdirect(_ head: RequestHead) -> [MessageReceiver.Answer] {
        let paths: [ByteBuffer] = [head.toPath, head.fromPath]
        let isReadable = paths.allSatisfy { path in
            do throws(SyntaxError) {
                return try !parsePath(path).isEmpty
            } catch {
                return false
            }
        }
        return [.status(isReadable ? 481 : 400)]
    }

    private mutating func answer(
        _ answers: [MessageReceiver.Answer], to head: RequestHead, using generator: inout some RandomNumberGenerator
    ) {
        for answer in answers {
            switch answer {
            case .status(let status):
                // RFC 4975 §7.1.2, §7.2: a REPORT gets no response, Failure-Report no means none at all.
                guard head.method != .report, head.effectiveFailureReport != .no else { continue }
                sender.respond(ResponseHead(status, to: head, own: ownPath))
            case .success(let id, let total, let isNew):
                let to = ByteBuffer(bytes: head.fromPath.readableBytesView)
                if settings.confirmsByItself || !isNew {
                    report(200, id, ByteRange(start: 1, end: total, total: total), to: to, using: &generator)
                } else if unconfirmed.count < settings.receiver.rememberedMessages {
                    unconfirmed[id] = to
                }
            }
        }
    }

    private mutating func report(
        _ status: UInt16, _ id: Ident, _ range: ByteRange, to path: ByteBuffer,
        using generator: inout some RandomNumberGenerator
    ) {
        guard !isEnded else { return }
        sender.report(
            RequestHead(
                transactionID: Ident(random: { generator.next() }), method: .report, toPath: path, fromPath: ownPath,
                messageID: id, byteRange: range,
                status: ReportStatus(code: status, comment: ResponseHead.comment(status) ?? "")))
    }

    private func isOwn(_ path: ByteBuffer) -> Bool {
        if path == ownPath { return true }
        guard let uris = try? parsePath(path) else { return false }
        return uris.count == 1 && uris[0] == settings.own
    }

    /// The rightmost URI of From-Path is the sender; relays before it may differ from those in the SDP.
    private func isPeer(_ path: ByteBuffer) -> Bool {
        if path == peerPath { return true }
        guard let uris = try? parsePath(path), let last = uris.last else { return false }
        return last == settings.peer.last
    }

    private mutating func collect() {
        actions.append(contentsOf: receiver.takeActions())
        actions.append(contentsOf: sender.takeActions())
    }
}
