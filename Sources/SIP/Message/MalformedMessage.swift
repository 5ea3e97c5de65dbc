import WireSyntax

/// A message that cannot be used, with what could be read of it: enough to answer a request with the located reason (RFC 3261 §18.3, RFC 4475).
public struct MalformedMessage: Error, Hashable, Sendable {
    public var error: SyntaxError
    /// 400, or 505 for a SIP-Version that is not 2.0 (§21.5.6).
    public var status: Int
    /// The method when the start-line is that of a request; nil for a response or when it could not be read.
    public var method: Method?
    /// The fields that could be told apart, unchecked.
    public var headers: Headers

    /// The answer, or nil where none may be sent: to responses, to ACK, and where Via, From, To, Call-ID or CSeq is missing or the topmost
    /// Via cannot be read.
    public func response(toTag: String) -> Response? {
        guard let method, method != .ack, (try? headers.topVia()) != nil, headers.contains(.from),
            headers.contains(.to), headers.contains(.callID), headers.contains(.cSeq)
        else { return nil }
        let phrase = Response.reasonPhrase(status) + (status == 400 ? " (\(error))" : "")
        return Response.make(status, phrase, from: headers, toTag: toTag)
    }
}
