import Crypto
import NIOCore

/// SHA-256 while octets pass.
struct FileDigest {
    private var hasher = SHA256()
    private(set) var count = 0

    mutating func update(_ data: ByteBuffer) {
        data.withUnsafeReadableBytes { hasher.update(bufferPointer: $0) }
        count += data.readableBytes
    }

    /// Lower-case hexadecimal.
    func finish() -> String {
        hasher.finalize().map { octet in
            String(octet >> 4, radix: 16) + String(octet & 15, radix: 16)
        }.joined()
    }

    static func of(_ data: ByteBuffer) -> String {
        var digest = FileDigest()
        digest.update(data)
        return digest.finish()
    }
}
