import Glibc
import NIOCore

/// A file that only its owner may read, from the moment it exists.
package final class PrivateFile: Sendable {
    package enum Mode: Sendable {
        /// Begun anew.
        case replace
        /// Every write goes to the end, also when several processes write.
        case append
    }

    package let path: String
    private let descriptor: CInt

    package init(_ path: String, _ mode: Mode) throws(FileError) {
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | (mode == .append ? O_APPEND : O_TRUNC)
        let descriptor = open(path, flags, 0o600)
        guard descriptor >= 0 else { throw FileError(path, "open", errno) }
        // A file that was there before with a wider mode: narrowed before a secret goes in. A device or pipe of somebody else stays as it is.
        var status = stat()
        if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 != 0,
            fchmod(descriptor, 0o600) != 0
        {
            let code = errno
            close(descriptor)
            throw FileError(path, "chmod 0600", code)
        }
        self.path = path
        self.descriptor = descriptor
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
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
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
