import NIOCore

/// The virtual buffer of one message (RFC 4975 §7.3.1): data goes in at any position, content comes out in order.
///
/// Until `heldOctets` are together nothing is passed on, so that of overlapping data the last received counts. From then on what is in order passes
/// through without being kept; data for a position that has been passed on comes too late (RFC 4975 §7.3.1 leaves that to the receiver).
struct Reassembly: Sendable {
    private struct Part: Sendable {
        var start: UInt64
        var data: ByteBuffer
        var end: UInt64 { start + UInt64(data.readableBytes) }
    }

    /// A part up to this size is copied behind the one before it; a larger one stays by itself.
    private static let joinedOctets = 4096

    /// Up to where nothing is missing.
    private var contiguousEnd: UInt64 {
        var end = delivered
        for part in parts {
            guard part.start == end else { break }
            end = part.end
        }
        return end
    }

    /// Octets passed on; the offset of the next, from 0.
    private(set) var delivered: UInt64 = 0
    /// Set by the chunk that ends with `$`.
    private(set) var total: UInt64?
    private var parts: [Part] = []
    private var waiting = 0

    /// Highest offset seen.
    private(set) var extent: UInt64 = 0

    /// Whether all is there and has been passed on.
    var isComplete: Bool { total.map { delivered >= $0 } ?? false }

    /// - Parameter offset: of the first octet, from 0.
    /// - Returns: content that may be passed on now, or nil where a limit was passed.
    mutating func insert(_ data: ByteBuffer, at offset: UInt64, limits: ReceiverLimits) -> [ByteBuffer]? {
        var data = data
        var offset = offset
        if offset < delivered {
            let late = min(delivered - offset, UInt64(data.readableBytes))
            data.moveReaderIndex(forwardBy: Int(late))
            offset += late
        }
        extent = max(extent, offset + UInt64(data.readableBytes))
        guard data.readableBytes > 0 else { return [] }
        if offset == delivered, parts.isEmpty, delivered > 0 {
            delivered += UInt64(data.readableBytes)
            return [data]
        }
        overwrite(Part(start: offset, data: data))
        guard waiting <= limits.waitingOctets, parts.count <= limits.waitingParts else { return nil }
        guard let first = parts.first, first.start == delivered,
            delivered > 0 || contiguousEnd > UInt64(limits.heldOctets)
        else { return [] }
        return flush()
    }

    /// The chunk that ends the message ended at `total` octets.
    /// - Returns: the rest of the content where nothing is missing, otherwise nothing; nil where more data was seen than that.
    mutating func finish(at total: UInt64) -> [ByteBuffer]? {
        guard self.total == nil || self.total == total, extent <= total else { return nil }
        self.total = total
        return flushIfWhole()
    }

    /// The content that waits, once nothing is missing.
    mutating func flushIfWhole() -> [ByteBuffer] {
        guard let total, contiguousEnd >= total else { return [] }
        return flush()
    }

    private mutating func flush() -> [ByteBuffer] {
        var result: [ByteBuffer] = []
        while let first = parts.first, first.start == delivered {
            result.append(first.data)
            delivered = first.end
            waiting -= first.data.readableBytes
            parts.removeFirst()
        }
        return result
    }

    /// Puts a copy in; what it covers of the others goes (RFC 4975 §7.3.1: the last received takes precedence). Neighbours are joined.
    private mutating func overwrite(_ new: Part) {
        // The usual case: it continues the last part.
        if let last = parts.last, last.end == new.start {
            parts[parts.count - 1].data.writeImmutableBuffer(new.data)
            waiting += new.data.readableBytes
            return
        }
        // All of it is there already: in place, so that many small chunks do not copy a large part again and again.
        if let index = parts.firstIndex(where: { $0.start <= new.start && new.end <= $0.end }) {
            let place = parts[index].data.readerIndex + Int(new.start - parts[index].start)
            parts[index].data.setBuffer(new.data, at: place)
            return
        }
        var result: [Part] = []
        for part in parts {
            if part.end <= new.start || part.start >= new.end {
                result.append(part)
                continue
            }
            if part.start < new.start,
                let head = part.data.getSlice(at: part.data.readerIndex, length: Int(new.start - part.start))
            {
                result.append(Part(start: part.start, data: head))
            }
            if part.end > new.end,
                let tail = part.data.getSlice(
                    at: part.data.readerIndex + Int(new.end - part.start), length: Int(part.end - new.end))
            {
                result.append(Part(start: new.end, data: tail))
            }
        }
        result.append(Part(start: new.start, data: ByteBuffer(bytes: new.data.readableBytesView)))
        result.sort { $0.start < $1.start }
        var joined: [Part] = []
        for part in result {
            if let last = joined.last, last.end == part.start, part.data.readableBytes <= Self.joinedOctets {
                joined[joined.count - 1].data.writeImmutableBuffer(part.data)
            } else {
                joined.append(part)
            }
        }
        parts = joined
        waiting = parts.reduce(0) { $0 + $1.data.readableBytes }
    }
}
