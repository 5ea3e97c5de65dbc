import Authentication
import Configuration
import Logging
import MediaSecurity
import NIOCore
import NIOPosix
import Observability
import SIP
import Synchronization
import Transport
import WireSyntax

/// A UE of an IMS network for session messaging: registers, calls and is called, and exchanges messages and files over MSRP, with e2ae where both it and
/// the network have indicated it.
///
///     let ue = try UserEquipment(settings: settings, environment: environment)
///     _ = try await ue.start()                                    // sockets
///     try await ue.register()
///     let report = try await ue.call(to: "sip:bob@ims.lab", messages: ["hello"], file: nil)
///     await ue.stop()                                             // BYE, de-registration
package final class UserEquipment: Sendable {
    package let settings: UserEquipmentSettings
    private let environment: FunctionEnvironment
    private let state = Mutex(State())

    package init(settings: UserEquipmentSettings, environment: FunctionEnvironment) {
        self.settings = settings
        self.environment = environment
    }

    /// Makes the media identity and binds the sockets. Sends nothing.
    package func start() async throws -> [FlowEvent.Listening] {
        let parts = try makeParts()
        keep(capture: parts.capture)
        let eventLoop = environment.eventLoopGroup.next()
        let local = try await eventLoop.flatSubmit { self.begin(parts, on: eventLoop) }.get()
        guard let local else { return [] }
        return [FlowEvent.Listening(name: UserAgent.listener, transport: "udp", local: "\(local)")]
    }

    /// What is made before there is an event loop.
    private struct Parts: Sendable {
        var capture: Capture?
        var identity: MediaIdentity
        var makeIdentity: @Sendable () throws -> MediaIdentity
        var gmTLS: TLSClientSettings?
        var window: SequenceWindow
    }

    private func makeParts() throws -> Parts {
        var capture: Capture?
        if let path = environment.capturePath { capture = try Capture(path: path, node: environment.node) }
        var keyLog: KeyLog?
        if let path = environment.keyLogPath { keyLog = try KeyLog(path: path, capture: capture) }
        let announced: Identity
        if let certificate = settings.certificate {
            announced = try Identity(certificateFile: certificate, keyFile: settings.key ?? certificate)
        } else {
            announced = try Identity.selfSigned()
        }
        let hook = keyLog?.hook
        let isWrong = settings.wrongCertificate
        let make: @Sendable (Identity) throws -> MediaIdentity = { announced in
            let presented = isWrong ? try Identity.selfSigned() : announced
            return MediaIdentity(announced: announced, tls: try PinnedTLS(identity: presented, keyLog: hook))
        }
        return Parts(
            capture: capture, identity: try make(announced), makeIdentity: { try make(try Identity.selfSigned()) },
            gmTLS: try gmTLS(keyLog), window: try sequenceWindow())
    }

    private func sequenceWindow() throws -> SequenceWindow {
        guard case .aka(let aka) = settings.credential, let path = aka.sequenceFile else { return SequenceWindow() }
        return try SequenceFile(path: path).load()
    }

    private func begin(_ parts: Parts, on eventLoop: any EventLoop) -> EventLoopFuture<Endpoint?> {
        let deadlines = DeadlineDriver(eventLoop: eventLoop)
        let endpoint = SIPEndpoint(
            eventLoop: eventLoop, events: environment.events, capture: parts.capture, deadlines: deadlines)
        let media = MediaEnvironment(
            eventLoop: eventLoop, deadlines: deadlines, pool: .singleton, settings: settings,
            identity: parts.identity, makeIdentity: parts.makeIdentity,
            fingerprintPolicy: FingerprintPolicy(allowsSHA1: settings.allowSHA1), capture: parts.capture,
            events: environment.events, logger: environment.logger)
        keep(agent: UserAgent(settings, endpoint: endpoint, media: media, gmTLS: parts.gmTLS, window: parts.window))
        guard settings.pcscf.transport == .udp else {
            endpoint.use(settings.address, as: UserAgent.listener)
            return eventLoop.makeSucceededFuture(nil)
        }
        return endpoint.listen(UserAgent.listener, transport: .udp, at: Endpoint(settings.address, 0)).map { $0 }
    }

    private struct State {
        var agent: UserAgent?
        var capture: Capture?
    }

    private func keep(agent: UserAgent) { state.withLock { $0.agent = agent } }
    private func keep(capture: Capture?) { state.withLock { $0.capture = capture } }
    private var agent: UserAgent? { state.withLock { $0.agent } }
    private var capture: Capture? { state.withLock { $0.capture } }

    /// Ends the calls, gives the registration back and closes everything.
    package func stop() async {
        guard let agent else { return }
        await withCheckedContinuation { continuation in
            agent.eventLoop.execute { agent.stop { continuation.resume() } }
        }
        try? await agent.endpoint.stop().get()
        try? await capture?.close()
    }

    /// Registers, and from then on keeps the registration alive.
    @discardableResult
    package func register() async throws -> RegistrationReport {
        try await onLoop { agent, completion in agent.register(completion) }
    }

    /// What happens, for one reader: chat, `ue answer`.
    package func events() -> AsyncStream<UserEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: UserEvent.self, bufferingPolicy: .bufferingNewest(UserAgent.waitingEvents))
        guard let agent else {
            continuation.finish()
            return stream
        }
        agent.eventLoop.execute { agent.addReader(continuation) }
        return stream
    }

    /// Calls, waits until the media stands.
    package func dial(_ target: String) async throws -> CallHandle {
        try await onLoop { agent, completion in agent.dial(target, completion) }
    }

    /// Takes the next incoming call and waits until its media stands. Where it does not come about, the error says why.
    package func nextCall() async throws -> CallHandle {
        try await onLoop { agent, completion in
            guard !agent.isStopping else { return completion(.failure(.stopped)) }
            agent.waiting.append(completion)
        }
    }

    /// Calls, sends the messages and then the file, each when the one before is confirmed, does what comes then, and hangs up.
    ///
    /// - Returns: what became of it; a call that did not stand is a report with its failure.
    /// - Throws: where nothing could be tried: not registered, or the file cannot be read.
    package func call(
        to target: String, messages: [String], file: String?, then actions: [CallAction] = []
    ) async throws -> CallReport {
        // Before anybody is disturbed.
        let source = try file.map { try openSource($0) }
        let call: CallHandle
        do {
            call = try await dial(target)
        } catch let error as UserEquipmentError where error != .notRegistered && error != .stopped {
            var report = CallReport(callID: "", isEstablished: false)
            report.failures.append("\(error)")
            return report
        }
        var report = CallReport(callID: call.callID, isEstablished: true, security: await call.security())
        for message in messages { report.note(try await call.send(message)) }
        if let source {
            let outcome = await call.send(source)
            if case .confirmed(_, let digest) = outcome { report.fileDigest = digest }
            report.note(outcome)
        }
        for action in actions {
            switch action {
            case .message(let text): report.note(try await call.send(text))
            case .change(let change):
                if let reason = await call.change(change) {
                    report.failures.append("\(change.rawValue): \(displayEscaped(reason))")
                }
            }
        }
        if !actions.isEmpty { report.security = await call.security() ?? report.security }
        await call.hangUp()
        return report
    }

    private func openSource(_ path: String) throws -> FileSource {
        guard let agent else { throw UserEquipmentError.stopped }
        return try FileSource(path, eventLoop: agent.eventLoop, pool: agent.media.pool)
    }

    /// The UE checks the name of its P-CSCF against the CAs that it was given.
    private func gmTLS(_ keyLog: KeyLog?) throws -> TLSClientSettings? {
        guard settings.pcscf.transport == .tls, let authorities = settings.authorities else { return nil }
        return try TLSClientSettings(
            trusting: try Identity.certificates(file: authorities), serverName: settings.pcscfName, keyLog: keyLog)
    }

    private func onLoop<Value: Sendable>(
        _ body: @escaping @Sendable (UserAgent, @escaping (Result<Value, UserEquipmentError>) -> Void) -> Void
    ) async throws -> Value {
        guard let agent else { throw UserEquipmentError.stopped }
        return try await withCheckedThrowingContinuation { continuation in
            agent.eventLoop.execute {
                body(agent) { result in continuation.resume(with: result.mapError { $0 as any Error }) }
            }
        }
    }
}

extension CallReport {
    mutating func note(_ outcome: MessageOutcome) {
        messagesSent += 1
        switch outcome {
        case .confirmed(let bytes, _):
            messagesConfirmed += 1
            bytesConfirmed += bytes
        case .failed(let reason): failures.append(displayEscaped(reason))
        }
    }
}
