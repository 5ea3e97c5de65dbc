import NIOCore
import SIP
import WireSyntax

extension MessageTree {
    /// RFC 3261: start line, headers in order, and the session description in the body.
    mutating func addSIP(_ octets: ByteBuffer) throws {
        let message = try Message(datagram: octets)
        let headers = message.headers
        // What every message must have, in its grammar (RFC 3261 §8.1.1), fails here with the header's name.
        _ = try headers.from()
        _ = try headers.to()
        _ = try headers.cSeq()
        _ = try headers.vias()
        try group("SIP " + (message.request == nil ? "response" : "request")) { tree in
            tree.add("start line", message.startLine)
            for field in headers.fields { tree.add(field.spelling, field.value) }
            let body = message.body
            guard body.readableBytes > 0 else { return }
            let type = headers[.contentType]?.lowercased() ?? ""
            guard type.hasPrefix("application/sdp") else { return tree.add("body", content: body) }
            do {
                try tree.addSessionDescription(body)
            } catch let error as SyntaxError {
                let before = octets.readableBytesView.prefix(max(0, octets.readableBytes - body.readableBytes))
                let lines = before.filter { $0 == UInt8(ascii: "\n") }.count
                throw error.shifted(by: before.count, lines: lines, field: "SDP")
            }
        }
    }
}
