import MSRP
import NIOCore

/// What a decoder gives for some octets, without the places at which bodies were cut.
struct MessageEvents: Hashable {
    private(set) var bodies: [ByteBuffer] = []
    private(set) var others: [String] = []
    private(set) var hasFailed = false

    init(_ octets: ByteBuffer, piece: Int) {
        var decoder = MSRPDecoder()
        var rest = octets
        while rest.readableBytes > 0, let next = rest.readSlice(length: min(piece, rest.readableBytes)) {
            decoder.feed(next)
            do {
                while let event = try decoder.next() { add(event) }
            } catch {
                hasFailed = true
                return
            }
        }
    }

    private mutating func add(_ event: MSRPDecoder.Event) {
        switch event {
        case .head(let head):
            others.append("\(head.method) \(head.transactionID)")
            bodies.append(ByteBuffer())
        case .body(let slice): bodies[bodies.count - 1].writeImmutableBuffer(slice)
        case .end(let flag): others.append("end \(flag)")
        case .response(let head): others.append("\(head.status) \(head.transactionID)")
        case .malformed(let message): others.append("malformed \(message.isResponse)")
        }
    }
}
