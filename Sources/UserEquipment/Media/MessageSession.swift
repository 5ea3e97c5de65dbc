import Logging
import MSRP
import NIOCore
import Observability
import SDP
import Transport
import WireSyntax

/// Drives one `MSRP.Session` over its connection: what is to be sent, what becomes of it, and where what is received goes.
// Confined to `environment.eventLoop`: entry points check it.
final class MessageSession: @unchecked Sendable {
    private struct Outgoing {
        var source: FileSource?
        var bytes: Int
        var digest: String?
        var isFile: Bool
        var completion: (MessageOutcome) -> Void
    }

    private enum Sink {
        case memory(ByteBuffer)
        case file(ReceivedFile)
    }

    private struct Incoming {
        var message: IncomingMessage
        var sink: Sink
        var bytes = 0

        /// The disk is not behind the network.
        var isKeepingUp: Bool {
            if case .file(let file) = sink { return file.waitingOctets <= ReceivedFile.highMark }
            return true
        }
    }

    private let environment: MediaEnvironment
    private let plan: MediaPlan
    private let callID: String
    private let peer: String
    private var session: Session
    private var random = SystemRandomNumberGenerator()
    private var channel: (any Channel)?
    private weak var handler: MessageHandler?
    private var deadline: DeadlineRegistration?
    private var outgoing: [Ident: Outgoing] = [:]
    private var incoming: [Ident: Incoming] = [:]
    private var current: (head: RequestHead, bytes: Int)?
    private var isReading = true
    private var isPumping = false
    private var isEnded = false
    /// RFC 3264 §8.4: what this end may do; SEND requests with content wait for `sendrecv` or `sendonly`.
    var direction: MediaDirection

    /// What the user is told.
    var onEvent: ((UserEvent) -> Void)?
    /// The session is of no more use.
    var onFailed: ((String) -> Void)?

    init(_ environment: MediaEnvironment, plan: MediaPlan, callID: String, peer: String, acceptTypes: [String]) {
        self.environment = environment
        self.plan = plan
        self.callID = callID
        self.peer = peer
        direction = plan.direction
        var settings = Session.Settings(
            own: plan.own, peer: plan.peer, isActive: plan.isActive, acceptTypes: acceptTypes)
        settings.confirmsByItself = false
        settings.receiver.messageSize = UInt64(environment.settings.maximumSize)
        session = Session(settings)
        deadline = environment.deadlines.register { [weak self] now in
            self?.session.timersDue(now: now)
            self?.pump()
        }
    }

    // MARK: Connection

    func begin(on channel: any Channel, counting handler: MessageHandler) {
        environment.eventLoop.preconditionInEventLoop()
        self.channel = channel
        self.handler = handler
        session.connected(using: &random)
        pump()
    }

    func received(_ event: MSRPDecoder.Event) {
        environment.eventLoop.preconditionInEventLoop()
        trace(event)
        session.receive(event, using: &random)
        perform()
    }

    func peerMoved(to peer: [MSRPURI]) {
        environment.eventLoop.preconditionInEventLoop()
        session.peerMoved(to: peer)
    }

    func end(_ reason: String) {
        environment.eventLoop.preconditionInEventLoop()
        guard !isEnded else { return }
        isEnded = true
        session.end(reason)
        perform()
        for entry in incoming.values { if case .file(let file) = entry.sink { file.abandon() } }
        incoming = [:]
        deadline?.cancel()
        deadline = nil
        channel = nil
    }

    /// Carries out what the session wants and writes as much as the connection takes.
    func pump() {
        guard !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        perform()
        var isFlushWanted = false
        while let channel, channel.isWritable, let output = session.nextOutput(using: &random) {
            write(output, on: channel)
            isFlushWanted = true
            perform()
        }
        // Content may be wanted although nothing is to be written yet.
        perform()
        if isFlushWanted { channel?.flush() }
        if session.waitingAnswers > MediaLimits.waitingAnswers {
            pause()
        } else if session.waitingAnswers == 0 {
            resume()
        }
        deadline?.set(session.nextDeadline)
    }

    private func write(_ output: Session.Output, on channel: any Channel) {
        handler?.bytesSent += output.octets.readableBytes
        trace(output)
        guard !output.ended.isEmpty else { return channel.write(output.octets, promise: nil) }
        let promise = environment.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenSuccess { [weak self] in
            guard let self else { return }
            for transaction in output.ended { self.session.written(transaction, now: self.environment.eventLoop.now) }
            self.deadline?.set(self.session.nextDeadline)
        }
        channel.write(output.octets, promise: promise)
    }

    // MARK: Sending

    func send(
        _ text: String, from identity: String, to target: String, now: String,
        _ completion: @escaping (MessageOutcome) -> Void
    ) {
        environment.eventLoop.preconditionInEventLoop()
        let body = ByteBuffer(string: text)
        let types = plan.peerAcceptTypes.map { $0.lowercased() }
        let takesPlain = types.contains("text/plain") || types.contains("text/*") || types.contains("*")
        let usesCPIM =
            types.contains("message/cpim")
            && (environment.settings.cpim || environment.settings.style == .rcs || !takesPlain)
        var content = body
        var type = "text/plain; charset=utf-8"
        if usesCPIM {
            let message = CPIMMessage(
                headers: [.init("From", "<\(identity)>"), .init("To", "<\(target)>"), .init("DateTime", now)],
                contentType: type, content: body)
            content = ByteBuffer()
            message.write(into: &content)
            type = "message/cpim"
        }
        let message = OutgoingMessage(
            id: Ident(random: { random.next() }), contentType: type, content: content,
            successReport: environment.settings.successReport)
        start(
            message,
            Outgoing(
                source: nil, bytes: body.readableBytes, digest: FileDigest.of(body), isFile: false,
                completion: completion))
    }

    func send(file source: FileSource, _ completion: @escaping (MessageOutcome) -> Void) {
        environment.eventLoop.preconditionInEventLoop()
        let message = OutgoingMessage(
            id: Ident(random: { random.next() }), contentType: "application/octet-stream", size: source.size,
            successReport: environment.settings.successReport,
            extra: [("Content-Disposition", ContentDisposition.attachment(source.path))])
        start(
            message,
            Outgoing(source: source, bytes: Int(source.size), digest: nil, isFile: true, completion: completion))
    }

    private func start(_ message: OutgoingMessage, _ entry: Outgoing) {
        if let limit = plan.peerMaximumSize, message.size > limit {
            return entry.completion(.failed("larger than the \(limit) octets that the peer takes"))
        }
        guard direction.sends else { return entry.completion(.failed("the call is on hold")) }
        guard !isEnded, session.send(message) else { return entry.completion(.failed("the session is over")) }
        outgoing[message.id] = entry
        pump()
    }

    // MARK: What the session wants

    private func perform() {
        while let action = session.nextAction() {
            switch action {
            case .incoming(let message): begin(message)
            case .content(let id, let data): take(data, id)
            case .received(let id, let size): complete(id, size)
            case .abandoned(let id, let reason): abandon(id, reason)
            case .needContent(let id, let offset, let count): read(id, offset, count)
            case .sent(let id): sent(id)
            case .progress(let id, let confirmed, let total): progress(id, Int(confirmed), Int(total))
            case .delivered(let id): delivered(id)
            case .undelivered(let id, let status, let reason):
                undelivered(id, status == 0 ? reason : "\(status) \(reason)")
            case .failed(let reason): onFailed?(reason)
            }
        }
    }

    private func read(_ id: Ident, _ offset: UInt64, _ count: Int) {
        guard let source = outgoing[id]?.source else { return session.supply(ByteBuffer(), for: id) }
        source.read(at: offset, count: count) { [weak self] content in
            guard let self, !self.isEnded else { return }
            self.session.supply(content, for: id)
            self.pump()
        }
    }

    private func sent(_ id: Ident) {
        guard let entry = outgoing[id] else { return }
        let digest = entry.digest ?? entry.source?.finishedDigest()
        outgoing[id]?.digest = digest
        milestone(.messageSent, id, bytes: entry.bytes, digest: digest)
    }

    private func progress(_ id: Ident, _ confirmed: Int, _ total: Int) {
        guard let entry = outgoing[id], entry.isFile else { return }
        milestone(.progress, id, bytes: confirmed, total: total)
        onEvent?(
            .progress(callID: callID, messageID: "\(id)", isOutgoing: true, bytes: confirmed, total: total))
    }

    private func delivered(_ id: Ident) {
        guard let entry = outgoing.removeValue(forKey: id) else { return }
        milestone(.messageConfirmed, id, bytes: entry.bytes, digest: entry.digest)
        onEvent?(.delivered(callID: callID, messageID: "\(id)"))
        entry.completion(.confirmed(bytes: entry.bytes, digest: entry.digest ?? ""))
    }

    private func undelivered(_ id: Ident, _ reason: String) {
        guard let entry = outgoing.removeValue(forKey: id) else { return }
        milestone(.messageFailed, id, detail: reason)
        onEvent?(.undelivered(callID: callID, messageID: "\(id)", reason: reason))
        entry.completion(.failed(reason))
    }

    // MARK: Received messages

    private func begin(_ message: IncomingMessage) {
        let disposition = message.contentDisposition.map { ContentDisposition($0) }
        let type = message.mediaType
        let isShown = type.hasPrefix("text/") || type == "message/cpim" || type.hasPrefix("multipart/")
        guard disposition?.type == "attachment" || !isShown else {
            incoming[message.id] = Incoming(message: message, sink: .memory(ByteBuffer()))
            return
        }
        guard let folder = environment.settings.folder else {
            return refuse(message.id, 415, "no folder for received files")
        }
        do throws(ReceivedFile.Failure) {
            let file = try ReceivedFile(
                eventLoop: environment.eventLoop, pool: environment.pool, folder: folder, name: disposition?.filename,
                expected: message.total, freeSpace: environment.settings.freeSpace, random: random.next())
            file.onFailure = { [weak self] failure in self?.refuse(message.id, 413, failure.description) }
            file.onDrained = { [weak self] in self?.resume() }
            incoming[message.id] = Incoming(message: message, sink: .file(file))
        } catch {
            refuse(message.id, 413, error.description)
        }
    }

    private func refuse(_ id: Ident, _ status: UInt16, _ reason: String) {
        let entry = incoming.removeValue(forKey: id)
        if case .file(let file)? = entry?.sink { file.abandon() }
        environment.logger.warning("message refused", metadata: ["reason": "\(reason)", "status": "\(status)"])
        session.refuse(id, status: status, size: UInt64(entry?.bytes ?? 0), using: &random)
        pump()
    }

    private func take(_ data: ByteBuffer, _ id: Ident) {
        guard var entry = incoming.removeValue(forKey: id) else { return }
        entry.bytes += data.readableBytes
        switch entry.sink {
        case .memory(var buffer):
            guard entry.bytes <= MediaLimits.shownMessage else {
                return refuse(id, 413, "too large to be shown")
            }
            entry.sink = .memory(ByteBuffer())
            buffer.writeImmutableBuffer(data)
            entry.sink = .memory(buffer)
        case .file(let file):
            file.write(data)
            if file.waitingOctets > ReceivedFile.highMark { pause() }
            if let total = entry.message.total {
                onEvent?(
                    .progress(
                        callID: callID, messageID: "\(id)", isOutgoing: false, bytes: entry.bytes, total: Int(total)))
            }
        }
        incoming[id] = entry
    }

    private func complete(_ id: Ident, _ size: UInt64) {
        guard let entry = incoming.removeValue(forKey: id) else { return }
        switch entry.sink {
        case .memory(let buffer):
            session.confirm(id, size: size, using: &random)
            show(buffer, entry.message)
            pump()
        case .file(let file):
            file.finish { [weak self] result in self?.stored(id, size, result) }
        }
    }

    private func stored(_ id: Ident, _ size: UInt64, _ result: Result<ReceivedFile.Stored, ReceivedFile.Failure>) {
        guard !isEnded else { return }
        switch result {
        case .success(let file):
            session.confirm(id, size: size, using: &random)
            milestone(.fileReceived, id, detail: file.name, bytes: file.bytes, digest: file.digest)
            onEvent?(
                .file(
                    callID: callID, from: peer, name: file.name, path: file.path, bytes: file.bytes,
                    digest: file.digest))
        case .failure(let failure):
            session.refuse(id, status: 413, size: size, using: &random)
            environment.logger.warning("file not kept", metadata: ["reason": "\(failure)"])
        }
        pump()
    }

    private func show(_ content: ByteBuffer, _ message: IncomingMessage) {
        var body = content
        var type = message.mediaType
        // Who speaks is what the network asserted; the From inside the message is the peer's own word.
        if type == "message/cpim", let cpim = try? CPIMMessage(content) {
            body = cpim.content
            type = cpim.contentType.lowercased()
        }
        let isText = type.hasPrefix("text/")
        let text = isText ? String(buffer: body) : "[\(type), \(body.readableBytes) octets]"
        milestone(
            .messageReceived, message.id, detail: message.mediaType, bytes: body.readableBytes,
            digest: FileDigest.of(body))
        onEvent?(.message(callID: callID, from: peer, text: text))
    }

    private func abandon(_ id: Ident, _ reason: String) {
        guard let entry = incoming.removeValue(forKey: id) else { return }
        if case .file(let file) = entry.sink { file.abandon() }
        environment.logger.info("message given up", metadata: ["reason": "\(displayEscaped(reason))"])
    }

    // MARK: Back-pressure

    private func pause() {
        guard isReading, let channel else { return }
        isReading = false
        channel.setOption(.autoRead, value: false).whenFailure { _ in }
    }

    private func resume() {
        guard !isReading, let channel, session.waitingAnswers == 0, incoming.values.allSatisfy(\.isKeepingUp) else {
            return
        }
        isReading = true
        channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
    }

    // MARK: Events

    private func milestone(
        _ name: FlowEvent.Milestone.Name, _ id: Ident, detail: String? = nil, bytes: Int? = nil, total: Int? = nil,
        digest: String? = nil
    ) {
        guard environment.events.isEnabled else { return }
        environment.events.emit(
            .milestone(
                .init(
                    name, callID: callID, messageID: "\(id)", detail: detail, bytes: bytes, total: total,
                    digest: digest)))
    }

    private func trace(_ event: MSRPDecoder.Event) {
        guard environment.events.isEnabled else { return }
        switch event {
        case .head(let head): current = (head, 0)
        case .body(let data): current?.bytes += data.readableBytes
        case .end:
            if let (head, bytes) = current { emit(.received, head, bytes) }
            current = nil
        case .response(let head): emit(.received, head)
        case .malformed: current = nil
        }
    }

    private func trace(_ output: Session.Output) {
        guard environment.events.isEnabled else { return }
        for chunk in output.chunks { emit(.sent, chunk.head, Int(chunk.octets)) }
        for response in output.responses { emit(.sent, response) }
    }

    private func emit(_ direction: FlowEvent.Direction, _ head: RequestHead, _ bytes: Int) {
        environment.events.emit(
            .msrp(
                .init(
                    direction: direction, local: channel?.localEndpoint.map { "\($0)" } ?? "",
                    remote: channel?.remoteEndpoint.map { "\($0)" } ?? "", summary: "\(head.method)",
                    transactionID: "\(head.transactionID)", messageID: head.messageID.map { "\($0)" },
                    byteRange: head.byteRange.map { "\($0)" }, bytes: bytes, toPath: String(buffer: head.toPath),
                    fromPath: String(buffer: head.fromPath), contentType: head.contentType.map { String(buffer: $0) },
                    leg: "msrp", callID: callID)))
    }

    private func emit(_ direction: FlowEvent.Direction, _ head: ResponseHead) {
        let comment = head.comment.map { " " + String(buffer: $0) } ?? ""
        environment.events.emit(
            .msrp(
                .init(
                    direction: direction, local: channel?.localEndpoint.map { "\($0)" } ?? "",
                    remote: channel?.remoteEndpoint.map { "\($0)" } ?? "", summary: "\(head.status)\(comment)",
                    transactionID: "\(head.transactionID)", toPath: String(buffer: head.toPath),
                    fromPath: String(buffer: head.fromPath), leg: "msrp", callID: callID)))
    }
}
