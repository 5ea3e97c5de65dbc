/// A procedure that a gateway refused or that did not reach it.
package struct GatewayFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// H.248.8 error code; 0 where no gateway answered or none was free.
    package var code: Int
    package var text: String

    package init(code: Int, text: String) {
        self.code = code
        self.text = text
    }

    /// No registered, capable gateway.
    package static let noGateway = GatewayFailure(code: 0, text: "no gateway is available")

    package var description: String { code == 0 ? text : "\(code) \(text)" }
}

/// What a gateway notifies about a termination (TS 23.334: TLS, TCP and released bearer notifications, heartbeat).
package enum TerminationEvent: Hashable, Sendable {
    /// *Notify (D)TLS session establishment Failure*: handshake or fingerprint.
    case tlsFailed(reason: String)
    /// *Notify TCP connection establishment Failure*.
    case tcpFailed(reason: String)
    /// *Bearer Released* (`g/cause`).
    case released(reason: String)
    /// *Termination heartbeat indication* (`hangterm/thb`).
    case heartbeat
}

/// A context at a gateway, named by whoever commands the gateways; opaque here.
package struct ContextHandle: Hashable, Sendable, CustomStringConvertible {
    /// The gateway, as its commander names it.
    package var gateway: String
    /// The ContextID at that gateway.
    package var context: UInt32

    package init(gateway: String, context: UInt32) {
        self.gateway = gateway
        self.context = context
    }

    package var description: String { "\(gateway)/\(context)" }
}

/// A termination in a context.
package struct TerminationHandle: Hashable, Sendable, CustomStringConvertible {
    package var context: ContextHandle
    /// The TerminationID at that gateway.
    package var name: String

    package init(context: ContextHandle, name: String) {
        self.context = context
        self.name = name
    }

    package var description: String { "\(context):\(name)" }
}

/// A termination that was reserved, and what the gateway chose for it.
package struct ReservedTermination: Hashable, Sendable {
    package var handle: TerminationHandle
    package var local: LocalDescription

    package init(handle: TerminationHandle, local: LocalDescription) {
        self.handle = handle
        self.local = local
    }
}
