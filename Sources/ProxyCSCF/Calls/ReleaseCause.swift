/// Why this P-CSCF ends a call by itself, and what either side is told.
struct ReleaseCause: Hashable, Sendable {
    /// Final response to an INVITE that is still open, and `cause` of the Reason header (RFC 3326).
    var status: Int
    var text: String
    /// The UE cannot be reached any more: nothing is sent to it.
    var isUEGone = false
    var retryAfter: Int?

    /// `SIP ;cause=488 ;text="…"`
    var reason: String { "SIP ;cause=\(status) ;text=\(Refusal.quoted(text))" }

    static let flowClosed = ReleaseCause(status: 480, text: "The UE's connection is closed", isUEGone: true)
    static let registrationLost = ReleaseCause(status: 480, text: "The UE's registration has ended")
    static let sessionLimit = ReleaseCause(status: 503, text: "The session has reached its longest duration")
    static let sessionExpired = ReleaseCause(status: 408, text: "The session was not refreshed in time")
    static let notAcknowledged = ReleaseCause(status: 408, text: "The answer to the INVITE was not acknowledged")
    static let dialogGone = ReleaseCause(status: 481, text: "The other side does not know the dialog any more")
    static let gatewayLost = ReleaseCause(status: 503, text: "The gateway is lost", retryAfter: 10)
    static let stopping = ReleaseCause(status: 503, text: "The P-CSCF stops", retryAfter: 10)
}
