import NIOCore

/// mediaDescriptor (RFC 3525 §7.1.4).
public struct MediaDescriptor: Hashable, Sendable {
    public var terminationState: TerminationStateDescriptor?
    public var streams: [StreamDescriptor]

    public init(terminationState: TerminationStateDescriptor? = nil, streams: [StreamDescriptor] = []) {
        self.terminationState = terminationState
        self.streams = streams
    }
}

/// One stream. Without `Stream = n {…}` around them the parameters belong to stream 1 (§7.1.6).
public struct StreamDescriptor: Hashable, Sendable {
    /// Nil when the parameters stood in Media directly.
    public var id: UInt16?
    public var localControl: LocalControlDescriptor?
    /// SDP octets, unescaped. Nil: absent; empty: present without content.
    public var local: ByteBuffer?
    public var remote: ByteBuffer?

    public init(
        id: UInt16? = 1, localControl: LocalControlDescriptor? = nil, local: ByteBuffer? = nil,
        remote: ByteBuffer? = nil
    ) {
        self.id = id
        self.localControl = localControl
        self.local = local
        self.remote = remote
    }
}

/// streamMode of B.2.
public enum StreamMode: Hashable, Sendable { case sendOnly, receiveOnly, sendReceive, inactive, loopback }

/// localControlDescriptor (§7.1.7).
public struct LocalControlDescriptor: Hashable, Sendable {
    public var mode: StreamMode?
    public var reserveValue: Bool?
    public var reserveGroup: Bool?
    public var properties: [Property]

    public init(
        mode: StreamMode? = nil, reserveValue: Bool? = nil, reserveGroup: Bool? = nil, properties: [Property] = []
    ) {
        self.mode = mode
        self.reserveValue = reserveValue
        self.reserveGroup = reserveGroup
        self.properties = properties
    }
}

/// terminationStateDescriptor (§7.1.5).
public struct TerminationStateDescriptor: Hashable, Sendable {
    public enum ServiceState: Hashable, Sendable { case test, outOfService, inService }
    public enum EventBuffer: Hashable, Sendable { case off, lockStep }
    public var serviceState: ServiceState?
    public var eventBuffer: EventBuffer?
    public var properties: [Property]

    public init(serviceState: ServiceState? = nil, eventBuffer: EventBuffer? = nil, properties: [Property] = []) {
        self.serviceState = serviceState
        self.eventBuffer = eventBuffer
        self.properties = properties
    }
}
