/// The order in which the servers of an SRV answer are tried: by priority, and among equals by lot in proportion to their weights (RFC 2782, "Usage rules").
enum SRVOrder {
    /// - Parameter generator: where the lots come from.
    static func arrange(
        _ records: [SRVRecord], using generator: inout some RandomNumberGenerator
    ) -> [SRVRecord] {
        var ordered: [SRVRecord] = []
        let byPriority = Dictionary(grouping: records, by: \.priority)
        for priority in byPriority.keys.sorted() {
            // Weight 0 first: such a server is drawn only when the lot is 0.
            var rest = (byPriority[priority] ?? []).sorted { $0.weight == 0 && $1.weight != 0 }
            while !rest.isEmpty {
                let sum = rest.reduce(UInt32(0)) { $0 + UInt32($1.weight) }
                let lot = UInt32.random(in: 0...sum, using: &generator)
                var running: UInt32 = 0
                // The last running sum is `sum`, so that one is always found.
                let drawn =
                    rest.firstIndex {
                        running += UInt32($0.weight)
                        return running >= lot
                    } ?? 0
                ordered.append(rest.remove(at: drawn))
            }
        }
        return ordered
    }
}
