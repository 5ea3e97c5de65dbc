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

    @Test(
        "RFC 3325 9.2, TS 24.229 5.2.6.3, A12: the identity that a UE prefers is asserted if it is its own",
        arguments: [
            ("<sip:a2@ims.lab>", "sip:a2@ims.lab"), ("<sip:victim@ims.lab>", "sip:a@ims.lab"), (nil, "sip:a@ims.lab"),
            ("nonsense", "sip:a@ims.lab"),
        ])
    func preferred(value: String?, asserted: String) {
        let request = Fixtures.request(.invite, headers: value.map { [(.pPreferredIdentity, $0)] } ?? [])
        #expect("\(Fixtures.registration().identity(preferred: request.preferredIdentity))" == asserted)
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

    @Test(
        "TS 24.229 5.2.6.4, A10: a UE's response keeps the Via and Record-Route of the request, whatever the UE wrote")
    func path() {
        let request = Fixtures.request(
            .subscribe,
            headers: [
                (.via, "SIP/2.0/TCP 127.2.0.1:5060;branch=z9hG4bKcore"), (.recordRoute, "<sip:home@127.2.0.1;lr>"),
            ])
        var response = Response.make(200, nil, to: request, toTag: "u").headers
        response.remove(.via)
        response.append(.via, "SIP/2.0/UDP 127.9.9.9;branch=z9hG4bKevil")
        response.append(.recordRoute, "<sip:evil@127.9.9.9;lr>")
        Hygiene.restorePath(of: &response, from: request.headers, ownRoute: Fixtures.own.coreRoute("tok"))
        #expect(response.values(.via) == request.headers.values(.via))
        #expect(response.values(.recordRoute) == [Fixtures.own.coreRoute("tok"), "<sip:home@127.2.0.1;lr>"])
        Hygiene.restorePath(of: &response, from: request.headers, ownRoute: nil)
        #expect(!response.contains(.recordRoute))
    }

    @Test("RFC 3261 16.3 step 4: who has passed here is known by Via, on either face")
    func passed() {
        for (via, isOwn) in [
            ("SIP/2.0/TLS 127.1.0.1:5061;branch=z9hG4bK1", true), ("SIP/2.0/TCP 127.1.0.1:6000;branch=z9hG4bK1", true),
            ("SIP/2.0/TLS 127.1.0.1;branch=z9hG4bK1", true), ("SIP/2.0/TCP 127.1.0.1:6001;branch=z9hG4bK1", false),
            ("SIP/2.0/TCP pcscf.ims.lab:6000;branch=z9hG4bK1", false),
        ] {
            var headers = Headers()
            headers.append(.via, "SIP/2.0/TCP 127.2.0.1:5060;branch=z9hG4bK0")
            headers.append(.via, via)
            #expect(Fixtures.own.hasPassed(headers) == isOwn, "\(via)")
        }
    }

    @Test("RFC 3261 20.43: a warning is one line of printable text")
    func warning() {
        #expect(Refusal.quoted("a \"b\"\r\n\\c é") == "\"a 'b'??/c ?\"")
    }
}
