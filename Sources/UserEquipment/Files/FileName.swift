import WireSyntax

/// Names of received files (A17): a peer's name is only ever a hint for the last part of a path in our own folder.
enum FileName {
    /// Octets of a name, so that a suffix still fits into the 255 that file systems take.
    static let maximumOctets = 120
    static let fallback = "file"

    /// The peer's name made harmless: the part behind the last `/` or `\`, without control characters and what changes the direction of text, no leading
    /// dot or dash, no trailing dot or space, bounded in length with its extension kept. Never empty, never `.` or `..`.
    static func cleaned(_ name: String?) -> String {
        guard let name else { return fallback }
        let last = name.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "\\" }.last ?? ""
        var scalars = String.UnicodeScalarView()
        for scalar in last.unicodeScalars {
            switch scalar {
            case "\u{0}"..<" ", "\u{7F}"..."\u{9F}", "\u{200B}"..."\u{200F}", "\u{2028}"..."\u{202E}",
                "\u{2060}"..."\u{206F}", "\u{FEFF}", "\u{FFF9}"..."\u{FFFB}", "\u{E0000}"..."\u{E007F}":
                continue
            // What file systems and shells give a meaning to.
            case "<", ">", ":", "\"", "|", "?", "*", "$", "`", "~": scalars.append("_")
            default: scalars.append(scalar)
            }
        }
        while let first = scalars.first, first == "." || first == " " || first == "-" { scalars.removeFirst() }
        while let last = scalars.last, last == "." || last == " " { scalars.removeLast() }
        return shortened(String(scalars))
    }

    private static func shortened(_ name: String) -> String {
        guard !name.isEmpty else { return fallback }
        guard name.utf8.count > maximumOctets else { return name }
        let (stem, ending) = parts(of: name)
        let kept = ending.utf8.count <= 16 ? ending : ""
        var result = ""
        for character in stem {
            guard result.utf8.count + character.utf8.count + kept.utf8.count <= maximumOctets else { break }
            result.append(character)
        }
        return result.isEmpty ? fallback + kept : result + kept
    }

    /// `report.pdf` for 0, then `report-1.pdf`, ….
    static func variant(_ name: String, _ number: Int) -> String {
        guard number > 0 else { return name }
        let (stem, ending) = parts(of: name)
        return "\(stem)-\(number)\(ending)"
    }

    private static func parts(of name: String) -> (stem: String, ending: String) {
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return (name, "") }
        return (String(name[..<dot]), String(name[dot...]))
    }
}

/// Content-Disposition (RFC 2183), as far as a file needs it.
struct ContentDisposition: Hashable {
    /// Lower case: `attachment`, `render`, ….
    var type: String
    var filename: String?

    init(_ value: String) {
        var parts: [String] = [""]
        var isQuoted = false
        var isEscaped = false
        for character in value {
            if isEscaped {
                isEscaped = false
            } else if isQuoted, character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
            } else if character == ";", !isQuoted {
                parts.append("")
                continue
            }
            parts[parts.count - 1].append(character)
        }
        let trimmed = parts.map { part in
            String(part.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        }
        type = trimmed[0].lowercased()
        for part in trimmed.dropFirst() {
            guard let equals = part.firstIndex(of: "="), part[..<equals].lowercased() == "filename" else { continue }
            filename = Self.unquoted(part[part.index(after: equals)...])
        }
    }

    private static func unquoted(_ text: Substring) -> String {
        guard text.count >= 2, text.first == "\"", text.last == "\"" else { return String(text) }
        var result = ""
        var isEscaped = false
        for character in text.dropFirst().dropLast() {
            if character == "\\", !isEscaped {
                isEscaped = true
            } else {
                result.append(character)
                isEscaped = false
            }
        }
        return result
    }

    /// The value for a file of ours: the name cleaned as a received one would be, quoted.
    static func attachment(_ path: String) -> String {
        var quoted = "\""
        for character in FileName.cleaned(path) {
            if character == "\"" || character == "\\" { quoted.append("\\") }
            quoted.append(character)
        }
        return "attachment; filename=\(quoted)\""
    }
}
