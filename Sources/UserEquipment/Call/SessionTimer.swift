import NIOCore
import SIP

/// The session timer of one call (RFC 4028), as UAC and as UAS of each request that sets it.
///
/// ```
///   refresher:  INVITE/200 ─ half of the interval ─▶ refresh ─ 200 ─▶ …
///   other side: INVITE/200 ─ interval less min(32 s, a third) without a refresh ─▶ BYE
/// ```
struct SessionTimer: Hashable, Sendable {
    enum Due: Hashable, Sendable { case refresh, expired }

    /// RFC 4028 §5: nobody may ask for less.
    static let leastInterval: UInt32 = 90
    /// How many 422 in a row are followed.
    static let maximumRefusals = 3
    static let optionTag = "timer"

    /// Seconds that this end asks for; nil: it does not ask, and takes what the peer wants.
    let wanted: UInt32?
    /// Raised by 422 (RFC 4028 §7.3).
    private(set) var minimum = SessionTimer.leastInterval
    private var refusals = 0
    /// Seconds; nil while the session does not expire.
    private(set) var interval: UInt32?
    private(set) var isRefresher = false
    /// A refresh is out and not answered.
    private var isRefreshing = false
    private(set) var nextDeadline: NIODeadline?

    init(wanted: UInt32?) { self.wanted = wanted }

    // MARK: As UAC

    /// RFC 4028 §7.1 and §7.4: what an INVITE or UPDATE of ours says.
    func apply(to headers: inout Headers) {
        guard let asked = interval ?? wanted else { return }
        let role = interval == nil ? "" : ";refresher=\(isRefresher ? "uac" : "uas")"
        headers.append(.sessionExpires, "\(max(asked, minimum))\(role)")
        if minimum > Self.leastInterval { headers.append(.minSE, "\(minimum)") }
    }

    /// RFC 4028 §7.3: 422 names the least that is taken.
    /// - Returns: whether the request is worth sending again.
    mutating func refused(_ headers: Headers) -> Bool {
        guard refusals < Self.maximumRefusals,
            let least = headers[.minSE].flatMap({ UInt32($0.prefix { $0.isNumber }) }), least > minimum
        else { return false }
        refusals += 1
        minimum = least
        return true
    }

    /// RFC 4028 §7.2: a 2xx to a request of ours. Without Session-Expires the session does not expire.
    mutating func accepted(_ headers: Headers, now: NIODeadline) {
        refusals = 0
        guard let value = headers.boundedSessionExpires else { return stop() }
        start(value.interval, isRefresher: value.refresher != .uas, now: now)
    }

    // MARK: As UAS

    /// RFC 4028 §9: whether the interval is below what is taken; then the request is refused with 422 and this Min-SE.
    func refusal(of headers: Headers) -> UInt32? {
        guard let value = headers.boundedSessionExpires, value.interval < Self.leastInterval, Self.isSupported(headers)
        else {
            return nil
        }
        return Self.leastInterval
    }

    /// RFC 4028 §9: takes what a request of the peer asks for and says so in the 2xx.
    mutating func accept(_ request: Headers, in response: inout Headers, now: NIODeadline) {
        guard let value = request.boundedSessionExpires else { return stop() }
        let seconds = max(value.interval, Self.leastInterval)
        let isSupported = Self.isSupported(request)
        let refresher = isSupported ? value.refresher ?? .uac : .uas
        response.append(.sessionExpires, "\(seconds);refresher=\(refresher.rawValue)")
        if refresher == .uac { response.append(.require, Self.optionTag) }
        start(seconds, isRefresher: refresher == .uas, now: now)
    }

    private static func isSupported(_ headers: Headers) -> Bool {
        headers.tokens(.supported).contains(optionTag) || headers.tokens(.require).contains(optionTag)
    }

    // MARK: Time

    /// RFC 4028 §10: half of the interval for who refreshes; for the other the end, less 32 s or a third.
    private mutating func start(_ seconds: UInt32, isRefresher: Bool, now: NIODeadline) {
        interval = seconds
        self.isRefresher = isRefresher
        isRefreshing = false
        let pause = isRefresher ? seconds / 2 : seconds - min(32, seconds / 3)
        nextDeadline = now + .seconds(Int64(max(pause, 1)))
    }

    private mutating func stop() {
        interval = nil
        nextDeadline = nil
    }

    mutating func timersDue(now: NIODeadline) -> Due? {
        guard let due = nextDeadline, due <= now else { return nil }
        guard isRefresher, !isRefreshing, let interval else {
            stop()
            return .expired
        }
        // Where the refresh is not answered, the session still ends in time.
        isRefreshing = true
        nextDeadline = due + .seconds(Int64(interval / 2 - min(32, interval / 3)))
        return .refresh
    }
}

extension Headers {
    /// Session-Expires (RFC 4028 §4), a day at most; nil where there is none that can be read, or it names no time.
    var boundedSessionExpires: SessionExpires? {
        guard var value = sessionExpires, value.interval > 0 else { return nil }
        value.interval = min(value.interval, 86_400)
        return value
    }
}
