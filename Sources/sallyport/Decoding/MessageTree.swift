import NIOCore
import WireSyntax

/// A decoded message as indented lines. Every piece of a peer's text is escaped when it enters.
struct MessageTree {
    private(set) var text = ""
    private var depth = 0

    mutating func add(_ name: some StringProtocol, _ value: some StringProtocol) {
        text += indentation + displayEscaped(name) + ": " + displayEscaped(value) + "\n"
    }

    /// Content as lines of text, or its size where it is none.
    mutating func add(_ name: String, content: ByteBuffer) {
        let count = content.readableBytes
        guard count > 0 else { return }
        guard let string = String(validating: content.readableBytesView, as: UTF8.self), count <= 65_536 else {
            add(name, "\(count) octets")
            return
        }
        group("\(name): \(count) octets") { tree in
            for line in string.split(separator: "\n", omittingEmptySubsequences: false) {
                tree.line(line.hasSuffix("\r") ? line.dropLast() : line)
            }
        }
    }

    mutating func line(_ value: some StringProtocol) { text += indentation + displayEscaped(value) + "\n" }

    /// Lines below `name`.
    mutating func group(_ name: some StringProtocol, _ body: (inout MessageTree) throws -> Void) rethrows {
        line(name)
        depth += 1
        defer { depth -= 1 }
        try body(&self)
    }

    private var indentation: String { String(repeating: "  ", count: depth) }

    /// - Throws: `SyntaxError` with the place where the message is malformed.
    static func decode(_ octets: ByteBuffer, _ format: DecodeCommand.Format) throws -> MessageTree {
        var tree = MessageTree()
        switch format {
        case .sdp: try tree.addSessionDescription(octets)
        case .msrp: try tree.addMSRP(octets)
        case .sip: try tree.addSIP(octets)
        case .h248: try tree.addH248(octets)
        }
        return tree
    }
}
