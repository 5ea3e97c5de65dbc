import NIOCore

/// Collects what goes out for one read: small pieces are merged, large ones pass as the slices that they are.
///
/// TLS makes at least one record of every buffer that is written, so that a head, a short body and an end-line must not be three.
struct RelayOutput {
    /// A TLS record's worth: what is smaller is copied.
    static let mergeLimit = 16 * 1024

    private(set) var buffers: [ByteBuffer] = []
    private var tail = ByteBuffer()

    var isEmpty: Bool { buffers.isEmpty && tail.readableBytes == 0 }

    mutating func append(_ slice: ByteBuffer) {
        if slice.readableBytes < RelayOutput.mergeLimit {
            tail.writeImmutableBuffer(slice)
        } else {
            flushTail()
            buffers.append(slice)
        }
    }

    /// Lets `body` write into the buffer that is being filled.
    mutating func write(_ body: (inout ByteBuffer) -> Void) { body(&tail) }

    /// What was collected, in order; empties the collection.
    mutating func take() -> [ByteBuffer] {
        flushTail()
        defer { buffers = [] }
        return buffers
    }

    private mutating func flushTail() {
        guard tail.readableBytes > 0 else { return }
        buffers.append(tail)
        tail = ByteBuffer()
    }
}
