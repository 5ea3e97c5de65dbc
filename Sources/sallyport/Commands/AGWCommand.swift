import AccessGateway
import ArgumentParser
import Configuration
import Lab
import Observability

/// The access gateway.
struct AGWCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agw", abstract: "An IMS-AGW: contexts and terminations commanded over Iq, media relayed.",
        discussion: """
            To try it against a controller of your own:
            sallyport agw --iq udp:HOST:PORT --mgc udp:HOST:PORT --access ADDRESS --core ADDRESS
            """)

    @Option(help: ArgumentHelp("Serve Iq here: udp:HOST:PORT.", valueName: "endpoint"))
    var iq: String?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("A controller (repeatable, in order of preference): udp:HOST:PORT.", valueName: "endpoint"))
    var mgc: [String] = []

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("The address in the access realm (one of each family).", valueName: "address"))
    var access: [String] = []

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("The address in the core realm (one of each family).", valueName: "address"))
    var core: [String] = []

    @Option(help: ArgumentHelp("Ports for media; the kernel's choice unless given.", valueName: "low-high"))
    var ports: String?

    #if DEBUG
        @Flag(help: "Debug builds only: let in whatever certificate comes.")
        var acceptAnyCertificate = false
    #endif

    @OptionGroup var options: CommonOptions

    func run() async throws {
        try await FunctionRunner(
            options: options, node: NodeName.gateway, schema: AccessGatewaySettings.schema, flags: flags
        ).run { configuration, environment in
            let gateway = AccessGateway(settings: try AccessGatewaySettings(configuration), environment: environment)
            return FunctionService(
                start: { try await gateway.start() }, stop: { await gateway.stop() }, logger: environment.logger)
        }
    }

    private var flags: [Configuration.Flag] {
        var flags: [Configuration.Flag] = .value("iq.listen", iq, flag: "--iq")
        flags += .list("iq.mgc", mgc, flag: "--mgc")
        flags += .list("access.address", access, flag: "--access")
        flags += .list("core.address", core, flag: "--core")
        flags += .value("media.ports", ports, flag: "--ports")
        #if DEBUG
            if acceptAnyCertificate {
                flags.append(.init("debug.accept-any-certificate", "true", flag: "--accept-any-certificate"))
            }
        #endif
        return flags
    }
}
