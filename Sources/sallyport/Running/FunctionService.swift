import Logging
import Observability
import ServiceLifecycle

/// A network function as a service: starts, says where it listens, and stops cleanly when the group shuts down.
struct FunctionService: Service {
    var start: @Sendable () async throws -> [FlowEvent.Listening]
    /// Ends everything; asked twice it does nothing the second time.
    var stop: @Sendable () async -> Void
    var logger: Logger
    /// What the function does by itself once it is up, and then it ends; nil: it serves until it is told to stop.
    var body: (@Sendable () async throws -> Void)?

    func run() async throws {
        try await withGracefulShutdownHandler {
            do {
                for socket in try await start() {
                    logger.info(
                        "listening",
                        metadata: [
                            LogKey.listener: "\(socket.name)", "transport": "\(socket.transport)",
                            LogKey.local: "\(socket.local)",
                        ])
                }
                if let body { try await body() } else { try? await gracefulShutdown() }
            } catch {
                // What had been started before the failure goes too.
                await stop()
                throw error
            }
            await stop()
        } onGracefulShutdown: {
            // Whoever waits for a registration or an answer is woken by the stop.
            if body != nil { Task { await stop() } }
        }
    }
}

/// Ends the group when standard input does: a parent that died, however it died, leaves no child behind.
struct LifelineService: Service {
    func run() async throws {
        for await _ in StandardInput.lines(limit: 1024).cancelOnGracefulShutdown() {}
    }
}
