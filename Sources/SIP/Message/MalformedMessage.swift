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

    /// The answer, or nil where none may be sent: to responses, to ACK, and where Via or CSeq is missing or not even the host of the topmost
    /// Via can be read. What else is missing in the request is missing in the answer (RFC 4475 §3.3.1); of a topmost Via whose parameters cannot be
    /// read only protocol and host go back (§3.1.2.1).
    public func response(toTag: String) -> Response? {
        guard let method, method != .ack, headers.contains(.cSeq) else { return nil }
        var headers = headers
        if (try? headers.topVia()) == nil {
            guard let field = headers[.via], let via = try? Via(String(field.prefix { $0 != ";" && $0 != "," })) else {
                return nil
            }
            headers.replaceTopVia(with: via)
        }
        let phrase = Response.reasonPhrase(status) + (status == 400 ? " (\(error))" : "")
        return Response.make(status, phrase, from: headers, toTag: toTag)
    }
}
