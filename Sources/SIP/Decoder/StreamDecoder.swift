import NIOCore
import WireSyntax

/// Cuts a stream into SIP messages (RFC 3261 §18.3) and keep-alives (RFC 5626 §4.4.1). A value: feed what was read, take what is complete.
///
/// ```
///   feed(octets) ──▶ [ empty lines │ header section │ body of Content-Length octets ] ──▶ next()
/// ```
///
/// A message whose frame could be read but which is malformed comes out as `.malformed` and the stream goes on behind it. Where the frame itself
/// cannot be read (no Content-Length, several, a wrong one, a limit passed) nothing that follows can be trusted: `next()` throws, then and ever
/// after, with the fields that a 400 needs, and the connection is to be closed.
public struct StreamDecoder: Sendable {
    public enum Item: Hashable, Sendable {
        case message(Message)
        /// CRLF CRLF: answer with one CRLF.
        case keepAlivePing
        /// CRLF
        case keepAlivePong
        /// Its frame was read; answer with `response(toTag:)` and go on.
        case malformed(MalformedMessage)
    }

    public struct Limits: Hashable, Sendable {
        public var headerSection: Int
        public var body: Int

        public init(headerSection: Int = MessageLimits.headerSection, body: Int = MessageLimits.body) {
            self.headerSection = headerSection
            self.body = body
        }
    }

    private var buffer = ByteBuffer()
    private let limits: Limits
    /// Octets from the reader index that hold no end of a header section: not searched twice.
    private var searched = 0
    /// A header section that is complete and waits for its body.
    private var pending: HeaderSection?
    private var failure: MalformedMessage?

    public init(limits: Limits = Limits()) { self.limits = limits }

    /// Octets that wait for more.
    public var bufferedBytes: Int { buffer.readableBytes }

    /// Whether the rest of a message is still to come: of its header section, or of its body, even if none of the body is there yet.
    /// Asked when `next()` has returned nil.
    public var isMidMessage: Bool { pending != nil || buffer.readableBytes > 0 }

    public mutating func feed(_ octets: ByteBuffer) {
        guard failure == nil else { return }
        var octets = octets
        if buffer.readableBytes == 0 {
            buffer = octets
        } else {
            buffer.discardReadBytes()
            buffer.writeBuffer(&octets)
        }
    }

    /// The next complete item, or nil until more is fed.
    ///
    /// - Throws: when the stream cannot be framed any more.
    public mutating func next() throws(MalformedMessage) -> Item? {
        if let failure { throw failure }
        if pending == nil {
            if let keepAlive = takeKeepAlive() { return keepAlive }
            guard try readHeaderSection() else { return nil }
        }
        return try readBody()
    }

    /// Empty lines between messages. A single CR or CRLF may be the beginning of a ping: it waits for two more octets, unless nothing else
    /// is there, in which case it is a pong.
    private mutating func takeKeepAlive() -> Item? {
        let view = buffer.readableBytesView
        if view.starts(with: [0x0D, 0x0A, 0x0D, 0x0A]) {
            buffer.moveReaderIndex(forwardBy: 4)
            return .keepAlivePing
        }
        guard view.starts(with: [0x0D, 0x0A]), view.count != 3 || view.last != 0x0D else { return nil }
        buffer.moveReaderIndex(forwardBy: 2)
        return .keepAlivePong
    }

    private mutating func readHeaderSection() throws(MalformedMessage) -> Bool {
        let view = buffer.readableBytesView
        guard view.first != 0x0D || view.count > 3 else { return false }
        guard let end = Self.endOfHeaderSection(in: view, from: max(0, searched - 3)) else {
            searched = view.count
            guard view.count <= limits.headerSection else { throw fail(tooLong(view)) }
            return false
        }
        guard end <= limits.headerSection else { throw fail(tooLong(view)) }
        searched = 0
        var section = HeaderSection(Array(view.prefix(end)), isWhole: true)
        section.validate()
        guard let length = section.contentLength else {
            let missing = SyntaxError("is needed on a stream", field: "Content-Length", at: end)
            throw fail(section.salvage(section.error ?? missing))
        }
        if section.hasSeveralContentLengths {
            throw fail(section.salvage(SyntaxError("appears more than once", field: "Content-Length", at: end)))
        }
        guard length <= limits.body else {
            throw fail(
                section.salvage(
                    SyntaxError(
                        "\(length) octets are above the limit of \(limits.body)", field: "Content-Length",
                        at: section.contentLengthOffset)))
        }
        buffer.moveReaderIndex(forwardBy: end)
        pending = section
        return true
    }

    private mutating func readBody() throws(MalformedMessage) -> Item? {
        guard let section = pending, let length = section.contentLength, let body = buffer.readSlice(length: length)
        else { return nil }
        pending = nil
        switch section.message(body: body) {
        case .success(let message): return .message(message)
        case .failure(let malformed): return .malformed(malformed)
        }
    }

    /// The index behind CRLF CRLF.
    private static func endOfHeaderSection(in view: ByteBufferView, from offset: Int) -> Int? {
        view.withUnsafeBytes { octets -> Int? in
            var index = offset
            while index + 3 < octets.count {
                // Step by the last octet of the pattern: most octets are neither CR nor LF.
                switch octets[index + 3] {
                case 0x0A:
                    if octets[index + 2] == 0x0D, octets[index + 1] == 0x0A, octets[index] == 0x0D { return index + 4 }
                    index += 2
                case 0x0D: index += 1
                default: index += 4
                }
            }
            return nil
        }
    }

    private func tooLong(_ view: ByteBufferView) -> MalformedMessage {
        var section = HeaderSection(Array(view.prefix(limits.headerSection)), isWhole: false)
        let error = SyntaxError(
            "the header section is longer than \(limits.headerSection) octets", at: limits.headerSection)
        section.validate()
        return section.salvage(error)
    }

    private mutating func fail(_ malformed: MalformedMessage) -> MalformedMessage {
        failure = malformed
        pending = nil
        buffer = ByteBuffer()
        return malformed
    }
}

extension HeaderSection {
    fileprivate var hasSeveralContentLengths: Bool { headers.values(.contentLength).count > 1 }

    fileprivate func salvage(_ error: SyntaxError) -> MalformedMessage {
        MalformedMessage(error: error, status: status, method: startLine?.method, headers: headers)
    }
}
