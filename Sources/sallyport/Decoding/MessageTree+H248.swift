import H248
import NIOCore
import WireSyntax

extension MessageTree {
    /// H.248.1 Annex B, as its own long form laid out: a level a brace, an item a line.
    mutating func addH248(_ octets: ByteBuffer) throws {
        let message = try Message(decoding: octets)
        group("H.248 message") { tree in
            tree.add("version", "\(message.version)")
            tree.add("from", "\(message.sender)")
            tree.add("summary", message.trace.summary)
            var layout = BraceLayout()
            for octet in message.encoded().readableBytesView { layout.add(octet) }
            for line in layout.finished() { tree.line(String(repeating: "  ", count: line.depth) + line.text) }
        }
    }
}

/// Breaks text with braces into lines. Quoted strings stay whole; in Local and Remote the lines of the SDP do.
private struct BraceLayout {
    struct Line {
        var depth: Int
        var text: String
    }

    private var lines: [Line] = []
    private var current: [UInt8] = []
    private var depth = 0
    private var isQuoted = false
    private var isEscaped = false
    /// Depth at which a session description began.
    private var session: Int?

    mutating func add(_ octet: UInt8) {
        if isEscaped {
            isEscaped = false
            return current.append(octet)
        }
        if isQuoted {
            if octet == UInt8(ascii: "\"") { isQuoted = false }
            return current.append(octet)
        }
        switch octet {
        case UInt8(ascii: "\\"):
            isEscaped = true
            current.append(octet)
        case UInt8(ascii: "\"") where session == nil:
            isQuoted = true
            current.append(octet)
        case UInt8(ascii: "{") where session == nil:
            let name = flush().lowercased()
            depth += 1
            if name == "local" || name == "remote" { session = depth }
        case UInt8(ascii: "}"):
            flush()
            depth = max(0, depth - 1)
            session = nil
        case UInt8(ascii: ",") where session == nil: flush()
        case UInt8(ascii: "\r"), UInt8(ascii: "\n"): flush()
        default: current.append(octet)
        }
    }

    mutating func finished() -> [Line] {
        flush()
        return lines
    }

    @discardableResult
    private mutating func flush() -> String {
        let isSpace = { (octet: UInt8) in octet == 0x20 || octet == 0x09 }
        let text = String(
            decoding: current.drop(while: isSpace).reversed().drop(while: isSpace).reversed(), as: UTF8.self)
        if !text.isEmpty { lines.append(Line(depth: depth, text: text)) }
        current = []
        return text
    }
}
