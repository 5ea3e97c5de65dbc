import NIOCore
import Testing

@testable import MSRP

@Suite struct ReassemblyTests {
    let limits = ReceiverLimits()

    @Test("RFC 4975 7.3.1: chunks in any order make the same message")
    func anyOrder() {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
            var reassembly = Reassembly()
            var out = ByteBuffer()
            for index in order {
                let part = ByteBuffer(bytes: [UInt8](repeating: UInt8(0x41 + index), count: 3))
                for data in reassembly.insert(part, at: UInt64(index * 3), limits: limits) ?? [] {
                    out.writeImmutableBuffer(data)
                }
                let rest = index == 3 ? reassembly.finish(at: 12) ?? [] : reassembly.flushIfWhole()
                for data in rest { out.writeImmutableBuffer(data) }
            }
            #expect(String(buffer: out) == "AAABBBCCCDDD")
            #expect(reassembly.isComplete)
        }
    }

    @Test("RFC 4975 7.3.1: of overlapping data the last received counts")
    func overlap() {
        var reassembly = Reassembly()
        for (text, offset) in [("aaaaaaaaaa", 0), ("bbbb", 3), ("cc", 4), ("dddd", 8), ("ee", 0)] as [(String, UInt64)]
        {
            #expect(reassembly.insert(ByteBuffer(string: text), at: offset, limits: limits) == [])
        }
        let out = reassembly.finish(at: 12) ?? []
        #expect(out.map { String(buffer: $0) }.joined() == "eeabccbadddd")
        #expect(reassembly.isComplete)
    }

    @Test("once content is passed on nothing in order is kept, and late data is dropped")
    func streaming() {
        var reassembly = Reassembly()
        let big = ByteBuffer(repeating: 0x41, count: limits.heldOctets + 1)
        #expect(reassembly.insert(big, at: 0, limits: limits)?.count == 1)
        #expect(reassembly.insert(ByteBuffer(string: "xyz"), at: 10, limits: limits) == [])
        let next = UInt64(big.readableBytes)
        #expect(reassembly.insert(ByteBuffer(string: "abc"), at: next, limits: limits) == [ByteBuffer(string: "abc")])
        #expect(
            reassembly.insert(ByteBuffer(string: "cdef"), at: next + 2, limits: limits) == [ByteBuffer(string: "def")])
        #expect(reassembly.insert(ByteBuffer(string: "ij"), at: next + 8, limits: limits) == [])
        #expect(
            reassembly.insert(ByteBuffer(string: "gh"), at: next + 6, limits: limits) == [ByteBuffer(string: "ghij")])
    }

    @Test("small chunks backwards, and over what is there, do not copy it each time, and make the same message")
    func smallOverlaps() {
        var reassembly = Reassembly()
        let big = ByteBuffer(repeating: 0x41, count: 60_000)
        #expect(reassembly.insert(big, at: 40, limits: limits) == [])
        for offset in (0..<40).reversed() {
            #expect(reassembly.insert(ByteBuffer(string: "b"), at: UInt64(offset), limits: limits) == [])
        }
        for offset in 1000..<2000 {
            #expect(reassembly.insert(ByteBuffer(string: "c"), at: UInt64(offset), limits: limits) == [])
        }
        let out = (reassembly.finish(at: 60_040) ?? []).map { String(buffer: $0) }.joined()
        let expected =
            String(repeating: "b", count: 40) + String(repeating: "A", count: 960)
            + String(repeating: "c", count: 1000) + String(repeating: "A", count: 58_040)
        #expect(out == expected && reassembly.isComplete)
    }

    @Test("limits: octets and parts that wait")
    func bounded() {
        var reassembly = Reassembly()
        var small = limits
        small.waitingOctets = 10
        #expect(reassembly.insert(ByteBuffer(string: "0123456789"), at: 100, limits: small) != nil)
        #expect(reassembly.insert(ByteBuffer(string: "x"), at: 200, limits: small) == nil)
        var other = Reassembly()
        small = limits
        small.waitingParts = 3
        for index in 0..<3 {
            #expect(other.insert(ByteBuffer(string: "x"), at: UInt64(index * 2), limits: small) != nil)
        }
        #expect(other.insert(ByteBuffer(string: "x"), at: 100, limits: small) == nil)
    }

    @Test("an end before data already seen, or two different ends, are refused")
    func ends() {
        var reassembly = Reassembly()
        _ = reassembly.insert(ByteBuffer(string: "0123456789"), at: 5, limits: limits)
        #expect(reassembly.finish(at: 10) == nil)
        #expect(reassembly.finish(at: 20) == [])
        #expect(reassembly.finish(at: 21) == nil)
    }

    @Test("RangeSet: ranges join, cover, and do not grow for ever")
    func ranges() {
        var set = RangeSet()
        set.insert(5, 10)
        set.insert(1, 3)
        #expect(!set.covers(10))
        set.insert(4, 4)
        #expect(set.ranges == [1...10] && set.covers(10) && !set.covers(11))
        for index in 0..<1000 { set.insert(UInt64(100 + index * 2), UInt64(100 + index * 2)) }
        #expect(set.ranges.count == RangeSet.maximumCount)
    }
}
