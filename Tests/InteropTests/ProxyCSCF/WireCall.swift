import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP
import Testing
import Transport
import WireSyntax

@testable import ApplicationLevelGateway
@testable import ProxyCSCF

/// One passage of a call through the P-CSCF of a `WireNetwork`, originating or terminating, both of its ends played.
final class WireCall {
    /// What became of one offer.
    struct Offered {
        /// The final response to it, as its sender saw it.
        let response: Response
        /// The request as the other side saw it; nil where it was refused by the P-CSCF.
        let request: Request?
        /// What was decided about its lines, as the event stream says it.
        let decisions: [FlowEvent.Decision]

        var status: Int { response.status }
        /// The offer as the other side saw it.
        var sent: String { request.map { String(buffer: $0.body) } ?? "" }
        /// The answer as the offerer saw it.
        var answer: String { String(buffer: response.body) }
    }

    let network: WireNetwork
    let ue: WireUE
    let direction: OfferDirection
    let callID: String
    let coreFlow: Flow
    private(set) var isEstablished = false
    private var cSeq: [OfferSide: Int] = [.ue: 0, .core: 0]
    /// Route sets as either end learnt them.
    private var routes: [OfferSide: [String]] = [:]

    init(network: WireNetwork, ue: WireUE, direction: OfferDirection, callID: String, coreFlow: Flow) {
        self.network = network
        self.ue = ue
        self.direction = direction
        self.callID = callID
        self.coreFlow = coreFlow
    }

    var caller: OfferSide { direction == .originating ? .ue : .core }
    /// Where the home network listens: it plays the far end too.
    private var farContact: String { "<sip:far@\(network.proxy.settings.home);transport=tcp>" }

    func peer(_ side: OfferSide) -> ScriptedPeer { side == .ue ? ue.peer : network.home }

    /// Sends an offer and, where it passes, answers it; the first one makes the call. A 2xx to INVITE is acknowledged.
    ///
    /// - Parameter answer: from the offer as the answerer sees it; what accepts every line unless said.
    func offer(
        _ description: String, from side: OfferSide? = nil, method: SIP.Method = .invite,
        type: String = "application/sdp", headers: [(HeaderName, String)] = [], status: Int = 200,
        answer: ((SessionDescription) throws -> String)? = nil
    ) async throws -> Offered {
        let side = side ?? caller
        let before = network.events.all.count
        let number = (cSeq[side] ?? 0) + 1
        cSeq[side] = number
        _ = try await send(method, number, description, from: side, type: type, headers: headers)
        var request: Request?
        if try await network.passesOn(method, number, callID: callID, after: before) {
            let (seen, server) = try await self.request(method, at: side.other)
            request = seen
            if !isEstablished, side == caller { learnRoutes(from: seen.headers, at: side.other, reversed: false) }
            let body: String
            if status >= 300 || seen.body.readableBytes == 0 {
                body = ""
            } else {
                let offer = try SessionDescription(octets: seen.body)
                body = try answer?(offer) ?? accepting(offer, at: side.other)
            }
            try await peer(side.other).respond(
                Played.accept(
                    status, seen, tag: "callee", contact: side.other == .ue ? ue.contact : farContact, body: body),
                to: server)
        }
        let response = try await self.response(to: "\(number) \(method)", at: side)
        if method == .invite, (200..<300).contains(response.status) {
            if !isEstablished { learnRoutes(from: response.headers, at: side, reversed: true) }
            isEstablished = true
            _ = try await send(.ack, number, "", from: side)
            _ = try await self.request(.ack, at: side.other)
        }
        let decisions = network.events.all[before...].compactMap { event -> FlowEvent.Decision? in
            if case .decision(let decision) = event, decision.callID == callID { return decision }
            return nil
        }
        return Offered(response: response, request: request, decisions: decisions)
    }

    /// Every line as it was offered.
    func accepting(_ offer: SessionDescription, at side: OfferSide) -> String {
        let address = side == .ue ? ue.address : IPAddress("127.78.0.1")!
        return String(buffer: SimulatedGateway.answer(to: offer, from: address).octets)
    }

    /// BYE by the caller, through to the other side and back.
    func end() async throws {
        guard isEstablished else { return }
        let number = (cSeq[caller] ?? 0) + 1
        cSeq[caller] = number
        _ = try await send(.bye, number, "", from: caller)
        let (bye, server) = try await request(.bye, at: caller.other)
        try await peer(caller.other).respond(.make(200, nil, to: bye, toTag: nil), to: server)
        #expect(try await response(to: "\(number) BYE", at: caller).status == 200)
    }

    // MARK: Step by step

    /// The first INVITE, and nothing more.
    func begin(_ description: String, headers: [(HeaderName, String)] = []) async throws -> TransactionID {
        cSeq[caller] = 1
        return try await send(.invite, 1, description, from: caller, headers: headers)
    }

    func cancel(_ invite: TransactionID) async throws {
        let peer = peer(caller)
        _ = try await peer.endpoint.eventLoop.submit { peer.endpoint.cancel(invite) }.get()
    }

    /// The CANCEL that this side gets: its transaction, and that of the INVITE.
    func cancelled(at side: OfferSide) async throws -> (Request, TransactionID, TransactionID?) {
        while true {
            if case .cancel(let request, let id, let invite) = try await peer(side).next() {
                return (request, id, invite)
            }
        }
    }

    func provisional(_ status: Int, at side: OfferSide) async throws -> Response {
        while true {
            if case .response(let response, _) = try await peer(side).next(), response.status == status,
                response.headers.callID == callID
            {
                return response
            }
        }
    }

    /// 200 with every line as it was offered.
    func accept(_ invite: Request, _ server: TransactionID?, at side: OfferSide) async throws {
        learnRoutes(from: invite.headers, at: side, reversed: false)
        let offer = try SessionDescription(octets: invite.body)
        try await peer(side).respond(
            Played.accept(
                200, invite, tag: "callee", contact: side == .ue ? ue.contact : farContact,
                body: accepting(offer, at: side)), to: server)
    }

    /// The caller has its 200: it acknowledges.
    func establish(_ success: Response) async throws {
        learnRoutes(from: success.headers, at: caller, reversed: true)
        isEstablished = true
        try await send(.ack, 1, "", from: caller)
        _ = try await request(.ack, at: caller.other)
    }

    // MARK: Messages

    @discardableResult
    func send(
        _ method: SIP.Method, _ number: Int, _ body: String, from side: OfferSide, type: String = "application/sdp",
        headers: [(HeaderName, String)] = []
    ) async throws -> TransactionID {
        let isCaller = side == caller
        let (near, far) =
            direction == .originating ? (ue.identity, "sip:far@ims.lab") : ("sip:far@ims.lab", ue.identity)
        let calleeTag = isEstablished ? ";tag=callee" : ""
        let toContact = side == .core ? ue.contact : farContact
        let target = side == .ue && !isEstablished ? "sip:far@ims.lab" : String(toContact.dropFirst().dropLast())
        let first = side == .core ? [ue.path] : []
        var request = try Played.request(
            method, target, cSeq: number, from: isCaller ? "<\(near)>;tag=caller" : "<\(far)>;tag=callee",
            to: isCaller ? "<\(far)>\(calleeTag)" : "<\(near)>;tag=caller", callID: callID,
            contact: side == .ue ? ue.contact : farContact, routes: isEstablished ? routes[side] ?? [] : first,
            body: body, headers: headers.filter { $0.0 != .maxForwards })
        if !body.isEmpty { request.headers.set(.contentType, to: type) }
        // What the test gives stands in the place of what is there.
        for (name, value) in headers where name == .maxForwards { request.headers.set(name, to: value) }
        return try await peer(side).send(request, over: side == .ue ? ue.flow : coreFlow)
    }

    private func learnRoutes(from headers: Headers, at side: OfferSide, reversed: Bool) {
        let values = headers.list(.recordRoute)
        routes[side] = reversed ? values.reversed() : values
    }

    /// The next request of this kind in this call; what else comes is left aside.
    func request(_ method: SIP.Method, at side: OfferSide) async throws -> (Request, TransactionID?) {
        while true {
            let event = try await peer(side).next()
            if case .request(let request, let id, _) = event, request.method == method, request.headers.callID == callID
            {
                return (request, id)
            }
        }
    }

    /// The final response to a request of this side.
    func response(to cSeq: String, at side: OfferSide) async throws -> Response {
        while true {
            let event = try await peer(side).next()
            if case .response(let response, _) = event, response.status >= 200, response.headers.callID == callID,
                response.headers[.cSeq] == cSeq
            {
                return response
            }
        }
    }
}
