import NIOCore

/// A SIP request (RFC 3261 §7.1).
public struct Request: Hashable, Sendable {
    public var method: Method
    public var uri: URI
    public var headers: Headers
    public var body: ByteBuffer

    public init(method: Method, uri: URI, headers: Headers = Headers(), body: ByteBuffer = ByteBuffer()) {
        self.method = method
        self.uri = uri
        self.headers = headers
        self.body = body
    }

    /// `INVITE sip:b@example.com SIP/2.0`
    public var startLine: String { "\(method) \(uri) SIP/2.0" }
}
