import MSRP
import NIOCore
import WireSyntax

extension MessageTree {
    /// RFC 4975: one request with its body, or one response.
    mutating func addMSRP(_ octets: ByteBuffer) throws {
        var decoder = MSRPDecoder()
        decoder.feed(octets)
        var body = ByteBuffer()
        var head: RequestHead?
        while let event = try decoder.next() {
            switch event {
            case .head(let found): head = found
            case .body(let slice): body.writeImmutableBuffer(slice)
            case .malformed(let message): throw message.error
            case .response(let response):
                add(response)
                return try expectEnd(decoder, octets)
            case .end(let flag):
                guard let head else { break }
                add(head, body, flag)
                return try expectEnd(decoder, octets)
            }
        }
        throw SyntaxError(
            head == nil ? "ends before the end of the headers" : "ends before the end-line", at: octets.readableBytes)
    }

    private func expectEnd(_ decoder: MSRPDecoder, _ octets: ByteBuffer) throws {
        guard decoder.isIdle else {
            throw SyntaxError(
                "octets after the end of the message", at: octets.readableBytes - decoder.retainedOctets)
        }
    }

    private mutating func add(_ head: RequestHead, _ body: ByteBuffer, _ flag: ContinuationFlag) {
        group("MSRP request \(head.method)") { tree in
            tree.add("transaction", "\(head.transactionID)")
            tree.add("To-Path", String(buffer: head.toPath))
            tree.add("From-Path", String(buffer: head.fromPath))
            tree.add(fields: head.fields)
            tree.add("continuation", "\(flag)")
            if head.hasBody, body.readableBytes == 0 { tree.line("body: 0 octets") }
            tree.add("body", content: body)
        }
    }

    private mutating func add(_ head: ResponseHead) {
        group("MSRP response \(head.status)") { tree in
            tree.add("transaction", "\(head.transactionID)")
            if let comment = head.comment { tree.add("comment", String(buffer: comment)) }
            tree.add("To-Path", String(buffer: head.toPath))
            tree.add("From-Path", String(buffer: head.fromPath))
            tree.add(fields: head.fields)
        }
    }

    private mutating func add(fields: ByteBuffer) {
        for line in String(buffer: fields).split(whereSeparator: \.isNewline) {
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            add(line[..<colon], line[colon...].drop { $0 == ":" || $0 == " " })
        }
    }
}
