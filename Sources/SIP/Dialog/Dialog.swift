import NIOCore
import WireSyntax

/// RFC 3261 §12: the state that two user agents share, seen from one of them.
///
/// ```
///   UAC                                   UAS
///    | INVITE  From ;tag=a ------------->  |
///    | <----- 180  To ;tag=b               |   early dialog {Call-ID, a, b}; route set and targets known
///    | <----- 200  To ;tag=b               |   confirmed; UAC takes the route set from the 2xx once more (§13.2.2.4)
///    | ACK, then UPDATE, INVITE, BYE ----> |   CSeq rises by one each; target refreshed by INVITE, UPDATE and their 2xx
/// ```
///
/// `makeRequest` gives a request without Via and, unless it is asked for, without Contact: both belong to whoever sends it.
public struct Dialog: Hashable, Sendable {
    /// RFC 3261 §12: Call-ID, local and remote tag. A peer of RFC 2543 without a tag has the empty one (§12.1.1, §12.1.2).
    public struct ID: Hashable, Sendable {
        public let callID: String
        public let localTag: String
        public let remoteTag: String

        public init(callID: String, localTag: String, remoteTag: String) {
            self.callID = callID
            self.localTag = localTag
            self.remoteTag = remoteTag
        }
    }

    /// What `receive` says of a request inside the dialog.
    public enum Verdict: Hashable, Sendable {
        case ok
        /// §12.2.2: a CSeq that is not above the last one: 500. (ours) The same number again is refused as well; a retransmission never gets here.
        case outOfOrder
        /// Call-ID or tags of another dialog: 481.
        case notThisDialog
    }

    /// The most Route values a dialog keeps; a longer route set is refused.
    public static let maximumRoutes = 32

    public let id: ID
    /// From (UAC) or To (UAS) of the request that made the dialog, without tag.
    public let localAddress: NameAddress
    public let remoteAddress: NameAddress
    /// §12.1.1: the request came over TLS with a SIPS URI.
    public let isSecure: Bool
    /// Nearest first.
    public private(set) var routeSet: [NameAddress]
    public private(set) var remoteTarget: URI
    /// CSeq of the last request sent; nil before the first (UAS).
    public private(set) var localSequence: UInt32?
    /// CSeq of the last request received; nil before the first (UAC).
    public private(set) var remoteSequence: UInt32?
    public private(set) var isEarly: Bool

    /// First local CSeq of a UAS's own requests: any value below 2^31 would do (§12.2.1.1).
    static let firstSequence: UInt32 = 1

    /// As UAC, from the request and a 101–299 response with a To tag (§12.1.2).
    public init(uac request: Request, response: Response, isSecure: Bool = false) throws(SyntaxError) {
        let from = try request.headers.from()
        let to = try response.headers.to()
        guard let callID = request.headers.callID else { throw SyntaxError("missing", field: "Call-ID") }
        guard let contact = try response.headers.contacts().first else {
            throw SyntaxError("missing in a response that makes a dialog", field: "Contact")
        }
        id = ID(callID: callID, localTag: from.tag ?? "", remoteTag: to.tag ?? "")
        localAddress = from.withoutTag
        remoteAddress = to.withoutTag
        self.isSecure = isSecure
        routeSet = try Self.routes(response.headers).reversed()
        remoteTarget = contact.uri
        localSequence = try request.headers.cSeq().number
        remoteSequence = nil
        isEarly = response.status < 200
    }

    /// As UAS, from the request and the To tag that its responses carry (§12.1.1).
    public init(
        uas request: Request, localTag: String, isEarly: Bool = false, isSecure: Bool = false
    ) throws(SyntaxError) {
        let from = try request.headers.from()
        let to = try request.headers.to()
        guard let callID = request.headers.callID else { throw SyntaxError("missing", field: "Call-ID") }
        guard let contact = try request.headers.contacts().first else {
            throw SyntaxError("missing in a request that makes a dialog", field: "Contact")
        }
        id = ID(callID: callID, localTag: localTag, remoteTag: from.tag ?? "")
        localAddress = to.withoutTag
        remoteAddress = from.withoutTag
        self.isSecure = isSecure
        routeSet = try Self.routes(request.headers)
        remoteTarget = contact.uri
        localSequence = nil
        remoteSequence = try request.headers.cSeq().number
        self.isEarly = isEarly
    }

    // MARK: Sending

    /// §12.2.1.1: the next request in this dialog, with strict or loose routing, without Via.
    ///
    /// An ACK is made with `makeACK(for:)`, a CANCEL is no request of a dialog.
    public mutating func makeRequest(_ method: Method) -> Request {
        let number = localSequence.map { $0 + 1 } ?? Self.firstSequence
        localSequence = number
        return request(method, sequence: number)
    }

    /// §13.2.2.4: the ACK to a 2xx, with the INVITE's CSeq number and credentials.
    public func makeACK(for invite: Request) -> Request {
        var ack = request(.ack, sequence: (try? invite.headers.cSeq())?.number ?? localSequence ?? Self.firstSequence)
        for name in [HeaderName.authorization, .proxyAuthorization] {
            for value in invite.headers.values(name) { ack.headers.append(name, value) }
        }
        return ack
    }

    private func request(_ method: Method, sequence: UInt32) -> Request {
        var target = remoteTarget
        var routes = routeSet
        if let first = routeSet.first, !first.isLooseRouter {
            // Strict routing: the first route becomes the Request-URI, the target goes to the end.
            routes.removeFirst()
            routes.append(NameAddress(displayName: nil, uri: remoteTarget, parameters: Parameters()))
            target = first.uri.asRequestURI
        }
        var headers = Headers()
        headers.append(.maxForwards, "70")
        for route in routes { headers.append(.route, "\(route)") }
        headers.append(.from, "\(localAddress.tagged(id.localTag))")
        headers.append(.to, "\(remoteAddress.tagged(id.remoteTag))")
        headers.append(.callID, id.callID)
        headers.append(.cSeq, "\(sequence) \(method.rawValue)")
        return Request(method: method, uri: target, headers: headers, body: ByteBuffer())
    }

    // MARK: Receiving

    /// §12.2.2: checks a request against the dialog and takes its CSeq and, if it refreshes the target, its Contact. ACK and CANCEL carry the CSeq
    /// of their INVITE and are not counted.
    public mutating func receive(_ request: Request) -> Verdict {
        guard request.headers.callID == id.callID, let from = try? request.headers.from(),
            let to = try? request.headers.to(), from.tag ?? "" == id.remoteTag, to.tag ?? "" == id.localTag,
            let cSeq = try? request.headers.cSeq()
        else { return .notThisDialog }
        if request.method == .ack || request.method == .cancel { return .ok }
        if let last = remoteSequence, cSeq.number <= last { return .outOfOrder }
        remoteSequence = cSeq.number
        if request.method.refreshesTarget { updateTarget(request.headers) }
        return .ok
    }

    /// A response to a request of ours inside the dialog: a 2xx confirms it and may refresh the target (§12.2.1.2).
    ///
    /// - Parameter first: the response is to the request that made the dialog, so the route set is taken from it once more (§13.2.2.4).
    public mutating func receive(_ response: Response, first: Bool = false) throws(SyntaxError) {
        guard (200..<300).contains(response.status), let cSeq = try? response.headers.cSeq() else { return }
        if first, isEarly { routeSet = try Self.routes(response.headers).reversed() }
        if cSeq.method == .invite { isEarly = false }
        if cSeq.method.refreshesTarget { updateTarget(response.headers) }
    }

    /// The UAS has sent its 2xx.
    public mutating func confirm() { isEarly = false }

    /// A CSeq number that was used for a request outside `makeRequest` (the repeated INVITE with credentials).
    public mutating func noteSent(sequence: UInt32) { localSequence = max(sequence, localSequence ?? 0) }

    /// Takes the Contact of a target refresh, if there is a readable one.
    public mutating func updateTarget(_ headers: Headers) {
        if let contact = try? headers.contacts().first { remoteTarget = contact.uri }
    }

    private static func routes(_ headers: Headers) throws(SyntaxError) -> [NameAddress] {
        let routes = try headers.routes(.recordRoute)
        guard routes.count <= maximumRoutes else { throw SyntaxError("too many values", field: "Record-Route") }
        return routes
    }
}

extension Method {
    /// RFC 3261 §12.2, RFC 3311 §5.1, RFC 6665 §4.4.1: requests whose Contact replaces the remote target.
    public var refreshesTarget: Bool {
        [.invite, .update, .subscribe, .notify, .refer].contains(self)
    }
}

extension NameAddress {
    /// RFC 3261 §16.4: the URI has `lr`.
    public var isLooseRouter: Bool {
        if case .sip(let uri) = self.uri { return uri.parameters.has("lr") }
        return false
    }

    /// Without the tag and other header parameters.
    var withoutTag: NameAddress { NameAddress(displayName: displayName, uri: uri, parameters: Parameters()) }

    func tagged(_ tag: String) -> NameAddress {
        var copy = self
        if !tag.isEmpty { copy.parameters.set("tag", to: tag) }
        return copy
    }
}

extension URI {
    /// RFC 3261 §19.1.1 and §12.2.1.1: without what a Request-URI may not have, the method parameter and headers.
    var asRequestURI: URI {
        guard case .sip(var uri) = self else { return self }
        uri.parameters.remove("method")
        uri.headers = []
        return .sip(uri)
    }
}
