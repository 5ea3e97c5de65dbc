import SIP
import Testing

@testable import ProxyCSCF

@Suite("What crosses between UE and core")
struct HygieneTests {
    @Test("A12: asserted headers of a UE are removed, its own identity put in")
    func fromUE() {
        var headers = Headers()
        for name in Hygiene.asserted { headers.append(name, "x") }
        headers.append("X-Other", "kept")
        headers.append(.securityVerify, "msrp-tls;mediasec")
        Hygiene.clean(fromUE: &headers, asserting: Fixtures.uri("sip:a@ims.lab"))
        #expect(headers.fields.map(\.value) == ["kept", "<sip:a@ims.lab>"])
    }

    @Test(
        "RFC 3325 7: with Privacy id the identity stays inside",
        arguments: [("id", false), ("header;id", false), ("none", true)])
    func privacy(value: String, isKept: Bool) {
        var headers = Headers()
        headers.append("P-Asserted-Identity", "<sip:a@ims.lab>")
        headers.append("Privacy", value)
        Hygiene.clean(fromCore: &headers)
        #expect(headers.contains("P-Asserted-Identity") == isKept)
    }

    @Test("U8: mediasec and sec-agree are never a reason for 420, others are")
    func proxyRequire() {
        var headers = Headers()
        headers.append(.proxyRequire, "mediasec, SEC-AGREE, gruu")
        #expect(Hygiene.unsupportedTags(headers) == ["gruu"])
    }

    @Test("Own routes are taken off the top, and only there")
    func routes() throws {
        var headers = Headers()
        headers.setRoutes([
            "<sip:tok@127.1.0.1:5061;transport=tls;lr>", "<sip:tok@127.1.0.1:6000;lr>", "<sip:home@127.2.0.1:5060;lr>",
            "<sip:tok@127.1.0.1:6000;lr>",
        ])
        #expect(try Fixtures.own.takeRoutes(&headers) == "tok")
        #expect(headers.values(.route) == ["<sip:home@127.2.0.1:5060;lr>", "<sip:tok@127.1.0.1:6000;lr>"])
        #expect(try Fixtures.own.takeRoutes(&headers) == nil)
    }

    @Test("A warning is one line of printable text")
    func warning() {
        #expect(Refusal.quoted("a \"b\"\r\n\\c é") == "\"a 'b'??/c ?\"")
    }
}
