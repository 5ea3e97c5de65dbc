import MediaSecurity
import NIOCore
import SIP
import Transport
import WireSyntax

/// A request outside of calls on its way through: MESSAGE, OPTIONS, SUBSCRIBE and what comes in their dialogs. No session description is negotiated in
/// them (media-security.md 4.4).
struct Relay {
    let from: OfferSide
    /// As it was received.
    let request: Request
    let server: TransactionID
    let registration: Registration
    /// The dialog that it began or is in (`RelayedDialogs`).
    let dialog: String?
    let isFirst: Bool
}

extension ProxyCSCF {
    /// Methods that make a dialog of their own, whose later requests come this way again.
    private static let dialogMethods: Set<Method> = [.subscribe, .refer]

    func relay(
        _ request: Request, from side: OfferSide, _ registration: Registration, _ server: TransactionID,
        dialog: String?
    ) {
        var forwarded = request
        forwarded.headers.set(.maxForwards, to: "\(max((request.headers.maxForwards ?? 71) - 1, 0))")
        var token = dialog
        if token == nil, Self.dialogMethods.contains(request.method) {
            let new = Tokens.make()
            dialogs.open(new, by: request, from: side, registration: registration.token)
            token = new
        }
        let relay = Relay(
            from: side, request: request, server: server, registration: registration, dialog: token,
            isFirst: dialog == nil)
        let routes = dialog.map { dialogs.use($0, by: request, from: side) }
        // RFC 6665 §4.3: SUBSCRIBE and every NOTIFY, since either may make the dialog.
        let recorded = token.flatMap { dialog == nil || request.method == .notify ? $0 : nil }
        switch side {
        case .ue:
            Hygiene.clean(
                fromUE: &forwarded.headers, asserting: registration.identity(preferred: request.preferredIdentity))
            forwarded.headers.setRoutes(routes ?? registration.serviceRoute)
            forwarded.headers.remove(.recordRoute)
            if let recorded { forwarded.headers.prepend(.recordRoute, own.coreRoute(recorded)) }
            if request.isInitial { forwarded.headers.set(.pChargingVector, to: newChargingVector()) }
            toCore(for: forwarded) { self.sent(forwarded, relay, $0) }
        case .core:
            Hygiene.clean(fromCore: &forwarded.headers)
            forwarded.headers.setRoutes([])
            if let recorded {
                forwarded.headers.prepend(.recordRoute, own.accessRoute(recorded, on: registration.flow))
            }
            toUE(registration.flow) { self.sent(forwarded, relay, $0) }
        }
    }

    /// RFC 7315 §5.6.
    func newChargingVector() -> String {
        ChargingVector.made(icid: Tokens.make(), at: own.mw.address, originating: settings.visitedNetwork)
    }

    func answeringChargingVector(to request: Request) -> String? {
        ChargingVector.answering(request.headers[.pChargingVector], terminating: settings.visitedNetwork)
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
        let token = relay.dialog
        if let token {
            if relay.isFirst {
                dialogs.answered(token, response) { value in
                    (try? NameAddress(value)).flatMap { own.token(of: $0) } == token
                }
            } else if response.status >= 200 {
                dialogs.ended(token, by: relay.request, from: relay.from)
            }
        }
        var back = response
        back.headers.removeFirst(.via)
        switch relay.from {
        case .ue:
            Hygiene.clean(fromCore: &back.headers)
            if let token {
                own.turnRecordRoute(
                    &back.headers, token: token, to: own.accessRoute(token, on: relay.registration.flow))
            }
        case .core:
            Hygiene.clean(fromUE: &back.headers, asserting: relay.registration.identities[0])
            Hygiene.restorePath(
                of: &back.headers, from: relay.request.headers,
                ownRoute: response.headers.contains(.recordRoute) ? token.map { own.coreRoute($0) } : nil)
            if relay.request.isInitial, let vector = answeringChargingVector(to: relay.request) {
                back.headers.set(.pChargingVector, to: vector)
            }
        }
        endpoint?.respond(back, to: relay.server)
    }
}
