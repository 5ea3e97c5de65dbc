import Logging
import Observability
import ServiceLifecycle

/// A network function as a service: starts, says where it listens, and stops cleanly when the group shuts down.
struct FunctionService: Service {
    var start: @Sendable () async throws -> [FlowEvent.Listening]
    var stop: @Sendable () async -> Void
    var logger: Logger

    func run() async throws {
        do {
            for socket in try await start() {
                logger.info(
                    "listening",
                    metadata: [
                        LogKey.listener: "\(socket.name)", "transport": "\(socket.transport)",
                        LogKey.local: "\(socket.local)",
                    ])
            }
        } catch {
            // What had been started before the failure goes too.
            await stop()
            throw error
        }
        try? await gracefulShutdown()
        await stop()
    }
}

/// Ends the group when standard input does: a parent that died, however it died, leaves no child behind.
struct LifelineService: Service {
    func run() async throws {
        for await _ in StandardInput.lines(limit: 1024).cancelOnGracefulShutdown() {}
    }
}
