import NIOCore
import SIP

/// What holds for every call leg.
struct CallSettings: Hashable, Sendable {
    /// RFC 3261 §16.6 step 11: more than 3 minutes.
    var timerC = TimeAmount.seconds(185)
    /// How long an INVITE may ring, whatever provisional responses come: timer C alone would be put off for ever.
    var ringingLimit = TimeAmount.minutes(10)
    /// 64·T1: how long 2xx and ACK are repeated.
    var transactionTimeout = TimeAmount.seconds(32)
    /// The longest life of a leg; a call without BYE ends then.
    var sessionLimit = TimeAmount.hours(12)
    /// RFC 4028 §8: what this proxy asks for and lets through.
    var sessionTimer = ProxySessionTimer.Policy()
    /// Messages that wait for a gateway's reply, a leg.
    var queueLimit = 32
    /// Requests in progress, a leg.
    var exchangeLimit = 32
    /// BYEs beyond them, a leg.
    var byeAllowance = 4
    /// Branches of a forked INVITE that are followed.
    var dialogLimit = 16
    /// Retry-After of a 503, seconds.
    var retryAfter = 10
    /// Host and port in a Warning.
    var agent = "pcscf.invalid"
}
