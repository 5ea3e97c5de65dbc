import Testing

@testable import Authentication

struct SequenceNumberTests {
    @Test("TS 33.102 C.1.1.1: SEQ and IND in 48 bits")
    func parts() throws {
        let number = try #require(SequenceNumber(octets("ff9bb4d0b607")))
        #expect(number.index == 7 && number.sequence == 0xFF9B_B4D0_B607 >> 5)
        #expect(SequenceNumber(sequence: number.sequence, index: 7) == number)
        #expect(number.octets == octets("ff9bb4d0b607"))
        #expect(SequenceNumber(octets("ff9bb4d0b6")) == nil)
        #expect(SequenceNumber(sequence: 1, index: 33).index == 1)
    }

    private static func number(_ sequence: UInt64, _ index: Int) -> SequenceNumber {
        SequenceNumber(sequence: sequence, index: index)
    }

    @Test("TS 33.102 C.1.1.2, C.3.2: SEQ rises with each vector, IND goes round, and SEQ does not wrap")
    func generated() throws {
        var generator = SequenceGenerator()
        var window = SequenceWindow()
        for round in 1...100 {
            let next = generator.next()
            let number = try #require(next)
            let isTaken = window.accept(number)
            #expect(number.sequence == UInt64(round) && number.index == round % 32 && isTaken)
        }
        var last = SequenceGenerator(last: Self.number(SequenceNumber.maximumSequence, 0))
        let none = last.next()
        #expect(none == nil)
    }

    @Test("TS 33.102 C.2.1, C.2.2: taken once, out of order between places, never a jump above the limit")
    func window() {
        let limit = SequenceWindow.limit
        var window = SequenceWindow()
        for (sequence, index, expected) in [
            (0, 0, false), (10, 10, true), (10, 10, false), (9, 9, true), (8, 9, false), (10 + limit + 1, 1, false),
            (10 + limit, 1, true),
        ] as [(UInt64, Int, Bool)] {
            let isTaken = window.accept(Self.number(sequence, index))
            #expect(isTaken == expected, "\(sequence) at \(index)")
        }
        #expect(window.highest == Self.number(10 + limit, 1))
    }

    @Test("TS 33.102 6.3.5: a resynchronisation moves the home network to where its next number is taken, and not back")
    func resynchronised() {
        var generator = SequenceGenerator()
        generator.resynchronise(with: Self.number(500, 3))
        let after = generator.next()
        #expect(after?.sequence == 501)
        generator.resynchronise(with: Self.number(400, 3))
        let later = generator.next()
        #expect(later?.sequence == 502)
        // The home network is so far ahead that the module refuses it.
        var window = SequenceWindow()
        var ahead = SequenceGenerator(last: Self.number(SequenceWindow.limit, 0))
        let refused = ahead.next().map { window.accept($0) }
        #expect(refused == false)
        ahead.resynchronise(with: window.highest)
        let taken = ahead.next().map { window.accept($0) }
        #expect(taken == true)
    }

    @Test("A window survives its file; anything else is no window")
    func text() {
        var window = SequenceWindow()
        _ = window.accept(SequenceNumber(sequence: 0xABC, index: 31))
        #expect(SequenceWindow(text: window.text) == window)
        for text in [
            "", "SEQ", "SEQ 0", window.text + " 0", window.text.replacing("abc", with: "x"),
            window.text.replacing("abc", with: "ffffffffffff"), window.text.replacing("SEQ", with: "SQN"),
        ] {
            #expect(SequenceWindow(text: text) == nil)
        }
    }
}
