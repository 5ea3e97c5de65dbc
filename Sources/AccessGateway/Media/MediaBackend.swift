import ApplicationLevelGateway
import MediaPlane
import NIOCore

/// What the Iq agent needs of a media plane: tests put another one behind it.
package protocol MediaBackend: Sendable {
    /// - Parameter onEvent: called on any thread.
    /// - Throws: 510 when there is no room.
    func makeContext(
        id: UInt32, onEvent: @escaping @Sendable (_ termination: String, _ event: TerminationEvent) -> Void
    ) throws(GatewayFailure) -> any MediaBackendContext
}

/// See `MediaContext`. Futures may succeed on any event loop.
package protocol MediaBackendContext: AnyObject, Sendable {
    func add(_ request: TerminationRequest, name: String) -> EventLoopFuture<LocalDescription>
    func modify(_ name: String, _ change: TerminationChange) -> EventLoopFuture<LocalDescription>
    func subtract(_ name: String) -> EventLoopFuture<TerminationStatistics>
    func end() -> EventLoopFuture<Void>
}

extension MediaContext: MediaBackendContext {}

/// The real one.
struct PlaneBackend: MediaBackend {
    let plane: MediaPlane

    func makeContext(
        id: UInt32, onEvent: @escaping @Sendable (_ termination: String, _ event: TerminationEvent) -> Void
    ) throws(GatewayFailure) -> any MediaBackendContext {
        try plane.makeContext(id: id, onEvent: onEvent)
    }
}
