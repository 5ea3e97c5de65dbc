import NIOCore
import WireSyntax

/// Reads MSRP from the octets of one connection, in any number of pieces.
///
/// ```
///          start line, headers
///   head ──────────────────────┬── empty line ──▶ body ── end-line ──▶ head
///                              ├── end-line ─────▶ head
///                              └── malformed ────▶ skip ── end-line ─▶ head
/// ```
/// A request comes out as `.head`, then `.body` slices as they arrive (uncopied; none for an empty body), then `.end`. A message that is malformed but
/// whose transaction id can be read comes out as `.malformed` and is skipped up to its own end-line, so that the connection lives on (RFC 4975 §10.2: 400).
/// A start line that gives no transaction id ends the stream: nothing says where the next message begins. Then `next()` throws, now and for ever.
///
/// The end-line of a body is searched for with memchr and memcmp over contiguous memory. What could be its beginning at the end of a read is kept back, nothing else.
public struct MSRPDecoder: Sendable {
    public enum Event: Hashable, Sendable {
        case head(RequestHead)
        /// Content of the request whose head came last. Never empty.
        case body(ByteBuffer)
        /// The request whose head came last is over.
        case end(ContinuationFlag)
        case response(ResponseHead)
        case malformed(MalformedMessage)
    }

    private enum State {
        case head(HeadScanner)
        /// `atStart`: nothing of the body has been seen yet.
        case body(EndLine, atStart: Bool)
        /// The end-line was found by the head scanner; its event is still owed.
        case endOwed(ContinuationFlag)
        case skip(EndLine, atStart: Bool)
        case failed(SyntaxError)
    }

    public let limits: DecoderLimits
    private var buffer = ByteBuffer()
    private var state: State

    public init(limits: DecoderLimits = DecoderLimits()) {
        self.limits = limits
        state = .head(HeadScanner())
    }

    /// Octets held because they are not a whole head yet, or could be the beginning of an end-line.
    public var retainedOctets: Int { buffer.readableBytes }

    /// Between two messages, with nothing read of the next one.
    public var isIdle: Bool {
        if case .head = state { return buffer.readableBytes == 0 }
        return false
    }

    /// Takes the next octets of the connection. Call `next()` until it gives nil.
    public mutating func feed(_ octets: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = octets
        } else {
            buffer.writeImmutableBuffer(octets)
        }
    }

    /// - Returns: the next event, or nil until more octets are fed.
    /// - Throws: where the stream cannot be read any further; the connection is of no more use.
    public mutating func next() throws(SyntaxError) -> Event? {
        while true {
            switch state {
            case .failed(let error):
                throw error
            case .head(var scanner):
                guard buffer.readableBytes > 0 else { return nil }
                switch scanner.scan(buffer, limits: limits) {
                case .needsMore:
                    state = .head(scanner)
                    return nil
                case .unreadable(let error):
                    return try fail(error)
                case .malformed(let message, let endLine, let length):
                    buffer.moveReaderIndex(forwardBy: length)
                    state = .skip(endLine, atStart: true)
                    return .malformed(message)
                case .request(let head, let endLine, let flag, let length):
                    buffer.moveReaderIndex(forwardBy: length)
                    state = flag.map { .endOwed($0) } ?? .body(endLine, atStart: true)
                    return .head(head)
                case .response(let head, let length):
                    buffer.moveReaderIndex(forwardBy: length)
                    state = .head(HeadScanner())
                    return .response(head)
                case .malformedWhole(let message, let length):
                    buffer.moveReaderIndex(forwardBy: length)
                    state = .head(HeadScanner())
                    return .malformed(message)
                }
            case .endOwed(let flag):
                state = .head(HeadScanner())
                return .end(flag)
            case .body(let endLine, let atStart):
                switch endLine.search(buffer, atStart: atStart) {
                case .undecided:
                    return nil
                case .data(let count):
                    state = .body(endLine, atStart: false)
                    return buffer.readSlice(length: count).map { .body($0) }
                case .end(let flag, let length):
                    buffer.moveReaderIndex(forwardBy: length)
                    state = .head(HeadScanner())
                    return .end(flag)
                }
            case .skip(let endLine, let atStart):
                switch endLine.search(buffer, atStart: atStart) {
                case .undecided:
                    return nil
                case .data(let count):
                    buffer.moveReaderIndex(forwardBy: count)
                    state = .skip(endLine, atStart: false)
                case .end(_, let length):
                    buffer.moveReaderIndex(forwardBy: length)
                    state = .head(HeadScanner())
                }
            }
        }
    }

    private mutating func fail(_ error: SyntaxError) throws(SyntaxError) -> Event? {
        state = .failed(error)
        buffer = ByteBuffer()
        throw error
    }
}

/// A message that cannot be taken, as far as it was read.
public struct MalformedMessage: Hashable, Sendable {
    public var error: SyntaxError
    /// nil for a response, and where the word is not a method.
    public var method: RequestMethod?
    public var isResponse: Bool
    /// nil where it is not an ident: then there is nothing that an answer could carry.
    public var transactionID: Ident?
    public var toPath: ByteBuffer?
    public var fromPath: ByteBuffer?
    /// `yes` where it is absent or unreadable.
    public var failureReport: FailureReport

    /// RFC 4975 §7.2: whether a 400 may be sent, and can be made.
    public var isAnswerable: Bool {
        !isResponse && method != .report && transactionID != nil && fromPath != nil && failureReport != .no
    }
}
