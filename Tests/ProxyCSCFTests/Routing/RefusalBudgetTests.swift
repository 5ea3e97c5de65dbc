import NIOCore
import Testing
import WireSyntax

@testable import ProxyCSCF

@Suite("How often a stranger is answered")
struct RefusalBudgetTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func answers(
        _ budget: inout RefusalBudget, _ source: String, _ requests: Int, at now: NIODeadline
    ) -> Int {
        guard let address = IPAddress(source) else { return -1 }
        return (0..<requests).count { _ in budget.mayAnswer(address, now: now) }
    }

    @Test("A13: a source gets so many answers at once, then one an interval, and silence between")
    func oneSource() {
        var budget = RefusalBudget()
        #expect(answers(&budget, "192.0.2.1", 100, at: start) == 8)
        #expect(answers(&budget, "192.0.2.1", 100, at: start + .milliseconds(900)) == 0)
        #expect(answers(&budget, "192.0.2.1", 100, at: start + .milliseconds(3100)) == 3)
        // The tenth of a second that was left over is not lost.
        #expect(answers(&budget, "192.0.2.1", 100, at: start + .milliseconds(4000)) == 1)
        #expect(answers(&budget, "192.0.2.1", 100, at: start + .hours(1)) == 8)
    }

    @Test("A13: one source's flood takes nothing from another, and IPv4-mapped is the same source")
    func sources() {
        var budget = RefusalBudget()
        _ = answers(&budget, "192.0.2.1", 1000, at: start)
        #expect(answers(&budget, "192.0.2.2", 5, at: start) == 5)
        #expect(answers(&budget, "::ffff:192.0.2.1", 5, at: start) == 0)
    }

    @Test("A13: an IPv6 source is its /64")
    func prefix() {
        var budget = RefusalBudget()
        #expect(answers(&budget, "2001:db8::1", 8, at: start) == 8)
        #expect(answers(&budget, "2001:db8::ffff:2", 8, at: start) == 0)
        #expect(answers(&budget, "2001:db8:0:1::1", 8, at: start) == 8)
    }

    @Test("A13: many sources together are limited, and so is what is remembered of them")
    func many() {
        var budget = RefusalBudget(limits: .init(totalBurst: 20, sources: 10))
        var answered = 0
        for number in 0..<100 { answered += answers(&budget, "192.0.2.\(number)", 3, at: start) }
        #expect(answered == 20 && budget.sourceCount == 10)
        // Those that have been quiet are forgotten for new ones.
        #expect(answers(&budget, "198.51.100.1", 1, at: start + .minutes(1)) == 1)
        #expect(budget.sourceCount == 1)
    }
}
