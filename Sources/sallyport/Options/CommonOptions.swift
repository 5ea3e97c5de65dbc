import ArgumentParser
import Configuration
import Logging

/// What every network function takes on its command line.
struct CommonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Read the configuration from this YAML file.", valueName: "file"))
    var config: String?

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("Set one configuration key, over file and environment (repeatable).", valueName: "key=value")
    )
    var assignments: [Assignment] = []

    @Flag(help: "Print the effective configuration as YAML, secrets masked, and exit.")
    var printConfig = false

    @Option(
        help: ArgumentHelp("Serve the flow events as JSON lines on a unix socket (mode 0600).", valueName: "unix:path"))
    var events: EventsAddress?

    @Option(
        help: ArgumentHelp("Write a pcapng of the octets at this function's sockets (mode 0600).", valueName: "file"))
    var capture: String?

    @Option(help: ArgumentHelp("Append the TLS secrets as SSLKEYLOGFILE lines (mode 0600).", valueName: "file"))
    var keylog: String?

    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel: Logger.Level = .notice

    @Option(help: ArgumentHelp("The name of this node in flow events.", valueName: "name"))
    var node: String?

    /// The lab's hold on its children: when it ends, however it ends, the pipe at their standard input closes.
    @Flag(help: .hidden)
    var lifeline = false
}

/// `key=value` of `--set`.
struct Assignment: ExpressibleByArgument {
    var key: String
    var text: String

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else { return nil }
        key = String(argument[..<equals])
        text = String(argument[argument.index(after: equals)...])
    }

    var flag: Configuration.Flag { .init(key, text) }
}

/// `unix:PATH` of `--events`.
struct EventsAddress: ExpressibleByArgument {
    var path: String

    init?(argument: String) {
        guard argument.hasPrefix("unix:"), argument.utf8.count > 5 else { return nil }
        path = String(argument.dropFirst(5))
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
