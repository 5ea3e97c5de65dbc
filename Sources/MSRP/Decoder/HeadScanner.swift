import NIOCore
import WireSyntax

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Finds the end of a head line by line, resuming where the last read ended, then parses it once.
struct HeadScanner: Sendable {
    enum Result {
        case needsMore
        /// Nothing says where this message ends.
        case unreadable(SyntaxError)
        /// So many octets are used up; the rest is to be skipped up to the end-line.
        case malformed(MalformedMessage, EndLine, length: Int)
        /// Malformed, and its end-line was inside the octets used up.
        case malformedWhole(MalformedMessage, length: Int)
        /// `flag` nil: a body follows.
        case request(RequestHead, EndLine, flag: ContinuationFlag?, length: Int)
        case response(ResponseHead, length: Int)
    }

    /// Where the line that is being read begins, and how far it has been searched; from the reader index.
    private var lineStart = 0
    private var searched = 0
    private var lines = 0
    private var start: StartLine?
    private var lineError: SyntaxError?

    mutating func scan(_ buffer: ByteBuffer, limits: DecoderLimits) -> Result {
        buffer.withUnsafeReadableBytes { octets in
            while true {
                guard let base = octets.baseAddress, searched < octets.count,
                    let found = memchr(base + searched, 0x0A, octets.count - searched)
                else {
                    searched = octets.count
                    return checkUnfinished(octets, limits) ?? .needsMore
                }
                let lineFeed = UnsafeRawPointer(found) - base
                searched = lineFeed + 1
                if lineFeed - lineStart > limits.lineOctets || searched > limits.headOctets {
                    return tooLarge(octets, limits)
                }
                if let result = take(line: lineStart..<lineFeed, of: octets, in: buffer, limits) { return result }
                lineStart = searched
            }
        }
    }

    /// One more line, without its LF. Gives a result when it ends the head.
    private mutating func take(
        line: Range<Int>, of octets: UnsafeRawBufferPointer, in buffer: ByteBuffer, _ limits: DecoderLimits
    ) -> Result? {
        let endsWithCR = line.upperBound > line.lowerBound && octets[line.upperBound - 1] == 0x0D
        let text = UnsafeRawBufferPointer(rebasing: octets[line.lowerBound..<line.upperBound - (endsWithCR ? 1 : 0)])
        lines += 1
        guard let start else {
            switch StartLine.parse(text, limits) {
            case .failure(let error): return .unreadable(error)
            case .success(let line):
                start = line
                lineError = line.error
            }
            if !endsWithCR { note("the line does not end with CRLF", at: line.upperBound) }
            return nil
        }
        if !endsWithCR { note("the line does not end with CRLF", at: line.upperBound) }
        let after = line.upperBound + 1
        if text.isEmpty {
            return finish(start, buffer, headers: line.lowerBound, flag: nil, length: after, limits)
        }
        if endsWithCR, let flag = start.flag(endLine: text) {
            return finish(start, buffer, headers: line.lowerBound, flag: flag, length: after, limits)
        }
        if lines - 1 > limits.headerCount { return tooLarge(octets, limits) }
        return nil
    }

    private mutating func note(_ reason: String, at offset: Int) {
        if lineError == nil { lineError = SyntaxError(reason, at: offset, line: lines) }
    }

    private func checkUnfinished(_ octets: UnsafeRawBufferPointer, _ limits: DecoderLimits) -> Result? {
        if start == nil {
            // Tell a stranger's protocol at once: every message begins with "MSRP ".
            let prefix = Array("MSRP ".utf8)
            guard zip(prefix, octets).allSatisfy(==) else {
                return .unreadable(SyntaxError("the message does not begin with \"MSRP \"", at: 0, line: 1))
            }
        }
        return octets.count - lineStart > limits.lineOctets || octets.count > limits.headOctets
            ? tooLarge(octets, limits) : nil
    }

    private func tooLarge(_ octets: UnsafeRawBufferPointer, _ limits: DecoderLimits) -> Result {
        let error = SyntaxError(
            "the head is larger than \(limits.headOctets) octets, \(limits.headerCount) headers or \(limits.lineOctets) octets a line",
            at: lineStart, line: max(lines, 1))
        guard let start else { return .unreadable(error) }
        // Only whole lines are used up, so that an end-line is not cut.
        return .malformed(start.malformed(error), start.endLine, length: lineStart > 0 ? lineStart - 2 : 0)
    }

    private func finish(
        _ start: StartLine, _ buffer: ByteBuffer, headers end: Int, flag: ContinuationFlag?, length: Int,
        _ limits: DecoderLimits
    ) -> Result {
        var parser = HeaderParser(buffer: buffer, start: start.length + 2, end: end, limits: limits)
        parser.parse(isResponse: start.status != nil)
        var error = lineError ?? parser.error
        if error == nil, flag == nil, start.status != nil {
            error = SyntaxError("a response has no body", at: end, line: lines)
        }
        if error == nil, flag == nil, parser.known.contentType == nil {
            error = SyntaxError("an empty line without Content-Type", at: end, line: lines)
        }
        if error == nil, let flag, flag != .complete, start.status != nil {
            error = SyntaxError("the end-line of a response has the flag $", at: end, line: lines)
        }
        if error == nil, let transactionID = start.transactionID, let to = parser.toPath, let from = parser.fromPath {
            if let status = start.status {
                let comment = start.comment.flatMap {
                    buffer.getSlice(at: buffer.readerIndex + $0.lowerBound, length: $0.count)
                }
                return .response(
                    ResponseHead(
                        transactionID: transactionID, status: status, comment: comment, toPath: to, fromPath: from,
                        fields: parser.otherFields), length: length)
            }
            if let method = start.method {
                return .request(
                    RequestHead(
                        transactionID: transactionID, method: method, toPath: to, fromPath: from,
                        fields: parser.otherFields, known: parser.known, hasBody: flag == nil),
                    start.endLine, flag: flag, length: length)
            }
        }
        var message = start.malformed(error ?? SyntaxError("the start line cannot be read", at: 0, line: 1))
        message.toPath = parser.toPath
        message.fromPath = parser.fromPath
        message.failureReport = parser.known.failureReport ?? .yes
        return flag == nil
            ? .malformed(message, start.endLine, length: length) : .malformedWhole(message, length: length)
    }
}
