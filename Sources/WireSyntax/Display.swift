/// A peer's text made safe for a terminal or a log line: control characters (C0, DEL, C1), the bidirectional overrides and the line and paragraph
/// separators are written as `\u{..}`; a backslash is doubled, so that nothing else can look like an escape.
///
/// - Parameter limit: at most this many Unicode scalars are shown; the rest becomes `…`.
public func displayEscaped(_ text: some StringProtocol, limit: Int = .max) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    var shown = 0
    for scalar in text.unicodeScalars {
        if shown == limit {
            result += "…"
            break
        }
        shown += 1
        switch scalar.value {
        case 0x5C: result += "\\\\"
        case 0x0A: result += "\\n"
        case 0x0D: result += "\\r"
        case 0x09: result += "\\t"
        case 0..<0x20, 0x7F..<0xA0, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB,
            0xE0000...0xE007F:
            result += "\\u{" + String(scalar.value, radix: 16) + "}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
