import Configuration
import Logging
import NIOCore
import Observability
import SIP
import Transport
import WireSyntax

/// The home network of the lab: registrar with digest, location service, and the S-CSCF's routing by Path, behind one Mw endpoint.
///
/// A thin adapter: `Registrar` and `ServingProxy` own the rules; this class owns the sockets, the clock and the random numbers.
// Confined to `eventLoop` once started: entry points check it, so that sharing the reference between threads is safe.
package final class HomeNetwork: @unchecked Sendable {
    private let settings: HomeNetworkSettings
    private let environment: FunctionEnvironment
    private let eventLoop: any EventLoop
    private let events: any FlowEventSink
    private var registrar: Registrar
    private var proxy = ServingProxy<TransactionID>()
    private let deadlines: DeadlineDriver
    private var timer: DeadlineRegistration?
    private var capture: Capture?
    private var endpoint: SIPEndpoint?
    private var branches = ClientBranches()
    private var notifier = RegistrationNotifier()
    /// NOTIFYs that are not answered yet, by transaction.
    private var notifies: [TransactionID: UInt64] = [:]
    private var strangers = 0

    package init(settings: HomeNetworkSettings, environment: FunctionEnvironment) {
        self.settings = settings
        self.environment = environment
        events = environment.events
        eventLoop = environment.eventLoopGroup.next()
        deadlines = DeadlineDriver(eventLoop: eventLoop)
        var random = SystemRandomNumberGenerator()
        let key = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        registrar = Registrar(
            domain: settings.domain, users: settings.users, settings: settings.registration, nonceKey: Secret(key))
    }

    /// Binds the sockets.
    ///
    /// - Returns: what is listened on, as the `.listening` events say.
    package func start() async throws -> [FlowEvent.Listening] {
        if let path = environment.capturePath { capture = try Capture(path: path, node: environment.node) }
        return try await eventLoop.flatSubmit { self.listen() }.get()
    }

    package func stop() async {
        try? await eventLoop.flatSubmit { () -> EventLoopFuture<Void> in
            self.timer?.cancel()
            return self.endpoint?.stop() ?? self.eventLoop.makeSucceededVoidFuture()
        }.get()
        try? await capture?.close()
    }

    private func listen() -> EventLoopFuture<[FlowEvent.Listening]> {
        let endpoint = SIPEndpoint(eventLoop: eventLoop, events: events, capture: capture, deadlines: deadlines)
        endpoint.user = self
        self.endpoint = endpoint
        endpoint.connectBack("mw")
        timer = deadlines.register { [weak self] now in self?.timersDue(now) }
        let bound = settings.listen.map { listener in
            endpoint.listen("mw", transport: Flow.Transport(listener.transport), at: listener.endpoint).map {
                ($0, listener)
            }
        }
        return EventLoopFuture.whenAllSucceed(bound, on: eventLoop).map { results in
            self.registrar.ownEndpoints = results.map(\.0)
            if let (address, listener) = results.first {
                let place = "\(address);transport=\(listener.transport.rawValue);lr"
                self.registrar.serviceRoute = "<sip:\(ServingProxy<TransactionID>.originatingUser)@\(place)>"
                self.notifier.contact =
                    "sip:\(RegistrationNotifier.eventPackage)@\(address);transport=\(listener.transport.rawValue)"
                self.proxy.recordRoute = "<sip:\(ServingProxy<TransactionID>.dialogUser)@\(place)>"
            }
            return results.map {
                FlowEvent.Listening(name: "mw", transport: $0.1.transport.rawValue, local: "\($0.0)")
            }
        }
    }

    // MARK: - Acting

    private func isPeer(_ address: IPAddress) -> Bool {
        settings.peers.isEmpty ? address.isLoopback : settings.peers.contains(address.unmapped)
    }

    /// A tag or a salt.
    private func random() -> UInt64 { UInt64.random(in: .min ... .max) }

    private func tag() -> String { String(random(), radix: 36) }

    private func register(_ request: Request, _ transaction: TransactionID) {
        let now = eventLoop.now
        let result = registrar.register(
            request, now: now, seconds: now.uptimeNanoseconds / 1_000_000_000, salt: random(), tag: tag())
        report(result.events, callID: request.headers.callID)
        endpoint?.respond(result.response, to: transaction)
        tellSubscribers()
        setTimer()
    }

    private func report(_ happened: [Registrar.Event], callID: String? = nil) {
        for event in happened {
            switch event {
            case .registered(let identity):
                events.emit(.milestone(.init(.registered, callID: callID, detail: identity)))
            case .deregistered(let identity, let expired):
                let detail = expired ? "\(identity) (expired)" : identity
                events.emit(.milestone(.init(.deregistered, callID: callID, detail: detail)))
            case .failed(let user, let reason):
                environment.logger.warning(
                    "registration refused",
                    metadata: ["user": "\(displayEscaped(user, limit: 80))", "reason": "\(reason)"])
                events.emit(.milestone(.init(.registrationFailed, callID: callID, detail: "\(user): \(reason)")))
            }
        }
    }

    private func timersDue(_ now: NIODeadline) {
        report(registrar.timersDue(now: now))
        notifier.timersDue(now: now, registrar: registrar)
        proxy.timersDue(now: now)
        tellSubscribers()
        pump()
    }

    private func setTimer() {
        timer?.set([registrar.nextDeadline, proxy.nextDeadline, notifier.nextDeadline].compactMap { $0 }.min())
    }

    private func pump() {
        while let action = proxy.nextAction() {
            switch action {
            case .respond(let response, let server): endpoint?.respond(response, to: server)
            case .forward(let request, let hop, let branch): forward(request, to: hop, branch: branch)
            case .forwardStateless(let request, let hop):
                endpoint?.flow(to: hop.endpoint, transport: hop.transport, from: "mw").whenSuccess { [weak self] in
                    self?.endpoint?.sendStateless(.request(request), over: $0)
                }
            case .cancel(let branch):
                if let transaction = branches.cancel(branch) { endpoint?.cancel(transaction) }
            case .flowFailed(let binding, let uri):
                report(registrar.flowFailed(binding, of: uri, now: eventLoop.now))
                tellSubscribers()
            }
        }
        setTimer()
    }

    // MARK: - Registration events

    private func subscribe(_ request: Request, _ transaction: TransactionID) {
        let top = (try? request.headers.routes(.route))?.first?.uri.sip
        let isServed = top.map { $0.user == ServingProxy<TransactionID>.originatingUser && registrar.isHome($0) }
        let response = notifier.subscribe(
            request, isServed: isServed ?? false, registrar: registrar, now: eventLoop.now, tag: tag())
        endpoint?.respond(response, to: transaction)
        sendNotifies()
        setTimer()
    }

    private func tellSubscribers() {
        let changes = registrar.takeChanges()
        if !changes.isEmpty { notifier.changed(changes, registrar: registrar, now: eventLoop.now) }
        sendNotifies()
    }

    private func sendNotifies() {
        while case .notify(let request, let subscription)? = notifier.nextAction() { notify(request, subscription) }
    }

    private func notify(_ request: Request, _ subscription: UInt64) {
        let top = (try? request.headers.routes(.route))?.first?.uri.sip ?? request.uri.sip
        guard let endpoint, let hop = top.flatMap({ NextHop($0) }) else { return answered(subscription, nil) }
        endpoint.flow(to: hop.endpoint, transport: hop.transport, from: "mw").whenComplete { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let flow): self.notifies[endpoint.send(request, over: flow)] = subscription
            case .failure(let error):
                self.environment.logger.warning(
                    "no way to a subscriber", metadata: ["hop": "\(hop.endpoint)", "error": "\(error)"])
                self.answered(subscription, nil)
            }
        }
    }

    private func answered(_ subscription: UInt64, _ status: Int?) {
        notifier.answered(subscription, status: status, registrar: registrar, now: eventLoop.now)
        sendNotifies()
        setTimer()
    }

    /// Takes the users of another configuration: who is not among them any more loses its registration, and its subscribers are told.
    package func replaceUsers(_ users: [Subscriber]) {
        eventLoop.execute {
            self.report(self.registrar.replaceUsers(users, now: self.eventLoop.now))
            self.tellSubscribers()
            self.setTimer()
        }
    }

    private func forward(_ request: Request, to hop: NextHop, branch: ResponseContext.Branch) {
        guard let endpoint else { return }
        branches.open(branch)
        endpoint.flow(to: hop.endpoint, transport: hop.transport, from: "mw").whenComplete { [weak self] result in
            guard let self else { return }
            switch (result, self.branches.isCancelled(branch)) {
            case (.success(let flow), false):
                self.branches.sent(branch, as: endpoint.send(request, over: flow))
            case (.success, true):
                self.proxy.withdrawn(branch, now: self.eventLoop.now)
                self.end(branch)
            case (.failure(let error), _):
                self.environment.logger.warning(
                    "no way to the next hop", metadata: ["hop": "\(hop.endpoint)", "error": "\(error)"])
                self.proxy.failed(branch, timedOut: false)
                self.end(branch)
            }
            self.pump()
        }
    }

    private func end(_ branch: ResponseContext.Branch) {
        branches.close(branch)
        proxy.terminated(branch)
    }
}

extension HomeNetwork: SIPUser {
    package func sipEndpoint(
        _ endpoint: SIPEndpoint, received request: Request, transaction: TransactionID?, over flow: Flow,
        listener: String
    ) {
        eventLoop.preconditionInEventLoop()
        guard isPeer(flow.remote.address) else {
            refuse(request, transaction, flow)
            return
        }
        if request.method == .register, let transaction {
            register(request, transaction)
            return
        }
        if RegistrationNotifier.takes(request), let transaction, request.uri.sip.map(registrar.isHome) == true {
            subscribe(request, transaction)
            return
        }
        proxy.receive(request, server: transaction, registrar: registrar, now: eventLoop.now, tag: tag())
        pump()
    }

    /// Mw is a trusted network (RFC 3325): what is asserted there is believed, therefore not from everybody.
    private func refuse(_ request: Request, _ transaction: TransactionID?, _ flow: Flow) {
        strangers += 1
        events.emit(
            .refused(
                .init(
                    kind: "stranger", remote: "\(flow.remote)", local: "\(flow.local)",
                    reason: "\(request.method) from an address that is no Mw peer", count: strangers)))
        if let transaction { endpoint?.respond(Response.make(403, to: request, toTag: tag()), to: transaction) }
    }

    package func sipEndpoint(
        _ endpoint: SIPEndpoint, cancel request: Request, transaction: TransactionID, of invite: TransactionID?,
        over flow: Flow
    ) {
        eventLoop.preconditionInEventLoop()
        proxy.cancel(request, server: transaction, of: invite, tag: tag())
        pump()
    }

    package func sipEndpoint(
        _ endpoint: SIPEndpoint, received response: Response, transaction: TransactionID?, over flow: Flow
    ) {
        eventLoop.preconditionInEventLoop()
        if let transaction, let subscription = notifies[transaction] {
            if response.isFinal { answered(subscription, response.status) }
            return
        }
        guard let transaction, let branch = branches.branch(of: transaction) else { return }
        proxy.receive(response, branch: branch, now: eventLoop.now)
        pump()
    }

    package func sipEndpoint(_ endpoint: SIPEndpoint, failed transaction: TransactionID, timedOut: Bool) {
        eventLoop.preconditionInEventLoop()
        if let subscription = notifies[transaction] {
            answered(subscription, nil)
        } else if let branch = branches.branch(of: transaction) {
            proxy.failed(branch, timedOut: timedOut)
        } else {
            proxy.abandoned(transaction)
        }
        pump()
    }

    package func sipEndpoint(_ endpoint: SIPEndpoint, terminated transaction: TransactionID) {
        eventLoop.preconditionInEventLoop()
        notifies[transaction] = nil
        guard let branch = branches.branch(of: transaction) else { return }
        end(branch)
        pump()
    }
}

extension Flow.Transport {
    init(_ transport: TransportEndpoint.Transport) {
        switch transport {
        case .udp: self = .udp
        case .tcp: self = .tcp
        case .tls: self = .tls
        }
    }
}
