import NIOCore

/// A descriptor (RFC 3525 §7.1), or in an audit reply the bare token of an empty one.
public enum Descriptor: Hashable, Sendable {
    case media(MediaDescriptor)
    case events(EventsDescriptor)
    case observedEvents(ObservedEventsDescriptor)
    case signals(SignalsDescriptor)
    case audit(AuditDescriptor)
    case serviceChange(ServiceChangeDescriptor)
    case packages([PackageItem])
    case statistics([Statistic])
    case error(ErrorDescriptor)
    /// Modem, Mux, DigitMap, EventBuffer: not used on Iq, kept as received.
    case uninterpreted(UninterpretedDescriptor)
    /// auditItem in an audit reply: `Signals`, `DigitMap`, …, which are empty.
    case item(Token)

    /// The token with which it begins.
    public var token: Token {
        switch self {
        case .media: .media
        case .events: .events
        case .observedEvents: .observedEvents
        case .signals: .signals
        case .audit: .audit
        case .serviceChange: .services
        case .packages: .packages
        case .statistics: .statistics
        case .error: .error
        case .uninterpreted(let descriptor): descriptor.token
        case .item(let token): token
        }
    }
}

/// A descriptor of which only the extent is known.
public struct UninterpretedDescriptor: Hashable, Sendable {
    public var token: Token
    /// Everything from after the token to the end of the descriptor, as received.
    public var octets: ByteBuffer
}

/// auditDescriptor: which descriptors are asked for; empty asks for none (no statistics, or an audit for liveness).
public struct AuditDescriptor: Hashable, Sendable {
    public struct Item: Hashable, Sendable {
        public var token: Token
        /// Version 2: individual items, the octets between the braces as received.
        public var individual: ByteBuffer?
        public init(_ token: Token, individual: ByteBuffer? = nil) {
            self.token = token
            self.individual = individual
        }
    }
    public var items: [Item]
    public init(_ tokens: [Token] = []) { items = tokens.map { Item($0) } }
}

/// packagesItem: `g-1`.
public struct PackageItem: Hashable, Sendable, CustomStringConvertible {
    public var name: Name
    public var version: UInt16
    public init(_ name: Name, _ version: UInt16) {
        self.name = name
        self.version = version
    }
    public var description: String { "\(name)-\(version)" }
}

/// statisticsParameter: `nt/os = 62300`.
public struct Statistic: Hashable, Sendable {
    public var name: ItemName
    public var value: Value?
    public init(_ name: ItemName, _ value: Value?) {
        self.name = name
        self.value = value
    }
}
