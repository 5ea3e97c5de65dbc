/// The method of a request: any token, compared with regard to case (RFC 3261 §7.1).
public struct Method: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    public init(stringLiteral value: String) { rawValue = value }

    public var description: String { rawValue }

    public static let invite: Method = "INVITE"
    public static let ack: Method = "ACK"
    public static let bye: Method = "BYE"
    public static let cancel: Method = "CANCEL"
    public static let register: Method = "REGISTER"
    public static let options: Method = "OPTIONS"
    /// RFC 3262
    public static let prack: Method = "PRACK"
    /// RFC 3311
    public static let update: Method = "UPDATE"
    /// RFC 6086
    public static let info: Method = "INFO"
    /// RFC 6665
    public static let subscribe: Method = "SUBSCRIBE"
    public static let notify: Method = "NOTIFY"
    /// RFC 3515
    public static let refer: Method = "REFER"
    /// RFC 3428
    public static let message: Method = "MESSAGE"
    /// RFC 3903
    public static let publish: Method = "PUBLISH"
}
