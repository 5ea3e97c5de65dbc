import Logging
import WireSyntax

/// The metadata keys of log lines: one name for one thing, so that `grep call-id=…` finds a call in the log of every function.
package enum LogKey {
    package static let callID = "call-id"
    package static let remote = "remote"
    package static let local = "local"
    package static let listener = "listener"
    package static let gateway = "gateway"
    package static let context = "context"
    package static let termination = "termination"
    package static let transaction = "transaction"
    package static let reason = "reason"
    package static let user = "user"
    package static let messageID = "message-id"
}

extension Logger.MetadataValue {
    /// A peer's text: control characters escaped, and cut at 200 characters, so that no peer writes our log.
    package static func peer(_ text: some StringProtocol) -> Logger.MetadataValue {
        .string(displayEscaped(text, limit: 200))
    }

    /// An address, a number, anything of our own.
    package static func value(_ value: some CustomStringConvertible & Sendable) -> Logger.MetadataValue {
        .string(value.description)
    }
}
