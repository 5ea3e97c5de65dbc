import SIP
import Testing

@testable import ProxyCSCF

@Suite("Strict routers")
struct StrictRoutingTests {
    @Test(
        "RFC 3261 16.4: our Record-Route value in the Request-URI: the last Route is the target, and the value counts as a Route"
    )
    func undone() throws {
        var request = Fixtures.request(
            .bye, uri: "sip:tok@127.1.0.1:6000;transport=tcp;lr",
            headers: [(.route, "<sip:home@127.2.0.1;lr>, <sip:far@127.5.0.1:5090>")])
        try Fixtures.own.undoStrictRouting(&request)
        #expect("\(request.uri)" == "sip:far@127.5.0.1:5090")
        #expect(try Fixtures.own.takeRoutes(&request.headers) == "tok")
        #expect(request.headers.values(.route) == ["<sip:home@127.2.0.1;lr>"])
    }

    static let untouched = ["sip:127.1.0.1:6000;lr", "sip:tok@127.1.0.1:6000", "sip:tok@127.9.0.1:6000;lr", "tel:+1"]

    @Test("RFC 3261 16.4: another Request-URI stays", arguments: untouched)
    func others(uri: String) throws {
        var request = Fixtures.request(.bye, uri: uri, headers: [(.route, "<sip:far@127.5.0.1:5090>")])
        let before = request
        try Fixtures.own.undoStrictRouting(&request)
        #expect(request == before)
    }
}
