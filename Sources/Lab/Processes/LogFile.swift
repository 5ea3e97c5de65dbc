import Glibc

/// The end of a child's log.
package enum LogFile {
    /// Octets from the end that are looked at.
    static let maximumTail = 16 << 10

    package static func tail(_ path: String, lines: Int) -> [String] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        let size = lseek(descriptor, 0, SEEK_END)
        lseek(descriptor, max(0, size - maximumTail), SEEK_SET)
        var buffer = [UInt8](repeating: 0, count: maximumTail)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return [] }
        return String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").suffix(lines).map(String.init)
    }
}
