import NIOCore
import NIOSSL
import NIOTLS

/// Stands directly above TLS and keeps the pipe shut, both ways, until the peer's certificate has been judged.
///
/// ```
///   handshaking ──(certificate seen)──▶ verifier asked, reading paused ──yes──▶ handshake goes on
///       │ handshakeCompleted: NIOSSLHandler.peerCertificate is judged once more
///       ▼
///   judging ──yes──▶ accepted: `.accepted` is fired, what was held is delivered, writes go out
///       └────no────▶ refused:  `.refused` is fired, nothing is ever delivered, the connection closes
/// ```
///
/// The second judgement is not redundant: on a resumed handshake BoringSSL never calls the verification callback, and a client that was accepted once
/// could resume on any port that shares the context (A4). Data that comes with or before the verdict (0.5-RTT, a client that does not wait) is held while
/// reading pauses, so that at most one read's worth is held (A5).
///
/// Confined to the channel's event loop, like every handler.
package final class PinnedHandshake: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private enum State { case handshaking, judging, accepted, refused }

    /// The TLS engine below; set before the handler is added.
    var engine: NIOSSLHandler?
    private let role: HandshakeRole
    private let reader: HelloReader
    private let verifier: PeerVerifier
    private var context: ChannelHandlerContext?
    private var state = State.handshaking
    private var isJudged = false
    private var isVerdictPending = false
    private var isReadWanted = false
    private var peerCertificate: [UInt8]?
    private var refusal: HandshakeFailure?
    private var held: [ByteBuffer] = []
    private var writes: [(ByteBuffer, EventLoopPromise<Void>?)] = []
    private var isFlushWanted = false
    private var timer: HandshakeTimer?
    /// The engine's, while the first verdict is pending: it must be answered even if nobody answers us.
    private var enginePromise: EventLoopPromise<NIOSSLVerificationResult>?

    init(role: HandshakeRole, reader: HelloReader, verifier: @escaping PeerVerifier) {
        self.role = role
        self.reader = reader
        self.verifier = verifier
    }

    /// Whether a verdict is awaited: a deadline on the handshake does not count this time.
    package var isHolding: Bool { isVerdictPending }

    /// Ends a handshake that took too long. Does nothing after it has ended.
    package func timeOut() { refuse(HandshakeFailure(.timedOut, "TLS handshake not finished in time")) }

    func begin(_ deadline: HandshakeDeadline?) {
        timer = deadline.map { deadline in HandshakeTimer(deadline) { [weak self] in self?.timeOut() } }
    }

    package func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        timer = nil
        answerEngine(.failed)
        failWrites(ChannelError.ioOnClosedChannel)
    }

    // MARK: The two judgements

    /// In the handshake: called by the engine, which must not be re-entered from here.
    func judge(_ certificates: [NIOSSLCertificate], _ promise: EventLoopPromise<NIOSSLVerificationResult>) {
        guard state == .handshaking, let certificate = try? certificates.first?.toDERBytes() else {
            return promise.succeed(.failed)
        }
        peerCertificate = certificate
        isJudged = true
        enginePromise = promise
        ask(certificate) { [self] verdict in
            switch verdict {
            case .accepted: answerEngine(.certificateVerified)
            case .refused(let reason):
                // The engine sends the alert and reports an error; the outcome then carries this reason.
                refusal = HandshakeFailure(.certificate, reason)
                answerEngine(.failed)
            }
        }
    }

    private func answerEngine(_ result: NIOSSLVerificationResult) {
        enginePromise?.succeed(result)
        enginePromise = nil
    }

    private func handshakeCompleted() {
        guard state == .handshaking else { return }
        guard let certificate = try? engine?.peerCertificate?.toDERBytes() else {
            return refuse(HandshakeFailure(.certificate, "no certificate"))
        }
        peerCertificate = certificate
        state = .judging
        ask(certificate) { [self] verdict in
            switch verdict {
            case .accepted: accept()
            case .refused(let reason): refuse(HandshakeFailure(.certificate, reason))
            }
        }
    }

    private func ask(_ certificate: [UInt8], _ then: @escaping (PeerVerdict) -> Void) {
        isVerdictPending = true
        timer?.hold()
        var isAnswered = false
        verifier(certificate) { [weak self] verdict in
            guard !isAnswered, let self else { return }
            isAnswered = true
            self.isVerdictPending = false
            self.timer?.resume()
            then(verdict)
            self.readIfWanted()
        }
    }

    // MARK: Outcome

    private var report: HandshakeReport {
        HandshakeReport(
            role: role, parameters: reader.parameters, peerCertificate: peerCertificate,
            isResumed: state != .handshaking && !isJudged)
    }

    private func accept() {
        guard state == .judging, let context else { return }
        let report = report
        state = .accepted
        timer?.stop()
        timer = nil
        // The hellos have been read: one handler less on the way of every octet.
        context.pipeline.syncOperations.removeHandler(reader, promise: nil)
        context.fireUserInboundEventTriggered(HandshakeOutcome.accepted(report))
        let data = held
        held = []
        for buffer in data { context.fireChannelRead(wrapInboundOut(buffer)) }
        if !data.isEmpty { context.fireChannelReadComplete() }
        let pending = writes
        writes = []
        for (buffer, promise) in pending { context.write(wrapOutboundOut(buffer), promise: promise) }
        if isFlushWanted { context.flush() }
    }

    private func refuse(_ failure: HandshakeFailure) {
        guard state == .handshaking || state == .judging, let context else { return }
        let report = report
        state = .refused
        timer?.stop()
        timer = nil
        held = []
        failWrites(failure)
        context.fireUserInboundEventTriggered(HandshakeOutcome.refused(report, failure))
        context.close(promise: nil)
    }

    private func failWrites(_ error: any Error) {
        let pending = writes
        writes = []
        for (_, promise) in pending { promise?.fail(error) }
    }

    // MARK: Inbound

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event { return handshakeCompleted() }
        context.fireUserInboundEventTriggered(event)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .accepted: context.fireChannelRead(data)
        case .handshaking, .judging: held.append(unwrapInboundIn(data))
        case .refused: break
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        if state == .accepted { context.fireChannelReadComplete() }
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .accepted: context.fireErrorCaught(error)
        case .refused: break
        case .handshaking, .judging:
            refuse(refusal ?? HandshakeFailure(describing: error))
        }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        refuse(refusal ?? HandshakeFailure(.closed, "the peer closed the connection in the TLS handshake"))
        context.fireChannelInactive()
    }

    // MARK: Outbound

    package func read(context: ChannelHandlerContext) {
        guard isVerdictPending else { return context.read() }
        isReadWanted = true
    }

    private func readIfWanted() {
        guard isReadWanted, !isVerdictPending else { return }
        isReadWanted = false
        context?.read()
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch state {
        case .accepted: context.write(data, promise: promise)
        case .handshaking, .judging: writes.append((unwrapOutboundIn(data), promise))
        case .refused: promise?.fail(ChannelError.ioOnClosedChannel)
        }
    }

    package func flush(context: ChannelHandlerContext) {
        if state == .accepted { context.flush() } else { isFlushWanted = true }
    }
}

extension HandshakeFailure {
    /// The engine's error as a phrase, without its source lines.
    init(describing error: any Error) {
        let text = String(describing: error)
        let reason: String
        if let start = text.firstRange(of: "OPENSSL_internal:") {
            reason = String(text[start.upperBound...].prefix { $0.isLetter || $0.isNumber || $0 == "_" })
        } else if text.contains("eofDuringHandshake") {
            self.init(.closed, "the peer closed the connection in the TLS handshake")
            return
        } else {
            reason = String(text.prefix(120))
        }
        let isCertificate = reason.contains("CERTIFICATE") && !reason.contains("ALERT")
        switch reason {
        case "PEER_DID_NOT_RETURN_A_CERTIFICATE": self.init(.certificate, "no certificate")
        case "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST":
            self.init(.handshake, "not TLS (\(reason))")
        default: self.init(isCertificate ? .certificate : .handshake, reason)
        }
    }
}
