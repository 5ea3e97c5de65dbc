import NIOCore
import WireSyntax

extension SessionDescription {
    /// Reads a whole description (RFC 8866 §9): strict order, required lines, the grammar of each line.
    ///
    /// Lines end with CRLF or LF; the last one may lack its end, as it does inside multipart bodies. Octets need not be UTF-8. Unknown attributes and
    /// bandwidth types stay; an unknown type letter rejects the description (§5); `k=` is read over in its place and dropped (§5.12).
    public init(octets: ByteBuffer) throws(SyntaxError) {
        var parser = try DescriptionParser(Array(octets.readableBytesView))
        self = try parser.description()
    }
}

/// One pass over the lines of a description.
struct DescriptionParser {
    struct Line {
        let type: UInt8
        let value: ArraySlice<UInt8>
        /// Of the type letter, from the beginning of the description.
        let offset: Int
        /// From 1.
        let number: Int

        var field: String { String(decoding: [type, UInt8(ascii: "=")], as: UTF8.self) }

        func error(_ reason: String) -> SyntaxError {
            SyntaxError(reason, field: field, at: offset, line: number)
        }
    }

    private let lines: [Line]
    private let end: Int
    private var index = 0

    init(_ octets: [UInt8]) throws(SyntaxError) {
        lines = try DescriptionParser.split(octets)
        end = octets.count
    }

    // MARK: Lines

    private static func split(_ octets: [UInt8]) throws(SyntaxError) -> [Line] {
        guard octets.count <= Limits.octets else {
            throw SyntaxError("the description is longer than \(Limits.octets) octets", at: Limits.octets)
        }
        var lines: [Line] = []
        var start = 0
        while start < octets.count {
            let number = lines.count + 1
            guard number <= Limits.lines else {
                throw SyntaxError("more than \(Limits.lines) lines", at: start, line: number)
            }
            let feed = octets[start...].firstIndex(of: 0x0A) ?? octets.count
            var content = octets[start..<feed]
            if content.last == 0x0D { content.removeLast() }
            guard content.count <= Limits.lineOctets else {
                throw SyntaxError("the line is longer than \(Limits.lineOctets) octets", at: start, line: number)
            }
            if let bad = content.firstIndex(where: { !Grammar.isByteStringOctet($0) }) {
                throw SyntaxError(octets[bad] == 0 ? "NUL in a line" : "CR within a line", at: bad, line: number)
            }
            guard content.count >= 2, content[start + 1] == UInt8(ascii: "=") else {
                throw SyntaxError("not of the form <type>=<value>", at: start, line: number)
            }
            guard "vosiuepcbtrzkam".utf8.contains(content[start]) else {
                throw SyntaxError(
                    "unknown type letter", field: String(decoding: content.prefix(2), as: UTF8.self), at: start,
                    line: number)
            }
            lines.append(Line(type: content[start], value: content.dropFirst(2), offset: start, number: number))
            start = feed + 1
        }
        return lines
    }

    /// The next line if it is of this type.
    private mutating func take(_ type: Unicode.Scalar) -> Line? {
        guard index < lines.count, lines[index].type == UInt8(ascii: type) else { return nil }
        defer { index += 1 }
        return lines[index]
    }

    private mutating func require(_ type: Unicode.Scalar) throws(SyntaxError) -> Line {
        guard let line = take(type) else {
            let here = index < lines.count ? lines[index].offset : end
            throw SyntaxError("\(type)= is missing here", field: "\(type)=", at: here, line: index + 1)
        }
        return line
    }

    // MARK: The grammar

    mutating func description() throws(SyntaxError) -> SessionDescription {
        let version = try require("v")
        guard version.value.elementsEqual([0x30]) else { throw version.error("not version 0") }
        let origin = try LineGrammar.origin(try require("o"))
        let name = try LineGrammar.text(try require("s"))
        var result = SessionDescription(origin: origin, name: name, times: [])
        if let line = take("i") { result.information = try LineGrammar.text(line) }
        if let line = take("u") {
            result.uri = try LineGrammar.checked(line, "not a URI reference", Grammar.isURIReference)
        }
        while let line = take("e") {
            result.emails.append(try LineGrammar.checked(line, "not an e-mail address", Grammar.isEmailAddress))
        }
        while let line = take("p") {
            result.phones.append(try LineGrammar.checked(line, "not a phone number", Grammar.isPhoneNumber))
        }
        if let line = take("c") { result.connection = try LineGrammar.connection(line) }
        while let line = take("b") { result.bandwidths.append(try LineGrammar.bandwidth(line)) }
        result.times = try timeDescriptions()
        _ = take("k")
        while let line = take("a") { result.attributes.append(try LineGrammar.attribute(line)) }
        while let line = take("m") {
            guard result.media.count < Limits.mediaDescriptions else {
                throw line.error("more than \(Limits.mediaDescriptions) media descriptions")
            }
            result.media.append(try mediaDescription(line, session: result.connection))
        }
        if index < lines.count { throw lines[index].error("out of order, or more of them than allowed") }
        return result
    }

    private mutating func timeDescriptions() throws(SyntaxError) -> [TimeDescription] {
        var result = [try LineGrammar.time(try require("t"))]
        while true {
            while let line = take("r") { result[result.count - 1].repeats.append(try LineGrammar.repeatTimes(line)) }
            if !result[result.count - 1].repeats.isEmpty, let line = take("z") {
                result[result.count - 1].zone = try LineGrammar.zone(line)
            }
            guard let line = take("t") else { return result }
            result.append(try LineGrammar.time(line))
        }
    }

    private mutating func mediaDescription(
        _ line: Line, session: ConnectionData?
    ) throws(SyntaxError) -> MediaDescription {
        var media = try LineGrammar.media(line)
        if let line = take("i") { media.information = try LineGrammar.text(line) }
        while let line = take("c") { media.connections.append(try LineGrammar.connection(line)) }
        while let line = take("b") { media.bandwidths.append(try LineGrammar.bandwidth(line)) }
        _ = take("k")
        while let line = take("a") { media.attributes.append(try LineGrammar.attribute(line)) }
        guard let connection = media.connection ?? session else {
            throw line.error("no c= in this media description and none for the session")
        }
        if connection.networkType.uppercased() == "IN", media.port > 65_535 {
            throw line.error("the port is above 65535")
        }
        return media
    }
}
