import NIOCore
import SIP
import WireSyntax

/// The S-CSCF's routing as one value (RFC 3261 §16, TS 24.229 §5.4.3): requests, responses and the time go in, actions come out.
///
/// ```
///   P-CSCF A ──INVITE, Route: orig──▶ [ served user? ] ─▶ [ AOR → contacts, Path ] ──INVITE, Route: Path──▶ P-CSCF B
///            ◀──────── responses ──── [ ResponseContext: best, CANCEL, Timer C ] ◀──────────────────────
///   in a dialog: the own Record-Route is taken off, and the rest of Route or the Request-URI leads on
/// ```
///
/// - Parameter Server: how the owner names server transactions.
package struct ServingProxy<Server: Hashable & Sendable>: Sendable {
    package typealias Branch = ResponseContext.Branch

    package enum Action: Sendable {
        case respond(Response, to: Server)
        /// Send in a client transaction (which adds the Via) and report its responses for `branch`.
        case forward(Request, to: NextHop, branch: Branch)
        /// ACK to a 2xx: no transaction.
        case forwardStateless(Request, to: NextHop)
        case cancel(Branch)
        /// The edge of this contact has no way to it: see `Registrar.flowFailed`.
        case flowFailed(Binding, of: SIPURI)
    }

    package struct Limits: Sendable {
        /// Requests that wait for their end.
        package var contexts = 20_000
        /// Route values of one request. It starts with Max-Forwards 70 (RFC 3261 §8.1.1.6) and could not visit more.
        package var routes = 70
        package init() {}
    }

    /// User part of the Service-Route, by which an originating request is known.
    package static var originatingUser: String { "orig" }
    /// User part of the Record-Route.
    package static var dialogUser: String { "dialog" }

    private struct Context: Sendable {
        var responses: ResponseContext
        var server: Server
        /// Branches whose client transactions still live.
        var alive: Set<Branch> = []
        var loopKey: String
    }

    private let limits: Limits
    private var contexts: [UInt64: Context] = [:]
    private var contextOfBranch: [Branch: UInt64] = [:]
    private var contextOfServer: [Server: UInt64] = [:]
    /// The contact that a branch goes to, with the address that was called.
    private var bindingOfBranch: [Branch: (binding: Binding, uri: SIPURI)] = [:]
    private var loopKeys: Set<String> = []
    private var nextID: UInt64 = 1
    private var actions = CircularBuffer<Action>()
    /// Value of Record-Route; nil until the sockets are bound.
    package var recordRoute: String?

    package init(limits: Limits = Limits()) { self.limits = limits }

    package mutating func nextAction() -> Action? { actions.popFirst() }

    /// Requests under way.
    package var contextCount: Int { contexts.count }

    /// Not later than the first Timer C: it is not moved when a context goes, so that a request costs no walk over all of them.
    package private(set) var nextDeadline: NIODeadline?

    package mutating func timersDue(now: NIODeadline) {
        guard let due = nextDeadline, due <= now else { return }
        nextDeadline = nil
        for id in Array(contexts.keys) { advance(id) { $0.timersDue(now: now) } }
    }

    private mutating func noteDeadline(_ context: Context) {
        guard let deadline = context.responses.nextDeadline else { return }
        nextDeadline = min(nextDeadline ?? deadline, deadline)
    }

    // MARK: - Requests

    /// A request other than REGISTER and CANCEL from a peer that may speak Mw.
    ///
    /// - Parameters:
    ///   - server: nil for an ACK.
    ///   - tag: random, for responses made here.
    package mutating func receive(
        _ request: Request, server: Server?, registrar: Registrar, now: NIODeadline, tag: String
    ) {
        guard let server, request.method != .ack else {
            forwardAcknowledgement(request, registrar)
            return
        }
        do throws(Refusal) {
            try route(request, server, registrar, now, tag)
        } catch {
            var response = Response.make(error.status, to: request, toTag: tag)
            for field in error.headers.fields { response.headers.append(field) }
            actions.append(.respond(response, to: server))
        }
    }

    private struct Target {
        var request: Request
        var hop: NextHop
        var binding: (binding: Binding, uri: SIPURI)?
    }

    private mutating func route(
        _ request: Request, _ server: Server, _ registrar: Registrar, _ now: NIODeadline, _ tag: String
    ) throws(Refusal) {
        // §16.3
        guard let uri = request.uri.sip else { throw Refusal(416) }
        if request.headers.maxForwards == 0 { throw Refusal(483) }
        guard request.headers.list(.route).count <= limits.routes else { throw Refusal(400) }
        let required = request.headers.list(.proxyRequire)
        guard required.isEmpty else {
            var refusal = Refusal(420)
            refusal.headers.append(.unsupported, required.joined(separator: ", "))
            throw refusal
        }
        let loopKey = loopKey(of: request)
        if loopKeys.contains(loopKey), hasPassedHere(request, registrar) { throw Refusal(482) }
        guard contexts.count < limits.contexts else {
            var refusal = Refusal(503)
            refusal.headers.append(.retryAfter, "10")
            throw refusal
        }

        var forwarded = request
        let ownRoute = takeOwnRoutes(&forwarded, registrar)
        let isInDialog = (try? request.headers.to())?.tag != nil
        if ownRoute == Self.originatingUser, !isInDialog { try checkServedUser(request, registrar, now) }

        let targets: [Target]
        if isInDialog {
            // Only who has been through here leads on: this is no open relay.
            guard ownRoute != nil, let hop = nextHop(&forwarded) else { throw Refusal(ownRoute == nil ? 481 : 502) }
            targets = [Target(request: forwarded, hop: hop)]
        } else if registrar.isHome(uri) {
            guard uri.user != nil else {
                guard request.method == .options else { throw Refusal(404) }
                actions.append(.respond(Response.make(200, to: request, toTag: tag), to: server))
                return
            }
            targets = try self.targets(forwarded, uri, registrar, now)
        } else {
            throw Refusal(404)
        }
        start(targets, of: request, server, loopKey, now, tag)
    }

    /// §16.6: the request to each contact, with the Path of its registration as Route (RFC 3327 §5.4).
    private func targets(
        _ request: Request, _ uri: SIPURI, _ registrar: Registrar, _ now: NIODeadline
    ) throws(Refusal) -> [Target] {
        guard case .bindings(let bindings) = registrar.lookUp(uri, now: now) else { throw Refusal(404) }
        guard !bindings.isEmpty else { throw Refusal(480) }
        let targets: [Target] = bindings.compactMap { binding in
            guard var contact = binding.contact.uri.sip else { return nil }
            // §19.1.5: neither may stand in a Request-URI.
            contact.headers = []
            contact.parameters.remove("method")
            var copy = request
            copy.uri = .sip(contact)
            copy.headers.remove(.route)
            for value in binding.path { copy.headers.append(.route, value) }
            // TS 24.229 §5.4.3.3: the identity that was called.
            copy.headers.set(.pCalledPartyID, to: "<\(uri)>")
            if let recordRoute, [.invite, .subscribe, .refer].contains(copy.method) {
                copy.headers.prepend(.recordRoute, recordRoute)
            }
            guard let hop = nextHop(&copy) else { return nil }
            return Target(request: copy, hop: hop, binding: (binding, uri))
        }
        guard !targets.isEmpty else { throw Refusal(480) }
        return targets
    }

    /// TS 24.229 §5.4.3.2: the identity that the P-CSCF asserts is a registered one of ours.
    private func checkServedUser(_ request: Request, _ registrar: Registrar, _ now: NIODeadline) throws(Refusal) {
        // RFC 3325 §9.1: a SIP and a tel URI may stand there.
        let identities = (try? request.headers.addresses(.pAssertedIdentity)) ?? []
        guard let asserted = identities.lazy.compactMap(\.uri.sip).first,
            registrar.isHome(asserted), case .bindings(let bindings) = registrar.lookUp(asserted, now: now),
            !bindings.isEmpty
        else { throw Refusal(403) }
    }

    /// §16.4: a strict router's Request-URI, and the Route values that name this proxy.
    ///
    /// - Returns: the user part of the last own value, "" where it has none; nil where no value was ours.
    private func takeOwnRoutes(_ request: inout Request, _ registrar: Registrar) -> String? {
        // Split as they came, and read: what is not the same list either way leads nowhere.
        let values = request.headers.list(.route)
        guard var routes = (try? request.headers.routes(.route))?[...], routes.count == values.count else { return nil }
        var own: String?
        if let uri = request.uri.sip, uri.isLooseRouter, uri.user == Self.dialogUser, registrar.isHome(uri),
            let last = routes.popLast()
        {
            request.uri = last.uri
            own = uri.user
        }
        while let top = routes.first?.uri.sip, registrar.isHome(top) {
            routes.removeFirst()
            own = top.user ?? ""
        }
        guard own != nil else { return nil }
        request.headers.remove(.route)
        for value in values[routes.indices] { request.headers.append(.route, value) }
        return own
    }

    /// §16.6 steps 3, 6 and 7.
    private func nextHop(_ request: inout Request) -> NextHop? {
        request.headers.set(.maxForwards, to: "\((request.headers.maxForwards ?? 71) - 1)")
        guard let top = (try? request.headers.routes(.route))?.first?.uri.sip else {
            return request.uri.sip.flatMap { NextHop($0) }
        }
        if !top.isLooseRouter {
            let last = "<\(request.uri)>"
            request.headers.removeFirst(.route)
            request.headers.append(.route, last)
            request.uri = .sip(top)
        }
        return NextHop(top)
    }

    private mutating func start(
        _ targets: [Target], of request: Request, _ server: Server, _ loopKey: String, _ now: NIODeadline, _ tag: String
    ) {
        let id = nextID
        nextID += 1
        var context = Context(
            responses: ResponseContext(request: request, toTag: tag), server: server, loopKey: loopKey)
        for target in targets {
            let branch = nextID
            nextID += 1
            context.responses.add(branch, now: now)
            context.alive.insert(branch)
            contextOfBranch[branch] = id
            bindingOfBranch[branch] = target.binding
            actions.append(.forward(target.request, to: target.hop, branch: branch))
        }
        noteDeadline(context)
        contexts[id] = context
        contextOfServer[server] = id
        loopKeys.insert(loopKey)
    }

    /// An ACK to a 2xx follows the dialog's route; one that leads nowhere is dropped.
    private mutating func forwardAcknowledgement(_ request: Request, _ registrar: Registrar) {
        var copy = request
        guard request.headers.maxForwards != 0, request.headers.list(.route).count <= limits.routes,
            takeOwnRoutes(&copy, registrar) != nil, let hop = nextHop(&copy)
        else { return }
        actions.append(.forwardStateless(copy, to: hop))
    }

    /// What a looping request cannot change without becoming another one (§16.6 step 8).
    private func loopKey(of request: Request) -> String {
        let from = (try? request.headers.from())?.tag ?? ""
        let cSeq = request.headers[.cSeq] ?? ""
        let routes = request.headers.values(.route).joined(separator: ",")
        return [request.headers.callID ?? "", from, cSeq, "\(request.uri)", routes].joined(separator: "\n")
    }

    private func hasPassedHere(_ request: Request, _ registrar: Registrar) -> Bool {
        ((try? request.headers.vias()) ?? []).contains { via in
            guard let address = via.sentBy.host.address else { return false }
            return registrar.ownEndpoints.contains(Endpoint(address, via.sentBy.port ?? 5060))
        }
    }

    // MARK: - CANCEL and responses

    /// §16.10: answers the CANCEL and cancels the branches of the INVITE.
    package mutating func cancel(_ request: Request, server: Server, of invite: Server?, tag: String) {
        guard let invite, let id = contextOfServer[invite] else {
            actions.append(.respond(Response.make(481, to: request, toTag: tag), to: server))
            return
        }
        actions.append(.respond(Response.make(200, to: request, toTag: tag), to: server))
        advance(id) { $0.cancel() }
    }

    /// The server transaction ended badly: nobody waits for the answer any more.
    package mutating func abandoned(_ server: Server) {
        guard let id = contextOfServer[server] else { return }
        advance(id) { $0.cancel() }
    }

    /// A response of a branch, as it came: the top Via is the one that this proxy added.
    package mutating func receive(_ response: Response, branch: Branch, now: NIODeadline) {
        guard let id = contextOfBranch[branch] else { return }
        var response = response
        response.headers.removeFirst(.via)
        guard response.headers.contains(.via) else { return }
        // 404 and the like are words of the device itself, which may say them of one request alone.
        if response.status == 430, let tried = bindingOfBranch.removeValue(forKey: branch) {
            actions.append(.flowFailed(tried.binding, of: tried.uri))
        }
        advance(id) { $0.receive(response, on: branch, now: now) }
    }

    /// A branch ended without a response.
    package mutating func failed(_ branch: Branch, timedOut: Bool) {
        guard let id = contextOfBranch[branch] else { return }
        advance(id) { $0.failed(branch, timedOut: timedOut) }
    }

    /// A branch that was cancelled before it was sent.
    package mutating func withdrawn(_ branch: Branch, now: NIODeadline) {
        guard let id = contextOfBranch[branch], let request = contexts[id]?.responses.request else { return }
        advance(id) { $0.receive(Response.make(487, to: request, toTag: "withdrawn"), on: branch, now: now) }
    }

    /// The client transaction of a branch is over: with the last one the context goes.
    package mutating func terminated(_ branch: Branch) {
        bindingOfBranch[branch] = nil
        guard let id = contextOfBranch.removeValue(forKey: branch) else { return }
        contexts[id]?.alive.remove(branch)
        guard let context = contexts[id], context.alive.isEmpty else { return }
        contexts[id] = nil
        contextOfServer[context.server] = nil
        loopKeys.remove(context.loopKey)
    }

    private mutating func advance(_ id: UInt64, _ body: (inout ResponseContext) -> Void) {
        guard var context = contexts.removeValue(forKey: id) else { return }
        body(&context.responses)
        while let action = context.responses.nextAction() {
            switch action {
            case .forward(let response): actions.append(.respond(response, to: context.server))
            case .cancel(let branch): actions.append(.cancel(branch))
            }
        }
        noteDeadline(context)
        contexts[id] = context
    }
}

/// Why a request is not forwarded. Not nested in the generic proxy: the optimiser of Swift 6.3 ends on a typed throw of an error with a type parameter.
private struct Refusal: Error {
    var status: Int
    var headers = Headers()
    init(_ status: Int) { self.status = status }
}
