/// The name of a header: compared without regard to case, and a compact form equals its long form (RFC 3261 §7.3.1, §7.3.3).
public struct HeaderName: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The long form in lower case.
    let key: String

    public init(_ spelling: some StringProtocol) {
        let lower = spelling.asciiLowercased
        key = lower.utf8.count == 1 ? Self.compactForms[lower] ?? lower : lower
    }

    public init(stringLiteral value: String) { self.init(value) }

    /// The long form as the RFCs spell it; for an unknown name, in lower case.
    public var description: String { Self.spellings[key] ?? key }

    private static let compactForms: [String: String] = [
        "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition",
        "e": "content-encoding", "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported",
        "l": "content-length", "m": "contact", "n": "identity-info", "o": "event", "r": "refer-to", "s": "subject",
        "t": "to", "u": "allow-events", "v": "via", "x": "session-expires", "y": "identity",
    ]

    private static let spellings: [String: String] = Dictionary(
        uniqueKeysWithValues: """
            Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authentication-Info
            Authorization Call-ID Call-Info Contact Content-Disposition Content-Encoding Content-Language Content-Length
            Content-Type CSeq Date Error-Info Event Expires Feature-Caps Flow-Timer From Geolocation History-Info Identity
            In-Reply-To Join Max-Forwards MIME-Version Min-Expires Min-SE Organization P-Access-Network-Info
            P-Asserted-Identity P-Asserted-Service P-Associated-URI P-Called-Party-ID P-Charging-Function-Addresses
            P-Charging-Vector P-Early-Media P-Preferred-Identity P-Preferred-Service P-Visited-Network-ID Path Priority
            Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route Refer-To Referred-By
            Reject-Contact Replaces Reply-To Request-Disposition Require Retry-After Route RSeq Security-Client
            Security-Server Security-Verify Server Service-Route Session-Expires SIP-ETag SIP-If-Match Subject
            Subscription-State Supported Target-Dialog Timestamp To Unsupported User-Agent Via Warning WWW-Authenticate
            """.split(whereSeparator: \.isWhitespace).map { ($0.asciiLowercased, String($0)) })
}

extension HeaderName {
    public static let accept: HeaderName = "Accept"
    public static let allow: HeaderName = "Allow"
    public static let allowEvents: HeaderName = "Allow-Events"
    public static let authenticationInfo: HeaderName = "Authentication-Info"
    public static let authorization: HeaderName = "Authorization"
    public static let callID: HeaderName = "Call-ID"
    public static let contact: HeaderName = "Contact"
    public static let contentDisposition: HeaderName = "Content-Disposition"
    public static let contentEncoding: HeaderName = "Content-Encoding"
    public static let contentLength: HeaderName = "Content-Length"
    public static let contentType: HeaderName = "Content-Type"
    public static let cSeq: HeaderName = "CSeq"
    public static let date: HeaderName = "Date"
    public static let event: HeaderName = "Event"
    public static let expires: HeaderName = "Expires"
    public static let from: HeaderName = "From"
    public static let maxForwards: HeaderName = "Max-Forwards"
    public static let minExpires: HeaderName = "Min-Expires"
    public static let pAccessNetworkInfo: HeaderName = "P-Access-Network-Info"
    public static let pAssertedIdentity: HeaderName = "P-Asserted-Identity"
    public static let pAssociatedURI: HeaderName = "P-Associated-URI"
    public static let pCalledPartyID: HeaderName = "P-Called-Party-ID"
    public static let pChargingVector: HeaderName = "P-Charging-Vector"
    public static let pPreferredIdentity: HeaderName = "P-Preferred-Identity"
    public static let pVisitedNetworkID: HeaderName = "P-Visited-Network-ID"
    public static let path: HeaderName = "Path"
    public static let privacy: HeaderName = "Privacy"
    public static let proxyAuthenticate: HeaderName = "Proxy-Authenticate"
    public static let proxyAuthorization: HeaderName = "Proxy-Authorization"
    public static let proxyRequire: HeaderName = "Proxy-Require"
    public static let rAck: HeaderName = "RAck"
    public static let reason: HeaderName = "Reason"
    public static let recordRoute: HeaderName = "Record-Route"
    public static let referTo: HeaderName = "Refer-To"
    public static let require: HeaderName = "Require"
    public static let retryAfter: HeaderName = "Retry-After"
    public static let route: HeaderName = "Route"
    public static let rSeq: HeaderName = "RSeq"
    public static let securityClient: HeaderName = "Security-Client"
    public static let securityServer: HeaderName = "Security-Server"
    public static let securityVerify: HeaderName = "Security-Verify"
    public static let server: HeaderName = "Server"
    public static let serviceRoute: HeaderName = "Service-Route"
    public static let sessionExpires: HeaderName = "Session-Expires"
    public static let subject: HeaderName = "Subject"
    public static let subscriptionState: HeaderName = "Subscription-State"
    public static let supported: HeaderName = "Supported"
    public static let to: HeaderName = "To"
    public static let unsupported: HeaderName = "Unsupported"
    public static let userAgent: HeaderName = "User-Agent"
    public static let via: HeaderName = "Via"
    public static let warning: HeaderName = "Warning"
    public static let wwwAuthenticate: HeaderName = "WWW-Authenticate"
}
