import NIOCore

/// A SIP message (RFC 3261 §7): a request or a response.
///
/// Reading checks the syntax of everything that RFC 3261 and its extensions define here (`HeaderRules`); unknown methods, headers, schemes and
/// status codes are well-formed and kept as they came. Writing gives the fields in their order with an exact Content-Length.
public enum Message: Hashable, Sendable {
    case request(Request)
    case response(Response)

    public var headers: Headers {
        get {
            switch self {
            case .request(let request): request.headers
            case .response(let response): response.headers
            }
        }
        set {
            switch self {
            case .request(var request):
                request.headers = newValue
                self = .request(request)
            case .response(var response):
                response.headers = newValue
                self = .response(response)
            }
        }
    }

    public var body: ByteBuffer {
        get {
            switch self {
            case .request(let request): request.body
            case .response(let response): response.body
            }
        }
        set {
            switch self {
            case .request(var request):
                request.body = newValue
                self = .request(request)
            case .response(var response):
                response.body = newValue
                self = .response(response)
            }
        }
    }

    public var startLine: String {
        switch self {
        case .request(let request): request.startLine
        case .response(let response): response.startLine
        }
    }

    public var request: Request? {
        if case .request(let request) = self { return request }
        return nil
    }

    public var response: Response? {
        if case .response(let response) = self { return response }
        return nil
    }
}

extension Message {
    /// Appends the message as it goes on the wire. Content-Length is always there and always the length of the body.
    public func write(into buffer: inout ByteBuffer) {
        let body = body
        buffer.writeString(startLine)
        buffer.writeStaticString("\r\n")
        var hasLength = false
        for field in headers.fields {
            var value = field.value
            if field.name == .contentLength {
                if hasLength { continue }
                hasLength = true
                value = "\(body.readableBytes)"
            }
            buffer.writeString(field.spelling)
            buffer.writeStaticString(": ")
            buffer.writeString(value)
            buffer.writeStaticString("\r\n")
        }
        if !hasLength { buffer.writeString("Content-Length: \(body.readableBytes)\r\n") }
        buffer.writeStaticString("\r\n")
        buffer.writeImmutableBuffer(body)
    }

    /// The message as it goes on the wire.
    public func encoded() -> ByteBuffer {
        var buffer = ByteBuffer()
        write(into: &buffer)
        return buffer
    }
}
