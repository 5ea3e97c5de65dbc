import MSRP
import NIOCore
import WireSyntax

extension MessageTree {
    /// RFC 4975: one request with its body, or one response.
    mutating func addMSRP(_ octets: ByteBuffer) throws {
        switch try MSRPMessage(octets) {
        case .response(let response): add(response)
        case .request(let head, let body, let flag): add(head, body ?? ByteBuffer(), flag)
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
