import WireSyntax

/// Reads a header value or a URI once, from front to back (RFC 3261 §25.1).
///
/// CR and LF count as white space: whoever cut the header section into fields has made sure that they stand in folds only. Offsets of
/// errors are positions in `octets`, so that a value parsed in place inside a message is located exactly.
struct Cursor {
    let octets: [UInt8]
    let end: Int
    let field: String?
    var position: Int

    init(_ text: String, field: String? = nil) {
        octets = Array(text.utf8)
        end = octets.count
        position = 0
        self.field = field
    }

    init(_ octets: [UInt8], in range: Range<Int>, field: String? = nil) {
        self.octets = octets
        position = range.lowerBound
        end = range.upperBound
        self.field = field
    }

    var isAtEnd: Bool { position >= end }

    var current: UInt8? { position < end ? octets[position] : nil }

    func fail(_ reason: String, at offset: Int? = nil) -> SyntaxError {
        SyntaxError(reason, field: field, at: offset ?? position)
    }

    func text(from start: Int) -> String { text(in: start..<position) }

    func text(in range: Range<Int>) -> String { String(decoding: octets[range], as: UTF8.self) }

    // MARK: - White space and separators

    /// SWS: whether anything was skipped.
    @discardableResult
    mutating func skipWhiteSpace() -> Bool {
        let start = position
        while position < end, CharacterSet.isWhiteSpace(octets[position]) { position += 1 }
        return position > start
    }

    mutating func take(_ octet: UInt8) -> Bool {
        guard position < end, octets[position] == octet else { return false }
        position += 1
        return true
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool { take(UInt8(ascii: character)) }

    /// `SWS octet SWS`, as SEMI, COMMA, SLASH, EQUAL and COLON are defined. Consumes nothing when the octet is not there.
    mutating func separator(_ character: Unicode.Scalar) -> Bool {
        let start = position
        skipWhiteSpace()
        guard take(character) else {
            position = start
            return false
        }
        skipWhiteSpace()
        return true
    }

    mutating func expectSeparator(_ character: Unicode.Scalar) throws(SyntaxError) {
        guard separator(character) else { throw fail("expected \"\(character)\"") }
    }

    /// Nothing but white space may be left.
    mutating func expectEnd() throws(SyntaxError) {
        skipWhiteSpace()
        guard isAtEnd else { throw fail("unexpected text after the value") }
    }

    // MARK: - Words

    /// One or more octets of the set.
    mutating func run(of set: CharacterSet, _ what: String) throws(SyntaxError) -> String {
        let start = position
        while position < end, set.contains(octets[position]) { position += 1 }
        guard position > start else { throw fail("expected \(what)") }
        return text(from: start)
    }

    mutating func token(_ what: String = "a token") throws(SyntaxError) -> String {
        try run(of: .token, what)
    }

    /// `quoted-string` as it stands, quotes included; its leading white space is skipped.
    mutating func quotedString() throws(SyntaxError) -> String {
        skipWhiteSpace()
        let start = position
        guard take("\"") else { throw fail("expected a quoted string") }
        while position < end {
            let octet = octets[position]
            position += 1
            switch octet {
            case UInt8(ascii: "\""):
                return unfolded(in: start..<position)
            case UInt8(ascii: "\\"):
                guard position < end, octets[position] < 0x80, octets[position] != 0x0A, octets[position] != 0x0D
                else { throw fail("bad escape in a quoted string") }
                position += 1
            case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0x80...:
                continue
            default:
                throw fail("control character in a quoted string", at: position - 1)
            }
        }
        throw fail("a quoted string does not end", at: start)
    }

    /// A fold counts as one space (§7.3.1).
    private func unfolded(in range: Range<Int>) -> String {
        guard octets[range].contains(0x0D) || octets[range].contains(0x0A) else { return text(in: range) }
        return CursorText.unfolded(octets[range])
    }

    /// A number of digits only, not above `limit`; never wraps.
    mutating func number(_ what: String, upTo limit: UInt64) throws(SyntaxError) -> UInt64 {
        let start = position
        var value: UInt64 = 0
        while position < end, case let digit = octets[position], (0x30...0x39).contains(digit) {
            let (product, one) = value.multipliedReportingOverflow(by: 10)
            let (sum, other) = product.addingReportingOverflow(UInt64(digit - 0x30))
            guard !one, !other, sum <= limit else { throw fail("\(what) is above \(limit)", at: start) }
            value = sum
            position += 1
        }
        guard position > start else { throw fail("\(what) is not a number") }
        return value
    }

    // MARK: - Hosts

    /// `host` of §25.1: `hostname`, `IPv4address` or a bracketed IPv6 address.
    mutating func host() throws(SyntaxError) -> Host {
        let start = position
        if take("[") {
            while position < end, octets[position] != UInt8(ascii: "]") { position += 1 }
            guard take("]") else { throw fail("an IPv6 address does not end", at: start) }
            let text = text(from: start)
            if let host = Host(text) { return host }
            // RFC 5118 §4.10: the ABNF of RFC 3261 made ":::" before an IPv4 part; it must be tolerated, and is not written.
            if let colons = text.firstRange(of: ":::"), text[colons.upperBound...].utf8.contains(UInt8(ascii: ".")),
                let host = Host(text.replacing(":::", with: "::"))
            {
                return host
            }
            throw fail("not an IPv6 address", at: start)
        }
        while position < end, CharacterSet.hostName.contains(octets[position]) { position += 1 }
        let name = octets[start..<position]
        guard !name.isEmpty else { throw fail("expected a host", at: start) }
        guard let host = Host(text(from: start)) else { throw fail("not a host name", at: start) }
        if case .name = host, !Cursor.isHostName(name) { throw fail("not a host name", at: start) }
        return host
    }

    /// Whether the whole text is a `host`.
    static func isHost(_ text: String) -> Bool {
        var cursor = Cursor(text)
        return (try? cursor.host()) != nil && cursor.isAtEnd
    }

    /// `hostname = *( domainlabel "." ) toplabel [ "." ]`: labels neither begin nor end with `-`, and the last begins with a letter.
    static func isHostName(_ octets: ArraySlice<UInt8>) -> Bool {
        var octets = octets
        if octets.last == UInt8(ascii: ".") { octets.removeLast() }
        let labels = octets.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        for label in labels {
            guard let first = label.first, let last = label.last, label.count <= 63 else { return false }
            if first == UInt8(ascii: "-") || last == UInt8(ascii: "-") { return false }
        }
        guard let first = labels.last?.first else { return false }
        return CharacterSet.isLetter(first)
    }

    /// `:port`, if a colon follows directly. 0…65535.
    mutating func port() throws(SyntaxError) -> UInt16? {
        guard take(":") else { return nil }
        return UInt16(truncatingIfNeeded: try number("the port", upTo: 65535))
    }
}

/// Text helpers shared by the cursor and the header section.
enum CursorText {
    /// Each fold (CRLF and the white space around it) becomes one space.
    static func unfolded(_ octets: some Collection<UInt8>) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(octets.count)
        var folding = false
        for octet in octets {
            if octet == 0x0D || octet == 0x0A {
                if !folding {
                    while let last = result.last, last == 0x20 || last == 0x09 { result.removeLast() }
                    result.append(0x20)
                    folding = true
                }
            } else if folding, octet == 0x20 || octet == 0x09 {
                continue
            } else {
                folding = false
                result.append(octet)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
