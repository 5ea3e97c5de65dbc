import Authentication
import Configuration
import Logging
import MSRP
import MediaSecurity
import NIOCore
import NIOPosix
import Observability
import SDP
import SIP
import Transport
import WireSyntax

/// The UE on its event loop: carries out what the machines of registration and calls want, and brings them what happens.
// Confined to `eventLoop`: entry points check it, so that sharing the reference between threads is safe.
final class UserAgent: SIPUser, @unchecked Sendable {
    enum Purpose {
        case register
        case invite(String)
        /// A request in the dialog of this call, with its CSeq number.
        case inDialog(String, SIP.Method, UInt32)
    }

    /// The name of the UE's only socket.
    static let listener = "gm"
    /// How long hanging up and giving the registration back may take when the UE stops.
    static let stopTime = TimeAmount.seconds(3)
    /// Events that a slow reader may have waiting.
    static let waitingEvents = 4096

    let eventLoop: any EventLoop
    let settings: UserEquipmentSettings
    let endpoint: SIPEndpoint
    let media: MediaEnvironment
    let events: any FlowEventSink
    let logger: Logger
    private let gmTLS: TLSClientSettings?
    /// With the sequence numbers used so far.
    private var credential: DigestClient.Credential
    private let sequenceFile: SequenceFile?
    /// RFC 5626 §4.1, for the life of the process.
    let instance = UserAgent.makeInstance()

    var flow: Flow?
    var registration: Registration?
    private var registrationDeadline: DeadlineRegistration?
    private var registering: [(Result<RegistrationReport, UserEquipmentError>) -> Void] = []
    private var deregistering: [() -> Void] = []
    var transactions: [TransactionID: Purpose] = [:]
    var calls: [String: ActiveCall] = [:]
    var waiting: [(Result<CallHandle, UserEquipmentError>) -> Void] = []
    private var readers: [AsyncStream<UserEvent>.Continuation] = []
    private var hasRegistered = false
    private(set) var isStopping = false

    init(
        _ settings: UserEquipmentSettings, endpoint: SIPEndpoint, media: MediaEnvironment, gmTLS: TLSClientSettings?,
        window: SequenceWindow
    ) {
        self.settings = settings
        self.endpoint = endpoint
        self.media = media
        self.gmTLS = gmTLS
        switch settings.credential {
        case .password(let password):
            credential = .password(password)
            sequenceFile = nil
        case .aka(let aka):
            credential = .aka(SubscriberModule(keys: aka.keys, window: window))
            sequenceFile = aka.sequenceFile.map { SequenceFile(path: $0) }
        }
        eventLoop = endpoint.eventLoop
        events = media.events
        logger = media.logger
        endpoint.user = self
        registrationDeadline = media.deadlines.register { [weak self] now in
            guard let self, !self.isStopping else { return }
            self.reconnect(now: now)
        }
    }

    /// A random UUID (RFC 4122 version 4).
    private static func makeInstance() -> String {
        var octets = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
        octets[6] = octets[6] & 0x0F | 0x40
        octets[8] = octets[8] & 0x3F | 0x80
        let digits = octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        let groups = [digits[0..<4], digits[4..<6], digits[6..<8], digits[8..<10], digits[10..<16]]
        return "urn:uuid:" + groups.map { $0.joined() }.joined(separator: "-")
    }

    func randomText() -> String {
        String(UInt64.random(in: .min ... .max), radix: 36) + String(UInt64.random(in: .min ... .max), radix: 36)
    }

    // MARK: Registration

    func register(_ completion: @escaping (Result<RegistrationReport, UserEquipmentError>) -> Void) {
        eventLoop.preconditionInEventLoop()
        guard !isStopping else { return completion(.failure(.stopped)) }
        registering.append(completion)
        guard registering.count == 1 else { return }
        openFlow { flow in
            let digest = DigestClient(
                username: self.settings.privateIdentity, credential: self.credential,
                cnonce: { String(UInt64.random(in: .min ... .max), radix: 36) })
            self.registration = Registration(
                .init(
                    identity: self.settings.identity, expires: self.settings.expires,
                    indicates: self.settings.indicate, optionTag: self.settings.optionTag, callID: self.randomText(),
                    tag: self.randomText(), instance: self.instance, userAgent: self.settings.userAgent),
                digest: digest)
            self.registration?.start(contact: self.contact(on: flow))
            self.performRegistration()
        }
    }

    private func openFlow(_ then: @escaping (Flow) -> Void) {
        let transport = Flow.Transport(rawValue: settings.pcscf.transport.rawValue) ?? .udp
        endpoint.flow(to: settings.pcscf.endpoint, transport: transport, from: Self.listener, tls: gmTLS)
            .assumeIsolated().whenComplete { result in
                switch result {
                case .success(let flow):
                    self.flow = flow
                    then(flow)
                case .failure(let error):
                    self.registrationEnded(.failure(.refused(status: 0, reason: "no flow to the P-CSCF: \(error)")))
                }
            }
    }

    /// Before expiry, or after the flow was lost.
    private func reconnect(now: NIODeadline) {
        guard registration != nil else { return }
        if let flow, endpoint.isOpen(flow) {
            registration?.timersDue(now: now)
            return performRegistration()
        }
        openFlow { flow in
            self.registration?.start(contact: self.contact(on: flow))
            self.performRegistration()
        }
    }

    func contact(on flow: Flow) -> SIPURI {
        var parameters = SIP.Parameters()
        if flow.transport != .udp { parameters.set("transport", to: flow.transport.rawValue) }
        return SIPURI(
            user: settings.identity.user, host: .address(flow.local.address), port: flow.local.port,
            parameters: parameters)
    }

    func performRegistration() {
        while let action = registration?.nextAction() {
            switch action {
            case .send(let request):
                guard let flow else { continue }
                transactions[endpoint.send(request, over: flow)] = .register
            case .keep(let window): keep(window)
            case .registered(let expires): registered(expires)
            case .failed(let status, let reason):
                registrationEnded(.failure(.refused(status: status, reason: reason)))
            case .ended:
                if hasRegistered { milestone(.deregistered, detail: "\(settings.identity)") }
                for done in deregistering { done() }
                deregistering = []
            }
        }
        registrationDeadline?.set(registration?.nextDeadline)
    }

    /// Before the challenge is answered.
    private func keep(_ window: SequenceWindow) {
        if case .aka(let module) = credential { credential = .aka(SubscriberModule(keys: module.keys, window: window)) }
        do throws(SequenceFile.Failure) { try sequenceFile?.store(window) } catch {
            logger.error("sequence numbers cannot be kept", metadata: ["reason": "\(error)"])
            registration?.failed("the sequence numbers cannot be kept: \(error)", now: eventLoop.now)
        }
    }

    private func registered(_ expires: UInt32) {
        guard let registration else { return }
        if !hasRegistered {
            let detail = registration.agreement.isAgreed ? "msrp-tls agreed" : "msrp-tls not agreed"
            milestone(.registered, detail: "\(settings.identity), \(detail)")
        }
        hasRegistered = true
        // RFC 5626 §4.4.1: the connection of the registration is what the network reaches this UE by.
        if let flow, flow.isReliable { endpoint.keepAlive(flow, every: settings.keepAlive) }
        registrationEnded(
            .success(
                RegistrationReport(
                    expires: expires, networkIndicated: registration.agreement.networkIndicates,
                    associatedIdentities: registration.associatedIdentities)))
    }

    private func registrationEnded(_ result: Result<RegistrationReport, UserEquipmentError>) {
        if case .failure(let error) = result {
            milestone(.registrationFailed, detail: "\(error)")
            if hasRegistered { tell(.registrationLost(reason: "\(error)")) }
            hasRegistered = false
            if !isStopping, registering.isEmpty {
                registrationDeadline?.set(eventLoop.now + Registration.retryInterval)
            }
        }
        let completions = registering
        registering = []
        for completion in completions { completion(result) }
    }

    // MARK: The end

    /// Ends the calls and the registration; calls back when both are done or time is out.
    func stop(_ completion: @escaping () -> Void) {
        eventLoop.preconditionInEventLoop()
        guard !isStopping else { return completion() }
        isStopping = true
        for waiter in waiting { waiter(.failure(.stopped)) }
        waiting = []
        var completion: (() -> Void)? = completion
        let limit = media.deadlines.register { _ in
            completion?()
            completion = nil
        }
        limit.set(eventLoop.now + Self.stopTime)
        let finish = {
            limit.cancel()
            for reader in self.readers { reader.finish() }
            self.readers = []
            completion?()
            completion = nil
        }
        let leave = {
            guard self.registration != nil, let flow = self.flow, self.endpoint.isOpen(flow) else { return finish() }
            self.deregistering.append(finish)
            self.registration?.stop()
            self.performRegistration()
        }
        let open = Array(calls.values)
        guard !open.isEmpty else { return leave() }
        var left = open.count
        for active in open {
            active.ending.append { _ in
                left -= 1
                if left == 0 { leave() }
            }
            active.call.hangUp("the UE stops", now: eventLoop.now)
            perform(active)
        }
    }

    // MARK: What the user is told

    func addReader(_ continuation: AsyncStream<UserEvent>.Continuation) {
        eventLoop.preconditionInEventLoop()
        if isStopping { continuation.finish() } else { readers.append(continuation) }
    }

    func tell(_ event: UserEvent) {
        for reader in readers { reader.yield(event) }
    }

    func milestone(_ name: FlowEvent.Milestone.Name, callID: String? = nil, detail: String? = nil) {
        events.emit(.milestone(.init(name, callID: callID, detail: detail)))
    }

    // MARK: SIPUser

    func sipEndpoint(
        _ endpoint: SIPEndpoint, received request: Request, transaction: TransactionID?, over flow: Flow,
        listener: String
    ) {
        guard flow.remote.address == settings.pcscf.endpoint.address else {
            // Only the P-CSCF speaks to a UE.
            if let transaction { endpoint.respond(.make(403, to: request, toTag: randomText()), to: transaction) }
            return
        }
        if let active = request.headers.callID.flatMap({ calls[$0] }), request.hasToTag {
            return receive(request, transaction, active)
        }
        guard let transaction else { return }
        switch request.method {
        case .invite where !request.hasToTag: receiveInvite(request, transaction, over: flow)
        case .options where !request.hasToTag:
            var response = Response.make(200, to: request, toTag: randomText())
            response.headers.append(.allow, Call.allowed)
            response.headers.append(.supported, Call.supported)
            endpoint.respond(response, to: transaction)
        default:
            let status = request.hasToTag ? 481 : 405
            var response = Response.make(status, to: request, toTag: randomText())
            if status == 405 { response.headers.append(.allow, Call.allowed) }
            endpoint.respond(response, to: transaction)
        }
    }

    func sipEndpoint(
        _ endpoint: SIPEndpoint, cancel request: Request, transaction: TransactionID, of invite: TransactionID?,
        over flow: Flow
    ) {
        guard let invite, let active = calls.values.first(where: { $0.transactions.values.contains(invite) }) else {
            return endpoint.respond(.make(481, to: request, toTag: randomText()), to: transaction)
        }
        endpoint.respond(.make(200, to: request, toTag: randomText()), to: transaction)
        active.call.cancelled()
        perform(active)
    }

    func sipEndpoint(
        _ endpoint: SIPEndpoint, received response: Response, transaction: TransactionID?, over flow: Flow
    ) {
        guard let transaction, let purpose = transactions[transaction] else {
            // A 2xx again, after its transaction: its ACK was lost.
            guard let active = response.headers.callID.flatMap({ calls[$0] }),
                (try? response.headers.cSeq())?.method == .invite
            else { return }
            return withNames(of: .response(response), active) {
                active.call.receive(inviteResponse: response, now: self.eventLoop.now)
                self.perform(active)
            }
        }
        switch purpose {
        case .register:
            registration?.receive(response, now: eventLoop.now)
            performRegistration()
        case .invite(let callID):
            guard let active = calls[callID] else { return }
            withNames(of: .response(response), active) {
                active.call.receive(inviteResponse: response, now: self.eventLoop.now)
                self.perform(active)
            }
        case .inDialog(let callID, _, _):
            guard let active = calls[callID] else { return }
            withNames(of: .response(response), active) {
                active.call.receive(response, now: self.eventLoop.now, random: .random(in: .min ... .max))
                self.perform(active)
            }
        }
    }

    func sipEndpoint(_ endpoint: SIPEndpoint, failed transaction: TransactionID, timedOut: Bool) {
        let reason = timedOut ? "no answer in time" : "the connection to the P-CSCF failed"
        switch transactions[transaction] {
        case .register?:
            registration?.failed(reason, now: eventLoop.now)
            performRegistration()
        case .invite(let callID)?:
            guard let active = calls[callID] else { return }
            active.call.inviteFailed(reason)
            perform(active)
        case .inDialog(let callID, let method, let sequence)?:
            guard let active = calls[callID] else { return }
            active.call.requestFailed(method, sequence: sequence, reason, now: eventLoop.now)
            perform(active)
        case nil: break
        }
    }

    func sipEndpoint(_ endpoint: SIPEndpoint, terminated transaction: TransactionID) {
        transactions[transaction] = nil
    }

    func sipEndpoint(_ endpoint: SIPEndpoint, closed flow: Flow) {
        guard flow == self.flow, !isStopping else { return }
        self.flow = nil
        guard hasRegistered else { return }
        // The P-CSCF has forgotten this flow's registration: a new one at once.
        tell(.registrationLost(reason: "the connection to the P-CSCF is gone"))
        registrationDeadline?.set(eventLoop.now + .seconds(1))
    }
}

extension Request {
    /// The request belongs to a dialog.
    var hasToTag: Bool { (try? headers.to().tag) != nil }
}
