import Glibc
import NIOCore

/// A fresh buffer for every read, and none kept by the channel: the speed of large buffers for busy sessions, no memory for idle ones (performance.md).
struct ReceiveBuffers: RecvByteBufferAllocator {
    static let capacity = 256 * 1024

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { allocator.buffer(capacity: ReceiveBuffers.capacity) }
    mutating func record(actualReadBytes: Int) -> Bool { false }

    /// Keeps glibc from mapping and unmapping such a buffer at every read, which costs a page fault for each of its pages.
    static func tuneAllocator() { _ = tuned }

    private static let tuned: Bool = {
        // Swift does not import malloc.h. The C library is always there; if it has no mallopt, nothing is tuned.
        guard let symbol = dlsym(nil, "mallopt") else { return false }
        // int mallopt(int, int): mallopt(3).
        let mallopt = unsafeBitCast(symbol, to: (@convention(c) (Int32, Int32) -> Int32).self)
        let (trimThreshold, mmapThreshold): (Int32, Int32) = (-1, -3)
        return mallopt(mmapThreshold, Int32(4 * capacity)) == 1 && mallopt(trimThreshold, Int32(16 * capacity)) == 1
    }()
}
