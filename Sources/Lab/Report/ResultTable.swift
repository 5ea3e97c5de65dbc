/// The table at the end: a row a scenario.
struct ResultTable {
    var results: [ScenarioResult]
    var isUnicode: Bool

    static let titles = [
        "scenario", "result", "access leg", "core leg", "TLS version and cipher", "messages", "bytes", "time",
    ]

    var lines: [String] {
        let rows = [Self.titles] + results.map(Self.cells)
        let widths = Self.titles.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let numeric: Set<Int> = [5, 6, 7]
        let line = { (cells: [String]) in
            cells.enumerated().map { index, cell in
                let fill = String(repeating: " ", count: widths[index] - cell.count)
                return numeric.contains(index) ? fill + cell : cell + fill
            }.joined(separator: "  ")
        }
        let rule = widths.map { String(repeating: isUnicode ? "─" : "-", count: $0) }.joined(separator: "  ")
        return [line(rows[0]), rule] + rows.dropFirst().map(line)
    }

    private static func cells(_ result: ScenarioResult) -> [String] {
        let ues = [NodeName.callingUE, NodeName.calledUE]
        let access = ues.map { ue in
            result.legs.first { $0.from == ue || $0.to == ue }.map { $0.isTLS ? "TLS" : "TCP" } ?? "none"
        }
        let core = result.legs.first { !ues.contains($0.from) && !ues.contains($0.to) }
        let tls = result.legs.first(where: \.isTLS)
        return [
            result.name, result.passed ? "passed" : "FAILED", "A \(access[0]), B \(access[1])",
            core?.transport ?? "none",
            tls.map { [$0.tlsVersion, $0.cipher].compactMap(\.self).joined(separator: " ") } ?? "none",
            "\(result.messagesDelivered)/\(result.messagesSent)", "\(result.legs.map(\.bytes).max() ?? 0)",
            Self.seconds(result.seconds),
        ]
    }

    private static func seconds(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let fraction = hundredths % 100
        return "\(hundredths / 100)." + (fraction < 10 ? "0" : "") + "\(fraction) s"
    }
}
