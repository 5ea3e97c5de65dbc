/// `a=setup`: who opens the TCP connection, and so who is TLS client (RFC 4145 §4, RFC 6135 §4, RFC 8122 §6.2).
public enum Setup: String, Hashable, Sendable {
    case active, passive, actpass
    /// Never sent for MSRP; ignored when received (RFC 6135 §4.2.1).
    case holdconn

    public static let attributeName = "setup"

    /// From the attribute's value, in any case.
    public init?(parsing value: some StringProtocol) { self.init(rawValue: value.lowercased()) }

    public var attribute: Attribute { Attribute(Setup.attributeName, rawValue) }
}
