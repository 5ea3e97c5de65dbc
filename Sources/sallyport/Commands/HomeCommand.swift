import ArgumentParser
import Configuration
import HomeNetwork
import Lab
import Logging
import Observability
import ServiceLifecycle
import UnixSignals

/// The home network of a laboratory: registrar, location service, S-CSCF routing.
struct HomeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "home", abstract: "A home network: registrar with digest, location service, routing by Path.")

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("Serve Mw here (repeatable): tcp:HOST:PORT or udp:HOST:PORT.", valueName: "endpoint"))
    var listen: [String] = []

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let runner = FunctionRunner(
            options: options, node: NodeName.serving, schema: HomeNetworkSettings.schema,
            flags: .list("mw.listen", listen, flag: "--listen"))
        let load = runner.loader
        // Before anything starts: a SIGHUP meanwhile would end the program.
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        try await runner.run { configuration, environment in
            let home = HomeNetwork(settings: try HomeNetworkSettings(configuration), environment: environment)
            return FunctionService(
                start: { try await home.start() }, stop: { await home.stop() }, logger: environment.logger
            ) {
                // SIGHUP: the users are read again. A file that cannot be read changes nothing.
                for await _ in hangups.cancelOnGracefulShutdown() {
                    do {
                        home.replaceUsers(try HomeNetworkSettings(try load()).users)
                        environment.logger.info("users reloaded")
                    } catch {
                        environment.logger.error("users not reloaded", metadata: ["error": "\(error)"])
                    }
                }
            }
        }
    }
}
