import WireSyntax

/// Start-line and fields of one message, cut out of its octets (RFC 3261 §7). Keeps the first error and reads on, so that a 400 can be made.
struct HeaderSection {
    enum StartLine {
        case request(Method, URI)
        case response(status: Int, reason: String)
        /// A request of that method whose Request-URI or version is wrong.
        case unreadable(Method)

        var method: Method? {
            switch self {
            case .request(let method, _), .unreadable(let method): method
            case .response: nil
            }
        }
    }

    private(set) var startLine: StartLine?
    private(set) var headers = Headers()
    private(set) var error: SyntaxError?
    /// What a 400 should rather be: 505 for another SIP-Version.
    private(set) var status = 400
    /// Octets up to and with the empty line; leading CRLFs included.
    private(set) var end: Int
    /// Of the first Content-Length that could be read.
    private(set) var contentLength: Int?
    private(set) var contentLengthOffset = 0

    private let octets: [UInt8]
    /// Where the values stand in `octets`, parallel to `headers.fields`.
    private(set) var places: [(range: Range<Int>, line: Int)] = []
    private var line = 1

    /// - Parameters:
    ///   - octets: the message from its beginning; what follows the empty line is not looked at.
    ///   - isWhole: whether nothing was cut off at the limit.
    init(_ octets: [UInt8], isWhole: Bool) {
        self.octets = octets
        end = octets.count
        var position = 0
        // §7.5: empty lines before the start-line are ignored.
        while position + 1 < octets.count, octets[position] == 0x0D, octets[position + 1] == 0x0A {
            position += 2
            line += 1
        }
        guard position < octets.count else {
            note(SyntaxError("the message is empty"))
            return
        }
        guard let lineEnd = lineEnd(from: position) else {
            note(SyntaxError("the start-line does not end with CRLF", at: position, line: line))
            return
        }
        readStartLine(position..<lineEnd)
        line += 1
        readFields(from: lineEnd + 2, isWhole: isWhole)
    }

    /// The fields of a body part: no start-line, and the empty line may come first (RFC 2046 §5.1).
    init(bodyPart octets: [UInt8]) {
        self.octets = octets
        end = octets.count
        readFields(from: 0, isWhole: true)
    }

    private mutating func readFields(from start: Int, isWhole: Bool) {
        var position = start
        while true {
            guard position < octets.count else {
                note(
                    SyntaxError(
                        isWhole
                            ? "the header section does not end with an empty line"
                            : "the header section is longer than \(MessageLimits.headerSection) octets", at: position,
                        line: line))
                return
            }
            if octets[position...].starts(with: [0x0D, 0x0A]) {
                end = position + 2
                return
            }
            let beginning = line
            guard let fieldEnd = fieldEnd(from: position) else {
                note(SyntaxError("a header line does not end with CRLF", at: position, line: beginning))
                return
            }
            readField(position..<fieldEnd, line: beginning)
            position = fieldEnd + 2
            line += 1
        }
    }

    /// The first error stays.
    mutating func note(_ error: SyntaxError, status: Int = 400) {
        guard self.error == nil else { return }
        self.error = error
        self.status = status
    }

    // MARK: - Lines

    private func lineEnd(from start: Int) -> Int? {
        octets.withUnsafeBufferPointer { octets in
            var position = start
            while position + 1 < octets.count {
                switch octets[position + 1] {
                case 0x0A where octets[position] == 0x0D: return position
                case 0x0D: position += 1
                default: position += 2
                }
            }
            return nil
        }
    }

    /// The CRLF that no white space follows; counts the lines of the folds.
    private mutating func fieldEnd(from start: Int) -> Int? {
        var position = start
        while let end = lineEnd(from: position) {
            guard end + 2 < octets.count, octets[end + 2] == 0x20 || octets[end + 2] == 0x09 else { return end }
            line += 1
            position = end + 2
        }
        return nil
    }

    private mutating func readStartLine(_ range: Range<Int>) {
        do throws(SyntaxError) {
            let isResponse = octets[range].prefix(4).elementsEqual("SIP/".utf8) { $0 & 0xDF == $1 & 0xDF }
            if isResponse { try readStatusLine(range) } else { try readRequestLine(range) }
        } catch {
            var error = error
            error.line = line
            note(error)
        }
    }

    /// `Method SP Request-URI SP SIP-Version`, with single spaces (§25.1).
    private mutating func readRequestLine(_ range: Range<Int>) throws(SyntaxError) {
        var cursor = Cursor(octets, in: range, field: "start-line")
        let method = Method(rawValue: try cursor.token("a method"))
        startLine = .unreadable(method)
        guard cursor.take(" ") else { throw cursor.fail("expected one space after the method") }
        var scan = cursor.position
        while scan < range.upperBound, octets[scan] != 0x20 { scan += 1 }
        var part = Cursor(octets, in: cursor.position..<scan, field: "Request-URI")
        let uri = try part.uri()
        guard part.isAtEnd else { throw part.fail("unexpected character in the URI") }
        if case .sip(let sip) = uri, !sip.headers.isEmpty {
            throw part.fail("a Request-URI has no headers", at: cursor.position)
        }
        cursor.position = scan
        guard cursor.take(" ") else { throw cursor.fail("expected one space after the Request-URI") }
        try readVersion(&cursor)
        guard cursor.isAtEnd else { throw cursor.fail("unexpected text after the SIP-Version") }
        startLine = .request(method, uri)
    }

    /// `SIP-Version SP Status-Code SP Reason-Phrase`
    private mutating func readStatusLine(_ range: Range<Int>) throws(SyntaxError) {
        var cursor = Cursor(octets, in: range, field: "start-line")
        try readVersion(&cursor)
        guard cursor.take(" ") else { throw cursor.fail("expected one space after the SIP-Version") }
        let start = cursor.position
        let code = try cursor.number("the status code", upTo: 999)
        guard cursor.position - start == 3 else { throw cursor.fail("the status code is not three digits", at: start) }
        guard cursor.take(" ") else { throw cursor.fail("expected one space after the status code") }
        let phrase = cursor.position..<range.upperBound
        guard let reason = String(validating: octets[phrase], as: UTF8.self) else {
            throw cursor.fail("the reason phrase is not UTF-8")
        }
        if let bad = octets[phrase].firstIndex(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) {
            throw cursor.fail("control character in the reason phrase", at: bad)
        }
        startLine = .response(status: Int(code), reason: reason)
    }

    /// `"SIP" "/" 1*DIGIT "." 1*DIGIT`, without regard to case (§7.1).
    private mutating func readVersion(_ cursor: inout Cursor) throws(SyntaxError) {
        let start = cursor.position
        let name = try cursor.token("the SIP-Version")
        guard name.equalsIgnoringCase("SIP"), cursor.take("/") else {
            throw cursor.fail("not a SIP-Version", at: start)
        }
        let major = try cursor.number("the SIP-Version", upTo: UInt64(UInt32.max))
        guard cursor.take(".") else { throw cursor.fail("not a SIP-Version", at: start) }
        let minor = try cursor.number("the SIP-Version", upTo: UInt64(UInt32.max))
        guard major == 2, minor == 0 else {
            var error = cursor.fail("SIP-Version \(major).\(minor) is not 2.0", at: start)
            error.line = line
            note(error, status: 505)
            return
        }
    }

    /// `name HCOLON value`; white space may stand before the colon.
    private mutating func readField(_ range: Range<Int>, line: Int) {
        var cursor = Cursor(octets, in: range)
        guard headers.fields.count < MessageLimits.fields else {
            note(SyntaxError("more than \(MessageLimits.fields) header fields", at: range.lowerBound, line: line))
            return
        }
        do throws(SyntaxError) {
            let spelling = try cursor.token("a header name")
            while cursor.current == 0x20 || cursor.current == 0x09 { cursor.position += 1 }
            guard cursor.take(":") else { throw cursor.fail("expected a colon after the header name") }
            cursor.skipWhiteSpace()
            var valueEnd = range.upperBound
            while valueEnd > cursor.position, CharacterSet.isWhiteSpace(octets[valueEnd - 1]) { valueEnd -= 1 }
            let place = cursor.position..<valueEnd
            let name = HeaderName(spelling)
            if let bad = badOctet(in: place) {
                throw SyntaxError("control character", field: name.description, at: bad)
            }
            guard var value = String(validating: octets[place], as: UTF8.self) else {
                throw SyntaxError("not UTF-8", field: name.description, at: place.lowerBound)
            }
            if octets[place].contains(0x0D) { value = CursorText.unfolded(octets[place]) }
            headers.append(Headers.Field(name: name, spelling: spelling, value: value))
            places.append((place, line))
        } catch {
            var error = error
            error.line = line
            note(error)
        }
    }

    /// A control character is allowed only behind a backslash (quoted-pair), and CR LF only as a fold.
    private func badOctet(in range: Range<Int>) -> Int? {
        octets.withUnsafeBufferPointer { octets in
            for index in range where octets[index] < 0x20 || octets[index] == 0x7F {
                switch octets[index] {
                case 0x09: continue
                case 0x0D where index + 1 < range.upperBound && octets[index + 1] == 0x0A: continue
                case 0x0A where index > range.lowerBound && octets[index - 1] == 0x0D: continue
                case 0x0D, 0x0A: return index
                default:
                    if index == range.lowerBound || octets[index - 1] != UInt8(ascii: "\\") { return index }
                }
            }
            return nil
        }
    }

    // MARK: - Rules

    /// Checks every field by `HeaderRules`, and what belongs together.
    mutating func validate() {
        var seen = HeaderRules.Seen()
        for (field, place) in zip(headers.fields, places) {
            guard let entry = HeaderRules.entry(field.name) else { continue }
            do throws(SyntaxError) {
                let isFirst = seen.insert(entry)
                if !isFirst, entry.isSingleValued {
                    throw SyntaxError("may appear only once", field: "\(field.name)", at: place.range.lowerBound)
                }
                var cursor = Cursor(octets, in: place.range, field: field.name.description)
                if case .contentLength = entry.rule {
                    let length = try cursor.number("Content-Length", upTo: UInt64(Int32.max))
                    try cursor.expectEnd()
                    contentLength = Int(length)
                    contentLengthOffset = place.range.lowerBound
                } else if case .cSeq = entry.rule {
                    let cSeq = try cursor.cSeq()
                    try cursor.expectEnd()
                    guard startLine?.method == nil || startLine?.method == cSeq.method else {
                        throw cursor.fail("the method is not that of the request", at: place.range.lowerBound)
                    }
                } else {
                    try HeaderRules.check(entry.rule, &cursor)
                }
            } catch {
                var error = error
                error.line = place.line + lines(before: error.offset, from: place.range.lowerBound)
                note(error)
            }
        }
        for name in HeaderRules.mandatory where !seen.contains(name) {
            note(SyntaxError("is missing", field: name.description, at: end, line: line))
        }
    }

    private func lines(before offset: Int, from start: Int) -> Int {
        octets[start..<max(start, min(offset, octets.count))].count { $0 == 0x0A }
    }
}
