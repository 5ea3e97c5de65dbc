import NIOCore
import WireSyntax

@testable import MSRP

/// What a stream says, with the body slices of a chunk joined, so that any way of cutting the octets gives the same.
enum Seen: Equatable {
    case request(RequestHead, body: String?, ContinuationFlag)
    case response(ResponseHead)
    case malformed(MalformedMessage)
    case failure(SyntaxError)
}

func crlf(_ text: String) -> String {
    text.replacing("\r\n", with: "\n").replacing("\n", with: "\r\n")
}

/// Feeds `text` in pieces of `size` octets.
func decode(_ octets: ByteBuffer, pieces size: Int = .max, limits: DecoderLimits = DecoderLimits()) -> [Seen] {
    var decoder = MSRPDecoder(limits: limits)
    var seen: [Seen] = []
    var head: RequestHead?
    var body: [UInt8] = []
    var rest = octets
    do throws(SyntaxError) {
        while rest.readableBytes > 0 {
            guard let piece = rest.readSlice(length: min(size, rest.readableBytes)) else { break }
            // A copy of its own, as from a socket.
            decoder.feed(ByteBuffer(bytes: piece.readableBytesView))
            while let event = try decoder.next() {
                switch event {
                case .head(let value): head = value
                case .body(let slice): body += slice.readableBytesView
                case .end(let flag):
                    if let value = head {
                        seen.append(
                            .request(value, body: value.hasBody ? String(decoding: body, as: UTF8.self) : nil, flag))
                    }
                    head = nil
                    body = []
                case .response(let value): seen.append(.response(value))
                case .malformed(let value): seen.append(.malformed(value))
                }
            }
        }
    } catch {
        seen.append(.failure(error))
    }
    return seen
}

func decode(_ text: String, pieces size: Int = .max, limits: DecoderLimits = DecoderLimits()) -> [Seen] {
    decode(ByteBuffer(string: crlf(text)), pieces: size, limits: limits)
}
