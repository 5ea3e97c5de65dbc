import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The end of one chunk: `CRLF "-------" transact-id flag CRLF` (RFC 4975 §9).
///
/// Near misses (another id, no flag, no CRLF behind it) are data.
struct EndLine: Hashable, Sendable {
    /// CRLF, seven dashes, transaction id.
    private let pattern: [UInt8]

    /// Flag and CRLF.
    private static let tail = 3

    enum Result: Hashable {
        /// More octets are needed before anything can be said.
        case undecided
        /// So many octets are data.
        case data(Int)
        /// Here it is, so many octets long.
        case end(ContinuationFlag, length: Int)
    }

    init(transactionID: some Collection<UInt8>) {
        pattern = Array("\r\n-------".utf8) + transactionID
    }

    /// Whether the end-line of a transaction with this id stands in `body`, with or without CRLF before it: then another id must be chosen
    /// (RFC 4975 §7.1).
    func occurs(in body: ByteBuffer) -> Bool {
        body.withUnsafeReadableBytes { octets in
            pattern.withUnsafeBytes { find(UnsafeRawBufferPointer(rebasing: $0.dropFirst(2)), in: octets, from: 0) }
                != nil
        }
    }

    /// Looks at the readable octets of `buffer`.
    /// - Parameter atStart: they follow the empty line directly, whose CRLF then counts as the one before the end-line. RFC 4975 §9 wants a CRLF of its own;
    ///   a peer that leaves it out has sent an empty body, and nobody gains if its chunk never ends.
    func search(_ buffer: ByteBuffer, atStart: Bool) -> Result {
        buffer.withUnsafeReadableBytes { octets in
            guard !octets.isEmpty else { return .undecided }
            return pattern.withUnsafeBytes { pattern in
                if atStart {
                    switch match(UnsafeRawBufferPointer(rebasing: pattern.dropFirst(2)), in: octets, at: 0) {
                    case .yes(let flag): return .end(flag, length: pattern.count - 2 + Self.tail)
                    case .maybe: return .undecided
                    case .no: break
                    }
                }
                var from = 0
                while let found = find(pattern, in: octets, from: from) {
                    switch match(pattern, in: octets, at: found) {
                    case .yes(let flag):
                        return found > 0 ? .data(found) : .end(flag, length: pattern.count + Self.tail)
                    case .maybe:
                        return found > 0 ? .data(found) : .undecided
                    case .no:
                        from = found + 1
                    }
                }
                let kept = possibleBeginning(of: pattern, in: octets, from: from)
                return kept > 0 ? .data(kept) : .undecided
            }
        }
    }

    private enum Match { case yes(ContinuationFlag), maybe, no }

    /// Whether the end-line stands at `position`, as far as the octets go.
    private func match(_ pattern: UnsafeRawBufferPointer, in octets: UnsafeRawBufferPointer, at position: Int) -> Match
    {
        let available = octets.count - position
        let compared = min(available, pattern.count)
        guard let left = octets.baseAddress, let right = pattern.baseAddress,
            memcmp(left + position, right, compared) == 0
        else { return .no }
        guard available > pattern.count else { return .maybe }
        guard let flag = ContinuationFlag(rawValue: octets[position + pattern.count]) else { return .no }
        if available > pattern.count + 1, octets[position + pattern.count + 1] != 0x0D { return .no }
        if available > pattern.count + 2 {
            return octets[position + pattern.count + 2] == 0x0A ? .yes(flag) : .no
        }
        return .maybe
    }

    /// memmem, which is not in the C interface that Swift sees: memchr for the first octet, memcmp where it stands.
    private func find(_ pattern: UnsafeRawBufferPointer, in octets: UnsafeRawBufferPointer, from: Int) -> Int? {
        guard let base = octets.baseAddress, let needle = pattern.baseAddress, let first = pattern.first else {
            return nil
        }
        var position = from
        while position + pattern.count <= octets.count,
            let candidate = memchr(base + position, Int32(first), octets.count - pattern.count + 1 - position)
        {
            position = UnsafeRawPointer(candidate) - base
            if octets[position + 1] == pattern[1], memcmp(base + position, needle, pattern.count) == 0 {
                return position
            }
            position += 1
        }
        return nil
    }

    /// Where the longest end of the octets begins that could grow into the pattern; their count if there is none. Only the last `pattern.count - 1` octets
    /// can be such an end.
    private func possibleBeginning(
        of pattern: UnsafeRawBufferPointer, in octets: UnsafeRawBufferPointer, from: Int
    ) -> Int {
        guard let base = octets.baseAddress, let needle = pattern.baseAddress else { return 0 }
        var position = max(from, octets.count - pattern.count + 1)
        while position < octets.count, let found = memchr(base + position, 0x0D, octets.count - position) {
            position = UnsafeRawPointer(found) - base
            if memcmp(base + position, needle, octets.count - position) == 0 { return position }
            position += 1
        }
        return octets.count
    }
}
