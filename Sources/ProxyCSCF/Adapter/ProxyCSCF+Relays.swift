import MediaSecurity
import NIOCore
import SIP
import Transport

/// A request outside of calls on its way through: MESSAGE, OPTIONS, SUBSCRIBE and what comes in their dialogs. No session description is negotiated in
/// them (media-security.md 4.4).
struct Relay {
    let from: OfferSide
    let request: Request
    let server: TransactionID
    let registration: Registration
}

extension ProxyCSCF {
    /// Methods that make a dialog of their own, whose later requests come this way again by the registration's token.
    private static let dialogMethods: Set<Method> = [.subscribe, .refer, .notify]

    func relay(
        _ request: Request, from side: OfferSide, _ registration: Registration, _ server: TransactionID,
        isInDialog: Bool
    ) {
        var forwarded = request
        forwarded.headers.set(.maxForwards, to: "\(max((request.headers.maxForwards ?? 71) - 1, 0))")
        let recordsRoute = !isInDialog && Self.dialogMethods.contains(request.method)
        let relay = Relay(from: side, request: request, server: server, registration: registration)
        switch side {
        case .ue:
            Hygiene.clean(
                fromUE: &forwarded.headers, asserting: registration.identity(preferred: request.preferredIdentity))
            if !isInDialog {
                forwarded.headers.setRoutes(registration.serviceRoute)
                forwarded.headers.remove(.recordRoute)
            }
            if recordsRoute { forwarded.headers.prepend(.recordRoute, own.coreRoute(registration.token)) }
            toCore(for: forwarded) { self.sent(forwarded, relay, $0) }
        case .core:
            Hygiene.clean(fromCore: &forwarded.headers)
            forwarded.headers.setRoutes([])
            if recordsRoute {
                forwarded.headers.prepend(.recordRoute, own.accessRoute(registration.token, on: registration.flow))
            }
            toUE(registration.flow) { self.sent(forwarded, relay, $0) }
        }
    }

    private func sent(_ request: Request, _ relay: Relay, _ result: Result<Flow, any Error>) {
        guard case .success(let flow) = result, let endpoint else {
            return answer(
                Refusal(relay.from == .ue ? 500 : 480, "Next hop cannot be reached"), to: relay.request, relay.server)
        }
        relays[endpoint.send(request, over: flow)] = relay
    }

    func relayed(_ response: Response, _ relay: Relay, _ client: TransactionID) {
        guard response.status > 100 else { return }
        if response.status >= 200 { relays[client] = nil }
        var back = response
        back.headers.removeFirst(.via)
        let token = relay.registration.token
        switch relay.from {
        case .ue:
            Hygiene.clean(fromCore: &back.headers)
            own.turnRecordRoute(&back.headers, token: token, to: own.accessRoute(token, on: relay.registration.flow))
        case .core:
            Hygiene.clean(fromUE: &back.headers, asserting: relay.registration.identities[0])
            own.turnRecordRoute(&back.headers, token: token, to: own.coreRoute(token))
        }
        endpoint?.respond(back, to: relay.server)
    }
}
