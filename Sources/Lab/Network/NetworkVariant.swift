/// One key of a function's configuration, set over its file: `--set key=value`.
package struct Setting: Hashable, Sendable {
    package var key: String
    package var value: String

    package init(_ key: String, _ value: String) {
        self.key = key
        self.value = value
    }

    var arguments: [String] { ["--set", "\(key)=\(value)"] }
}

/// How the network of a scenario differs from the one that the configuration files describe. Scenarios with the same variant share one running network.
package struct NetworkVariant: Hashable, Sendable {
    package enum Family: Hashable, Sendable {
        /// An address of 127.0.0.0/8 a function.
        case v4
        /// All functions share ::1 and differ by port.
        case v6
    }

    /// Octets of `name`: it is a folder in the path of a unix socket, which has 107 at most.
    package static let maximumName = 8

    package var name: String
    package var family = Family.v4
    package var home: [Setting] = []
    package var proxy: [Setting] = []
    package var gateway: [Setting] = []

    package init(
        _ name: String, family: Family = .v4, home: [Setting] = [], proxy: [Setting] = [], gateway: [Setting] = []
    ) {
        self.name = name
        self.family = family
        self.home = home
        self.proxy = proxy
        self.gateway = gateway
    }

    package static let base = NetworkVariant("base")
    package static let ipv6 = NetworkVariant("ipv6", family: .v6)
}
