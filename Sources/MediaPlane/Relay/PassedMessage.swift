import MSRP
import NIOCore

/// A message that went through, for the event stream: its head on both legs, never its content.
struct PassedMessage: Hashable {
    var summary: String
    var transactionID: String
    var messageID: String?
    var byteRange: String?
    var bytes = 0
    var contentType: String?
    var received: (to: String, from: String)
    /// Nil where it was not passed on.
    var sent: (to: String, from: String)?

    init(_ head: RequestHead, sent: (to: ByteBuffer, from: ByteBuffer)?) {
        summary = "\(head.method)"
        transactionID = "\(head.transactionID)"
        messageID = head.messageID.map { "\($0)" }
        byteRange = head.byteRange.map { "\($0)" }
        contentType = head.contentType.map { String(buffer: $0) }
        received = (String(buffer: head.toPath), String(buffer: head.fromPath))
        self.sent = sent.map { (String(buffer: $0.to), String(buffer: $0.from)) }
    }

    init(_ head: ResponseHead, sent: (to: ByteBuffer, from: ByteBuffer)?) {
        summary = "\(head.status)" + (head.comment.map { " " + String(buffer: $0) } ?? "")
        transactionID = "\(head.transactionID)"
        received = (String(buffer: head.toPath), String(buffer: head.fromPath))
        self.sent = sent.map { (String(buffer: $0.to), String(buffer: $0.from)) }
    }

    static func == (left: PassedMessage, right: PassedMessage) -> Bool {
        left.summary == right.summary && left.transactionID == right.transactionID
            && left.messageID == right.messageID && left.byteRange == right.byteRange && left.bytes == right.bytes
            && left.contentType == right.contentType && left.received == right.received
            && left.sent?.to == right.sent?.to && left.sent?.from == right.sent?.from
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(summary)
        hasher.combine(transactionID)
    }
}
