import NIOCore
import SIP
import Testing
import WireSyntax

struct BodyTests {
    static func message(type: String?, extra: [(String, String)] = [], body: String) -> Message {
        var headers = Headers()
        if let type { headers.append(.contentType, type) }
        for (name, value) in extra { headers.append(HeaderName(name), value) }
        return .request(
            Request(
                method: .invite, uri: .other(scheme: "urn", rest: "x"), headers: headers, body: ByteBuffer(string: body)
            ))
    }

    static let mixed =
        "preamble\r\n--b1\r\nContent-Type: application/resource-lists+xml\r\n\r\n<x>--b1x</x>\r\n--b1 \t\r\n"
        + "Content-Type: Multipart/Mixed;boundary=\"b2\"\r\n\r\n--b2\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n"
        + "\r\nv=0\r\n\r\n--b2\r\n\r\nno type\r\n--b2--\r\n--b1--\r\nepilogue"

    @Test("RFC 2046 5.1.1, 5.2, RFC 3261 7.4: parts of nested multiparts, in order; a part without a type has none")
    func nested() throws {
        let parts = try Self.message(type: "multipart/mixed;boundary=b1", body: Self.mixed).bodyParts()
        #expect(parts.map(\.path) == [[0], [1, 0], [1, 1]])
        #expect(parts.last?.contentType == nil)
        #expect(parts.map { String(buffer: $0.content) } == ["<x>--b1x</x>", "v=0\r\n", "no type"])
    }

    @Test("A part is replaced exactly: every octet around it stays, lengths inside the body follow")
    func replace() throws {
        var message = Self.message(type: "multipart/mixed;boundary=b1", body: Self.mixed)
        let sdp = try #require(try message.sessionDescription())
        try message.replace(sdp, with: ByteBuffer(string: "v=0\r\ns=longer\r\n"))
        let expected = Self.mixed.replacing(
            "Content-Length: 5\r\n\r\nv=0\r\n", with: "Content-Length: 15\r\n\r\nv=0\r\ns=longer\r\n")
        #expect(String(buffer: message.body) == expected)
        #expect(String(buffer: try #require(try message.sessionDescription()).content) == "v=0\r\ns=longer\r\n")
        #expect(throws: SyntaxError.self) { try message.replace(sdp, with: ByteBuffer(string: "x\r\n--b1--\r\n")) }
    }

    @Test("A body that is SDP is the whole body")
    func plain() throws {
        var message = Self.message(type: "application/SDP", body: "v=0\r\n")
        let part = try #require(try message.sessionDescription())
        try message.replace(part, with: ByteBuffer(string: "v=1\r\n"))
        #expect(message.body == ByteBuffer(string: "v=1\r\n"))
        #expect(try Self.message(type: nil, body: "").sessionDescription() == nil)
        #expect(try Self.message(type: "text/plain", body: "hello").sessionDescription() == nil)
    }

    @Test(
        "A11: a session body that cannot be read never passes unread",
        arguments: [
            ("application/sdp", [("Content-Encoding", "gzip")], "v=0", 415),
            ("text/plain", [("e", "deflate")], "v=0", 415), (nil, [], "v=0\r\n", 415),
            ("application/pkcs7-mime", [], "x", 415), ("message/external-body;access-type=x", [], "x", 415),
            ("application/x-desc", [("Content-Disposition", "session")], "x", 415),
            ("multipart/encrypted;boundary=b", [], "--b\r\nContent-Type: application/x\r\n\r\nx\r\n--b--", 415),
            ("multipart/signed;boundary=b", [], "--b\r\nContent-Type: application/sdp\r\n\r\nx\r\n--b--", 415),
            (
                "multipart/mixed;boundary=b", [],
                "--b\r\nContent-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--b--", 415
            ),
            (
                "multipart/mixed;boundary=b", [],
                "--b\r\nContent-Type: application/sdp\r\n\r\nx\r\n--b\r\nContent-Type: application/sdp\r\n\r\ny\r\n--b--",
                488
            ),
            ("multipart/mixed;boundary=b", [], "--b\r\nContent-Type: application/sdp\r\n\r\nx\r\n", 400),
            ("multipart/mixed;boundary=b", [], "--b\nContent-Type: application/sdp\n\nx\n--b--", 400),
            ("multipart/mixed", [], "--b\r\n\r\nx\r\n--b--", 400), ("multipart/mixed;boundary=b", [], "--b--", 400),
            ("multipart/mixed;boundary=b", [], "--b\r\nContent-Type: bad\r\n\r\nx\r\n--b--", 400),
            ("multipart/mixed;boundary=b", [], "--b\r\nContent-Length: 2\r\n\r\nx\r\n--b--", 400),
        ] as [(String?, [(String, String)], String, Int)])
    func unreadable(type: String?, extra: [(String, String)], body: String, status: Int) {
        let error = #expect(throws: SessionBodyError.self) {
            try Self.message(type: type, extra: extra, body: body).sessionDescription()
        }
        #expect(error?.status == status)
        #expect(error?.reason.isEmpty == false)
    }

    @Test("RFC 3261 20.11: an unknown body with handling=optional passes")
    func optional() throws {
        let message = Self.message(
            type: "application/x-desc", extra: [("Content-Disposition", "session;handling=optional")], body: "x")
        #expect(try message.sessionDescription() == nil)
    }

    @Test("Limits: depth and number of parts")
    func limits() {
        var body = "x"
        for depth in (0...BodyLimits.depth).reversed() {
            body = "--b\(depth)\r\nContent-Type: multipart/mixed;boundary=b\(depth + 1)\r\n\r\n\(body)\r\n--b\(depth)--"
        }
        #expect(throws: SyntaxError.self) {
            try Self.message(type: "multipart/mixed;boundary=b0", body: body).bodyParts()
        }
        let many = String(repeating: "--b\r\n\r\nx\r\n", count: BodyLimits.parts + 1) + "--b--"
        #expect(throws: SyntaxError.self) {
            try Self.message(type: "multipart/mixed;boundary=b", body: many).bodyParts()
        }
    }

    @Test("RFC 4475 3.1.1.11: the parts of the S/MIME example; what is protected is refused")
    func torture() throws {
        let message = try Message(datagram: try fixture("rfc4475/mpart01"))
        let parts = try message.bodyParts()
        #expect(parts.map { $0.contentType?.essence } == ["text/plain", "application/octet-stream"])
        #expect(String(buffer: try #require(parts.first).content) == "Hello")
    }

    @Test("No changed octet ends the process, and putting a part back where it was changes nothing")
    func mutations() throws {
        let octets = Array(Self.mixed.utf8)
        for index in octets.indices {
            for octet: UInt8 in [0, 10, 13, 32, 45, 58, 255] {
                var copy = octets
                copy[index] = octet
                var message = Self.message(type: "multipart/mixed;boundary=b1", body: "")
                message.body = ByteBuffer(bytes: copy)
                guard let parts = try? message.bodyParts() else { continue }
                for part in parts {
                    let before = message.body
                    do { try message.replace(part, with: part.content) } catch { continue }
                    #expect(message.body == before)
                }
            }
        }
    }
}
