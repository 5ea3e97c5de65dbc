/// The keys that one function (or one record in a list) understands.
///
/// ```swift
/// package struct HomeSettings {
///     static let realm = Key("realm", .string, default: "ims.lab", help: "Digest realm and home domain")
///     static let mw = Key("mw.listen", .endpoint, default: Endpoint(.v4(0x7F00_0001), 0), help: "Where Mw is served")
///     static let grace = Key("grace", .duration(.zero ... .seconds(60)), default: .seconds(5), help: "…")
///     static let users = Key("users", .records(User.schema, User.init), default: [], help: "Subscribers")
///     static let certificate = OptionalKey("tls.certificate", .path, help: "PEM file; relative to the configuration file")
///     package static let schema = Schema("home", [realm, mw, grace, users, certificate])
///
///     package struct User: Sendable {
///         static let name = Key(required: "name", .string, help: "Private identity")
///         static let password = Key(required: "password", .secret, help: "Digest password")
///         static let schema = Schema("user", [name, password])
///         init(_ configuration: Configuration) throws(ConfigurationError) {
///             identity = configuration[Self.name]             // String
///             secret = configuration[Self.password]           // Secret
///         }
///     }
///
///     package init(_ configuration: Configuration) throws(ConfigurationError) {
///         realm = configuration[Self.realm]                   // String
///         certificate = configuration[Self.certificate]       // String?
///         if … { throw configuration.problem(Self.grace, "is longer than …", remedy: "Shorten it.") }
///     }
/// }
/// let settings = try HomeSettings(Configuration(HomeSettings.schema, yaml: "realm: ims.lab"))          // tests
/// let settings = try HomeSettings(Configuration.load(HomeSettings.schema, file: path, environment: …, flags: …))
/// ```
///
/// `mw.listen` is written in YAML as `mw: {listen: 127.0.0.1:0}` in block form (or as `mw.listen:`), in the environment as
/// `SALLYPORT_MW_LISTEN`, on the command line as `--set mw.listen=127.0.0.1:0`.
package struct Schema: Sendable {
    package let name: String
    package let entries: [any SchemaEntry]
    let byName: [String: any SchemaEntry]
    /// Every proper prefix of a key at a dot: `gm` of `gm.listen`.
    let sections: Set<String>

    /// - Precondition: names are unique, none is also the section of another, and no two share an environment variable (the author's mistake; every test
    ///   that touches the schema finds it).
    package init(_ name: String, _ entries: [any SchemaEntry]) {
        self.name = name
        self.entries = entries
        var byName: [String: any SchemaEntry] = [:]
        var sections: Set<String> = []
        var variables: Set<String> = []
        for entry in entries {
            precondition(byName.updateValue(entry, forKey: entry.name) == nil, "two keys named \(entry.name)")
            precondition(variables.insert(environmentName(of: entry.name)).inserted, "variable of \(entry.name) taken")
            for index in entry.name.indices where entry.name[index] == "." {
                sections.insert(String(entry.name[..<index]))
            }
        }
        for section in sections { precondition(byName[section] == nil, "\(section) is a key and a section") }
        self.byName = byName
        self.sections = sections
    }

    /// The declared name that a mistyped one most likely meant.
    func nearest(to name: String) -> String? {
        let best = byName.keys.map { ($0, editDistance($0, name)) }.min { ($0.1, $0.0) < ($1.1, $1.0) }
        guard let best, best.1 <= max(2, name.count / 3) else { return nil }
        return best.0
    }
}

/// Levenshtein distance, for suggestions; both names are short.
private func editDistance(_ left: String, _ right: String) -> Int {
    let right = Array(right.utf8.prefix(Limits.keyLength))
    var row = Array(0...right.count)
    for (i, a) in left.utf8.prefix(Limits.keyLength).enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, b) in right.enumerated() {
            let substituted = diagonal + (a == b ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
        }
    }
    return row[right.count]
}
