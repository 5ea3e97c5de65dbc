/// The highest `nc` seen with each nonce, so that a request cannot be played again (RFC 7616 §3.4, §5.12). Bounded: the oldest nonce is forgotten,
/// and its next use counts as stale rather than as new.
struct NonceCounts: Sendable {
    private var highest: [String: UInt32] = [:]
    /// Ring of the nonces in the order in which they were first used.
    private var order: [(nonce: String, made: UInt64)] = []
    private var next = 0
    private let limit: Int
    /// Nonces made at or before this time may have been forgotten.
    private(set) var forgottenBefore: UInt64 = 0

    init(limit: Int) { self.limit = limit }

    enum Verdict { case accepted, replayed, forgotten }

    /// - Parameter made: when the nonce was made, in seconds.
    mutating func use(_ nonce: String, count: UInt32, made: UInt64) -> Verdict {
        if let seen = highest[nonce] {
            guard count > seen else { return .replayed }
            highest[nonce] = count
            return .accepted
        }
        guard made > forgottenBefore || forgottenBefore == 0 else { return .forgotten }
        if order.count < limit {
            order.append((nonce, made))
        } else {
            let oldest = order[next]
            highest[oldest.nonce] = nil
            forgottenBefore = max(forgottenBefore, oldest.made)
            order[next] = (nonce, made)
            next = (next + 1) % limit
        }
        highest[nonce] = count
        return .accepted
    }
}

enum DigestNonceTime {
    /// The time in a nonce of `DigestNonce`.
    static func made(_ nonce: String) -> UInt64? {
        nonce.split(separator: ".").first.flatMap { UInt64($0, radix: 16) }
    }
}
