import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP
import WireSyntax

@testable import ProxyCSCF

/// A call leg between a UE, a core and a gateway that the test plays; it keeps books, so that the end can be checked.
struct LegHarness {
    enum Procedure {
        case reserve(CallMedia.ProcedureID, [TerminationRequest])
        case configure(CallMedia.ProcedureID)
    }

    var leg: CallLeg
    var now = Fixtures.start
    var log: [String] = []

    /// Requests that went on and have no final response yet.
    var openClients: [Exchange.ID: (request: Request, side: OfferSide)] = [:]
    /// Requests as they went on, the last of each exchange.
    var sent: [Exchange.ID: Request] = [:]
    /// Requests as they came in.
    var received: [Exchange.ID: Request] = [:]
    /// Final responses that went back.
    var finals: [Exchange.ID: [Response]] = [:]
    var provisionals: [Response] = []
    /// Who sent a request.
    var sides: [Exchange.ID: OfferSide] = [:]
    /// INVITEs that the far end has accepted, by tag.
    var accepted: [(id: Exchange.ID, tag: String)] = []
    var alone: [(request: Request, side: OfferSide)] = []
    var cancelled: Set<Exchange.ID> = []
    var procedures: [Procedure] = []
    var terminations: [TerminationRequest] = []
    var changes: [(termination: TerminationHandle, change: TerminationChange)] = []
    var cancelHeaders: [Headers] = []
    var reserved: Set<ContextHandle> = []
    var released: [ContextHandle] = []
    var events: [FlowEvent.What] = []
    var ended = 0
    /// The gateway answers at once.
    var isPrompt = true
    var nextFailure: GatewayFailure?
    private var contexts: UInt32 = 0

    init(
        _ direction: OfferDirection, u: Bool = true, n: Bool = true, body: String? = nil,
        type: String = "application/sdp",
        settings: CallSettings = CallSettings(), isPrompt: Bool = true, headers: [(HeaderName, String)] = [],
        media adjust: (inout CallMediaSettings) -> Void = { _ in }
    ) {
        self.isPrompt = isPrompt
        let invite: Request
        switch direction {
        case .originating:
            invite = Fixtures.request(
                .invite, contact: "<sip:u@127.4.0.1:40000;transport=tls>", body: body ?? Fixtures.secure(), type: type,
                headers: headers)
        case .terminating:
            invite = Fixtures.request(
                .invite, uri: "sip:u@127.4.0.1:40000;transport=tls", contact: "<sip:far@127.5.0.1:5090>",
                body: body ?? Fixtures.plain(), type: type,
                headers: [(.recordRoute, "<sip:home@127.2.0.1:5060;lr>"), (.recordRoute, "<sip:far@127.5.0.9;lr>")]
                    + headers)
        }
        var mediaSettings = CallMediaSettings(
            ueIndicated: u, networkIndicated: n, ueSource: IPAddress("127.4.0.1"))
        adjust(&mediaSettings)
        let media = CallMedia(settings: mediaSettings)
        leg = CallLeg(
            token: "calltoken", invite: invite, direction: direction, served: Fixtures.registration(u: u, n: n),
            own: Fixtures.own, settings: settings, media: media, now: now)!
        received[CallLeg.first] = invite
        leg.start(now: now)
        drain()
    }

    var callee: OfferSide { leg.callee }
    var caller: OfferSide { leg.caller }

    // MARK: Playing

    mutating func drain() {
        while let action = leg.nextAction() {
            switch action {
            case .send(let request, let id, let side):
                log.append("\(request.method) > \(side)")
                openClients[id] = (request, side)
                sent[id] = request
            case .sendAlone(let request, let side):
                log.append("\(request.method) > \(side)")
                alone.append((request, side))
            case .cancel(let id, let headers):
                cancelHeaders.append(headers)
                log.append("CANCEL > \(openClients[id].map { "\($0.side)" } ?? "nobody")")
                cancelled.insert(id)
            case .respond(let response, let id):
                log.append("\(response.status) > \(sides[id] ?? caller)")
                if response.status >= 200 {
                    finals[id, default: []].append(response)
                } else {
                    provisionals.append(response)
                }
            case .reserve(let id, let terminations):
                log.append("reserve")
                self.terminations = terminations
                procedures.append(.reserve(id, terminations))
            case .configure(let id, let termination, let change):
                changes.append((termination, change))
                log.append("configure \(termination.name)")
                procedures.append(.configure(id))
            case .releaseContext(let context):
                log.append("release")
                released.append(context)
            case .event(let event): events.append(event)
            case .ended:
                log.append("ended")
                ended += 1
            }
            if isPrompt { replyAll() }
        }
    }

    mutating func replyAll() { while !procedures.isEmpty { reply() } }

    /// The gateway's next reply.
    mutating func reply() {
        switch procedures.removeFirst() {
        case .reserve(let id, let requests):
            if let failure = nextFailure {
                nextFailure = nil
                leg.gatewayReplied(id, .failure(failure), now: now)
            } else {
                contexts += 1
                let handle = ContextHandle(gateway: "gw", context: contexts)
                reserved.insert(handle)
                leg.gatewayReplied(id, .success(requests.map { made($0, handle) }), now: now)
            }
        case .configure(let id):
            let failure = nextFailure
            nextFailure = nil
            leg.gatewayReplied(id, failure.map { .failure($0) } ?? .success([]), now: now)
        }
        drain()
    }

    private func made(_ request: TerminationRequest, _ context: ContextHandle) -> ReservedTermination {
        let address = request.realm == .access ? "127.3.0.1" : "127.3.0.2"
        let path =
            request.transport.isAware ? "\(request.transport.isTLS ? "msrps" : "msrp")://\(address):9000/gw;tcp" : nil
        return ReservedTermination(
            handle: TerminationHandle(context: context, name: request.realm.rawValue),
            local: LocalDescription(
                endpoint: Endpoint("\(address):9000")!, role: request.local.role, path: path,
                fingerprints: request.transport.isTLS
                    ? [Fingerprint(hash: .sha256, octets: Array(repeating: 0x66, count: 32))] : []))
    }

    /// The far end answers a request that went on.
    mutating func respond(
        _ status: Int, to id: Exchange.ID = CallLeg.first, tag: String = "callee", body: String = "",
        type: String = "application/sdp", headers: [(HeaderName, String)] = []
    ) {
        guard let (request, side) = openClients[id] else { return }
        var asSeen = request
        asSeen.headers.prepend(.via, "SIP/2.0/TCP 127.1.0.1:6000;branch=z9hG4bKown\(id.number)")
        var response = Response.make(status, nil, to: asSeen, toTag: tag)
        for route in request.headers.values(.recordRoute).reversed() { response.headers.prepend(.recordRoute, route) }
        if side == .core, id == CallLeg.first { response.headers.prepend(.recordRoute, "<sip:home@127.2.0.1:5060;lr>") }
        response.headers.append(.contact, side == .ue ? "<sip:u@127.4.0.1:40000>" : "<sip:far@127.5.0.1:5090>")
        for (name, value) in headers { response.headers.append(name, value) }
        if !body.isEmpty {
            response.headers.append(.contentType, type)
            response.body = ByteBuffer(string: body)
        }
        if request.method == .invite, (200..<300).contains(status) { accepted.append((id, tag)) }
        if status >= 200, !(request.method == .invite && status < 300) { openClients[id] = nil }
        leg.receive(response, of: id, now: now)
        drain()
    }

    /// A request inside the call.
    @discardableResult
    mutating func request(
        _ method: Method, from side: OfferSide, cSeq: Int, body: String = "", tag: String = "callee",
        type: String = "application/sdp", headers: [(HeaderName, String)] = []
    ) -> Exchange.ID? {
        let isCaller = side == caller
        let request = Fixtures.request(
            method, uri: "sip:x@127.9.9.9",
            from: isCaller ? "<sip:a@ims.lab>;tag=caller" : "<sip:b@ims.lab>;tag=\(tag)",
            to: isCaller ? "<sip:b@ims.lab>;tag=\(tag)" : "<sip:a@ims.lab>;tag=caller", cSeq: cSeq, body: body,
            type: type,
            headers: headers)
        let id = leg.receive(request, from: side, now: now)
        if let id {
            received[id] = request
            sides[id] = side
        }
        drain()
        return id
    }

    struct Unanswered: Error {}

    /// The same for one that must be taken.
    mutating func asking(
        _ method: Method, from side: OfferSide, cSeq: Int, body: String = "", tag: String = "callee",
        headers: [(HeaderName, String)] = []
    ) throws -> Exchange.ID {
        guard let id = request(method, from: side, cSeq: cSeq, body: body, tag: tag, headers: headers) else {
            throw Unanswered()
        }
        return id
    }

    mutating func fail(_ id: Exchange.ID = CallLeg.first, timedOut: Bool) {
        openClients[id] = nil
        leg.failed(id, timedOut: timedOut, now: now)
        drain()
    }

    mutating func cancel(_ id: Exchange.ID = CallLeg.first) {
        leg.cancelled(id, reason: nil, now: now)
        drain()
    }

    mutating func end(_ cause: ReleaseCause) {
        leg.end(cause, now: now)
        drain()
    }

    mutating func notify(_ event: TerminationEvent, on realm: Realm = .access) {
        guard let context = reserved.subtracting(released).first else { return }
        leg.gatewayNotified(TerminationHandle(context: context, name: realm.rawValue), event, now: now)
        drain()
    }

    /// Lets time pass, deadline by deadline.
    mutating func advance(_ time: TimeAmount) {
        let end = now + time
        while let deadline = leg.nextDeadline, deadline <= end {
            now = max(now, deadline)
            leg.timersDue(now: now)
            drain()
        }
        now = end
    }

    mutating func take() -> [String] {
        defer { log = [] }
        return log
    }

    // MARK: Descriptions that passed

    static func sdp(_ buffer: ByteBuffer) -> String { String(buffer: buffer) }
    func passed(_ id: Exchange.ID = CallLeg.first) -> String { sent[id].map { Self.sdp($0.body) } ?? "" }
    func answered(_ id: Exchange.ID = CallLeg.first) -> String { finals[id]?.first.map { Self.sdp($0.body) } ?? "" }
}
