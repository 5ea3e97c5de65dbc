import Observability
import WireSyntax

/// The ladder of a scenario: a column a node, a row a message, what decided below it.
///
/// ```
///   time   UE A       P-CSCF     S-CSCF     IMS-AGW    UE B
///  0.012    |          |          |          |          |
///  0.012    |--------->|          |          |          |    INVITE sip:b@ims.lab   tls 127.4.5.10:41234 -> 127.4.5.20:5061
///           |          |          |          |          |      m=message 9 TCP/TLS/MSRP *
/// ```
package struct Ladder: Sendable {
    package let map: NetworkMap
    package let isUnicode: Bool
    package let width: Int

    /// - Parameters:
    ///   - width: columns of the terminal; longer lines are cut.
    package init(map: NetworkMap, isUnicode: Bool, width: Int) {
        self.map = map
        self.isUnicode = isUnicode
        self.width = width
    }

    private static let lane = 10
    private static let timeColumn = 9

    /// - Parameter start: nanoseconds since 1970 from which times are counted.
    package func render(_ events: [FlowEvent], since start: Int64) -> [String] {
        var lines = [header]
        for row in LadderRows(events, map: map).rows {
            let first = line(row, since: start)
            if let addresses = row.addresses {
                let beside = first + "   " + text(addresses)
                if beside.count <= width {
                    lines.append(beside)
                } else {
                    lines += [cut(first), cut(blank(plain(nil)) + "    " + text(addresses))]
                }
            } else {
                lines.append(cut(first))
            }
            for detail in row.details { lines.append(cut(blank(plain(nil)) + "    " + text(detail))) }
        }
        return lines
    }

    private var header: String {
        map.nodes.reduce(padded("  time", Self.timeColumn)) { $0 + padded($1.name, Self.lane) }
    }

    private func line(_ row: LadderRow, since start: Int64) -> String {
        padded(seconds(row.time - start), Self.timeColumn, right: true) + lanes(row.mark) + "  " + text(row.title)
    }

    /// Our own arrow, a peer's text escaped.
    private func text(_ text: String) -> String {
        let escaped = displayEscaped(text)
        return isUnicode
            ? escaped.replacing(" -> ", with: " → ") : escaped.replacing("→", with: "->").replacing("…", with: "...")
    }

    private func blank(_ lanes: String) -> String { String(repeating: " ", count: Self.timeColumn) + lanes }

    private func seconds(_ nanoseconds: Int64) -> String {
        let milliseconds = max(0, nanoseconds) / 1_000_000
        let fraction = String(milliseconds % 1000)
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction + "  "
    }

    private func cut(_ line: String) -> String {
        guard line.count > width else { return line }
        return line.prefix(max(0, width - 1)) + (isUnicode ? "…" : "~")
    }

    private func padded(_ text: String, _ count: Int, right: Bool = false) -> String {
        let fill = String(repeating: " ", count: max(0, count - text.count))
        return right ? fill + text : text + fill
    }

    // MARK: - Lanes

    private func plain(_ point: (Int, Character)?) -> String {
        var cells = empty
        if let point { cells[point.0 * Self.lane] = point.1 }
        return String(cells)
    }

    private var empty: [Character] {
        var cells = [Character](repeating: " ", count: max(0, map.nodes.count - 1) * Self.lane + 1)
        for index in map.nodes.indices { cells[index * Self.lane] = isUnicode ? "│" : "|" }
        return cells
    }

    private func lanes(_ mark: LadderRow.Mark) -> String {
        switch mark {
        case .none: plain(nil)
        case .point(let index, let good):
            plain((index, isUnicode ? (good ? "●" : "✗") : (good ? "*" : "x")))
        case .message(let from, let to): drawn(from, to, isUnicode ? "─" : "-")
        case .tcp(let from, let to): drawn(from, to, isUnicode ? "┄" : ".")
        case .tls(let from, let to, let accepted):
            drawn(from, to, isUnicode ? "═" : "=", broken: accepted ? nil : isUnicode ? "✗" : "x")
        }
    }

    private func drawn(_ from: Int, _ to: Int, _ stroke: Character, broken: Character? = nil) -> String {
        guard from != to else { return plain((from, isUnicode ? "↺" : "@")) }
        var cells = empty
        let low = min(from, to) * Self.lane + 1
        let high = max(from, to) * Self.lane - 1
        for index in low...high { cells[index] = stroke }
        if from < to { cells[high] = isUnicode ? "▶" : ">" } else { cells[low] = isUnicode ? "◀" : "<" }
        if let broken { cells[(low + high) / 2] = broken }
        return String(cells)
    }
}
