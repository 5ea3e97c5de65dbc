import NIOCore
import WireSyntax

/// Takes a multipart apart (RFC 2046 §5.1.1). A delimiter is a whole line: `CRLF "--" boundary *LWSP CRLF`; a longer word that begins with the
/// boundary is data. Without the closing delimiter the multipart is malformed: nothing is guessed.
struct MultipartReader {
    private let body: ByteBuffer
    private let octets: [UInt8]
    private(set) var parts: [BodyPart] = []

    init(_ body: ByteBuffer) {
        self.body = body
        octets = Array(body.readableBytesView)
    }

    mutating func read(
        headers: Headers, range: Range<Int>, path: [Int], containers: [MediaType], lengths: [BodyPart.Length]
    ) throws(SyntaxError) {
        var type: MediaType?
        if let text = headers[.contentType] {
            do throws(SyntaxError) { type = try MediaType(text) } catch {
                throw SyntaxError(error.reason, field: "Content-Type", at: range.lowerBound)
            }
        }
        if let type, type.isMultipart {
            guard containers.count < BodyLimits.depth else {
                throw SyntaxError("multiparts nest deeper than \(BodyLimits.depth)", at: range.lowerBound)
            }
            for (index, part) in try split(range, boundary: type.parameters.value("boundary")).enumerated() {
                try readPart(part, path: path + [index], containers: containers + [type], lengths: lengths)
            }
            return
        }
        guard parts.count < BodyLimits.parts else {
            throw SyntaxError("more than \(BodyLimits.parts) body parts", at: range.lowerBound)
        }
        guard let content = body.getSlice(at: body.readerIndex + range.lowerBound, length: range.count) else {
            throw SyntaxError("a body part ends beyond the body", at: range.lowerBound)
        }
        parts.append(
            BodyPart(
                headers: headers, contentType: type, content: content, path: path, containers: containers, range: range,
                lengths: lengths))
    }

    private mutating func readPart(
        _ range: Range<Int>, path: [Int], containers: [MediaType], lengths: [BodyPart.Length]
    ) throws(SyntaxError) {
        let section = HeaderSection(bodyPart: Array(octets[range]))
        if let error = section.error { throw error.shifted(by: range.lowerBound) }
        guard section.headers.values(.contentType).count <= 1 else {
            throw SyntaxError("may appear only once", field: "Content-Type", at: range.lowerBound)
        }
        let content = range.lowerBound + section.end..<range.upperBound
        var lengths = lengths
        for (field, place) in zip(section.headers.fields, section.places) where field.name == .contentLength {
            guard Int(field.value) == content.count else {
                throw SyntaxError(
                    "is not the length of the body part", field: "Content-Length",
                    at: range.lowerBound + place.range.lowerBound)
            }
            let digits = range.lowerBound + place.range.lowerBound..<range.lowerBound + place.range.upperBound
            lengths.append(BodyPart.Length(range: digits, value: content.count))
        }
        try read(headers: section.headers, range: content, path: path, containers: containers, lengths: lengths)
    }

    /// The parts between the delimiter lines.
    private func split(_ range: Range<Int>, boundary: String?) throws(SyntaxError) -> [Range<Int>] {
        guard let boundary, (1...BodyLimits.boundary).contains(boundary.utf8.count) else {
            throw SyntaxError("no usable boundary", field: "Content-Type", at: range.lowerBound)
        }
        let delimiter = Array("--\(boundary)".utf8)
        var found: [Range<Int>] = []
        var begin: Int?
        var line = range.lowerBound
        while line < range.upperBound {
            let next = endOfLine(from: line, in: range)
            if octets[line..<next].starts(with: delimiter) {
                switch tail(of: line + delimiter.count..<next) {
                case .close:
                    guard let begin else { throw SyntaxError("a multipart without a part", at: line) }
                    found.append(begin..<max(begin, line - 2))
                    return found
                case .next:
                    if let begin { found.append(begin..<max(begin, line - 2)) }
                    guard found.count < BodyLimits.parts else {
                        throw SyntaxError("more than \(BodyLimits.parts) body parts", at: line)
                    }
                    begin = next
                case .data: break
                }
            }
            line = next
        }
        throw SyntaxError("the multipart has no closing delimiter", at: range.upperBound)
    }

    private enum Tail { case next, close, data }

    /// What stands behind the boundary on its line.
    private func tail(of range: Range<Int>) -> Tail {
        var rest = octets[range]
        let isClose = rest.starts(with: [0x2D, 0x2D])
        if isClose { rest = rest.dropFirst(2) }
        while let first = rest.first, first == 0x20 || first == 0x09 { rest = rest.dropFirst() }
        if isClose { return rest.isEmpty || rest.elementsEqual([0x0D, 0x0A]) ? .close : .data }
        return rest.elementsEqual([0x0D, 0x0A]) ? .next : .data
    }

    /// The index behind the CRLF of the line, or the end.
    private func endOfLine(from start: Int, in range: Range<Int>) -> Int {
        var index = start
        while let lineFeed = octets[index..<range.upperBound].firstIndex(of: 0x0A) {
            if lineFeed > start, octets[lineFeed - 1] == 0x0D { return lineFeed + 1 }
            index = lineFeed + 1
        }
        return range.upperBound
    }
}
