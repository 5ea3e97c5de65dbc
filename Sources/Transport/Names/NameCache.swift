import NIOCore
import SIP

/// Answers of the DNS for as long as they may be kept. A value; bounded in number and time.
struct NameCache {
    private struct Entry {
        let answer: DNSAnswer
        let until: NIODeadline
    }

    private let limits: NameLimits
    private var entries: [DNSQuestion: Entry] = [:]

    init(limits: NameLimits) { self.limits = limits }

    var count: Int { entries.count }

    func answer(to question: DNSQuestion, now: NIODeadline) -> DNSAnswer? {
        guard let entry = entries[question], entry.until > now else { return nil }
        return entry.answer
    }

    /// A failure is never kept.
    mutating func keep(_ reply: NameReply, to question: DNSQuestion, now: NIODeadline) {
        let time: TimeAmount
        switch reply.answer {
        case .failed: return
        case .absent: time = limits.negativeTime
        case .naptr, .srv, .addresses: time = min(.seconds(Int64(reply.timeToLive)), limits.longestTime)
        }
        guard time > .zero, limits.entries > 0 else { return }
        if entries[question] == nil, entries.count >= limits.entries { makeRoom(now: now) }
        entries[question] = Entry(answer: reply.answer, until: now + time)
    }

    /// What is over goes; if nothing is, what would be over first.
    private mutating func makeRoom(now: NIODeadline) {
        entries = entries.filter { $0.value.until > now }
        guard entries.count >= limits.entries else { return }
        if let first = entries.min(by: { $0.value.until < $1.value.until })?.key { entries[first] = nil }
    }
}
