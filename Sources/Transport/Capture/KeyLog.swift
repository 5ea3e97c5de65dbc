import NIOCore

/// TLS secrets as SSLKEYLOGFILE lines (RFC 9850), appended to a file of mode 0600 that several processes may share, and to a capture if there is one.
///
/// Whoever has these lines can read the recorded traffic: made only on request.
package final class KeyLog: Sendable {
    private let file: RecordFile
    private let capture: Capture?

    /// - Parameter capture: also gets the lines, as Decryption Secrets Blocks, so that Wireshark needs no second file.
    package init(path: String, capture: Capture? = nil) throws(FileError) {
        file = try RecordFile(path, .append)
        self.capture = capture
    }

    /// Appends one line, with or without its newline. Called where the handshake runs: one short `write`, atomic among processes because of O_APPEND.
    /// An error of the disk loses the line, not the connection.
    package func append(_ line: ByteBuffer) {
        var line = line
        if line.readableBytesView.last != UInt8(ascii: "\n") { line.writeInteger(UInt8(ascii: "\n")) }
        try? file.write(line)
        capture?.secrets(line)
    }

    /// For the contexts of `TLSContexts` and `PinnedTLS`.
    package var hook: TLSContexts.KeyLogHook { { self.append($0) } }
}
