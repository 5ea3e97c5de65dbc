import WireSyntax

extension ValueType where Value == String {
    /// Text of at least one character.
    package static var string: Self {
        .init(scalar: "a text that is not empty", parse: { $0.isEmpty ? nil : $0 }, show: { $0 })
    }

    /// Text that may be empty.
    package static var text: Self { .init(scalar: "a text", parse: { $0 }, show: { $0 }) }

    /// A file's name. In a configuration file it is relative to that file's folder; elsewhere to the working directory.
    package static var path: Self {
        let expected = "the name of a file"
        return .init(
            expected: expected,
            decode: { (raw, key) throws(ConfigurationError) in
                let text = try Self.text(of: raw, key: key, expected: expected)
                guard !text.isEmpty, !text.utf8.contains(0) else {
                    throw ConfigurationError(
                        source: raw.source, key: key, reason: "names no file", expected: expected,
                        remedy: "Give \(key) the path of a file.")
                }
                guard !text.hasPrefix("/"), case .file(let file, _, _) = raw.source,
                    let slash = file.lastIndex(of: "/")
                else { return (text, .scalar(text)) }
                let resolved = file[...slash] + text
                return (String(resolved), .scalar(String(resolved)))
            },
            show: { .scalar($0) })
    }
}

extension ValueType where Value == Int {
    package static var int: Self { .int(in: Int.min...Int.max) }

    package static func int(in range: ClosedRange<Int>) -> Self {
        let expected =
            range == Int.min...Int.max ? "an integer" : "an integer from \(range.lowerBound) to \(range.upperBound)"
        return .init(
            scalar: expected, parse: { text in integer(text).flatMap { range.contains($0) ? $0 : nil } },
            show: { String($0) })
    }

    /// Octets: `65536`, `64 KiB`, `10 MiB`, `1 GiB`.
    package static func size(in range: ClosedRange<Int>) -> Self {
        .init(
            scalar:
                "a size from \(showSize(range.lowerBound)) to \(showSize(range.upperBound)), such as 65536 or 10 MiB",
            parse: { text in
                let (number, unit) = numberAndUnit(text)
                guard let value = integer(number),
                    let factor = ["": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30][unit]
                else { return nil }
                let (product, overflow) = value.multipliedReportingOverflow(by: factor)
                return !overflow && range.contains(product) ? product : nil
            },
            show: showSize)
    }
}

extension ValueType where Value == Bool {
    package static var bool: Self {
        .init(
            scalar: "true or false", parse: { $0 == "true" ? true : $0 == "false" ? false : nil },
            show: { $0 ? "true" : "false" })
    }
}

extension ValueType where Value == Duration {
    package static var duration: Self { .duration(.zero ... .seconds(86_400 * 365)) }

    /// `500 ms`, `5 s`, `2 min`, `1 h`; the space may be left out.
    package static func duration(_ range: ClosedRange<Duration>) -> Self {
        .init(
            scalar: "a duration from \(showDuration(range.lowerBound)) to \(showDuration(range.upperBound)), "
                + "such as 500 ms, 5 s, 2 min or 1 h",
            parse: { text in
                let (number, unit) = numberAndUnit(text)
                guard let value = integer(number), (0...1_000_000_000).contains(value),
                    let milliseconds = ["ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000][unit]
                else { return nil }
                let duration = Duration.milliseconds(value * milliseconds)
                return range.contains(duration) ? duration : nil
            },
            show: showDuration)
    }
}

extension ValueType where Value == Secret {
    /// A password or key given as text: never shown, not in errors either.
    package static var secret: Self {
        .init(
            scalar: "a secret that is not empty (and not the \(PrintedValue.mask) of --print-config)", isMasked: true,
            parse: { $0.isEmpty || $0 == PrintedValue.mask ? nil : Secret($0) }, show: { _ in PrintedValue.mask })
    }
}

extension ValueType where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of an enum's raw values.
    package static var enumeration: Self {
        .init(
            scalar: "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "), parse: { Value(rawValue: $0) },
            show: { $0.rawValue })
    }
}

extension Duration {
    /// Whole nanoseconds, as `TimeAmount.nanoseconds` takes them; every configured duration fits.
    package var inNanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}

/// Decimal digits with an optional minus sign; nothing else (no `0x`, no `_`, no `+`).
private func integer(_ text: some StringProtocol) -> Int? {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2D }) else { return nil }
    return Int(text)
}

private func numberAndUnit(_ text: String) -> (Substring, String) {
    let number = text.prefix { $0.isASCII && $0.isNumber }
    return (number, String(text[number.endIndex...].drop { $0 == " " }))
}

@Sendable private func showSize(_ value: Int) -> String {
    for (unit, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] where value != 0 && value % factor == 0
    {
        return "\(value / factor) \(unit)"
    }
    return "\(value)"
}

@Sendable private func showDuration(_ value: Duration) -> String {
    let milliseconds = value.inNanoseconds / 1_000_000
    for (unit, factor) in [("h", 3_600_000), ("min", 60_000), ("s", 1000)] as [(String, Int64)]
    where milliseconds != 0 && milliseconds % factor == 0 {
        return "\(milliseconds / factor) \(unit)"
    }
    return "\(milliseconds) ms"
}
