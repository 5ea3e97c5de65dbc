/// serviceChangeDescriptor and serviceChangeReplyDescriptor (RFC 3525 §7.2.8, B.2). In a request Method and Reason are required: whoever executes it
/// checks that.
public struct ServiceChangeDescriptor: Hashable, Sendable {
    public enum Method: Hashable, Sendable {
        case graceful, forced, restart, disconnected, handoff, failover
        /// `X-…` or `X+…`
        case other(String)
    }
    public enum Address: Hashable, Sendable {
        case port(UInt16)
        case mid(MessageIdentifier)
    }
    public struct Profile: Hashable, Sendable, CustomStringConvertible {
        public var name: Name
        public var version: UInt8
        public init(_ name: Name, _ version: UInt8) {
            self.name = name
            self.version = version
        }
        public var description: String { "\(name)/\(version)" }
    }

    public var method: Method?
    /// `901 Cold Boot`: the reason code and an optional text.
    public var reason: String?
    /// Seconds.
    public var delay: UInt32?
    public var address: Address?
    public var controllerToTry: MessageIdentifier?
    public var profile: Profile?
    public var version: UInt8?
    public var time: TimeStamp?
    /// Extension parameters, `X-…`: name and value as received.
    public var extensions: [Extension]

    public struct Extension: Hashable, Sendable {
        public var name: String
        public var value: ParameterValue
    }

    public init(
        method: Method? = nil, reason: String? = nil, delay: UInt32? = nil, address: Address? = nil,
        controllerToTry: MessageIdentifier? = nil, profile: Profile? = nil, version: UInt8? = nil,
        time: TimeStamp? = nil, extensions: [Extension] = []
    ) {
        self.method = method
        self.reason = reason
        self.delay = delay
        self.address = address
        self.controllerToTry = controllerToTry
        self.profile = profile
        self.version = version
        self.time = time
        self.extensions = extensions
    }

    /// The number with which Reason begins.
    public var reasonCode: UInt16? {
        reason.flatMap { UInt16($0.prefix { $0.isASCII && $0.isNumber }) }
    }
}
