import SIP

/// Who answers DNS questions: c-ares, or a test.
package protocol NameSource: AnyObject, Sendable {
    /// - Parameter completion: called exactly once, on any thread.
    func ask(_ question: DNSQuestion, _ completion: @escaping @Sendable (NameReply) -> Void)
    /// Questions that run are answered `.failed`, later ones as well.
    func stop()
}

/// An answer, and how long it may be kept.
package struct NameReply: Hashable, Sendable {
    package var answer: DNSAnswer
    /// Seconds; of no meaning for `.absent` and `.failed`.
    package var timeToLive: UInt32

    package init(_ answer: DNSAnswer, timeToLive: UInt32 = 0) {
        self.answer = answer
        self.timeToLive = timeToLive
    }

    static let failed = NameReply(.failed)
}
