import NIOCore
import SIP
import WireSyntax

/// Finds the servers for a SIP URI: RFC 3263 §4 over c-ares, on an event loop.
///
/// ```swift
///   let resolver = try SIPResolver(eventLoop: loop, servers: settings.dns, abilities: .init(transports: [.tcp, .udp]))
///   resolver.resolve(uri).whenComplete { result in
///       // .success: targets in the order of trial, at least one. Over each: endpoint.flow(to: target.endpoint, transport: target.transport, from: "mw").
///       // .failure: ServerSelection.Failure; the request is answered 503 (unanswered) or 404/478 (no server).
///   }
/// ```
///
/// - The P-CSCF asks for `mw.home`, where that is a name, when it starts and for each request towards the home network. A numeric host needs no DNS and is
///   answered in the same turn of the loop.
/// - Once for a transaction (RFC 3263 §4): what belongs to it follows the `Flow`. Where a target fails, `ServerTrials` says whether to go on to the next, in a
///   new transaction; `setAside` keeps the next requests from waiting for the same dead server.
/// - Where `target.serverName` is set, it is what a TLS server must prove; the DNS cannot change it.
///
/// Answers are kept for their time to live, within `NameLimits`. Equal questions that run are asked once.
// Confined to `eventLoop`: entry points check it, so that sharing the reference between threads is safe.
package final class SIPResolver: @unchecked Sendable {
    package let eventLoop: any EventLoop
    package let abilities: ServerSelection.Abilities
    package let limits: NameLimits

    private let source: any NameSource
    private let deadlines: DeadlineDriver
    private var cache: NameCache
    private var generator: any RandomNumberGenerator
    /// Who waits for the answer to a question that runs.
    private var waiting: [DNSQuestion: [UInt64]] = [:]
    private var selections: [UInt64: Running] = [:]
    private var nextSelection: UInt64 = 1
    private var aside: [Endpoint: NIODeadline] = [:]
    private var isStopped = false

    private final class Running {
        var selection: ServerSelection
        let promise: EventLoopPromise<[ServerSelection.Target]>
        var timer: DeadlineRegistration?

        init(_ selection: ServerSelection, _ promise: EventLoopPromise<[ServerSelection.Target]>) {
            self.selection = selection
            self.promise = promise
        }
    }

    /// - Parameters:
    ///   - servers: of the DNS (`dns.servers`); empty: those of the system.
    ///   - abilities: what the function can send over, unless a call of `resolve` says otherwise.
    ///   - deadlines: the driver of the loop, where others use it too.
    package convenience init(
        eventLoop: any EventLoop, servers: [Endpoint], abilities: ServerSelection.Abilities,
        limits: NameLimits = NameLimits(), deadlines: DeadlineDriver? = nil
    ) throws(CAresSource.Failure) {
        self.init(
            eventLoop: eventLoop, source: try CAresSource(servers: servers, limits: limits), abilities: abilities,
            limits: limits, deadlines: deadlines)
    }

    package init(
        eventLoop: any EventLoop, source: any NameSource, abilities: ServerSelection.Abilities,
        limits: NameLimits = NameLimits(), deadlines: DeadlineDriver? = nil,
        generator: any RandomNumberGenerator = SystemRandomNumberGenerator()
    ) {
        self.eventLoop = eventLoop
        self.source = source
        self.abilities = abilities
        self.limits = limits
        self.deadlines = deadlines ?? DeadlineDriver(eventLoop: eventLoop)
        self.generator = generator
        cache = NameCache(limits: limits)
    }

    deinit {
        source.stop()
        for running in selections.values {
            running.promise.fail(ServerSelection.Failure.noServer("the resolver is gone"))
        }
    }

    /// - Parameters:
    ///   - uri: where the request goes: its first Route, or its Request-URI.
    ///   - abilities: in place of those of the resolver; for a request that is too long for UDP, for one.
    /// - Returns: targets in the order of trial, at least one. Fails with `ServerSelection.Failure`.
    package func resolve(
        _ uri: SIPURI, abilities: ServerSelection.Abilities? = nil
    ) -> EventLoopFuture<[ServerSelection.Target]> {
        eventLoop.preconditionInEventLoop()
        let running = Running(
            ServerSelection(uri, abilities: abilities ?? self.abilities), eventLoop.makePromise())
        let number = nextSelection
        nextSelection += 1
        if running.selection.result == nil {
            selections[number] = running
            running.timer = deadlines.register { [weak self] _ in self?.timeIsOut(number) }
            running.timer?.set(eventLoop.now + limits.selectionTime)
        }
        advance(running, number)
        return running.promise.futureResult
    }

    /// A target has failed (RFC 3263 §4.3): it comes last for a while, in whatever selection it appears.
    package func setAside(_ target: ServerSelection.Target) {
        eventLoop.preconditionInEventLoop()
        let now = eventLoop.now
        if aside.count >= limits.aside { aside = aside.filter { $0.value > now } }
        guard aside.count < limits.aside else { return }
        aside[target.endpoint] = now + limits.asideTime
    }

    /// What runs fails, and nothing more is asked.
    package func stop() {
        eventLoop.preconditionInEventLoop()
        isStopped = true
        source.stop()
        for number in selections.keys.sorted() { timeIsOut(number) }
    }

    /// Answers that are kept, and questions that run.
    package var counts: (kept: Int, running: Int) { (cache.count, waiting.count) }

    // MARK: Selections

    private func advance(_ running: Running, _ number: UInt64) {
        while running.selection.result == nil {
            let questions = running.selection.takeQuestions()
            guard !questions.isEmpty else { return }
            for question in questions { ask(question, for: running, number) }
        }
        finish(running, number)
    }

    private func ask(_ question: DNSQuestion, for running: Running, _ number: UInt64) {
        if let answer = cache.answer(to: question, now: eventLoop.now) {
            return running.selection.receive(answer, to: question, using: &generator)
        }
        if waiting[question] != nil {
            waiting[question]?.append(number)
            return
        }
        guard !isStopped, waiting.count < limits.queries else {
            return running.selection.receive(.failed, to: question, using: &generator)
        }
        waiting[question] = [number]
        source.ask(question) { [weak self, eventLoop] reply in
            let resolver = self
            eventLoop.execute { resolver?.received(reply, to: question) }
        }
    }

    private func received(_ reply: NameReply, to question: DNSQuestion) {
        cache.keep(reply, to: question, now: eventLoop.now)
        for number in waiting.removeValue(forKey: question) ?? [] {
            guard let running = selections[number] else { continue }
            running.selection.receive(reply.answer, to: question, using: &generator)
            advance(running, number)
        }
    }

    private func timeIsOut(_ number: UInt64) {
        guard let running = selections[number] else { return }
        running.selection.giveUp(using: &generator)
        finish(running, number)
    }

    private func finish(_ running: Running, _ number: UInt64) {
        guard let result = running.selection.result else { return }
        selections[number] = nil
        running.timer?.cancel()
        running.timer = nil
        switch result {
        case .success(let targets): running.promise.succeed(ordered(targets))
        case .failure(let failure): running.promise.fail(failure)
        }
    }

    private func ordered(_ targets: [ServerSelection.Target]) -> [ServerSelection.Target] {
        let now = eventLoop.now
        let isAside = { (target: ServerSelection.Target) in (self.aside[target.endpoint] ?? now) > now }
        return targets.filter { !isAside($0) } + targets.filter(isAside)
    }
}
