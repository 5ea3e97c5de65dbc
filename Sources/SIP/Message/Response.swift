import NIOCore

/// A SIP response (RFC 3261 §7.2).
public struct Response: Hashable, Sendable {
    /// Three digits.
    public var status: Int
    public var reason: String
    public var headers: Headers
    public var body: ByteBuffer

    public init(
        status: Int, reason: String? = nil, headers: Headers = Headers(), body: ByteBuffer = ByteBuffer()
    ) {
        self.status = status
        self.reason = reason ?? Response.reasonPhrase(status)
        self.headers = headers
        self.body = body
    }

    /// `SIP/2.0 200 OK`
    public var startLine: String { "SIP/2.0 \(String(status).leftPadded) \(reason)" }

    public var isProvisional: Bool { status < 200 }
    public var isSuccess: Bool { (200..<300).contains(status) }
    public var isFinal: Bool { status >= 200 }

    /// A response to `request` (§8.2.6): Via, From, To, Call-ID and CSeq are copied; To gets `toTag` unless it has a tag already or the status
    /// is 100. A 100 copies Timestamp.
    public static func make(_ status: Int, _ reason: String? = nil, to request: Request, toTag: String?) -> Response {
        make(status, reason, from: request.headers, toTag: toTag)
    }

    static func make(_ status: Int, _ reason: String?, from headers: Headers, toTag: String?) -> Response {
        var copied = Headers()
        for field in headers.fields {
            switch field.name {
            case .via, .from, .callID, .cSeq:
                copied.append(field)
            case .to:
                var field = field
                if status != 100, let toTag, let to = try? NameAddress(field.value), !to.parameters.has("tag") {
                    field.value += ";tag=\(toTag)"
                }
                copied.append(field)
            case "Timestamp" where status == 100:
                copied.append(field)
            default: continue
            }
        }
        return Response(status: status, reason: reason, headers: copied)
    }
}

extension String {
    fileprivate var leftPadded: String { String(repeating: "0", count: max(0, 3 - utf8.count)) + self }
}

extension Response {
    /// The phrase that RFC 3261 §21 (and the RFC that defines the code) gives; empty for an unknown code.
    public static func reasonPhrase(_ status: Int) -> String { phrases[status] ?? "" }

    private static let phrases: [Int: String] = [
        100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
        199: "Early Dialog Terminated", 200: "OK", 202: "Accepted", 204: "No Notification", 300: "Multiple Choices",
        301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy", 380: "Alternative Service",
        400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
        405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required",
        408: "Request Timeout", 410: "Gone", 412: "Conditional Request Failed", 413: "Request Entity Too Large",
        414: "Request-URI Too Long", 415: "Unsupported Media Type", 416: "Unsupported URI Scheme",
        420: "Bad Extension", 421: "Extension Required", 422: "Session Interval Too Small", 423: "Interval Too Brief",
        430: "Flow Failed", 433: "Anonymity Disallowed", 439: "First Hop Lacks Outbound Support",
        440: "Max-Breadth Exceeded", 469: "Bad Info Package", 470: "Consent Needed",
        480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
        483: "Too Many Hops", 484: "Address Incomplete", 485: "Ambiguous", 486: "Busy Here",
        487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending",
        493: "Undecipherable", 494: "Security Agreement Required", 500: "Server Internal Error",
        501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Server Time-out",
        505: "Version Not Supported", 513: "Message Too Large", 580: "Precondition Failure", 600: "Busy Everywhere",
        603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
    ]
}
