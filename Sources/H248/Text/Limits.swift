/// What a decoder accepts at most. Beyond them a message is refused with the place, never cut.
public struct DecodingLimits: Hashable, Sendable {
    /// Octets of a message: a UDP datagram's worth.
    public var messageSize = 65_507
    /// Transactions, replies, pendings and acknowledgements in a message. The profile allows 10 (TS 29.334); the engine enforces that with error 413.
    public var items = 64
    /// Actions of a request.
    public var actions = 64
    /// Actions of a Reply: one a context where an audit asked for all, more than the shortest ones that fit a datagram.
    public var replyActions = 8192
    /// Commands in an action.
    public var commands = 256
    /// Descriptors in a command.
    public var descriptors = 32
    /// Streams in a Media descriptor.
    public var streams = 16
    /// Events, signals, properties, parameters, packages or statistics in one list.
    public var listItems = 256
    /// Ranges in a TransactionResponseAck.
    public var acknowledgements = 256
    /// Octets of a quoted string or value.
    public var valueLength = 1024
    /// Octets of SDP in Local or Remote.
    public var sessionDescriptionLength = 16_384
    /// Nesting of braces in what is kept as received.
    public var depth = 16

    public init() {}
}
