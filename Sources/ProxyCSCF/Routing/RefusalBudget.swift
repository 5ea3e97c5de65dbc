import NIOCore
import WireSyntax

/// How often a source that is not served gets an answer (attack row A13): beyond it there is silence, so that nobody is made to answer a flood, nor to
/// send answers to a source address that was forged.
///
/// A token bucket a source, IPv6 by /64 (who has one address there has them all), and one for all sources together.
struct RefusalBudget: Sendable {
    struct Limits: Hashable, Sendable {
        /// Answers at once to one source.
        var burst = 8
        /// One more for a source after this.
        var interval = TimeAmount.seconds(1)
        /// Answers at once to all sources.
        var totalBurst = 512
        /// One more for all after this.
        var totalInterval = TimeAmount.milliseconds(4)
        /// Sources that are remembered; further ones get no answer until some are forgotten.
        var sources = 4096
    }

    private struct Bucket: Sendable {
        var tokens: Int
        var filled: NIODeadline

        mutating func fill(_ burst: Int, _ interval: TimeAmount, _ now: NIODeadline) {
            guard now > filled else { return }
            let gained = (now - filled).nanoseconds / max(interval.nanoseconds, 1)
            guard gained > 0 else { return }
            if Int64(tokens) + gained >= Int64(burst) {
                tokens = burst
                filled = now
            } else {
                tokens += Int(gained)
                filled = filled + .nanoseconds(gained * interval.nanoseconds)
            }
        }
    }

    let limits: Limits
    private var buckets: [IPAddress: Bucket] = [:]
    private var total: Bucket?
    private var swept: NIODeadline?

    init(limits: Limits = Limits()) { self.limits = limits }

    var sourceCount: Int { buckets.count }

    /// Whether this source gets an answer now; the answer then counts.
    mutating func mayAnswer(_ source: IPAddress, now: NIODeadline) -> Bool {
        let key = Self.key(source)
        var all = total ?? Bucket(tokens: limits.totalBurst, filled: now)
        all.fill(limits.totalBurst, limits.totalInterval, now)
        defer { total = all }
        if buckets[key] == nil, buckets.count >= limits.sources { sweep(now) }
        guard buckets[key] != nil || buckets.count < limits.sources else { return false }
        var own = buckets[key] ?? Bucket(tokens: limits.burst, filled: now)
        own.fill(limits.burst, limits.interval, now)
        defer { buckets[key] = own }
        guard own.tokens > 0, all.tokens > 0 else { return false }
        own.tokens -= 1
        all.tokens -= 1
        return true
    }

    /// Forgets sources whose bucket is full again; at most once an interval, since it looks at all of them.
    private mutating func sweep(_ now: NIODeadline) {
        if let swept, now - swept < limits.interval { return }
        swept = now
        let (burst, interval) = (limits.burst, limits.interval)
        buckets = buckets.filter { _, bucket in
            var bucket = bucket
            bucket.fill(burst, interval, now)
            return bucket.tokens < burst
        }
    }

    private static func key(_ source: IPAddress) -> IPAddress {
        switch source.unmapped {
        case .v4(let value): .v4(value)
        case .v6(let high, _): .v6(high: high, low: 0)
        }
    }
}
