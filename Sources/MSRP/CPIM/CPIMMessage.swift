import NIOCore
import WireSyntax

/// `message/cpim` (RFC 3862): message headers, an empty line, MIME headers of the content, an empty line, the content.
///
/// ```
/// From: <sip:alice@ims.lab>
/// To: <sip:bob@ims.lab>
/// DateTime: 2026-11-25T08:00:00Z
///
/// Content-Type: text/plain; charset=utf-8
///
/// Hello
/// ```
/// Headers keep their order and their values as they came; names are case-sensitive, unknown ones stay (RFC 3862 §2.2).
public struct CPIMMessage: Hashable, Sendable {
    public struct Header: Hashable, Sendable {
        /// With its prefix: `imdn.Message-ID`.
        public var name: String
        /// What stands between the colon and the space: `;lang=fr`.
        public var parameters: String
        /// As on the wire, with its escapes.
        public var rawValue: String

        /// The value without escapes (RFC 3862 §2.3.1).
        public var value: String { CPIMMessage.unescaped(rawValue) }

        /// A header of our own; the value is escaped where it must be.
        public init(_ name: String, _ value: String) {
            self.name = name
            parameters = ""
            rawValue = CPIMMessage.escaped(value)
        }

        init(name: String, parameters: String, rawValue: String) {
            self.name = name
            self.parameters = parameters
            self.rawValue = rawValue
        }
    }

    public var headers: [Header]
    /// MIME headers of the content, unfolded; names are case-insensitive.
    public var contentHeaders: [Header]
    public var content: ByteBuffer

    /// Octets of both header blocks together that are read.
    public static let maximumHeaderOctets = 16_384
    /// Headers of both blocks together that are read.
    public static let maximumHeaderCount = 64

    public init(headers: [Header], contentType: String, content: ByteBuffer) {
        self.headers = headers
        contentHeaders = [Header(name: "Content-Type", parameters: "", rawValue: contentType)]
        self.content = content
    }

    /// The value of the first message header of this name, without escapes.
    public func value(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// The MIME type of the content with its parameters; text/plain where none is given (RFC 2045 §5.2).
    public var contentType: String {
        contentHeaders.first { $0.name.lowercased() == "content-type" }?.rawValue ?? "text/plain"
    }

    // MARK: Codec

    /// - Throws: `SyntaxError` with offset and line in `octets`.
    public init(_ octets: ByteBuffer) throws(SyntaxError) {
        var lines = CPIMLines(octets)
        headers = []
        while let line = try lines.next(), !line.text.isEmpty {
            headers.append(try CPIMMessage.messageHeader(line))
        }
        contentHeaders = []
        while let line = try lines.next(), !line.text.isEmpty {
            if line.text.first == " " || line.text.first == "\t", !contentHeaders.isEmpty {
                contentHeaders[contentHeaders.count - 1].rawValue += " " + line.text.drop { $0 == " " || $0 == "\t" }
            } else {
                contentHeaders.append(try CPIMMessage.mimeHeader(line))
            }
        }
        content = octets
        content.moveReaderIndex(forwardBy: lines.position)
    }

    public func write(into buffer: inout ByteBuffer) {
        for header in headers { buffer.writeString("\(header.name):\(header.parameters) \(header.rawValue)\r\n") }
        buffer.writeStaticString("\r\n")
        for header in contentHeaders { buffer.writeString("\(header.name): \(header.rawValue)\r\n") }
        buffer.writeStaticString("\r\n")
        buffer.writeImmutableBuffer(content)
    }

    private static func messageHeader(_ line: CPIMLines.Line) throws(SyntaxError) -> Header {
        guard let colon = line.text.firstIndex(of: ":") else {
            throw SyntaxError("a message header without a colon", at: line.offset, line: line.number)
        }
        let name = String(line.text[..<colon])
        guard !name.isEmpty, name.utf8.allSatisfy({ isNameOctet($0) || $0 == UInt8(ascii: ".") }) else {
            throw SyntaxError("a header name with other characters than a name has", at: line.offset, line: line.number)
        }
        let rest = line.text[line.text.index(after: colon)...]
        guard let space = rest.firstIndex(of: " "), space == rest.startIndex || rest.first == ";" else {
            throw SyntaxError("one space belongs after the colon", field: name, at: line.offset, line: line.number)
        }
        return Header(
            name: name, parameters: String(rest[..<space]), rawValue: String(rest[rest.index(after: space)...]))
    }

    private static func mimeHeader(_ line: CPIMLines.Line) throws(SyntaxError) -> Header {
        guard let colon = line.text.firstIndex(of: ":"), colon != line.text.startIndex,
            line.text[..<colon].utf8.allSatisfy(isTokenOctet)
        else { throw SyntaxError("a MIME header without a name", at: line.offset, line: line.number) }
        let value = line.text[line.text.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        return Header(name: String(line.text[..<colon]), parameters: "", rawValue: String(value))
    }

    /// `NAMECHAR` of RFC 3862 §3.6.
    private static func isNameOctet(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x21, 0x23...0x27, 0x2A...0x2B, 0x2D, 0x5E...0x60, 0x7C, 0x7E: true
        default: isAlphanumeric(octet)
        }
    }
}

/// Lines that end with CRLF, each UTF-8 without control characters (RFC 3862 §2.2).
private struct CPIMLines {
    struct Line {
        var text: String
        var offset: Int
        var number: Int
    }

    private let octets: ByteBufferView
    /// Octets used up.
    private(set) var position = 0
    private var number = 0

    init(_ buffer: ByteBuffer) { octets = buffer.readableBytesView }

    mutating func next() throws(SyntaxError) -> Line? {
        let start = octets.startIndex + position
        let window = octets[start...].prefix(CPIMMessage.maximumHeaderOctets)
        number += 1
        guard number <= CPIMMessage.maximumHeaderCount + 2,
            start - octets.startIndex <= CPIMMessage.maximumHeaderOctets,
            let feed = window.firstIndex(of: 0x0A)
        else {
            throw SyntaxError(
                start == octets.endIndex
                    ? "the message ends in its headers" : "a line without an end, or too many headers",
                field: "message/cpim", at: position, line: number)
        }
        guard feed > start, octets[feed - 1] == 0x0D else {
            throw SyntaxError("the line does not end with CRLF", field: "message/cpim", at: position, line: number)
        }
        let line = octets[start..<(feed - 1)]
        guard isText(line), let text = String(validating: line, as: UTF8.self) else {
            throw SyntaxError(
                "a control character, or not UTF-8", field: "message/cpim", at: position, line: number)
        }
        defer { position = feed + 1 - octets.startIndex }
        return Line(text: text, offset: position, number: number)
    }
}
