/// SQN of AKA: 48 bits, SEQ (43) ‖ IND (5) (TS 33.102 §C.1.1.1).
public struct SequenceNumber: Hashable, Sendable {
    static let indexBits: UInt64 = 5
    /// Places of the array that a USIM keeps (TS 33.102 §C.2.1).
    public static let indices = 1 << Int(indexBits)
    /// The highest SEQ.
    public static let maximumSequence: UInt64 = (1 << 43) - 1
    static let length = 6

    /// 48 bits.
    let value: UInt64

    /// - Parameters:
    ///   - sequence: up to `maximumSequence`; higher bits are cut off.
    ///   - index: taken modulo 32.
    public init(sequence: UInt64, index: Int) {
        let place = UInt64(truncatingIfNeeded: index) % UInt64(Self.indices)
        value = (sequence & Self.maximumSequence) << Self.indexBits | place
    }

    /// - Returns: nil for other than 6 octets.
    public init?(_ octets: some Collection<UInt8>) {
        guard octets.count == Self.length else { return nil }
        value = octets.reduce(0) { $0 << 8 | UInt64($1) }
    }

    public var sequence: UInt64 { value >> Self.indexBits }
    public var index: Int { Int(value % UInt64(Self.indices)) }
    public var octets: [UInt8] { (0..<Self.length).map { UInt8(truncatingIfNeeded: value >> (40 - 8 * UInt64($0))) } }

    /// SQN ⊕ AK, on the way out and back.
    func concealed(by anonymityKey: [UInt8]) -> [UInt8] { zip(octets, anonymityKey).map { $0 ^ $1 } }
}

/// The home side's numbers of one subscriber: SEQ rises by one and IND goes round with each vector (TS 33.102 §C.1.1.2 and §C.3.2, not based on time). It starts
/// from nothing: a subscriber's module that is further on says so, once, by a resynchronisation.
public struct SequenceGenerator: Hashable, Sendable {
    private(set) var last: SequenceNumber

    public init(last: SequenceNumber = SequenceNumber(sequence: 0, index: 0)) { self.last = last }

    /// - Returns: nil where they are used up (TS 33.102 §C.1.1.2: SEQ does not wrap round).
    public mutating func next() -> SequenceNumber? {
        guard last.sequence < SequenceNumber.maximumSequence else { return nil }
        last = SequenceNumber(sequence: last.sequence + 1, index: last.index + 1)
        return last
    }

    /// TS 33.102 §6.3.5: takes the number of a verified AUTS, unless the next number would be accepted anyway.
    public mutating func resynchronise(with highest: SequenceNumber) {
        let isAhead = last.sequence > highest.sequence
        guard !isAhead || last.sequence - highest.sequence >= SequenceWindow.limit else { return }
        last = SequenceNumber(sequence: highest.sequence, index: last.index)
    }
}

/// The subscriber's side: the highest SEQ of each IND, so that vectors that come out of order are still taken, and none twice (TS 33.102 §C.2.2).
public struct SequenceWindow: Hashable, Sendable {
    /// Δ: how far SEQ may jump, so that nobody can use the numbers up (TS 33.102 §C.2.1, §C.3.2).
    public static let limit: UInt64 = 1 << 28

    private var highestByIndex: [UInt64]

    public init() { highestByIndex = Array(repeating: 0, count: SequenceNumber.indices) }

    /// SQN_MS, the highest that was accepted: what AUTS tells.
    public var highest: SequenceNumber {
        let index = highestByIndex.indices.max { highestByIndex[$0] < highestByIndex[$1] } ?? 0
        return SequenceNumber(sequence: highestByIndex[index], index: index)
    }

    /// - Returns: false, and nothing changes, for one that is not fresh.
    public mutating func accept(_ number: SequenceNumber) -> Bool {
        let top = highest.sequence
        guard number.sequence > highestByIndex[number.index],
            number.sequence <= top || number.sequence - top <= Self.limit
        else { return false }
        highestByIndex[number.index] = number.sequence
        return true
    }

    // MARK: - In a file

    /// - Parameter text: as `text` gave it.
    /// - Returns: nil where it is anything else: a window that was lost is not taken for an empty one.
    public init?(text: String) {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == SequenceNumber.indices + 1, words[0] == Self.header else { return nil }
        highestByIndex = []
        for word in words.dropFirst() {
            guard let value = UInt64(word, radix: 16), value <= SequenceNumber.maximumSequence else { return nil }
            highestByIndex.append(value)
        }
    }

    private static let header = "SEQ"

    /// One line: the highest SEQ of each IND, in hexadecimal.
    public var text: String {
        ([Self.header] + highestByIndex.map { String($0, radix: 16) }).joined(separator: " ") + "\n"
    }
}
