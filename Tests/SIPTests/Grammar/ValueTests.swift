import SIP
import Testing
import WireSyntax

struct ValueTests {
    @Test("RFC 3261 20.10: names, brackets, and whose parameters they are")
    func nameAddresses() throws {
        let quoted = try NameAddress(#""A \"B\" C" <sip:a@b.com;lr>;tag=x;p="q;r""#)
        #expect(quoted.displayName == #"A "B" C"#)
        #expect(quoted.tag == "x")
        #expect(quoted.parameters.value("p") == "q;r")
        #expect(quoted.description == #""A \"B\" C" <sip:a@b.com;lr>;tag=x;p="q;r""#)
        let tokens = try NameAddress("Anna  Lee <sip:a@b.com>")
        #expect(tokens.displayName == "Anna  Lee")
        let bare = try NameAddress("sip:a@b.com;tag=1")
        #expect(bare.tag == "1")
        #expect(bare.uri.sip?.parameters.isEmpty == true)
        #expect(bare.description == "<sip:a@b.com>;tag=1")
    }

    @Test("RFC 3261 20.42, RFC 3581 3: rport absent, empty and filled in; received in both spellings")
    func via() throws {
        var via = try Via("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport")
        #expect(via.rport == .some(nil))
        via.rport = .some(1234)
        via.received = IPAddress("2001:db8::1")
        #expect(via.description == "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport=1234;received=2001:db8::1")
        #expect(try Via(via.description) == via)
        #expect(try Via("SIP/2.0/UDP h.com;received=[::1]").received == IPAddress("::1"))
        #expect(try Via("SIP/2.0/UDP h.com").rport == nil)
    }

    @Test("RFC 3261 20.15: media types are compared without regard to case")
    func mediaTypes() throws {
        #expect(try MediaType("Application/SDP") == .sdp)
        #expect(try MediaType("multipart/Mixed; Boundary=\"a b\"").parameters.value("boundary") == "a b")
        #expect(throws: SyntaxError.self) { try MediaType("a/b/c") }
    }

    @Test("Quoted strings", arguments: [("", "\"\""), ("a\"b", #""a\"b""#), (#"\"#, #""\\""#)])
    func quoting(text: String, wire: String) {
        #expect(quoted(text) == wire)
        #expect(unquoted(wire) == text)
    }
}
