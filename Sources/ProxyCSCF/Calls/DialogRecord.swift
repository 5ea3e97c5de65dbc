import MediaSecurity
import NIOCore
import SIP
import WireSyntax

/// What a call-stateful proxy needs of a dialog that passes through it, to end it towards either side (TS 24.229 §5.2.8.1).
struct DialogRecord: Sendable {
    let calleeTag: String
    /// Contact of the UE and of the far end, as last refreshed.
    var targets: [OfferSide: URI]
    /// The route set from here towards the core, nearest first.
    let coreRoutes: [String]
    var isConfirmed = false

    /// From the INVITE as received and a response with a To tag as received.
    ///
    /// - Parameter ownToken: the call's own Record-Route value splits the list of the response into what lies on either side.
    init?(invite: Request, response: Response, direction: OfferDirection, own: OwnAddresses, ownToken: String) {
        guard let tag = (try? response.headers.to())?.tag else { return nil }
        calleeTag = tag
        let caller = (try? invite.headers.contacts())?.first?.uri
        let callee = (try? response.headers.contacts())?.first?.uri
        targets = [:]
        switch direction {
        case .originating:
            targets[.ue] = caller
            targets[.core] = callee
            // Values in a response stand farthest first; ours divides them from those of the UE's side.
            let beyond = response.headers.list(.recordRoute).prefix { value in
                (try? NameAddress(value)).flatMap { own.token(of: $0) } != ownToken
            }
            coreRoutes = beyond.reversed()
        case .terminating:
            targets[.core] = caller
            targets[.ue] = callee
            coreRoutes = invite.headers.list(.recordRoute)
        }
    }

    mutating func refresh(_ side: OfferSide, _ headers: Headers) {
        if let contact = (try? headers.contacts())?.first { targets[side] = contact.uri }
    }
}
