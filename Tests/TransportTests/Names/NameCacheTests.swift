import NIOCore
import SIP
import Testing
import WireSyntax

@testable import Transport

@Suite("Answers of the DNS that are kept")
struct NameCacheTests {
    static let question = DNSQuestion(.addresses, "one.ims.lab")
    static let answer = DNSAnswer.addresses([.v4(1)])
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test("RFC 1035 3.2.1: for its time to live, and not longer")
    func time() {
        var cache = NameCache(limits: NameLimits())
        cache.keep(NameReply(Self.answer, timeToLive: 60), to: Self.question, now: Self.start)
        #expect(cache.answer(to: Self.question, now: Self.start + .seconds(59)) == Self.answer)
        #expect(cache.answer(to: Self.question, now: Self.start + .seconds(60)) == nil)
    }

    @Test("a time to live of 0 and a failure are not kept")
    func notKept() {
        var cache = NameCache(limits: NameLimits())
        cache.keep(NameReply(Self.answer, timeToLive: 0), to: Self.question, now: Self.start)
        cache.keep(NameReply(.failed, timeToLive: 60), to: Self.question, now: Self.start)
        #expect(cache.count == 0)
    }

    @Test("that there is no record is kept for a short time; nothing longer than the limit")
    func bounds() {
        let limits = NameLimits()
        var cache = NameCache(limits: limits)
        cache.keep(NameReply(.absent, timeToLive: 999), to: Self.question, now: Self.start)
        #expect(cache.answer(to: Self.question, now: Self.start + limits.negativeTime - .nanoseconds(1)) == .absent)
        #expect(cache.answer(to: Self.question, now: Self.start + limits.negativeTime) == nil)
        cache.keep(NameReply(Self.answer, timeToLive: .max), to: Self.question, now: Self.start)
        #expect(cache.answer(to: Self.question, now: Self.start + limits.longestTime) == nil)
    }

    @Test("A13: as many entries as the limit says; what would be over first gives way")
    func entries() {
        var limits = NameLimits()
        limits.entries = 3
        var cache = NameCache(limits: limits)
        for index in 0..<10 {
            let reply = NameReply(Self.answer, timeToLive: UInt32(100 - index))
            cache.keep(reply, to: DNSQuestion(.srv, "s\(index)"), now: Self.start)
            #expect(cache.count <= 3)
        }
        #expect(cache.answer(to: DNSQuestion(.srv, "s0"), now: Self.start) == Self.answer)
        #expect(cache.answer(to: DNSQuestion(.srv, "s9"), now: Self.start) == Self.answer)
        #expect(cache.answer(to: DNSQuestion(.srv, "s8"), now: Self.start) == nil)
    }
}
