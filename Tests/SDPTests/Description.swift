import NIOCore
import SDP
import WireSyntax

/// Lines joined with CRLF, as they stand on the wire.
func wire(_ lines: [String]) -> ByteBuffer { ByteBuffer(string: lines.map { $0 + "\r\n" }.joined()) }

func parse(_ lines: [String]) throws(SyntaxError) -> SessionDescription { try SessionDescription(octets: wire(lines)) }

func text(_ buffer: ByteBuffer) -> String { String(buffer: buffer) }

/// What every description begins with.
let head = ["v=0", "o=- 1 1 IN IP4 192.0.2.7", "s=-", "c=IN IP4 192.0.2.7", "t=0 0"]
