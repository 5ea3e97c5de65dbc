import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

@Suite("A call through the P-CSCF")
struct CallLegTests {
    @Test("media-security 5.1: originating e2ae, from INVITE to BYE")
    func originating() throws {
        var call = LegHarness(.originating, isPrompt: false)
        #expect(call.take() == ["100 > ue", "reserve"])
        #expect(call.terminations.map(\.transport.proto) == ["TCP/TLS/MSRP", "TCP/MSRP"])
        call.reply()
        #expect(call.take() == ["INVITE > core"])
        let invite = try #require(call.sent[CallLeg.first])
        #expect(invite.headers.values(.route) == ["<sip:orig@127.2.0.1:5060;transport=tcp;lr>"])
        #expect(invite.headers.values(.recordRoute) == ["<sip:calltoken@127.1.0.1:6000;transport=tcp;lr>"])
        #expect(invite.headers["P-Asserted-Identity"] == "<sip:a@ims.lab>")
        #expect(invite.headers[.maxForwards] == "69")
        let offer = call.passed()
        #expect(offer.contains("TCP/MSRP *") && offer.contains("127.3.0.2"))
        #expect(!offer.contains("fingerprint") && !offer.contains("3ge2ae"))

        call.respond(180)
        #expect(call.take() == ["180 > ue"])
        call.respond(200, body: Fixtures.plain(setup: "passive"))
        #expect(call.take() == ["configure core"])
        call.reply()
        #expect(call.take() == ["200 > ue"])
        let answer = call.answered()
        #expect(answer.contains("TCP/TLS/MSRP *") && answer.contains("a=fingerprint:SHA-256 66:"))
        #expect(answer.contains("a=3ge2ae:applied") && answer.contains("127.3.0.1"))
        let success = try #require(call.finals[CallLeg.first]?.first)
        #expect(
            success.headers.list(.recordRoute) == [
                "<sip:home@127.2.0.1:5060;lr>", "<sip:calltoken@127.1.0.1:5061;transport=tls;lr>",
            ])
        #expect(success.headers.values(.via).count == 1)

        call.request(.ack, from: .ue, cSeq: 1)
        #expect(call.take() == ["ACK > core"])
        #expect(call.alone.first?.request.headers.values(.route) == ["<sip:home@127.2.0.1:5060;lr>"])
        #expect(call.leg.phase == .confirmed)

        let bye = try call.asking(.bye, from: .ue, cSeq: 2)
        #expect(call.take() == ["BYE > core"])
        call.respond(200, to: bye)
        #expect(call.take() == ["200 > ue", "release", "ended"])
        #expect(Set(call.released) == call.reserved)
    }

    @Test("media-security 5.2: terminating e2ae: the offer to the UE says applied, its fingerprint goes to the gateway")
    func terminating() throws {
        var call = LegHarness(.terminating)
        #expect(call.take() == ["100 > core", "reserve", "INVITE > ue"])
        let offer = call.passed()
        #expect(
            offer.contains("TCP/TLS/MSRP *") && offer.contains("a=3ge2ae:applied")
                && offer.contains("a=fingerprint:SHA-256 66:"))
        let invite = try #require(call.sent[CallLeg.first])
        #expect(invite.headers.values(.route).isEmpty)
        #expect(invite.headers.list(.recordRoute).first == "<sip:calltoken@127.1.0.1:5061;transport=tls;lr>")
        call.respond(200, body: Fixtures.secure(setup: "active", requested: false))
        #expect(call.take() == ["configure access", "200 > core"])
        let answer = call.answered()
        #expect(answer.contains("TCP/MSRP *") && !answer.contains("fingerprint"))
        let success = try #require(call.finals[CallLeg.first]?.first)
        #expect(success.headers.list(.recordRoute).contains("<sip:calltoken@127.1.0.1:6000;transport=tcp;lr>"))
        #expect(success.headers["P-Asserted-Identity"] == "<sip:a@ims.lab>")
        call.request(.ack, from: .core, cSeq: 1)
        #expect(call.take() == ["ACK > ue"])
    }

    @Test("RFC 3261 16.7: the 200 waits for the 183 that is with the gateway before it; copies of a 2xx go back again")
    func order() throws {
        var call = LegHarness(.originating, isPrompt: false)
        call.reply()
        _ = call.take()
        call.respond(183, body: Fixtures.plain(setup: "passive"))
        call.respond(200, body: Fixtures.plain(setup: "passive"))
        call.respond(200, body: Fixtures.plain(setup: "passive"))
        #expect(call.take() == ["183 > ue", "configure core"])
        call.replyAll()
        #expect(call.take() == ["200 > ue", "200 > ue"])
        call.request(.ack, from: .ue, cSeq: 1)
        call.request(.ack, from: .ue, cSeq: 1)
        #expect(call.take() == ["ACK > core", "ACK > core"])
    }

    @Test(
        "A11: a UE that was offered e2ae and answers plain: CANCEL or ACK and BYE to it, 488 to the core",
        arguments: [183, 200])
    func plainAnswer(status: Int) throws {
        var call = LegHarness(.terminating)
        _ = call.take()
        call.respond(status, body: Fixtures.plain(setup: "active", address: "127.4.0.1"))
        let log = call.take()
        #expect(log.filter { $0.hasSuffix("> core") } == ["488 > core"])
        #expect(log.filter { $0.hasSuffix("> ue") } == (status == 183 ? ["CANCEL > ue"] : ["ACK > ue", "BYE > ue"]))
        #expect(log.contains("release"))
        if status == 183 { call.respond(487) }
        #expect(call.ended == 1)
        let bye = call.alone.last?.request
        if status == 200 { #expect(bye?.headers["Reason"]?.hasPrefix("SIP ;cause=488") == true) }
    }

    @Test("A11: SDP is found beside other parts of multipart/mixed")
    func multipart() throws {
        let body =
            "--b\r\nContent-Type: application/resource-lists+xml\r\n\r\n<x/>\r\n--b\r\nContent-Type: application/sdp\r\n\r\n"
            + Fixtures.secure() + "\r\n--b--\r\n"
        let call = LegHarness(.originating, body: body, type: "multipart/mixed;boundary=b")
        #expect(call.passed().contains("TCP/MSRP *") && call.passed().contains("<x/>"))
        #expect(!call.passed().contains("fingerprint"))
    }

    static let unreadableBodies: [(String, String, String, [(HeaderName, String)], Int)] = [
        ("encoded", Fixtures.secure(), "application/sdp", [("Content-Encoding", "gzip")], 415),
        ("encrypted", "xxxx", "application/pkcs7-mime", [], 415),
        ("malformed", "v=0\r\nm=\r\n", "application/sdp", [], 488),
        (
            "two",
            "--b\r\nContent-Type: application/sdp\r\n\r\n" + Fixtures.secure()
                + "\r\n--b\r\nContent-Type: application/sdp\r\n\r\n" + Fixtures.plain() + "\r\n--b--\r\n",
            "multipart/mixed;boundary=b", [], 488
        ),
    ]

    @Test(
        "A11, RFC 3261 21.4.13: a session body that cannot be read gets 415 or 488 and never passes",
        arguments: unreadableBodies.indices)
    func unreadable(index: Int) {
        let (name, body, type, headers, status) = Self.unreadableBodies[index]
        let call = LegHarness(.originating, body: body, type: type, headers: headers)
        #expect(call.finals[CallLeg.first]?.map(\.status) == [status], "\(name)")
        let accept = call.finals[CallLeg.first]?.first?.headers[.accept]
        #expect((accept?.contains("application/sdp") == true) == (status == 415), "\(name)")
        #expect(call.sent.isEmpty && call.ended == 1)
    }

    @Test("media-security 6: 503 with Retry-After where both indicated and no gateway is free")
    func noGateway() {
        var call = LegHarness(.originating, isPrompt: false)
        call.nextFailure = .noGateway
        call.reply()
        #expect(call.finals[CallLeg.first]?.first?.status == 503)
        #expect(call.finals[CallLeg.first]?.first?.headers[.retryAfter] == "10")
        #expect(call.ended == 1 && call.sent.isEmpty)
    }

    @Test("A later offer is not forwarded when it takes e2ae off the line: 488, and the session goes on")
    func laterDowngrade() throws {
        var call = Self.confirmed(.originating)
        let id = try call.asking(.invite, from: .ue, cSeq: 2, body: Fixtures.plain(address: "127.4.0.1"))
        #expect(call.finals[id]?.map(\.status) == [488])
        #expect(call.leg.phase == .confirmed && call.released.isEmpty)
    }

    @Test("An unchanged later offer keeps the context and makes no new one")
    func laterUnchanged() throws {
        var call = Self.confirmed(.originating)
        let id = try call.asking(.update, from: .ue, cSeq: 2, body: Fixtures.secure())
        call.respond(200, to: id, body: Fixtures.plain(setup: "passive"))
        #expect(call.finals[id]?.map(\.status) == [200])
        #expect(call.reserved.count == 1 && call.released.isEmpty)
    }

    @Test("RFC 3264: INVITE without SDP: the offer in the 200 to the UE, the answer in the ACK")
    func offerInResponse() throws {
        var call = LegHarness(.originating, body: "")
        _ = call.take()
        #expect(call.sent[CallLeg.first]?.body.readableBytes == 0)
        call.respond(200, body: Fixtures.plain())
        #expect(call.take() == ["reserve", "200 > ue"])
        #expect(call.answered().contains("TCP/TLS/MSRP *"))
        call.request(.ack, from: .ue, cSeq: 1, body: Fixtures.secure(setup: "active", requested: false))
        #expect(call.take() == ["configure access", "ACK > core"])
        #expect(LegHarness.sdp(call.alone[0].request.body).contains("TCP/MSRP *"))
    }

    @Test("A11: a plain answer in the ACK to an e2ae offer: BYE both ways")
    func plainAnswerInACK() throws {
        var call = LegHarness(.originating, body: "")
        call.respond(200, body: Fixtures.plain())
        _ = call.take()
        call.request(.ack, from: .ue, cSeq: 1, body: Fixtures.plain(setup: "active", address: "127.4.0.1"))
        #expect(Set(call.take()) == ["ACK > core", "BYE > core", "BYE > ue", "release", "ended"])
        #expect(call.alone[0].request.body.readableBytes == 0)
    }

    @Test(
        "TS 24.229 5.2.8.1, 5.2.8.1.2: after a notification both sides get a BYE that fits their dialog, with Reason",
        arguments: [OfferDirection.originating, .terminating])
    func released(direction: OfferDirection) throws {
        var call = Self.confirmed(direction)
        call.notify(.tlsFailed(reason: "bad certificate"))
        let byes = call.alone.filter { $0.request.method == .bye }
        #expect(byes.count == 2 && call.ended == 1)
        for (bye, side) in byes {
            let headers = bye.headers
            let isCaller = side == call.caller
            #expect(try headers.from().tag == (isCaller ? "callee" : "caller"))
            #expect(try headers.to().tag == (isCaller ? "caller" : "callee"))
            #expect(headers[.cSeq] == (isCaller ? "1 BYE" : "2 BYE"))
            #expect(headers["Reason"]?.contains("bad certificate") == true)
            #expect(
                "\(bye.uri)"
                    == (side == .ue
                        ? call.leg.dialogs["callee"]?.targets[.ue].map { "\($0)" } : "sip:far@127.5.0.1:5090"))
            let routes =
                direction == .originating
                ? ["<sip:home@127.2.0.1:5060;lr>"] : ["<sip:home@127.2.0.1:5060;lr>", "<sip:far@127.5.0.9;lr>"]
            #expect(headers.values(.route) == (side == .ue ? [] : routes))
        }
    }

    @Test("RFC 3261 13.2.2.4: a second branch's 2xx gets ACK and BYE and does not go back")
    func fork() throws {
        var call = Self.confirmed(.originating)
        _ = call.take()
        call.respond(200, tag: "other", body: Fixtures.plain(setup: "passive"))
        #expect(call.take() == ["ACK > core", "BYE > core"])
        #expect(call.leg.phase == .confirmed)
        #expect(try call.alone.last?.request.headers.to().tag == "other")
    }

    @Test(
        "A12, RFC 3261 12.2.2: a request with tags of another dialog gets 481", arguments: [Method.bye, .update, .info])
    func foreignTags(method: Method) throws {
        var call = Self.confirmed(.originating)
        let id = try call.asking(method, from: .ue, cSeq: 2, tag: "stranger")
        #expect(call.finals[id]?.map(\.status) == [481])
        #expect(call.leg.phase == .confirmed)
    }

    @Test("RFC 3261 16.8: timer C cancels, and the 487 goes back")
    func timerC() {
        var call = LegHarness(.originating)
        call.respond(180)
        call.advance(.seconds(100))
        call.respond(183)
        call.advance(.seconds(184))
        #expect(call.cancelled.isEmpty)
        call.advance(.seconds(2))
        #expect(call.cancelled == [CallLeg.first])
        call.respond(487)
        #expect(call.finals[CallLeg.first]?.map(\.status) == [487] && call.ended == 1)
    }

    static func confirmed(_ direction: OfferDirection, settings: CallSettings = CallSettings()) -> LegHarness {
        var call = LegHarness(direction, settings: settings)
        call.respond(
            200,
            body: direction == .originating
                ? Fixtures.plain(setup: "passive") : Fixtures.secure(setup: "active", requested: false))
        call.request(.ack, from: call.caller, cSeq: 1)
        return call
    }
}
