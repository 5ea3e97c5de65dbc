import WireSyntax

/// RFC 4028 §4: `Session-Expires: 1800;refresher=uac`, the interval after which a session that nobody refreshed is over.
public struct SessionExpires: Hashable, Sendable, CustomStringConvertible {
    /// Who refreshes, as seen from the request.
    public enum Refresher: String, Hashable, Sendable, CaseIterable { case uac, uas }

    /// RFC 4028 §5: no interval, and no Min-SE, is below 90 seconds.
    public static let smallestInterval: UInt32 = 90

    /// Seconds.
    public var interval: UInt32
    /// nil where the value has none, or one that is not known.
    public var refresher: Refresher?

    public init(interval: UInt32, refresher: Refresher? = nil) {
        self.interval = interval
        self.refresher = refresher
    }

    /// - Throws: where it does not begin with a number of seconds, or a parameter is malformed.
    public init(_ text: String) throws(SyntaxError) {
        var cursor = Cursor(text, field: "Session-Expires")
        interval = UInt32(truncatingIfNeeded: try cursor.number("seconds", upTo: UInt64(UInt32.max)))
        let parameters = try cursor.parameters()
        try cursor.expectEnd()
        refresher = parameters.value("refresher").flatMap { Refresher(rawValue: $0.asciiLowercased) }
    }

    public var description: String { refresher.map { "\(interval);refresher=\($0.rawValue)" } ?? "\(interval)" }
}

extension HeaderName {
    /// RFC 4028 §5.
    public static let minSE: HeaderName = "Min-SE"
}

extension Headers {
    /// nil where there is none that can be read.
    public var sessionExpires: SessionExpires? { self[.sessionExpires].flatMap { try? SessionExpires($0) } }

    /// Min-SE in seconds; nil where there is none that can be read.
    public var minSE: UInt32? { self[.minSE].flatMap { try? SessionExpires($0) }?.interval }

    /// RFC 4028 §3: the option tag `timer` in Supported.
    public var supportsSessionTimer: Bool { tokens(.supported).contains("timer") }
}
