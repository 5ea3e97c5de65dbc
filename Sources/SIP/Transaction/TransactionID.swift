import WireSyntax

/// Names one transaction of a `TransactionLayer` for as long as it lives; never reused.
public struct TransactionID: Hashable, Sendable, CustomStringConvertible {
    enum Kind: UInt8, Hashable, Sendable { case inviteClient, client, inviteServer, server }
    let kind: Kind
    let serial: UInt64

    public var isServer: Bool { kind == .inviteServer || kind == .server }
    public var isInvite: Bool { kind == .inviteClient || kind == .inviteServer }
    public var description: String { "\(kind)-\(serial)" }
}

/// RFC 3261 §17.1.3: a response belongs to the client transaction with the same top branch and the same CSeq method.
///
/// (ours) It must also come from where the request went. A terminating UE sees the branches of the whole Via stack, and could otherwise answer for
/// somebody further up.
struct ClientKey: Hashable, Sendable {
    let branch: String
    let method: Method
    let peer: IPAddress
}

/// RFC 3261 §17.2.3: a request belongs to the server transaction with the same branch, sent-by and method, where ACK counts as INVITE.
///
/// (ours) The source address belongs to it too, for the same reason as in `ClientKey`: who saw a Via stack must not be able to CANCEL through it.
/// A branch without the magic cookie (RFC 2543) is made unique with what that RFC compared: Request-URI, From tag, Call-ID, CSeq number and the
/// whole top Via; the To tag is left out, since the ACK has one that the INVITE had not.
struct ServerKey: Hashable, Sendable {
    let branch: String
    let sentBy: HostPort
    let method: Method
    let peer: IPAddress

    /// RFC 3261 §8.1.1.7.
    static let magicCookie = "z9hG4bK"

    init?(_ request: Request, over flow: Flow, as method: Method) {
        guard let via = try? request.headers.topVia() else { return nil }
        if let branch = via.branch, branch.count > Self.magicCookie.count,
            branch.prefix(Self.magicCookie.count).lowercased() == Self.magicCookie.lowercased()
        {
            self.branch = branch
        } else {
            guard let cSeq = try? request.headers.cSeq(), let from = try? request.headers.from(),
                let callID = request.headers.callID
            else { return nil }
            self.branch = [
                "2543", "\(request.uri)", from.tag ?? "", callID, "\(cSeq.number)", request.headers[.via] ?? "",
            ].joined(separator: "\n")
        }
        sentBy = via.sentBy
        self.method = method
        peer = flow.remote.address
    }

    /// The key of the request that `response` answers over the same flow; of no use for a branch without the magic cookie.
    init?(_ response: Response, over flow: Flow) {
        guard let via = try? response.headers.topVia(), let branch = via.branch,
            let cSeq = try? response.headers.cSeq()
        else { return nil }
        self.branch = branch
        sentBy = via.sentBy
        method = cSeq.method
        peer = flow.remote.address
    }
}
