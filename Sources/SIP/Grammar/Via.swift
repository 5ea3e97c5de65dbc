import WireSyntax

/// One hop of a Via header (RFC 3261 §20.42): `SIP/2.0/UDP host:port;branch=…`.
public struct Via: Hashable, Sendable {
    /// `SIP`
    public var protocolName: String
    /// `2.0`
    public var protocolVersion: String
    /// As it was spelled: `UDP`, `TCP`, `TLS`, or any other token.
    public var transport: String
    public var sentBy: HostPort
    public var parameters: Parameters

    public init(
        transport: String, sentBy: HostPort, parameters: Parameters = Parameters(), protocolName: String = "SIP",
        protocolVersion: String = "2.0"
    ) {
        self.transport = transport
        self.sentBy = sentBy
        self.parameters = parameters
        self.protocolName = protocolName
        self.protocolVersion = protocolVersion
    }

    public init(_ text: String) throws(SyntaxError) {
        var cursor = Cursor(text)
        self = try cursor.via()
        try cursor.expectEnd()
    }

    /// Begins every branch that identifies a transaction (§8.1.1.7).
    public static let magicCookie = "z9hG4bK"

    public var branch: String? {
        get { parameters.value("branch") }
        set { set("branch", newValue) }
    }

    /// The source address that the next hop saw (§18.2.1). IPv6 is read with and without brackets (RFC 5118 §4.5) and written without.
    public var received: IPAddress? {
        get {
            guard let text = parameters.value("received") else { return nil }
            return Host(text)?.address
        }
        set { set("received", newValue?.description) }
    }

    /// RFC 3581: nil absent; `.some(nil)` present without a value; `.some(port)` filled in.
    public var rport: UInt16?? {
        get {
            guard parameters.has("rport") else { return nil }
            return .some(parameters.value("rport").flatMap { UInt16($0) })
        }
        set {
            switch newValue {
            case nil: parameters.remove("rport")
            case .some(let port): parameters.set("rport", to: port.map { "\($0)" })
            }
        }
    }

    private mutating func set(_ name: String, _ value: String?) {
        if let value { parameters.set(name, to: value) } else { parameters.remove(name) }
    }
}

extension Via: CustomStringConvertible {
    public var description: String { "\(protocolName)/\(protocolVersion)/\(transport) \(sentBy)\(parameters)" }
}

extension Cursor {
    /// `sent-protocol LWS sent-by *( SEMI via-params )`
    mutating func via() throws(SyntaxError) -> Via {
        skipWhiteSpace()
        let name = try token("a protocol name")
        try expectSeparator("/")
        let version = try token("a protocol version")
        try expectSeparator("/")
        let transport = try token("a transport")
        guard skipWhiteSpace() else { throw fail("expected white space and a host") }
        var sentBy = HostPort(host: try host())
        if separator(":") { sentBy.port = UInt16(truncatingIfNeeded: try number("the port", upTo: 65535)) }
        let start = position
        let parameters = try parameters()
        if let ttl = parameters.rawValue("ttl"), UInt8(ttl) == nil {
            throw fail("ttl is not a number up to 255", at: start)
        }
        if let maddr = parameters.rawValue("maddr"), !Cursor.isHost(maddr) {
            throw fail("maddr is not a host", at: start)
        }
        if parameters.has("branch"), parameters.value("branch") == nil { throw fail("branch has no value", at: start) }
        if let rport = parameters.rawValue("rport"), UInt16(rport) == nil {
            throw fail("rport is not a port", at: start)
        }
        if parameters.has("received"), parameters.rawValue("received").flatMap({ Host($0)?.address }) == nil {
            throw fail("received is not an address", at: start)
        }
        return Via(
            transport: transport, sentBy: sentBy, parameters: parameters, protocolName: name, protocolVersion: version)
    }
}
