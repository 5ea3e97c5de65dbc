import NIOCore
import WireSyntax

/// The head of an MSRP request (RFC 4975 §9): start line, To-Path, From-Path, the other headers.
///
/// ```
/// MSRP d93kswow SEND
/// To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp
/// From-Path: msrp://alicepc.example.com:7777/iau39soe2843z;tcp
/// Message-ID: 12339sdqwer
/// Byte-Range: 1-16/16
/// Content-Type: text/plain
/// ```
/// A decoded head holds slices of the buffer that was read: copy what must outlive it (NIO copies a buffer that is still shared at the next read).
public struct RequestHead: Hashable, Sendable {
    public var transactionID: Ident
    public let method: RequestMethod
    /// The value of To-Path: URIs separated by one space, leftmost visited first.
    public var toPath: ByteBuffer
    public var fromPath: ByteBuffer
    /// Every header line after From-Path, octet for octet, each with its CRLF.
    public let fields: ByteBuffer
    public let messageID: Ident?
    public let byteRange: ByteRange?
    /// nil where the header is absent, which means no (RFC 4975 §7.1.1).
    public let successReport: Bool?
    /// nil where the header is absent, which means yes (RFC 4975 §7.1.1).
    public let failureReport: FailureReport?
    public let status: ReportStatus?
    /// With its parameters, as received.
    public let contentType: ByteBuffer?
    /// An empty line and data follow; the data may be empty.
    public let hasBody: Bool

    init(
        transactionID: Ident, method: RequestMethod, toPath: ByteBuffer, fromPath: ByteBuffer, fields: ByteBuffer,
        known: KnownFields, hasBody: Bool
    ) {
        self.transactionID = transactionID
        self.method = method
        self.toPath = toPath
        self.fromPath = fromPath
        self.fields = fields
        messageID = known.messageID
        byteRange = known.byteRange
        successReport = known.successReport
        failureReport = known.failureReport
        status = known.status
        contentType = known.contentType
        self.hasBody = hasBody
    }

    /// A request of our own. Where `contentType` is given, a body follows.
    /// - Parameter extra: further headers, written before Content-Type. Names and values come from this program, never from a peer.
    public init(
        transactionID: Ident, method: RequestMethod, toPath: ByteBuffer, fromPath: ByteBuffer, messageID: Ident? = nil,
        byteRange: ByteRange? = nil, successReport: Bool? = nil, failureReport: FailureReport? = nil,
        status: ReportStatus? = nil, extra: [(name: String, value: String)] = [], contentType: String? = nil
    ) {
        var fields = ByteBuffer()
        let line = { (name: String, value: String) in _ = fields.writeString("\(name): \(value)\r\n") }
        if let messageID { line("Message-ID", "\(messageID)") }
        if let successReport { line("Success-Report", successReport ? "yes" : "no") }
        if let failureReport { line("Failure-Report", failureReport.rawValue) }
        if let byteRange { line("Byte-Range", "\(byteRange)") }
        if let status { line("Status", "\(status)") }
        for (name, value) in extra { line(name, value) }
        if let contentType { line("Content-Type", contentType) }
        self.transactionID = transactionID
        self.method = method
        self.toPath = toPath
        self.fromPath = fromPath
        self.fields = fields
        self.messageID = messageID
        self.byteRange = byteRange
        self.successReport = successReport
        self.failureReport = failureReport
        self.status = status
        self.contentType = contentType.map { ByteBuffer(string: $0) }
        hasBody = contentType != nil
    }

    /// RFC 4975 §7.1.1: what holds where the header is absent.
    public var effectiveFailureReport: FailureReport { failureReport ?? .yes }
    public var effectiveSuccessReport: Bool { successReport ?? false }

    /// The value of the first header of this name (case-insensitive) among `fields`.
    public func value(of name: String) -> ByteBuffer? { firstValue(of: name, in: fields) }
}

/// The head of an MSRP response: it has no body and always ends with `$` (RFC 4975 §7.2).
public struct ResponseHead: Hashable, Sendable {
    public var transactionID: Ident
    public let status: UInt16
    public let comment: ByteBuffer?
    public var toPath: ByteBuffer
    public var fromPath: ByteBuffer
    /// Every header line after From-Path, octet for octet, each with its CRLF.
    public let fields: ByteBuffer

    init(
        transactionID: Ident, status: UInt16, comment: ByteBuffer?, toPath: ByteBuffer, fromPath: ByteBuffer,
        fields: ByteBuffer
    ) {
        self.transactionID = transactionID
        self.status = status
        self.comment = comment
        self.toPath = toPath
        self.fromPath = fromPath
        self.fields = fields
    }

    /// A response of our own.
    public init(
        transactionID: Ident, status: UInt16, comment: String? = nil, toPath: ByteBuffer, fromPath: ByteBuffer
    ) {
        self.init(
            transactionID: transactionID, status: status, comment: comment.map { ByteBuffer(string: $0) },
            toPath: toPath, fromPath: fromPath, fields: ByteBuffer())
    }

    /// RFC 4975 §7.2: To-Path is the leftmost URI of From-Path for SEND, the whole list for other methods.
    /// - Parameter own: the URI that identifies this end in the session.
    public init(_ status: UInt16, comment: String? = nil, to request: RequestHead, own: ByteBuffer) {
        self.init(
            transactionID: request.transactionID, status: status, comment: comment ?? ResponseHead.comment(status),
            toPath: request.method == .send ? firstURI(of: request.fromPath) : request.fromPath, fromPath: own)
    }

    /// The value of the first header of this name (case-insensitive) among `fields`.
    public func value(of name: String) -> ByteBuffer? { firstValue(of: name, in: fields) }

    /// A phrase for a code of RFC 4975 §10.
    public static func comment(_ status: UInt16) -> String? {
        switch status {
        case 200: "OK"
        case 400: "Bad Request"
        case 403: "Forbidden"
        case 408: "Timeout"
        case 413: "Message Too Large"
        case 415: "Unsupported Media Type"
        case 423: "Parameter Out of Bounds"
        case 481: "No Such Session"
        case 501: "Unknown Method"
        case 506: "Session On Another Connection"
        default: nil
        }
    }
}

/// The leftmost URI of a path.
public func firstURI(of path: ByteBuffer) -> ByteBuffer {
    let view = path.readableBytesView
    guard let space = view.firstIndex(of: UInt8(ascii: " ")) else { return path }
    return path.getSlice(at: path.readerIndex, length: space - view.startIndex) ?? path
}

/// The URIs of a path, parsed.
/// - Throws: `SyntaxError` in the first that is not an MSRP URI.
public func parsePath(_ path: ByteBuffer) throws(SyntaxError) -> [MSRPURI] {
    var result: [MSRPURI] = []
    var offset = 0
    for part in path.readableBytesView.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false) {
        do throws(SyntaxError) {
            result.append(try MSRPURI(String(decoding: part, as: UTF8.self)))
        } catch {
            throw error.shifted(by: offset)
        }
        offset += part.count + 1
    }
    return result
}

private func firstValue(of name: String, in fields: ByteBuffer) -> ByteBuffer? {
    var rest = fields
    let view = fields.readableBytesView
    var start = view.startIndex
    while let end = view[start...].firstIndex(of: UInt8(ascii: "\n")) {
        let line = view[start..<end]
        if let colon = line.firstIndex(of: UInt8(ascii: ":")),
            line[..<colon].elementsEqual(name.utf8, by: { lowercased($0) == lowercased($1) })
        {
            let from = min(colon + 2, end - 1)
            rest.moveReaderIndex(to: from)
            return rest.readSlice(length: end - 1 - from)
        }
        start = end + 1
    }
    return nil
}

@inline(__always)
func lowercased(_ octet: UInt8) -> UInt8 { (0x41...0x5A).contains(octet) ? octet | 0x20 : octet }
