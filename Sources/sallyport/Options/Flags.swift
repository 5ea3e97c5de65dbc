import Configuration

extension [Configuration.Flag] {
    /// A flag that may be repeated, for a key that is a list; none when it was not given.
    static func list(_ key: String, _ values: [String], flag: String) -> Self {
        values.isEmpty ? [] : [.init(key, values.joined(separator: ","), flag: flag)]
    }

    /// A flag for a key of one value; none when it was not given.
    static func value(_ key: String, _ value: String?, flag: String) -> Self {
        value.map { [.init(key, $0, flag: flag)] } ?? []
    }
}
