import Glibc

/// Files that only their owner may read: private keys, key logs, captures.
package enum PrivateFile {
    package struct WriteError: Error, Hashable, Sendable, CustomStringConvertible {
        package var path: String
        package var code: Int32
        package var description: String { "\(path): \(String(cString: strerror(code)))" }
    }

    /// Opens `path` for writing with mode 0600, whatever the umask and whatever mode the file had before.
    ///
    /// - Parameter appending: keep what is in the file; otherwise it starts empty.
    /// - Returns: the file descriptor, which the caller closes.
    package static func open(_ path: String, appending: Bool = false) throws(WriteError) -> Int32 {
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (appending ? O_APPEND : 0)
        let descriptor = Glibc.open(path, flags, 0o600)
        guard descriptor >= 0 else { throw WriteError(path: path, code: errno) }
        // The mode first, the octets after it: an existing file may have been readable by others.
        guard fchmod(descriptor, 0o600) == 0, appending || ftruncate(descriptor, 0) == 0 else {
            let code = errno
            close(descriptor)
            throw WriteError(path: path, code: code)
        }
        return descriptor
    }

    /// Replaces the content of `path` (mode 0600).
    package static func write(_ octets: some Collection<UInt8>, to path: String) throws(WriteError) {
        let descriptor = try open(path)
        defer { close(descriptor) }
        var rest = Array(octets)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw WriteError(path: path, code: errno) }
            rest = rest.dropFirst(written)
        }
    }
}
