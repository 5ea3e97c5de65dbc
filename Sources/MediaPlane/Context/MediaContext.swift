import ApplicationLevelGateway
import NIOCore
import Transport

/// One MSRP session through the gateway: at most two terminations and what passes between them.
// Confined to `eventLoop`: the package functions hop there, everything else checks it.
package final class MediaContext: @unchecked Sendable {
    package let id: UInt32
    package let eventLoop: any EventLoop

    init(
        id: UInt32, eventLoop: any EventLoop, driver: DeadlineDriver, plane: MediaPlane,
        onEvent: @escaping @Sendable (String, TerminationEvent) -> Void
    ) {
        self.id = id
        self.eventLoop = eventLoop
    }

    /// *Reserve*, or *Reserve and Configure*: binds the listening port of a termination, for the termination's life.
    ///
    /// - Returns: what was chosen, complete. Fails with `GatewayFailure` and has then changed nothing.
    package func add(_ request: TerminationRequest, name: String) -> EventLoopFuture<LocalDescription> {
        eventLoop.makeFailedFuture(GatewayFailure(code: 501, text: "not implemented"))
    }

    /// *Configure*. A Remote that differs in address, port or fingerprints closes the termination's connection and starts anew; the same does nothing.
    ///
    /// - Returns: Local, unchanged. Fails with `GatewayFailure` and has then changed nothing.
    package func modify(_ name: String, _ change: TerminationChange) -> EventLoopFuture<LocalDescription> {
        eventLoop.makeFailedFuture(GatewayFailure(code: 501, text: "not implemented"))
    }

    /// *Release*: closes the listener and the connection of a termination at once. The last one ends the context.
    package func subtract(_ name: String) -> EventLoopFuture<TerminationStatistics> {
        eventLoop.makeFailedFuture(GatewayFailure(code: 501, text: "not implemented"))
    }

    /// Subtracts whatever is there.
    package func end() -> EventLoopFuture<Void> { eventLoop.makeSucceededVoidFuture() }
}

/// Octets of payload that passed a termination, for its Subtract and for events.
package struct TerminationStatistics: Hashable, Sendable {
    package var octetsReceived = 0
    package var octetsSent = 0
}
