import WireSyntax

/// `sip:user:password@host:port;parameters?headers` (RFC 3261 §19.1.1). User, password, parameters and headers keep their escapes.
public struct SIPURI: Hashable, Sendable {
    /// `sips`
    public var isSecure: Bool
    /// As on the wire, with its escapes.
    public var user: String?
    public var password: String?
    public var host: Host
    public var port: UInt16?
    public var parameters: Parameters
    /// `?name=value&…`, escaped, in order; names may repeat.
    public var headers: [Header]

    public struct Header: Hashable, Sendable {
        public var name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    public init(
        isSecure: Bool = false, user: String? = nil, password: String? = nil, host: Host, port: UInt16? = nil,
        parameters: Parameters = Parameters(), headers: [Header] = []
    ) {
        self.isSecure = isSecure
        self.user = user
        self.password = password
        self.host = host
        self.port = port
        self.parameters = parameters
        self.headers = headers
    }

    /// - Throws: when the text is not a `sip:` or `sips:` URI.
    public init(_ text: String) throws(SyntaxError) {
        guard case .sip(let uri) = try URI(text) else { throw SyntaxError("not a sip or sips URI") }
        self = uri
    }

    public var hostPort: HostPort { HostPort(host: host, port: port) }

    /// `lr` (RFC 3261 §19.1.1): a loose router.
    public var isLooseRouter: Bool { parameters.has("lr") }

    /// The `transport` parameter in lower case.
    public var transport: String? { parameters.value("transport")?.asciiLowercased }
}

extension SIPURI: CustomStringConvertible {
    public var description: String {
        var text = isSecure ? "sips:" : "sip:"
        if let user {
            text += user
            if let password { text += ":" + password }
            text += "@"
        }
        text += hostPort.description + parameters.description
        for (index, header) in headers.enumerated() {
            text += (index == 0 ? "?" : "&") + header.name + "=" + header.value
        }
        return text
    }
}

extension Cursor {
    /// What follows `sip:` or `sips:`.
    mutating func sipURI(isSecure: Bool) throws(SyntaxError) -> SIPURI {
        let (user, password) = try userInfo()
        let host = try host()
        var uri = SIPURI(isSecure: isSecure, user: user, password: password, host: host, port: try port())
        while take(";") { try addURIParameter(to: &uri.parameters) }
        if take("?") {
            repeat {
                guard uri.headers.count < maximumParameterCount else { throw fail("too many headers in the URI") }
                let start = position
                try skipEscaped(.uriHeader)
                let name = text(from: start)
                guard !name.isEmpty else { throw fail("expected a header name in the URI") }
                guard take("=") else { throw fail("a header in a URI needs \"=\"") }
                let value = position
                try skipEscaped(.uriHeader)
                uri.headers.append(.init(name: name, value: text(from: value)))
            } while take("&")
        }
        return uri
    }

    /// `user [ ":" password ] "@"`: nothing is consumed where no `@` ends it.
    private mutating func userInfo() throws(SyntaxError) -> (user: String?, password: String?) {
        let start = position
        // A user may hold `;`, `?` and `/`: look for the "@" first. It may not stand unescaped in any other part.
        guard
            let at = octets[position..<end].firstIndex(where: {
                $0 == UInt8(ascii: "@") || $0 == UInt8(ascii: ">") || CharacterSet.isWhiteSpace($0)
            }), octets[at] == UInt8(ascii: "@")
        else { return (nil, nil) }
        try skipEscaped(.user)
        guard position > start else { throw fail("the user part is empty") }
        let user = text(from: start)
        var password: String?
        if take(":") {
            let begin = position
            try skipEscaped(.password)
            password = text(from: begin)
        }
        guard take("@") else { throw fail("this character may not stand in the user part") }
        return (user, password)
    }

    private mutating func addURIParameter(to parameters: inout Parameters) throws(SyntaxError) {
        let start = position
        try skipEscaped(.uriParameter)
        let name = text(from: start)
        guard !name.isEmpty else { throw fail("expected a URI parameter") }
        var value: String?
        if take("=") {
            let begin = position
            try skipEscaped(.uriParameter)
            guard position > begin else { throw fail("URI parameter \(name) has an empty value") }
            value = text(from: begin)
        }
        guard !parameters.has(name) else { throw fail("URI parameter \(name) comes twice", at: start) }
        guard parameters.all.count < maximumParameterCount else { throw fail("too many URI parameters", at: start) }
        if name.equalsIgnoringCase("maddr") {
            guard let value, Cursor.isHost(value) else { throw fail("maddr is not a host", at: start) }
        } else if name.equalsIgnoringCase("ttl") {
            guard let value, UInt8(value) != nil else { throw fail("ttl is not a number up to 255", at: start) }
        }
        parameters.set(name, to: value)
    }
}
