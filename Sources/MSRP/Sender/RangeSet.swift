/// Positions of a message, from 1, kept as disjoint ranges in order.
struct RangeSet: Hashable, Sendable {
    /// Ranges kept; one more and the newest is forgotten, so that a peer cannot make it grow.
    static let maximumCount = 64

    private(set) var ranges: [ClosedRange<UInt64>] = []

    mutating func insert(_ first: UInt64, _ last: UInt64) {
        guard first <= last, first >= 1 else { return }
        var merged = first...last
        var result: [ClosedRange<UInt64>] = []
        for range in ranges {
            if range.upperBound + 1 < merged.lowerBound || merged.upperBound + 1 < range.lowerBound {
                result.append(range)
            } else {
                merged = min(range.lowerBound, merged.lowerBound)...max(range.upperBound, merged.upperBound)
            }
        }
        guard result.count < Self.maximumCount else { return }
        result.append(merged)
        ranges = result.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// Whether every position from 1 to `size` is in it.
    func covers(_ size: UInt64) -> Bool {
        guard let first = ranges.first else { return size == 0 }
        return first.lowerBound == 1 && first.upperBound >= size
    }
}
