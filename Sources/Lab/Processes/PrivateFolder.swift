import FoundationEssentials
import Glibc

/// A folder that only its owner may enter, for sockets, keys and logs of one run.
package struct PrivateFolder: Sendable {
    package let path: String

    package struct FolderError: Error, CustomStringConvertible {
        package var description: String
    }

    /// A new folder of a random name below `$TMPDIR` or `/tmp`. The name stays short: a unix socket's path has 107 octets at most.
    package static func temporary(_ environment: [String: String]) throws -> PrivateFolder {
        let base = environment["TMPDIR"].flatMap { $0.utf8.count < 60 && !$0.isEmpty ? $0 : nil } ?? "/tmp"
        var template = Array("\(base)/sallyport-XXXXXX".utf8CString)
        guard let name = mkdtemp(&template) else {
            throw FolderError(description: "\(base): \(String(cString: strerror(errno)))")
        }
        return PrivateFolder(path: String(cString: name))
    }

    /// `path`, made if it is not there; mode 0700 where it is made.
    package static func at(_ path: String) throws -> PrivateFolder {
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw FolderError(description: "\(path): \(String(cString: strerror(errno)))")
        }
        var resolved = path
        if let absolute = realpath(path, nil) {
            resolved = String(cString: absolute)
            free(absolute)
        }
        return PrivateFolder(path: resolved)
    }

    private init(path: String) { self.path = path }

    package func file(_ name: String) -> String { path + "/" + name }

    package func remove() { try? FileManager.default.removeItem(atPath: path) }
}
