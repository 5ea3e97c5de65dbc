/// A value as `--print-config` shows it.
package indirect enum PrintedValue: Hashable, Sendable {
    case scalar(String)
    case masked
    /// Nobody gave a value and there is no default: a comment that says what would be right.
    case absent(String)
    case list([PrintedValue])
    /// In order; names may be dotted and become nested maps.
    case map([Entry])

    package struct Entry: Hashable, Sendable {
        package var name: String
        package var help: String?
        package var value: PrintedValue
        package init(_ name: String, help: String? = nil, _ value: PrintedValue) {
            self.name = name
            self.help = help
            self.value = value
        }
    }

    /// What stands in place of a secret.
    package static let mask = "<redacted>"

    /// YAML with each key's help as a comment above it.
    package var yaml: String {
        var lines: [String] = []
        write(into: &lines, indent: 0)
        return lines.map { $0 + "\n" }.joined()
    }

    private var inline: String? {
        switch self {
        case .scalar(let text): quotedForYAML(text)
        case .masked: "\"\(Self.mask)\""
        case .list(let items) where items.isEmpty: "[]"
        case .map(let entries) where entries.isEmpty: "{}"
        case .absent: nil
        case .list, .map: nil
        }
    }

    private func write(into lines: inout [String], indent: Int) {
        let pad = String(repeating: " ", count: indent)
        switch self {
        case .list(let items):
            for item in items {
                if let inline = item.inline {
                    lines.append("\(pad)- \(inline)")
                    continue
                }
                var inner: [String] = []
                item.write(into: &inner, indent: indent + 2)
                let first = inner.firstIndex { !$0.drop { $0 == " " }.hasPrefix("#") } ?? 0
                inner.removeSubrange(..<first)
                lines.append("\(pad)- " + inner[0].dropFirst(indent + 2))
                lines += inner.dropFirst()
            }
        case .map(let entries):
            for entry in Self.nested(entries) {
                if let help = entry.help { lines.append("\(pad)# \(help)") }
                if case .absent(let expected) = entry.value {
                    lines.append("\(pad)# \(entry.name): (not set; \(expected))")
                } else if let inline = entry.value.inline {
                    lines.append("\(pad)\(entry.name): \(inline)")
                } else {
                    lines.append("\(pad)\(entry.name):")
                    entry.value.write(into: &lines, indent: indent + 2)
                }
            }
        case .scalar, .masked, .absent:
            lines.append(pad + (inline ?? ""))
        }
    }

    /// `a.b` and `a.c` become `a` with `b` and `c`, where `a` first stood.
    private static func nested(_ entries: [Entry]) -> [Entry] {
        var result: [Entry] = []
        for entry in entries {
            guard let dot = entry.name.firstIndex(of: ".") else {
                result.append(entry)
                continue
            }
            let section = String(entry.name[..<dot])
            let rest = Entry(String(entry.name[entry.name.index(after: dot)...]), help: entry.help, entry.value)
            if let index = result.firstIndex(where: { $0.name == section }), case .map(let inner) = result[index].value
            {
                result[index].value = .map(inner + [rest])
            } else {
                result.append(Entry(section, .map([rest])))
            }
        }
        return result
    }
}

/// Plain where YAML reads it back as the same text, otherwise in double quotes with escapes.
func quotedForYAML(_ text: String) -> String {
    let reserved: Set<String> = ["null", "~", "true", "false", "yes", "no", "on", "off", ""]
    let isPlain =
        text.utf8.allSatisfy { octet in
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: "-_./:@+; ".utf8.contains(octet)
            }
        } && text.utf8.first.map { !"-: ;@".utf8.contains($0) } ?? false && text.last != " " && text.last != ":"
        && !text.contains(": ") && !text.contains(" #")
    if isPlain, !reserved.contains(text.lowercased()) || text == "true" || text == "false" { return text }
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar.value {
        case 0x22: result += "\\\""
        case 0x5C: result += "\\\\"
        case 0x0A: result += "\\n"
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0xFEFF:
            let hex = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
