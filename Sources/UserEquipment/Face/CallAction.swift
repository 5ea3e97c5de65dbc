/// What is done in a call after its first messages: `ue call --then`.
package enum CallAction: Hashable, Sendable {
    case message(String)
    case change(CallChange)

    static let messagePrefix = "message:"

    /// `message:TEXT`, or the name of a change; nil for anything else.
    package init?(_ text: String) {
        if text.hasPrefix(Self.messagePrefix) {
            let message = text.dropFirst(Self.messagePrefix.count)
            guard !message.isEmpty else { return nil }
            self = .message(String(message))
        } else if let change = CallChange(rawValue: text) {
            self = .change(change)
        } else {
            return nil
        }
    }
}
