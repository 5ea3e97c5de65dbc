import Authentication
import Glibc
import Transport

/// Where a UE keeps the sequence numbers that it has accepted, so that no challenge is answered twice, not even after a restart (TS 33.102 §C.2.2).
struct SequenceFile: Sendable {
    enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        case unreadable(path: String, code: Int32)
        /// There is something in it that this program did not write. To be looked at, not overwritten.
        case foreign(path: String)
        case unwritable(path: String, code: Int32)

        var description: String {
            switch self {
            case .unreadable(let path, let code): "\(path): \(String(cString: strerror(code)))"
            case .foreign(let path): "\(path) holds no sequence numbers of a UE; remove it to begin anew"
            case .unwritable(let path, let code): "\(path) cannot be written: \(String(cString: strerror(code)))"
            }
        }
    }

    let path: String
    static let maximumSize = 4096

    /// - Returns: an empty window where there is no file yet.
    func load() throws(Failure) -> SequenceWindow {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw .unreadable(path: path, code: errno) }
            return SequenceWindow()
        }
        defer { close(descriptor) }
        var octets = [UInt8](repeating: 0, count: Self.maximumSize)
        let count = read(descriptor, &octets, octets.count)
        guard count >= 0 else { throw .unreadable(path: path, code: errno) }
        guard let window = SequenceWindow(text: String(decoding: octets.prefix(count), as: UTF8.self)) else {
            throw .foreign(path: path)
        }
        return window
    }

    /// All or nothing: a file beside it takes its place, so that a crash leaves the old numbers or the new ones.
    func store(_ window: SequenceWindow) throws(Failure) {
        let next = path + ".new"
        do throws(PrivateFile.WriteError) { try PrivateFile.write(Array(window.text.utf8), to: next) } catch {
            throw .unwritable(path: next, code: error.code)
        }
        guard rename(next, path) == 0 else { throw .unwritable(path: path, code: errno) }
    }
}
