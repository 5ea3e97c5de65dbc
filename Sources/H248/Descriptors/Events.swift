import NIOCore

/// RequestID: a number, or `*` in an audit of capabilities.
public enum RequestID: Hashable, Sendable, CustomStringConvertible {
    case number(UInt32)
    case all

    public var description: String {
        switch self {
        case .number(let value): String(value)
        case .all: "*"
        }
    }
}

/// eventsDescriptor (RFC 3525 §7.1.9). Without id and events it switches all events off.
public struct EventsDescriptor: Hashable, Sendable {
    public var id: RequestID?
    public var events: [RequestedEvent]
    public init(id: RequestID? = nil, events: [RequestedEvent] = []) {
        self.id = id
        self.events = events
    }
}

public struct RequestedEvent: Hashable, Sendable {
    public var name: ItemName
    public var stream: UInt16?
    public var keepActive: Bool
    public var parameters: [Parameter]
    /// Embed and DigitMap: token and the rest as received.
    public var uninterpreted: [UninterpretedDescriptor]

    public init(
        _ name: ItemName, stream: UInt16? = nil, keepActive: Bool = false, parameters: [Parameter] = [],
        uninterpreted: [UninterpretedDescriptor] = []
    ) {
        self.name = name
        self.stream = stream
        self.keepActive = keepActive
        self.parameters = parameters
        self.uninterpreted = uninterpreted
    }
}

/// observedEventsDescriptor (§7.1.17).
public struct ObservedEventsDescriptor: Hashable, Sendable {
    public var id: RequestID
    public var events: [ObservedEvent]
    public init(id: RequestID, events: [ObservedEvent]) {
        self.id = id
        self.events = events
    }
}

public struct ObservedEvent: Hashable, Sendable {
    public var time: TimeStamp?
    public var name: ItemName
    public var stream: UInt16?
    public var parameters: [Parameter]

    public init(_ name: ItemName, time: TimeStamp? = nil, stream: UInt16? = nil, parameters: [Parameter] = []) {
        self.name = name
        self.time = time
        self.stream = stream
        self.parameters = parameters
    }

    /// The single value of a parameter.
    public subscript(parameter: Name) -> Value? { parameters.first { $0.name == parameter }?.value.single }
}

/// TimeStamp of B.2: `yyyymmddThhmmssss`, the last two digits hundredths of a second.
public struct TimeStamp: Hashable, Sendable, CustomStringConvertible {
    /// The eight digits before the `T`.
    public var date: UInt32
    /// The eight digits after the `T`.
    public var time: UInt32
    public init(date: UInt32, time: UInt32) {
        self.date = date
        self.time = time
    }
    public var description: String { padded(date) + "T" + padded(time) }
    private func padded(_ value: UInt32) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, 8 - digits.utf8.count)) + digits
    }
}
