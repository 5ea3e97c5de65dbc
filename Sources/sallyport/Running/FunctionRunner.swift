import Configuration
import FoundationEssentials
import Lab
import Logging
import Observability
import ServiceLifecycle
import UnixSignals

/// What all network functions have in common between the command line and their first socket.
struct FunctionRunner {
    var options: CommonOptions
    /// The name in ladders unless `--node` says otherwise.
    var node: String
    var schema: Schema
    /// Values of the function's own flags.
    var flags: [Configuration.Flag] = []
    /// Defaults that follow from its flags.
    var fallbacks: [Configuration.Flag] = []

    /// How long a function may take to say goodbye (BYE, ServiceChange) before it is cut off.
    static let shutdownLimit = Duration.seconds(10)

    /// Runs until SIGTERM, SIGINT, or the function's own end.
    ///
    /// - Parameter make: settings from the configuration, and the function on them; only then does anything bind a socket.
    func run(_ make: (Configuration, FunctionEnvironment) throws -> FunctionService) async throws {
        let configuration = try loader()
        let logger = makeLogger()
        var environment = FunctionEnvironment(
            logger: logger, node: name, capturePath: options.capture, keyLogPath: options.keylog)
        if options.printConfig {
            // The settings are built too: what only shows in combination is told as well.
            _ = try make(configuration, environment)
            Terminal.standardOutput(ProcessInfo.processInfo.environment).write(configuration.yaml)
            return
        }
        guard let address = options.events else {
            return try await serve(try make(configuration, environment), logger)
        }
        let stream = EventStream(node: name)
        environment.events = stream
        let service = try make(configuration, environment)
        let server = try await EventServer.start(stream, path: address.path, on: environment.eventLoopGroup)
        do {
            try await serve(service, logger)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    /// Reads the effective configuration, anew each time.
    var loader: @Sendable () throws -> Configuration {
        let (schema, file, fallbacks) = (schema, options.config, fallbacks)
        let flags = flags + options.assignments.map(\.flag)
        return {
            try Configuration.load(
                schema, file: file, environment: ProcessInfo.processInfo.environment, flags: flags,
                fallbacks: fallbacks)
        }
    }

    private var name: String { options.node ?? node }

    private func makeLogger() -> Logger {
        var logger = Logger(label: "sallyport.\(schema.name)") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = options.logLevel
        return logger
    }

    private func serve(_ service: FunctionService, _ logger: Logger) async throws {
        var services = [
            ServiceGroupConfiguration.ServiceConfiguration(
                service: service, successTerminationBehavior: .gracefullyShutdownGroup,
                failureTerminationBehavior: .cancelGroup)
        ]
        if options.lifeline {
            services.append(
                .init(service: LifelineService(), successTerminationBehavior: .gracefullyShutdownGroup))
        }
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = Self.shutdownLimit
        try await ServiceGroup(configuration: configuration).run()
    }
}
