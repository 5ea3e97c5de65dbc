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
    /// The operator lets UEs that indicate nothing have e2ae where they offer TLS (TS 33.328 CR 0052).
    package static let rcs51Originating = NetworkVariant(
        "rcs51-o", proxy: [Setting("mediaSecurity.rcs51", "originating")])
    /// The operator offers e2ae to UEs that indicate nothing, and plain TCP where they refuse it.
    package static let rcs51Terminating = NetworkVariant(
        "rcs51-t",
        proxy: [Setting("mediaSecurity.rcs51", "terminating"), Setting("mediaSecurity.rcs51-fallback", "true")])
    package static let ipv6 = NetworkVariant("ipv6", family: .v6)
}
