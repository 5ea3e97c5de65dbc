import Synchronization

/// How far something is, as a bar: `[##########----------]  50 %  2.5 of 5.0 MiB`.
package enum ProgressBar {
    package static let width = 30

    package static func text(_ done: Int, of total: Int, isUnicode: Bool) -> String {
        let part = total > 0 ? min(1, max(0, Double(done) / Double(total))) : 0
        let filled = Int((part * Double(width)).rounded(.down))
        let bar =
            String(repeating: isUnicode ? "█" : "#", count: filled)
            + String(repeating: isUnicode ? "░" : "-", count: width - filled)
        let percent = String(Int(part * 100))
        let pad = String(repeating: " ", count: 3 - percent.count)
        let (shift, unit) = total >= 1 << 20 ? (20, "MiB") : (10, "KiB")
        return "[\(bar)] \(pad)\(percent) %  \(tenths(done, shift)) of \(tenths(total, shift)) \(unit)"
    }

    /// Rounded to one digit after the point.
    private static func tenths(_ bytes: Int, _ shift: Int) -> String {
        let tenths = (max(0, bytes) * 10 + (1 << (shift - 1))) >> shift
        return "\(tenths / 10).\(tenths % 10)"
    }
}

/// One line that is written over and over while something goes on. Without a terminal nothing can be written over: then only steps of a quarter are told,
/// each on a line of its own.
package final class LiveLine: Sendable {
    private struct State {
        var isShown = false
        var isOver = false
        var quarter = -1
    }

    private let terminal: Terminal
    private let state = Mutex(State())

    package init(_ terminal: Terminal) { self.terminal = terminal }

    /// What is going on. Told only where it can be written over again.
    package func show(_ text: String) {
        guard terminal.isInteractive else { return }
        state.withLock { state in
            guard !state.isOver else { return }
            state.isShown = true
            terminal.write("\r" + text.prefix(terminal.columns - 1) + "\u{1B}[K")
        }
    }

    /// How far `what` is.
    package func progress(_ what: String, _ done: Int, of total: Int) {
        let text = "\(what) \(ProgressBar.text(done, of: total, isUnicode: terminal.isUnicode))"
        if terminal.isInteractive { return show(text) }
        let quarter = total > 0 ? done * 4 / total : 0
        let isNew = state.withLock { state in
            guard !state.isOver else { return false }
            defer { state.quarter = quarter }
            return quarter > state.quarter || quarter < state.quarter && done < total / 4
        }
        if isNew { terminal.line(text) }
    }

    /// Takes the line away for good: what comes later is not shown.
    package func end() {
        clear()
        state.withLock { $0.isOver = true }
    }

    /// Takes the line away, so that ordinary lines can follow.
    package func clear() {
        state.withLock { state in
            if state.isShown { terminal.write("\r\u{1B}[K") }
            state.isShown = false
            state.quarter = -1
        }
    }
}
