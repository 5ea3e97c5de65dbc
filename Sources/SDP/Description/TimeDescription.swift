/// `t=<start> <stop>` with its `r=` and `z=` lines (RFC 8866 §5.9–5.11), values as they came.
public struct TimeDescription: Hashable, Sendable {
    /// `0`, or seconds since 1900 in at least ten digits.
    public var start: String
    public var stop: String
    /// The values of `r=`.
    public var repeats: [String] = []
    /// The value of `z=`; only after an `r=`.
    public var zone: String?

    init(start: String, stop: String) {
        self.start = start
        self.stop = stop
    }

    /// `t=0 0`: permanent, the rule in offers and answers (RFC 3264 §5).
    public static let unbounded = TimeDescription(start: "0", stop: "0")
}

/// `b=<bwtype>:<bandwidth>` (RFC 8866 §5.8); unknown types are kept.
public struct Bandwidth: Hashable, Sendable {
    public var type: String
    /// Digits, of any length; the unit belongs to the type.
    public var value: String
}
