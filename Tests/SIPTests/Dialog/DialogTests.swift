import NIOCore
import Testing
import WireSyntax

@testable import SIP

@Suite("RFC 3261 12: dialogs")
struct DialogTests {
    static func invite(_ recordRoutes: [String] = [], contact: String? = "<sip:a@127.0.0.3:5061>") -> Request {
        var headers = Headers()
        headers.append(.via, "SIP/2.0/UDP 127.0.0.3;branch=z9hG4bK1")
        for route in recordRoutes { headers.append(.recordRoute, route) }
        headers.append(.from, "\"A\" <sip:a@ims.lab>;tag=from;x=1")
        headers.append(.to, "<sip:b@ims.lab>")
        headers.append(.callID, "call")
        headers.append(.cSeq, "314 INVITE")
        if let contact { headers.append(.contact, contact) }
        return Request(
            method: .invite, uri: .other(scheme: "sip-like", rest: "b"), headers: headers, body: ByteBuffer())
    }

    static func response(
        _ status: Int, _ recordRoutes: [String] = [], tag: String = "to", contact: String = "<sip:b@127.0.0.4:5062>"
    ) -> Response {
        var response = Response.make(status, nil, to: invite(), toTag: tag)
        response.headers.remove(.recordRoute)
        for route in recordRoutes { response.headers.append(.recordRoute, route) }
        response.headers.append(.contact, contact)
        return response
    }

    static func inDialog(_ method: Method, _ number: Int, contact: String? = nil, fromTag: String = "from") -> Request {
        var headers = Headers()
        headers.append(.from, "<sip:a@ims.lab>;tag=\(fromTag)")
        headers.append(.to, "<sip:b@ims.lab>;tag=to")
        headers.append(.callID, "call")
        headers.append(.cSeq, "\(number) \(method.rawValue)")
        if let contact { headers.append(.contact, contact) }
        return Request(method: method, uri: .other(scheme: "x", rest: "y"), headers: headers, body: ByteBuffer())
    }

    @Test("RFC 3261 12.1.1, 12.1.2: the UAC reverses Record-Route, the UAS keeps it")
    func routeSets() throws {
        let routes = ["<sip:p3@h;lr>, <sip:p2@h;lr>", "<sip:p1@h;lr>"]
        var uac = try Dialog(uac: Self.invite(), response: Self.response(180, routes))
        #expect(uac.isEarly)
        #expect(uac.id == Dialog.ID(callID: "call", localTag: "from", remoteTag: "to"))
        let bye = uac.makeRequest(.bye)
        #expect(bye.headers.values(.route) == ["<sip:p1@h;lr>", "<sip:p2@h;lr>", "<sip:p3@h;lr>"])
        #expect("\(bye.uri)" == "sip:b@127.0.0.4:5062")
        #expect(bye.headers[.cSeq] == "315 BYE" && bye.headers.callID == "call")
        #expect(bye.headers[.from] == "\"A\" <sip:a@ims.lab>;tag=from")
        #expect(bye.headers[.to] == "<sip:b@ims.lab>;tag=to")
        #expect(bye.headers[.maxForwards] == "70")

        var uas = try Dialog(uas: Self.invite(routes), localTag: "to")
        let update = uas.makeRequest(.update)
        #expect(update.headers.values(.route) == ["<sip:p3@h;lr>", "<sip:p2@h;lr>", "<sip:p1@h;lr>"])
        #expect("\(update.uri)" == "sip:a@127.0.0.3:5061")
        #expect(update.headers[.from] == "<sip:b@ims.lab>;tag=to")
        #expect(update.headers[.to] == "\"A\" <sip:a@ims.lab>;tag=from")
    }

    @Test("RFC 3261 12.1.1, 12.2.1.1: without Record-Route no Route; a tag that a peer has not is left out")
    func bare() throws {
        var invite = Self.invite()
        invite.headers.set(.from, to: "<sip:a@ims.lab>")
        var uas = try Dialog(uas: invite, localTag: "to")
        #expect(uas.id == Dialog.ID(callID: "call", localTag: "to", remoteTag: ""))
        let bye = uas.makeRequest(.bye)
        #expect(bye.headers[.to] == "<sip:a@ims.lab>" && bye.headers[.cSeq] == "1 BYE")
        #expect(!bye.headers.contains(.route) && "\(bye.uri)" == "sip:a@127.0.0.3:5061")
        var response = Self.response(200)
        response.headers.set(.to, to: "<sip:b@ims.lab>")
        var uac = try Dialog(uac: Self.invite(), response: response)
        let update = uac.makeRequest(.update)
        #expect(update.headers[.to] == "<sip:b@ims.lab>" && !update.headers.contains(.route))
        #expect("\(update.uri)" == "sip:b@127.0.0.4:5062")
    }

    @Test("RFC 3261 12.2.1.1, 19.1.1: a strict router becomes the Request-URI and the target the last route")
    func strictRouting() throws {
        let routes = ["<sip:last@h;lr>", "<sip:strict@h;method=INVITE?x=y>"]
        var dialog = try Dialog(uac: Self.invite(), response: Self.response(200, routes))
        let bye = dialog.makeRequest(.bye)
        #expect("\(bye.uri)" == "sip:strict@h")
        #expect(bye.headers.values(.route) == ["<sip:last@h;lr>", "<sip:b@127.0.0.4:5062>"])
    }

    @Test("RFC 3261 13.2.2.4: the 2xx gives the route set and the target once more and confirms")
    func confirmation() throws {
        var dialog = try Dialog(uac: Self.invite(), response: Self.response(183, ["<sip:early@h;lr>"]))
        try dialog.receive(Self.response(200, ["<sip:late@h;lr>"], contact: "<sip:b@127.0.0.5>"), first: true)
        #expect(!dialog.isEarly)
        #expect(dialog.routeSet.map { "\($0)" } == ["<sip:late@h;lr>"])
        #expect("\(dialog.remoteTarget)" == "sip:b@127.0.0.5")
    }

    @Test("RFC 3261 13.2.2.4: the ACK to a 2xx has the INVITE's CSeq number and credentials, and takes no number")
    func ack() throws {
        var invite = Self.invite()
        invite.headers.append(.proxyAuthorization, "Digest username=\"a\"")
        var dialog = try Dialog(uac: invite, response: Self.response(200, ["<sip:p@h;lr>"]))
        let ack = dialog.makeACK(for: invite)
        #expect(ack.headers[.cSeq] == "314 ACK")
        #expect(ack.headers[.proxyAuthorization] == "Digest username=\"a\"")
        #expect(ack.headers.values(.route) == ["<sip:p@h;lr>"])
        #expect(dialog.makeRequest(.bye).headers[.cSeq] == "315 BYE")
    }

    @Test(
        "RFC 3261 12.2.2: CSeq must rise; ACK and CANCEL are not counted; other tags are another dialog",
        arguments: [
            (inDialog(.update, 315), Dialog.Verdict.ok),
            (inDialog(.update, 314), .outOfOrder),
            (inDialog(.bye, 313), .outOfOrder),
            (inDialog(.ack, 314), .ok),
            (inDialog(.cancel, 314), .ok),
            (inDialog(.bye, 315, fromTag: "FROM"), .notThisDialog),
        ])
    func receive(request: Request, verdict: Dialog.Verdict) throws {
        var dialog = try Dialog(uas: Self.invite(), localTag: "to")
        #expect(dialog.receive(request) == verdict)
    }

    @Test("RFC 3261 12.2: the target is refreshed by INVITE and UPDATE and their 2xx, not by others")
    func targetRefresh() throws {
        var dialog = try Dialog(uas: Self.invite(), localTag: "to")
        #expect(dialog.receive(Self.inDialog(.info, 315, contact: "<sip:no@h>")) == .ok)
        #expect("\(dialog.remoteTarget)" == "sip:a@127.0.0.3:5061")
        #expect(dialog.receive(Self.inDialog(.update, 316, contact: "<sip:yes@h>")) == .ok)
        #expect("\(dialog.remoteTarget)" == "sip:yes@h")
        #expect(dialog.receive(Self.inDialog(.invite, 317)) == .ok)
        #expect("\(dialog.remoteTarget)" == "sip:yes@h")
    }

    @Test("RFC 3261 12.1, 12.1.1: no dialog without Contact, nor with an endless route set")
    func refused() {
        #expect(throws: SyntaxError.self) { try Dialog(uas: Self.invite(contact: nil), localTag: "to") }
        let routes = Array(repeating: "<sip:p@h;lr>", count: Dialog.maximumRoutes + 1)
        #expect(throws: SyntaxError.self) { try Dialog(uas: Self.invite(routes), localTag: "to") }
    }
}
