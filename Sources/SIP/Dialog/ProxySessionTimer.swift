/// RFC 4028 §8: the session timer as a proxy that keeps the state of calls sees it. It asks for one where its policy says so, sees to it that no interval
/// is too small, and tells an UAC that supports it of a timer that the UAS did not know of.
///
/// ```
///   UAC                               proxy                               UAS
///    | INVITE  Session-Expires: 60     |                                   |
///    |         Supported: timer -----> |  below the minimum (§8.1)         |
///    | <----- 422  Min-SE: 90          |                                   |
///    | INVITE  Supported: timer -----> |                                   |
///    |                                 | INVITE  Session-Expires: 1800 --> |   inserted by policy
///    |                                 | <--------------------------- 200  |   the UAS knows no timers
///    | <- 200  Session-Expires: 1800;refresher=uac                         |   inserted (§8.2)
///    |         Require: timer          |                                   |
/// ```
///
/// What `examine` remembers is kept for the duration of the transaction.
public struct ProxySessionTimer: Hashable, Sendable {
    /// What the operator wants.
    public struct Policy: Hashable, Sendable {
        /// Seconds between refreshes that are asked for; nil asks for none.
        public var interval: UInt32?
        /// Seconds below which no interval is let through; never below 90.
        public let minimum: UInt32

        public init(interval: UInt32? = nil, minimum: UInt32 = SessionExpires.smallestInterval) {
            self.minimum = max(minimum, SessionExpires.smallestInterval)
            self.interval = interval.map { max($0, max(minimum, SessionExpires.smallestInterval)) }
        }
    }

    public enum Verdict: Hashable, Sendable {
        case proceed(ProxySessionTimer)
        /// Answer 422 with this Min-SE.
        case tooSmall(minimum: UInt32)
    }

    /// Whether Supported of the request has `timer`.
    public let isSupportedByUAC: Bool
    /// Session-Expires as it goes on; nil where nobody asks for a timer.
    public let interval: UInt32?
    /// Min-SE as it goes on, where it is ours.
    let raisedMinimum: UInt32?

    /// §8.1: a session refresh request: INVITE or UPDATE, the first or a later one.
    public static func examine(_ headers: Headers, _ policy: Policy) -> Verdict {
        let isSupported = headers.supportsSessionTimer
        var floor = headers.minSE ?? 0
        var raised: UInt32?
        guard let asked = headers.sessionExpires?.interval else {
            return .proceed(
                ProxySessionTimer(
                    isSupportedByUAC: isSupported, interval: policy.interval.map { max($0, floor) }, raisedMinimum: nil)
            )
        }
        if asked < policy.minimum {
            guard !isSupported else { return .tooSmall(minimum: policy.minimum) }
            // A 422 would only end the call: the interval is made larger instead.
            if floor < policy.minimum {
                floor = policy.minimum
                raised = floor
            }
        }
        var interval = asked
        if asked < floor {
            interval = floor
        } else if let wanted = policy.interval, wanted < asked {
            interval = max(wanted, floor)
        }
        return .proceed(ProxySessionTimer(isSupportedByUAC: isSupported, interval: interval, raisedMinimum: raised))
    }

    /// §8.1: the request as it goes on. The refresher is never touched.
    public func apply(to headers: inout Headers) {
        if let raisedMinimum { headers.set(.minSE, to: "\(raisedMinimum)") }
        guard let interval, headers.sessionExpires?.interval != interval else { return }
        headers.set(
            .sessionExpires,
            to: "\(SessionExpires(interval: interval, refresher: headers.sessionExpires?.refresher))")
    }

    /// §8.2: a 2xx on its way back. Returns the interval of the session in seconds, from now; nil where the session has no timer (any more).
    public func complete(_ headers: inout Headers) -> UInt32? {
        if headers.contains(.sessionExpires) { return headers.sessionExpires?.interval }
        guard let interval, isSupportedByUAC else { return nil }
        headers.set(.sessionExpires, to: "\(SessionExpires(interval: interval, refresher: .uac))")
        if !headers.tokens(.require).contains("timer") { headers.append(.require, "timer") }
        return interval
    }
}
