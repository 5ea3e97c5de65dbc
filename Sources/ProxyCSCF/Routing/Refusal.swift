import SIP

/// A final response of this P-CSCF's own.
struct Refusal: Hashable, Sendable, Error {
    var status: Int
    /// nil: the reason phrase of the status code.
    var reason: String?
    /// Text of a Warning 399 (RFC 3261 §20.43): what was wrong, and where.
    var warning: String?
    /// Seconds.
    var retryAfter: Int?
    /// Further headers.
    var headers: [HeaderName: String] = [:]

    init(
        _ status: Int, _ reason: String? = nil, warning: String? = nil, retryAfter: Int? = nil,
        headers: [HeaderName: String] = [:]
    ) {
        self.status = status
        self.reason = reason
        self.warning = warning
        self.retryAfter = retryAfter
        self.headers = headers
    }

    /// - Parameter agent: host of the Warning.
    func response(to request: Request, tag: String?, agent: String) -> Response {
        var response = Response.make(status, reason, to: request, toTag: tag)
        for (name, value) in headers.sorted(by: { "\($0.key)" < "\($1.key)" }) { response.headers.set(name, to: value) }
        if let warning { response.headers.append("Warning", "399 \(agent) \(Self.quoted(warning))") }
        if let retryAfter { response.headers.set(.retryAfter, to: "\(retryAfter)") }
        return response
    }

    /// A quoted-string of printable ASCII.
    static func quoted(_ text: String) -> String {
        let inside = text.unicodeScalars.map { scalar in
            switch scalar {
            case "\"": "'"
            case "\\": "/"
            case " "..."~": String(scalar)
            default: "?"
            }
        }
        return "\"" + inside.joined() + "\""
    }
}
