import SIP
import WireSyntax

/// The addresses under which this P-CSCF stands in Path, Record-Route and Route, on either face.
///
/// A token in the user part names the registration (Path) or the passage of a call (Record-Route). In a request the own Record-Route value shows the face
/// of the next element, in its response that of the previous one (RFC 3261 §16.6 step 4, §16.7 step 8): each side only ever learns the address that
/// it can reach.
struct OwnAddresses: Hashable, Sendable {
    /// Gm listeners by transport.
    var gm: [Flow.Transport: Endpoint]
    /// Mw listener, TCP.
    var mw: Endpoint

    func path(_ token: String) -> String { coreRoute(token) }

    /// The Record-Route value that the core sees.
    func coreRoute(_ token: String) -> String { "<sip:\(token)@\(mw);transport=tcp;lr>" }

    /// The one that a UE on this flow sees.
    func accessRoute(_ token: String, on flow: Flow) -> String {
        "<sip:\(token)@\(gm[flow.transport] ?? flow.local);transport=\(flow.transport.rawValue);lr>"
    }

    func isOwn(_ uri: URI) -> Bool {
        guard case .sip(let sip) = uri, case .address(let address) = sip.host else { return false }
        let endpoint = Endpoint(address, sip.port ?? (sip.isSecure ? 5061 : 5060))
        return endpoint == mw || gm.values.contains(endpoint)
    }

    /// RFC 3261 §16.3 step 4: whether a request has been here before.
    func hasPassed(_ headers: Headers) -> Bool {
        ((try? headers.vias()) ?? []).contains { via in
            guard let address = via.sentBy.host.address else { return false }
            let secure = via.transport.uppercased() == "TLS"
            let endpoint = Endpoint(address, via.sentBy.port ?? (secure ? 5061 : 5060))
            return endpoint == mw || gm.values.contains(endpoint)
        }
    }

    /// The token of a Route value, if the value is one of ours.
    func token(of route: NameAddress) -> String? {
        guard isOwn(route.uri), case .sip(let uri) = route.uri else { return nil }
        return uri.user
    }

    /// RFC 3261 §16.4: a strict router has put our Record-Route value into the Request-URI and the target at the end of Route. Undone: the value stands on top of
    /// Route again.
    func undoStrictRouting(_ request: inout Request) throws(SyntaxError) {
        guard isOwn(request.uri), let uri = request.uri.sip, uri.isLooseRouter, uri.user != nil else { return }
        let routes = try request.headers.routes(.route)
        guard let last = routes.last else { return }
        request.headers.setRoutes(["<\(request.uri)>"] + routes.dropLast().map { "\($0)" })
        request.uri = last.uri
    }

    /// Takes the own values off the top of Route and gives the token of the first; nil where the request was not routed here by name.
    func takeRoutes(_ headers: inout Headers) throws(SyntaxError) -> String? {
        let routes = try headers.routes(.route)
        var token: String?
        var own = 0
        while own < routes.count, isOwn(routes[own].uri) {
            if token == nil { token = self.token(of: routes[own]) }
            own += 1
        }
        if own > 0 { headers.setRoutes(routes.dropFirst(own).map { "\($0)" }) }
        return token
    }

    /// Replaces the own Record-Route value of a call by its other face.
    func turnRecordRoute(_ headers: inout Headers, token: String, to face: String) {
        let values = headers.list(.recordRoute)
        guard !values.isEmpty else { return }
        let turned = values.map { value in
            (try? NameAddress(value)).flatMap { self.token(of: $0) } == token ? face : value
        }
        headers.remove(.recordRoute)
        for value in turned { headers.append(.recordRoute, value) }
    }
}

extension Headers {
    /// One field a value, so that long route sets stay readable.
    mutating func setRoutes(_ values: [String]) {
        remove(.route)
        for value in values { append(.route, value) }
    }
}
