import Testing

@testable import SIP

/// Numbers in a circle.
struct Lots: RandomNumberGenerator {
    var numbers: [UInt64]

    init(_ numbers: [UInt64]) { self.numbers = numbers }

    mutating func next() -> UInt64 {
        let first = numbers.removeFirst()
        numbers.append(first)
        return first
    }
}

/// A linear congruential generator: the same sequence in every run.
struct Repeatable: RandomNumberGenerator {
    var state: UInt64 = 42

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 33
    }
}

@Suite("RFC 2782: order of servers")
struct SRVOrderTests {
    static func record(_ priority: UInt16, _ weight: UInt16, _ target: String) -> SRVRecord {
        SRVRecord(priority: priority, weight: weight, port: 5060, target: target)
    }

    @Test("the lowest priority comes first, whatever the weights and the lots", arguments: [0, UInt64.max, 1 << 62])
    func priority(lot: UInt64) {
        var lots = Lots([lot])
        let records = [Self.record(20, 65_535, "c"), Self.record(5, 0, "a"), Self.record(10, 1, "b")]
        #expect(SRVOrder.arrange(records, using: &lots).map(\.target) == ["a", "b", "c"])
    }

    @Test("among equals every server comes once")
    func complete() {
        var lots = Repeatable()
        let records = (0..<20).map { Self.record(1, UInt16($0), "s\($0)") }
        let targets = SRVOrder.arrange(records, using: &lots).map(\.target)
        #expect(Set(targets) == Set(records.map(\.target)))
        #expect(targets.count == 20)
    }

    @Test("the chance to be first is in proportion to the weight; weight 0 has a small one")
    func weight() {
        var lots = Repeatable()
        let records = [Self.record(1, 0, "zero"), Self.record(1, 75, "much"), Self.record(1, 25, "little")]
        var firsts: [String: Int] = [:]
        for _ in 0..<10_000 { firsts[SRVOrder.arrange(records, using: &lots)[0].target, default: 0] += 1 }
        #expect((7_100...7_700).contains(firsts["much"] ?? 0))
        #expect((2_200...2_700).contains(firsts["little"] ?? 0))
        #expect((20...250).contains(firsts["zero"] ?? 0))
    }

    @Test("weights that are all 0, and the largest there are, end in an order")
    func extremes() {
        var lots = Repeatable()
        #expect(SRVOrder.arrange([Self.record(0, 0, "a"), Self.record(0, 0, "b")], using: &lots).count == 2)
        let heavy = (0..<64).map { Self.record(0, .max, "h\($0)") }
        #expect(SRVOrder.arrange(heavy, using: &lots).count == 64)
        #expect(SRVOrder.arrange([], using: &lots).isEmpty)
    }
}
