import SIP
import Testing
import WireSyntax

struct URITests {
    @Test(
        "RFC 3261 19.1.4: equivalent",
        arguments: [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x"
            ),
            ("sip:a@[2001:db8:0::1]", "sip:a@[2001:DB8::1]"), ("tel:+1", "TEL:+1"),
        ])
    func equivalent(one: String, other: String) throws {
        #expect(try URI(one).isEquivalent(to: URI(other)))
        #expect(try URI(other).isEquivalent(to: URI(one)))
    }

    @Test(
        "RFC 3261 19.1.4: not equivalent",
        arguments: [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"), ("sip:a@b.com", "sips:a@b.com"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:a%3Bb@c.com", "sip:a;b@c.com"), ("sip:a@b.com;maddr=1.2.3.4", "sip:a@b.com"),
        ])
    func different(one: String, other: String) throws {
        #expect(try !URI(one).isEquivalent(to: URI(other)))
        #expect(try !URI(other).isEquivalent(to: URI(one)))
    }

    @Test(
        "RFC 3261 19.1.1: well-formed URIs keep what they say",
        arguments: [
            "sip:a@b.com", "sips:a:secret@b.com:5061;transport=tcp;lr?a=b&c=", "sip:1.2.3.4", "sip:[2001:db8::1]:5060",
            "sip:+1-212-555-1212:1234@gateway.com;user=phone", "sip:a;x=y@b.com;p", "tel:+358-555-1234567;postd=pp22",
            "urn:service:sos.fire", "sip:a:@b.com", "sip:%00@b.com", "soap.beep://192.0.2.103:3002",
        ])
    func roundTrip(text: String) throws {
        #expect(try URI(text).description == text)
    }

    @Test(
        "RFC 3261 19.1.2, 25.1: malformed URIs, with no way back to the generic form",
        arguments: [
            "", "sip", "sip:", "sip:@b.com", "sip:a@", "sip:a@b..com", "sip:a@-b.com", "sip:a@b-.com", "sip:a@b.1",
            "sip:a@b.com:", "sip:a@b.com:65536", "sip:a@b.com:1a", "sip:a@::1", "sip:a@[::1", "sip:a@[1.2.3.4]",
            "sip:a@b.com;", "sip:a@b.com;x=", "sip:a@b.com;x=1;X=2", "sip:a@b.com?", "sip:a@b.com?x", "sip:a@b.com?=x",
            "sip:a@b.com?x=1&", "sip:a b@b.com", "sip:a@b.com ", "sip:a<@b.com", "sip:a%@b.com", "sip:a%1g@b.com",
            "sip:a@b.com;ttl=256", "sip:a@b.com;maddr=-", "sip:a@c@b.com", "1sip:x", "tel:", "x:a b", "x:a\u{E9}",
            "sip:a@b_c.com", "sip:a@b%63.com",
        ])
    func malformed(text: String) {
        #expect(throws: SyntaxError.self) { try URI(text) }
    }

    @Test("RFC 3261 10.3: an address of record has no parameters and no escapes")
    func addressOfRecord() throws {
        #expect(try SIPURI("sip:%61lice:x@IMS.lab;user=phone").addressOfRecord == "alice@ims.lab")
        #expect(escapedUser("a b@c\u{E9}") == "a%20b%40c%C3%A9")
    }
}
