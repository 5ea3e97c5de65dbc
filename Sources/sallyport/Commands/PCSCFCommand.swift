import ArgumentParser
import Configuration
import Lab
import Observability
import ProxyCSCF
import WireSyntax

/// The P-CSCF with its IMS-ALG.
struct PCSCFCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pcscf", abstract: "A P-CSCF with IMS-ALG: Gm towards UEs, Mw towards the core, Iq to gateways.")

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("Serve Gm here (repeatable): udp:, tcp: or tls:HOST:PORT.", valueName: "endpoint"))
    var listen: [String] = []

    @Option(help: ArgumentHelp("The home network: HOST:PORT of its Mw, over TCP.", valueName: "endpoint"))
    var nextHop: String?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("A gateway that may register (repeatable): udp:HOST:PORT of its Iq.", valueName: "endpoint"))
    var gateway: [String] = []

    @Option(help: ArgumentHelp("Serve Mw here: HOST:PORT, over TCP.", valueName: "endpoint"))
    var mw: String?

    @Option(help: ArgumentHelp("Serve Iq here: udp:HOST:PORT.", valueName: "endpoint"))
    var iq: String?

    @Option(help: ArgumentHelp("PEM file of the certificate for Gm over TLS.", valueName: "file"))
    var certificate: String?

    @Option(help: ArgumentHelp("PEM file of its private key.", valueName: "file"))
    var key: String?

    @OptionGroup var options: CommonOptions

    func validate() throws {
        for endpoint in listen {
            guard let parsed = TransportEndpoint(endpoint) else {
                throw ValidationError("--listen: write udp:, tcp: or tls:HOST:PORT, such as tls:127.0.0.1:5061.")
            }
            guard listen.filter({ TransportEndpoint($0)?.transport == parsed.transport }).count == 1 else {
                throw ValidationError(
                    "--listen: \(parsed.transport.rawValue) is given twice. Give each transport once.")
            }
        }
    }

    func run() async throws {
        try await FunctionRunner(
            options: options, node: NodeName.proxy, schema: ProxyCSCFSettings.schema, flags: flags,
            fallbacks: fallbacks
        ).run { configuration, environment in
            let proxy = ProxyCSCF(settings: try ProxyCSCFSettings(configuration), environment: environment)
            return FunctionService(
                start: { try await proxy.start() }, stop: { await proxy.stop() }, logger: environment.logger)
        }
    }

    private var flags: [Configuration.Flag] {
        var flags: [Configuration.Flag] = listen.compactMap { text in
            TransportEndpoint(text).map { .init("gm.\($0.transport.rawValue)", "\($0.endpoint)", flag: "--listen") }
        }
        flags += .value("mw.home", nextHop.map(Self.withoutTransport), flag: "--next-hop")
        flags += .list("iq.gateways", gateway, flag: "--gateway")
        flags += .value("mw.listen", mw.map(Self.withoutTransport), flag: "--mw")
        flags += .value("iq.listen", iq, flag: "--iq")
        flags += .value("gm.certificate", certificate, flag: "--certificate")
        flags += .value("gm.key", key, flag: "--key")
        return flags
    }

    /// Where only Gm is said, Mw and Iq are served at the same address: Mw at a port of the kernel's choice, Iq at that of H.248 in text (2944).
    private var fallbacks: [Configuration.Flag] {
        guard let address = listen.first.flatMap({ TransportEndpoint($0) })?.endpoint.address else { return [] }
        return [
            .init("mw.listen", "\(Endpoint(address, 0))", flag: "--listen"),
            .init("iq.listen", "udp:\(Endpoint(address, 2944))", flag: "--listen"),
        ]
    }

    /// `tcp:HOST:PORT` is understood too: Mw is TCP.
    private static func withoutTransport(_ text: String) -> String {
        text.hasPrefix("tcp:") ? String(text.dropFirst(4)) : text
    }
}
