import NIOCore
import WireSyntax

/// The headers that MSRP itself needs, read once.
struct KnownFields: Hashable, Sendable {
    var messageID: Ident?
    var byteRange: ByteRange?
    var successReport: Bool?
    var failureReport: FailureReport?
    var status: ReportStatus?
    var contentType: ByteBuffer?
}

/// Reads the header lines between start line and empty line or end-line: To-Path, From-Path, then the others in any order, Content-Type last
/// (RFC 4975 §9, §7.1). Reads on after a fault, so that a refusal can name whom it goes to.
struct HeaderParser {
    let buffer: ByteBuffer
    /// From the reader index.
    let start: Int
    let end: Int
    let limits: DecoderLimits

    private(set) var toPath: ByteBuffer?
    private(set) var fromPath: ByteBuffer?
    private(set) var otherFields = ByteBuffer()
    private(set) var known = KnownFields()
    private(set) var error: SyntaxError?

    init(buffer: ByteBuffer, start: Int, end: Int, limits: DecoderLimits) {
        self.buffer = buffer
        self.start = start
        self.end = end
        self.limits = limits
    }

    mutating func parse(isResponse: Bool) {
        buffer.withUnsafeReadableBytes { octets in
            var position = start
            var number = 2
            var othersBegin = end
            while position < end {
                let feed = octets[position..<end].firstIndex(of: 0x0A) ?? end
                let lineEnd = feed > position && octets[feed - 1] == 0x0D ? feed - 1 : feed
                read(octets, position..<lineEnd, number)
                position = feed + 1
                if number == 3 { othersBegin = min(position, end) }
                number += 1
            }
            if toPath == nil { fault("To-Path is missing", "To-Path", at: start, 2) }
            if fromPath == nil { fault("From-Path is missing", "From-Path", at: start, 2) }
            otherFields = slice(othersBegin..<end) ?? ByteBuffer()
        }
    }

    private mutating func read(_ octets: UnsafeRawBufferPointer, _ line: Range<Int>, _ number: Int) {
        guard let colon = octets[line].firstIndex(of: UInt8(ascii: ":")) else {
            return fault("a header line without a colon", nil, at: line.lowerBound, number)
        }
        let name = UnsafeRawBufferPointer(rebasing: octets[line.lowerBound..<colon])
        let isName = name.first.map { (0x41...0x5A).contains($0 & 0xDF) } ?? false
        guard isName, name.allSatisfy(isTokenOctet) else {
            return fault("the header name is not a token that begins with a letter", nil, at: line.lowerBound, number)
        }
        guard colon + 1 < line.upperBound, octets[colon + 1] == UInt8(ascii: " ") else {
            return fault("one space belongs after the colon", text(name), at: colon + 1, number)
        }
        let range = (colon + 2)..<line.upperBound
        let value = UnsafeRawBufferPointer(rebasing: octets[range])
        guard isText(value) else {
            return fault("a control character in the value", text(name), at: range.lowerBound, number)
        }
        let field = KnownName(name)
        switch (number, field) {
        case (2, .toPath): toPath = path(value, range, "To-Path", number)
        case (3, .fromPath): fromPath = path(value, range, "From-Path", number)
        case (2, _): fault("To-Path must be the first header", "To-Path", at: line.lowerBound, number)
        case (3, _): fault("From-Path must be the second header", "From-Path", at: line.lowerBound, number)
        case (_, .toPath), (_, .fromPath): fault("a path header stands twice", text(name), at: line.lowerBound, number)
        default:
            if known.contentType != nil {
                fault("Content-Type must be the last header", text(name), at: line.lowerBound, number)
            }
            if let field { take(field, value, range, number) }
        }
    }

    private mutating func take(
        _ name: KnownName, _ value: UnsafeRawBufferPointer, _ range: Range<Int>, _ number: Int
    ) {
        let label = name.rawValue
        switch name {
        case .toPath, .fromPath:
            break
        case .messageID:
            if once(known.messageID, label, range, number) {
                known.messageID = Ident(value)
                require(known.messageID, "not 4 to 32 characters of ident", label, range, number)
            }
        case .byteRange:
            if once(known.byteRange, label, range, number) {
                known.byteRange = ByteRange(value)
                require(known.byteRange, "not start-end/total", label, range, number)
            }
        case .successReport:
            if once(known.successReport, label, range, number) {
                known.successReport = isWord(value, "yes") ? true : isWord(value, "no") ? false : nil
                require(known.successReport, "neither yes nor no", label, range, number)
            }
        case .failureReport:
            if once(known.failureReport, label, range, number) {
                known.failureReport =
                    isWord(value, "yes") ? .yes : isWord(value, "no") ? .no : isWord(value, "partial") ? .partial : nil
                require(known.failureReport, "neither yes, no nor partial", label, range, number)
            }
        case .status:
            if once(known.status, label, range, number) {
                known.status = ReportStatus(value)
                require(known.status, "not namespace and code of three digits each", label, range, number)
            }
        case .contentType:
            if once(known.contentType, label, range, number) {
                known.contentType = isMediaType(value) ? slice(range) : nil
                require(known.contentType, "not type/subtype with parameters", label, range, number)
            }
        }
    }

    private mutating func once(_ present: (some Any)?, _ name: String, _ range: Range<Int>, _ number: Int) -> Bool {
        if present != nil { fault("stands twice", name, at: range.lowerBound, number) }
        return present == nil
    }

    private mutating func require(
        _ value: (some Any)?, _ reason: String, _ name: String, _ range: Range<Int>, _ number: Int
    ) {
        if value == nil { fault(reason, name, at: range.lowerBound, number) }
    }

    /// RFC 4975 §9: MSRP URIs with single spaces between them. Their inside is judged by who compares them.
    private mutating func path(
        _ value: UnsafeRawBufferPointer, _ range: Range<Int>, _ name: String, _ number: Int
    ) -> ByteBuffer? {
        var count = 0
        for uri in value.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false) {
            count += 1
            let scheme = uri.prefix { $0 != UInt8(ascii: ":") }
            guard
                isWord(UnsafeRawBufferPointer(rebasing: scheme), "msrp")
                    || isWord(UnsafeRawBufferPointer(rebasing: scheme), "msrps"),
                uri[scheme.endIndex...].starts(with: "://".utf8)
            else {
                fault("not MSRP URIs with single spaces between them", name, at: range.lowerBound, number)
                return nil
            }
        }
        guard count <= limits.pathURIs else {
            fault("more than \(limits.pathURIs) URIs", name, at: range.lowerBound, number)
            return nil
        }
        return slice(range)
    }

    private mutating func fault(_ reason: String, _ field: String?, at offset: Int, _ line: Int) {
        if error == nil { error = SyntaxError(reason, field: field, at: offset, line: line) }
    }

    private func slice(_ range: Range<Int>) -> ByteBuffer? {
        buffer.getSlice(at: buffer.readerIndex + range.lowerBound, length: range.count)
    }

    private func text(_ octets: UnsafeRawBufferPointer) -> String { String(decoding: octets, as: UTF8.self) }
}

/// Names are case-insensitive.
private enum KnownName: String {
    case toPath = "To-Path"
    case fromPath = "From-Path"
    case messageID = "Message-ID"
    case byteRange = "Byte-Range"
    case successReport = "Success-Report"
    case failureReport = "Failure-Report"
    case status = "Status"
    case contentType = "Content-Type"

    init?(_ name: UnsafeRawBufferPointer) {
        let candidates: [KnownName]
        switch name.count {
        case 6: candidates = [.status]
        case 7: candidates = [.toPath]
        case 9: candidates = [.fromPath]
        case 10: candidates = [.messageID, .byteRange]
        case 12: candidates = [.contentType]
        case 14: candidates = [.successReport, .failureReport]
        default: return nil
        }
        guard let found = candidates.first(where: { isWord(name, $0.rawValue) }) else { return nil }
        self = found
    }
}

/// Equal without regard to case.
func isWord(_ octets: UnsafeRawBufferPointer, _ word: String) -> Bool {
    octets.elementsEqual(word.utf8) { lowercased($0) == lowercased($1) }
}

/// `media-type` of RFC 4975 §9. White space around `;` is tolerated: RFC 2045 writers put it there, RFC 4975's own examples too.
func isMediaType(_ octets: UnsafeRawBufferPointer) -> Bool {
    var quoted = false
    var escaped = false
    var parts: [[UInt8]] = [[]]
    for octet in octets {
        if escaped {
            escaped = false
        } else if quoted, octet == UInt8(ascii: "\\") {
            escaped = true
        } else if octet == UInt8(ascii: "\"") {
            quoted.toggle()
        } else if !quoted, octet == UInt8(ascii: ";") {
            parts.append([])
            continue
        }
        parts[parts.count - 1].append(octet)
    }
    guard !quoted, !escaped else { return false }
    let type = trimmed(parts[0][...]).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard type.count == 2, type.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isTokenOctet) }) else { return false }
    return parts.dropFirst().allSatisfy { part in
        let pair = trimmed(part[...]).split(
            separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = pair.first, !name.isEmpty, name.allSatisfy(isTokenOctet) else { return false }
        guard pair.count == 2 else { return true }
        let value = pair[1]
        if value.first == UInt8(ascii: "\"") {
            return value.count >= 2 && value.last == UInt8(ascii: "\"")
                && value.filter({ $0 == UInt8(ascii: "\"") }).count - value.count(ofEscapedQuotes: ()) == 2
        }
        return !value.isEmpty && value.allSatisfy(isTokenOctet)
    }
}

private func trimmed(_ octets: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let isSpace = { (octet: UInt8) in octet == 0x20 || octet == 0x09 }
    var octets = octets.drop(while: isSpace)
    while let last = octets.last, isSpace(last) { octets.removeLast() }
    return octets
}

extension ArraySlice<UInt8> {
    /// `\"` inside a quoted string.
    fileprivate func count(ofEscapedQuotes: Void) -> Int {
        var result = 0
        var escaped = false
        for octet in self {
            if escaped {
                if octet == UInt8(ascii: "\"") { result += 1 }
                escaped = false
            } else if octet == UInt8(ascii: "\\") {
                escaped = true
            }
        }
        return result
    }
}
