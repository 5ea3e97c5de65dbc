import NIOCore
import Observability
import SIP
import Testing
import WireSyntax

@testable import Transport

@Suite struct SIPTraceTests {
    private func lines(_ text: String) throws -> [String] {
        SIPTrace.lines(of: try Message(datagram: ByteBuffer(string: text)))
    }

    @Test("the headers that decide, in one order; credentials without their response")
    func headers() throws {
        let text = SIPHarness.text(
            "REGISTER sip:ims.lab SIP/2.0", "Via: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK1",
            "From: <sip:a@ims.lab>;tag=1", "To: <sip:a@ims.lab>", "Call-ID: c", "CSeq: 2 REGISTER", "Max-Forwards: 70",
            "m: <sip:a@127.0.0.1:5061;transport=tls>", "Security-Client: msrp-tls;mediasec",
            "Authorization: Digest username=\"a@ims.lab\", realm=\"ims.lab\", nonce=\"n\", uri=\"sip:ims.lab\", "
                + "response=\"6629fae49393a05397450978507c4ef1\"")
        #expect(
            try lines(text) == [
                "Security-Client: msrp-tls;mediasec", "Contact: <sip:a@127.0.0.1:5061;transport=tls>",
                "Authorization: Digest username=\"a@ims.lab\"",
            ])
    }

    @Test("a challenge and its answer by scheme and algorithm, without nonce and response")
    func algorithms() throws {
        let head = [
            "Via: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK1", "From: <sip:a@ims.lab>;tag=1", "To: <sip:a@ims.lab>",
            "Call-ID: c", "CSeq: 2 REGISTER",
        ]
        func text(_ lines: [String]) -> String { (lines + ["Content-Length: 0", "", ""]).joined(separator: "\r\n") }
        let challenge =
            ["SIP/2.0 401 Unauthorized"] + head + [
                "WWW-Authenticate: Digest realm=\"ims.lab\", nonce=\"bm9uY2U=\", algorithm=AKAv1-MD5, qop=\"auth\""
            ]
        #expect(try lines(text(challenge)) == ["WWW-Authenticate: Digest algorithm=AKAv1-MD5"])
        let answer =
            ["REGISTER sip:ims.lab SIP/2.0"] + head + [
                "Max-Forwards: 70",
                "Authorization: Digest username=\"a\", nonce=\"n\", algorithm=AKAv1-MD5, response=\"66\"",
            ]
        #expect(try lines(text(answer)) == ["Authorization: Digest username=\"a\" algorithm=AKAv1-MD5"])
    }

    @Test("the session lines that decide, also inside multipart; key management cut short")
    func session() throws {
        let body = """
            v=0\r
            o=- 1 1 IN IP4 127.0.0.1\r
            s=-\r
            c=IN IP4 127.0.0.1\r
            m=message 9 TCP/TLS/MSRP *\r
            a=setup:actpass\r
            a=accept-types:text/plain\r
            a=path:msrps://127.0.0.1:9/x;tcp\r
            a=fingerprint:SHA-256 AB:CD\r
            a=3ge2ae:requested\r
            a=key-mgmt:mikey AQQFgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r

            """
        let head = [
            "INVITE sip:b@ims.lab SIP/2.0", "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1", "From: <sip:a@ims.lab>;tag=1",
            "To: <sip:b@ims.lab>", "Call-ID: c", "CSeq: 1 INVITE", "Max-Forwards: 70",
        ]
        let expected = [
            "c=IN IP4 127.0.0.1", "m=message 9 TCP/TLS/MSRP *", "a=setup:actpass", "a=path:msrps://127.0.0.1:9/x;tcp",
            "a=fingerprint:SHA-256 AB:CD", "a=3ge2ae:requested", "a=key-mgmt:mikey AQQFgAAAAAAAAAA…",
        ]
        let plain = (head + ["Content-Type: application/sdp", "", body]).joined(separator: "\r\n")
        #expect(try lines(plain) == expected)
        let multipart =
            "--x\r\nContent-Type: application/sdp\r\n\r\n\(body)\r\n--x\r\nContent-Type: text/plain\r\n\r\nm=secret?\r\n--x--\r\n"
        let mixed = (head + ["Content-Type: multipart/mixed;boundary=x", "", multipart]).joined(separator: "\r\n")
        #expect(try lines(mixed).prefix(7) == expected[...])
        // The text of a message is nobody's business.
        let text = (head + ["Content-Type: text/plain", "", "m=hello\r\nc=secret"]).joined(separator: "\r\n")
        #expect(try lines(text) == [])
    }

    @Test("the keys of the dialog and the start line")
    func event() throws {
        let message = try Message(datagram: ByteBuffer(string: SIPHarness.options()))
        let flow = Flow(transport: .udp, local: SIPHarness.local, remote: SIPHarness.peer)
        guard case .sip(let event) = SIPTrace.event(message, .received, over: flow) else {
            Issue.record("no sip event")
            return
        }
        #expect(event.startLine == "OPTIONS sip:x@ims.lab SIP/2.0")
        #expect(event.callID == "c1")
        #expect(event.fromTag == "1")
        #expect(event.toTag == nil)
        #expect(event.cSeq == "7 OPTIONS")
        #expect(event.transport == "udp")
        #expect(event.local == "127.1.0.1:5060")
        #expect(event.remote == "127.2.0.2:40000")
    }

    @Test("a peer cannot make an event grow without end")
    func bounded() throws {
        var message = try Message(datagram: ByteBuffer(string: SIPHarness.options()))
        for number in 0..<500 {
            message.headers.append(.reason, "x;text=\(number)" + String(repeating: "y", count: 1000))
        }
        let lines = SIPTrace.lines(of: message)
        #expect(lines.count == SIPTrace.maximumLines)
        #expect(lines.map(\.count).max() == SIPTrace.maximumLength + 1)
    }
}
