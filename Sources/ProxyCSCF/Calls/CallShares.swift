/// How many call legs each registration has, so that one UE cannot use up the room of all (A13).
struct CallShares: Sendable {
    let limit: Int
    /// By the registration's token.
    private(set) var counts: [String: Int] = [:]

    init(limit: Int) { self.limit = limit }

    func hasRoom(_ token: String) -> Bool { counts[token, default: 0] < limit }

    mutating func add(_ token: String) { counts[token, default: 0] += 1 }

    mutating func remove(_ token: String) {
        guard let count = counts[token] else { return }
        counts[token] = count > 1 ? count - 1 : nil
    }
}
