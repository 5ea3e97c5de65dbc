import Glibc
import NIOCore

/// A file that grows while a function runs: a capture, a key log. Only its owner may read it, from the moment it exists.
package final class RecordFile: Sendable {
    package enum Mode: Sendable {
        /// Begun anew.
        case replace
        /// Every write goes to the end, also when several processes write.
        case append
    }

    package let path: String
    private let descriptor: CInt

    package init(_ path: String, _ mode: Mode) throws(FileError) {
        do {
            descriptor = try PrivateFile.open(path, appending: mode == .append)
        } catch {
            throw FileError(path, "open", error.code)
        }
        self.path = path
    }

    deinit { close(descriptor) }

    /// Writes all octets, in one call of the system if it takes them.
    package func write(_ buffer: ByteBuffer) throws(FileError) {
        let code: CInt = buffer.withUnsafeReadableBytes { octets in
            var rest = octets[...]
            while !rest.isEmpty {
                let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written < 0 {
                    if errno == EINTR { continue }
                    return errno
                }
                rest = rest.dropFirst(written)
            }
            return 0
        }
        if code != 0 { throw FileError(path, "write", code) }
    }

    /// The octets of a file of at most `limit` octets.
    package static func read(_ path: String, limit: Int) throws(FileError) -> ByteBuffer {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(path, "open", errno) }
        defer { close(descriptor) }
        var buffer = ByteBuffer()
        while true {
            var code: CInt = 0
            let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 1 << 20) { space in
                let count = Glibc.read(descriptor, space.baseAddress, space.count)
                if count < 0 { code = errno }
                return max(0, count)
            }
            if code == EINTR { continue }
            if code != 0 { throw FileError(path, "read", code) }
            if count == 0 { return buffer }
            if buffer.readableBytes > limit { throw FileError(path, "is larger than \(limit) octets", 0) }
        }
    }
}

/// A capture or key log could not be read or written.
package struct FileError: Error, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ path: String, _ what: String, _ code: CInt) {
        description = "\(path): \(what)" + (code == 0 ? "" : ": " + String(cString: strerror(code)))
    }
}
