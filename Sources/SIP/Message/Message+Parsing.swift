import NIOCore
import WireSyntax

extension Message {
    /// One message from a datagram or a file: octets beyond Content-Length are ignored, without it the body is the rest (RFC 3261 §18.3).
    ///
    /// - Throws: what is wrong and where, in octets of `datagram` from 0 and lines from 1.
    public init(datagram: ByteBuffer) throws(SyntaxError) {
        switch Message.read(datagram: datagram) {
        case .success(let message): self = message
        case .failure(let malformed): throw malformed.error
        }
    }

    /// As `init(datagram:)`; a failure carries what a 400 needs.
    public static func read(datagram: ByteBuffer) -> Result<Message, MalformedMessage> {
        let view = datagram.readableBytesView
        let octets = Array(view.prefix(MessageLimits.headerSection + 4))
        var section = HeaderSection(octets, isWhole: octets.count == view.count)
        section.validate()
        var body = datagram
        body.moveReaderIndex(forwardBy: section.end)
        if let length = section.contentLength {
            if let rest = body.readSlice(length: length) {
                body = rest
            } else {
                section.note(
                    SyntaxError(
                        "\(length) octets announced, \(body.readableBytes) there", field: "Content-Length",
                        at: section.contentLengthOffset))
            }
        }
        return section.message(body: body)
    }
}

extension HeaderSection {
    /// The message with the given body, or the first error.
    func message(body: ByteBuffer) -> Result<Message, MalformedMessage> {
        if let error {
            return .failure(
                MalformedMessage(error: error, status: status, method: startLine?.method, headers: headers))
        }
        switch startLine {
        case .request(let method, let uri):
            return .success(.request(Request(method: method, uri: uri, headers: headers, body: body)))
        case .response(let status, let reason):
            return .success(.response(Response(status: status, reason: reason, headers: headers, body: body)))
        case .unreadable, nil:
            return .failure(
                MalformedMessage(
                    error: SyntaxError("no start-line"), status: 400, method: nil, headers: headers))
        }
    }
}
