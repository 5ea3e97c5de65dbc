import NIOCore
import WireSyntax

/// One whole message: a request with its body, or a response. For reading files and for tests; connections use `MSRPDecoder`.
public enum MSRPMessage: Hashable, Sendable {
    /// The body is nil where there is none, which is not the same as an empty one.
    case request(RequestHead, body: ByteBuffer?, ContinuationFlag)
    case response(ResponseHead)

    /// RFC 4975 §7.1: limit of the body of a request that is not SEND.
    public static let maximumOtherBody = 10_240

    /// Exactly one message, judged by the whole of RFC 4975 §9: URIs too, and the CRLF that belongs before the end-line of an empty body.
    /// - Throws: `SyntaxError`, also where octets are missing or left over.
    public init(_ octets: ByteBuffer, limits: DecoderLimits = DecoderLimits()) throws(SyntaxError) {
        var decoder = MSRPDecoder(limits: limits)
        decoder.feed(octets)
        var head: RequestHead?
        var body = ByteBuffer()
        var result: MSRPMessage?
        while result == nil, let event = try decoder.next() {
            switch event {
            case .head(let value): head = value
            case .body(let slice): body.writeImmutableBuffer(slice)
            case .end(let flag): result = head.map { .request($0, body: $0.hasBody ? body : nil, flag) }
            case .response(let value): result = .response(value)
            case .malformed(let message): throw message.error
            }
        }
        guard let result else {
            throw SyntaxError("the message ends before its end-line", at: octets.readableBytes)
        }
        guard decoder.retainedOctets == 0 else {
            throw SyntaxError("octets after the end-line", at: octets.readableBytes - decoder.retainedOctets)
        }
        self = result
        try checkPaths(octets)
        if case .request(let head, let body?, _) = self {
            if body.readableBytes == 0 { try checkEmptyBody(head, octets) }
            guard head.method == .send || body.readableBytes <= Self.maximumOtherBody else {
                throw SyntaxError(
                    "the body of a request other than SEND is larger than \(Self.maximumOtherBody) octets")
            }
        }
    }

    private func checkPaths(_ octets: ByteBuffer) throws(SyntaxError) {
        let paths: (ByteBuffer, ByteBuffer) =
            switch self {
            case .request(let head, _, _): (head.toPath, head.fromPath)
            case .response(let head): (head.toPath, head.fromPath)
            }
        for (name, path, line) in [("To-Path", paths.0, 2), ("From-Path", paths.1, 3)] {
            do throws(SyntaxError) {
                _ = try parsePath(path)
            } catch {
                var located = error.shifted(by: offset(ofLine: line, in: octets) + name.utf8.count + 2)
                located.field = name
                located.line = line
                throw located
            }
        }
    }

    private func checkEmptyBody(_ head: RequestHead, _ octets: ByteBuffer) throws(SyntaxError) {
        var end = ByteBuffer()
        head.writeEnd(.complete, into: &end)
        let written = octets.readableBytesView.suffix(end.readableBytes + 4).prefix(6)
        guard written.elementsEqual([0x0D, 0x0A, 0x0D, 0x0A, 0x0D, 0x0A]) else {
            throw SyntaxError(
                "the CRLF before the end-line is missing", at: octets.readableBytes - end.readableBytes + 2)
        }
    }

    private func offset(ofLine line: Int, in octets: ByteBuffer) -> Int {
        var seen = 1
        for (index, octet) in octets.readableBytesView.enumerated() {
            if seen == line { return index }
            if octet == 0x0A { seen += 1 }
        }
        return 0
    }
}
