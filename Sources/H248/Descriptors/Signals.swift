/// signalsDescriptor (RFC 3525 §7.1.11). Empty: all signals stop.
public struct SignalsDescriptor: Hashable, Sendable {
    public enum Item: Hashable, Sendable {
        case signal(Signal)
        case list(id: UInt16, [Signal])
    }
    public var items: [Item]
    public init(_ items: [Item] = []) { self.items = items }
    public init(_ signals: [Signal]) { items = signals.map { .signal($0) } }
}

public struct Signal: Hashable, Sendable {
    public enum Kind: Hashable, Sendable { case onOff, timeOut, brief }
    public var name: ItemName
    public var stream: UInt16?
    public var kind: Kind?
    /// Hundredths of a second.
    public var duration: UInt16?
    /// NotifyCompletion: any of timeOut, interruptByEvent, interruptByNewSignals, otherReason.
    public var notifyCompletion: [Token]
    public var keepActive: Bool
    public var parameters: [Parameter]

    public init(
        _ name: ItemName, stream: UInt16? = nil, kind: Kind? = nil, duration: UInt16? = nil,
        notifyCompletion: [Token] = [], keepActive: Bool = false, parameters: [Parameter] = []
    ) {
        self.name = name
        self.stream = stream
        self.kind = kind
        self.duration = duration
        self.notifyCompletion = notifyCompletion
        self.keepActive = keepActive
        self.parameters = parameters
    }
}
