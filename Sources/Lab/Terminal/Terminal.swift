import Glibc

/// What a standard stream can show, and writing to it at once (`print` would hold text back when a pipe reads it).
package struct Terminal: Sendable {
    package var descriptor: CInt
    /// Somebody watches: a live line may be redrawn.
    package var isInteractive: Bool
    /// Lines, arrows and bars may leave ASCII.
    package var isUnicode: Bool
    package var columns: Int

    package init(descriptor: CInt, isInteractive: Bool, isUnicode: Bool, columns: Int) {
        self.descriptor = descriptor
        self.isInteractive = isInteractive
        self.isUnicode = isUnicode
        self.columns = columns
    }

    package static func standardOutput(_ environment: [String: String]) -> Terminal {
        Terminal(STDOUT_FILENO, environment)
    }

    package static func standardError(_ environment: [String: String]) -> Terminal {
        Terminal(STDERR_FILENO, environment)
    }

    /// Unicode needs a terminal and a UTF-8 locale; plain ASCII otherwise.
    private init(_ descriptor: CInt, _ environment: [String: String]) {
        self.descriptor = descriptor
        isInteractive = isatty(descriptor) == 1 && environment["TERM"] != "dumb"
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        let name = locale.lowercased()
        isUnicode = isInteractive && (name.hasSuffix("utf-8") || name.hasSuffix("utf8"))
        columns = Terminal.width(of: descriptor) ?? 140
    }

    private static func width(of descriptor: CInt) -> Int? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return max(80, Int(size.ws_col))
    }

    /// Writes all of it, or nothing more once the reader has gone.
    package func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return
            }
            rest = rest.dropFirst(count)
        }
    }

    package func line(_ text: String = "") { write(text + "\n") }
}
