import NIOCore
import WireSyntax

/// How a resolver asks, and what it keeps.
package struct NameLimits: Sendable {
    /// How long a server has for its first answer; for each further try the time doubles.
    package var queryTime = TimeAmount.milliseconds(1500)
    /// Times that each server is asked.
    package var tries: Int32 = 2
    /// For a whole selection: NAPTR, SRV and addresses.
    package var selectionTime = TimeAmount.seconds(10)
    /// Questions that run at a time; one more fails.
    package var queries = 256
    /// Answers that are kept.
    package var entries = 1024
    /// The longest that an answer is kept, whatever the DNS says.
    package var longestTime = TimeAmount.hours(1)
    /// How long it is kept that there is no such record.
    package var negativeTime = TimeAmount.seconds(10)
    /// Servers that are asked; further ones are ignored.
    package var servers = 4
    /// How long a target that failed comes last (`SIPResolver.setAside`).
    package var asideTime = TimeAmount.seconds(30)
    /// Targets that are set aside at a time.
    package var aside = 256

    package init() {}
}
