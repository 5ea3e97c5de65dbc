import NIOCore
import SDP
import SIP
import Testing
import WireSyntax

@testable import UserEquipment

@Suite struct CallTests {
    static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    var now: NIODeadline { Self.now }

    struct Run {
        var call: Call
        var actions: [Call.Action] = []

        mutating func drain() { while let action = call.nextAction() { actions.append(action) } }

        var sent: [Request] {
            actions.compactMap { if case .send(let request) = $0 { request } else { nil } }
        }
        var acknowledged: [Request] {
            actions.compactMap { if case .acknowledge(let request) = $0 { request } else { nil } }
        }
        var responses: [Response] {
            actions.compactMap { if case .respond(let response, _) = $0 { response } else { nil } }
        }
        var plans: [MediaPlan] { actions.compactMap { if case .media(let plan) = $0 { plan } else { nil } } }
        var ending: Call.Ending? {
            actions.compactMap { if case .ended(let ending) = $0 { ending } else { nil } }.last
        }
    }

    func outgoing(_ media: LocalMedia = localMedia()) throws -> Run {
        var run = Run(
            call: Call(
                calling: .init(
                    identity: try SIPURI("sip:alice@ims.lab"), target: try URI("sip:bob@ims.lab"),
                    contact: "<sip:alice@127.0.0.9:5061>",
                    routes: ["<sip:127.0.0.2:5061;transport=tls;lr>", "<sip:orig@127.0.0.3:5070;lr>"], callID: "c1",
                    tag: "alice"), media: media, now: now))
        run.drain()
        return run
    }

    func response(
        _ status: Int, to request: Request, tag: String = "bob", body: String = "", type: String = "application/sdp"
    ) throws -> Response {
        var response = Response.make(status, to: request, toTag: tag)
        response.headers.append(.contact, "<sip:bob@127.0.0.10:5060>")
        response.headers.append(.recordRoute, "<sip:leg@127.0.0.2:5061;lr>")
        if !body.isEmpty {
            response.headers.append(.contentType, type)
            response.body = ByteBuffer(string: body)
        }
        return response
    }

    func text(_ description: SessionDescription) -> String { String(buffer: description.octets) }

    @Test("RFC 3261 13.2: INVITE with the routes, 180, 200, ACK, and only then the media")
    func established() throws {
        var run = try outgoing()
        let invite = try #require(run.sent.first)
        #expect(
            invite.headers.values(.route).count == 2 && invite.headers[.pPreferredIdentity] == "<sip:alice@ims.lab>")
        #expect(try Message.request(invite).sessionDescription() != nil)
        run.call.receive(inviteResponse: try response(180, to: invite), now: now)
        run.drain()
        #expect(run.actions.last == .ringing && run.plans.isEmpty)
        let answer = text(try description(tlsLine("a=setup:passive\n")))
        run.call.receive(inviteResponse: try response(200, to: invite, body: answer), now: now)
        run.drain()
        #expect(
            run.acknowledged.count == 1 && run.acknowledged[0].headers.values(.route) == ["<sip:leg@127.0.0.2:5061;lr>"]
        )
        #expect(run.plans.count == 1 && run.call.state == .confirmed && run.call.nextDeadline == nil)
        // The 200 again: the ACK again.
        run.call.receive(inviteResponse: try response(200, to: invite, body: answer), now: now)
        run.drain()
        #expect(run.acknowledged.count == 2 && run.plans.count == 1)
        run.call.hangUp("hung up", now: now)
        run.drain()
        #expect(run.sent.last?.method == .bye && run.sent.last?.headers.contains(.reason) == false)
        run.call.byeDone()
        run.drain()
        #expect(run.ending == .init(cause: "hung up", isNormal: true))
    }

    @Test("media-security 4.4: the answer is found in a multipart")
    func multipart() throws {
        var run = try outgoing()
        let answer = text(try description(tlsLine("a=setup:passive\n")))
        let body =
            "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\nContent-Type: application/sdp\r\n\r\n\(answer)\r\n--b--\r\n"
        let invite = try #require(run.sent.first)
        run.call.receive(
            inviteResponse: try response(200, to: invite, body: body, type: "multipart/mixed;boundary=b"), now: now)
        run.drain()
        #expect(run.plans.count == 1)
    }

    @Test(
        "A11: a 200 that gives less than was asked for is acknowledged and ended, with the cause",
        arguments: [
            plainLine("a=setup:passive\n"), tlsLine("a=setup:passive\n", fingerprint: false), "",
        ])
    func refusedAnswer(_ lines: String) throws {
        var run = try outgoing()
        let body = lines.isEmpty ? "" : text(try description(lines))
        let invite = try #require(run.sent.first)
        run.call.receive(inviteResponse: try response(200, to: invite, body: body), now: now)
        run.drain()
        #expect(run.acknowledged.count == 1 && run.plans.isEmpty)
        #expect(run.sent.last?.method == .bye && run.sent.last?.headers[.reason]?.hasPrefix("SIP;cause=488") == true)
        run.call.timersDue(now: now + Call.leaveTimeout)
        run.drain()
        #expect(run.ending?.isNormal == false)
    }

    @Test("RFC 3261 13.2.2.4: the 200 of another branch is acknowledged and ended")
    func forked() throws {
        var run = try outgoing()
        let invite = try #require(run.sent.first)
        let answer = text(try description(tlsLine("a=setup:passive\n")))
        run.call.receive(inviteResponse: try response(200, to: invite, body: answer), now: now)
        run.call.receive(inviteResponse: try response(200, to: invite, tag: "other", body: answer), now: now)
        run.drain()
        #expect(run.acknowledged.count == 2 && run.sent.last?.method == .bye)
        #expect(try run.sent.last?.headers.to().tag == "other")
        #expect(run.call.state == .confirmed && run.ending == nil)
    }

    @Test("RFC 3261 9: CANCEL, 487; a 200 that crosses it is acknowledged and ended", arguments: [true, false])
    func cancel(_ crosses: Bool) throws {
        var run = try outgoing()
        let invite = try #require(run.sent.first)
        run.call.hangUp("changed my mind", now: now)
        run.drain()
        #expect(run.actions.last == .cancel)
        if crosses {
            let answer = text(try description(tlsLine("a=setup:passive\n")))
            run.call.receive(inviteResponse: try response(200, to: invite, body: answer), now: now)
            run.drain()
            #expect(run.acknowledged.count == 1 && run.sent.last?.method == .bye && run.plans.isEmpty)
            run.call.byeDone()
        } else {
            run.call.receive(inviteResponse: try response(487, to: invite), now: now)
        }
        run.drain()
        #expect(run.ending?.cause == "changed my mind")
    }

    @Test("refusals, silence and a lost flow end the call with their cause", arguments: [404, 486, 488, 503, 603])
    func refused(_ status: Int) throws {
        var run = try outgoing()
        let invite = try #require(run.sent.first)
        run.call.receive(inviteResponse: try response(status, to: invite), now: now)
        run.drain()
        #expect(run.ending?.status == status && run.ending?.isNormal == false)
        var silent = try outgoing()
        silent.call.timersDue(now: now + Call.answerTimeout)
        silent.drain()
        #expect(silent.actions.last == .cancel)
        silent.call.timersDue(now: now + Call.answerTimeout + Call.leaveTimeout)
        silent.drain()
        #expect(silent.ending?.cause == "no answer")
        var lost = try outgoing()
        lost.call.inviteFailed("the connection to the P-CSCF failed")
        lost.drain()
        #expect(lost.ending?.cause == "the connection to the P-CSCF failed")
    }

    // MARK: Incoming

    func invite(_ lines: String?, cSeq: Int = 1, toTag: String = "", method: SIP.Method = .invite) throws -> Request {
        var headers = Headers()
        headers.append(.via, "SIP/2.0/TLS 127.0.0.2:5061;branch=z9hG4bK\(cSeq)\(method)")
        headers.append(.recordRoute, "<sip:leg@127.0.0.2:5061;lr>")
        headers.append(.from, "<sip:alice@ims.lab>;tag=alice")
        headers.append(.to, "<sip:bob@ims.lab>" + (toTag.isEmpty ? "" : ";tag=\(toTag)"))
        headers.append(.callID, "c2")
        headers.append(.cSeq, "\(cSeq) \(method)")
        headers.append(.contact, "<sip:alice@127.0.0.9:5060>")
        headers.append(.pAssertedIdentity, "\"A\" <sip:alice@ims.lab>")
        var request = Request(method: method, uri: try URI("sip:bob@127.0.0.10:5060"), headers: headers)
        if let lines {
            request.headers.append(.contentType, "application/sdp")
            request.body = ByteBuffer(string: text(try description(lines)))
        }
        return request
    }

    func incoming(_ lines: String?) throws -> Run {
        var run = Run(
            call: Call(ringing: try invite(lines), token: 0, localTag: "bob", contact: "<sip:bob@127.0.0.10>"))
        run.drain()
        return run
    }

    @Test(
        "RFC 3261 13.3: 180, 200 with the answer and the Record-Route, repeated until the ACK; the media begins with it"
    )
    func accepted() throws {
        var run = try incoming(tlsLine("a=setup:actpass\na=3ge2ae:applied\n"))
        #expect(run.responses.map(\.status) == [180] && run.call.peer == "sip:alice@ims.lab")
        #expect(!run.call.needsListener(preferring: .actpass))
        run.call.accept(localMedia(port: nil), now: now)
        run.drain()
        let success = try #require(run.responses.last)
        #expect(success.status == 200 && success.headers[.recordRoute] == "<sip:leg@127.0.0.2:5061;lr>")
        #expect(run.plans.isEmpty)
        let deadline = try #require(run.call.nextDeadline)
        run.call.timersDue(now: deadline)
        run.drain()
        #expect(run.actions.last == .repeatSuccess(success, 0))
        run.call.receive(try invite(nil, toTag: "bob", method: .ack), token: nil, now: now)
        run.drain()
        #expect(run.plans.count == 1 && run.plans[0].isActive && run.plans[0].leg == .e2ae)
        run.call.receive(try invite(nil, cSeq: 2, toTag: "bob", method: .bye), token: 1, now: now)
        run.drain()
        #expect(run.responses.last?.status == 200 && run.ending?.isNormal == true)
    }

    @Test("media closed by the peer: his BYE explains it; where none comes, ours goes", arguments: [true, false])
    func mediaLost(_ comes: Bool) throws {
        var run = try incoming(tlsLine())
        run.call.accept(localMedia(), now: now)
        run.call.receive(try invite(nil, toTag: "bob", method: .ack), token: nil, now: now)
        run.call.mediaLost("closed", now: now)
        run.drain()
        #expect(run.ending == nil && run.sent.isEmpty)
        if comes {
            run.call.receive(try invite(nil, cSeq: 2, toTag: "bob", method: .bye), token: 1, now: now)
            run.drain()
            #expect(run.ending == .init(cause: "ended by the peer", isNormal: true) && run.sent.isEmpty)
        } else {
            run.call.timersDue(now: now + Call.lostMediaTime)
            run.drain()
            #expect(run.sent.last?.headers[.reason]?.contains("closed") == true)
        }
    }

    @Test("no ACK: BYE once 64 T1 are over")
    func noACK() throws {
        var run = try incoming(tlsLine())
        run.call.accept(localMedia(), now: now)
        for _ in 0..<40 {
            guard let deadline = run.call.nextDeadline, run.call.state == .accepted else { break }
            run.call.timersDue(now: deadline)
        }
        run.drain()
        #expect(run.sent.last?.method == .bye && run.plans.isEmpty)
    }

    @Test("an INVITE without an offer: ours in the 200, the answer in the ACK")
    func offerless() throws {
        var run = try incoming(nil)
        run.call.accept(localMedia(), now: now)
        run.drain()
        let offer = try #require(run.responses.last).body
        #expect(try SessionDescription(octets: offer).messageMedia(at: 0)?.threeGE2AE == .requested)
        var ack = try invite(tlsLine("a=setup:passive\n"), toTag: "bob", method: .ack)
        run.call.receive(ack, token: nil, now: now)
        run.drain()
        #expect(run.plans.count == 1)
        var other = try incoming(nil)
        other.call.accept(localMedia(), now: now)
        ack = try invite(plainLine(), toTag: "bob", method: .ack)
        other.call.receive(ack, token: nil, now: now)
        other.drain()
        #expect(other.plans.isEmpty && other.sent.last?.method == .bye)
    }

    @Test(
        "offers that cannot be taken get 488 with a Warning; unreadable ones 400, 415 or 488, and no media",
        arguments: [
            (plainLine("a=3ge2ae:applied\n"), 488), ("m=audio 1 RTP/AVP 0\n", 488),
        ])
    func refusedOffer(_ lines: String, _ status: Int) throws {
        var run = try incoming(lines)
        run.call.accept(localMedia(), now: now)
        run.drain()
        #expect(run.responses.last?.status == status && run.responses.last?.headers.contains(.warning) == true)
        #expect(run.ending?.status == status && run.plans.isEmpty)
    }

    @Test(
        "A11: a session body that cannot be read never rings",
        arguments: [
            ("application/sdp", "v=0\r\nnonsense\r\n", 400), ("application/pkcs7-mime", "x", 415),
        ])
    func unreadable(_ type: String, _ body: String, _ status: Int) throws {
        var request = try invite(nil)
        request.headers.append(.contentType, type)
        request.body = ByteBuffer(string: body)
        var run = Run(call: Call(ringing: request, token: 0, localTag: "bob", contact: "<sip:bob@127.0.0.10>"))
        run.drain()
        #expect(run.responses.map(\.status) == [status] && run.ending?.status == status)
        #expect(!run.actions.contains(.ringing))
    }

    @Test("re-INVITE and UPDATE: nothing new is answered as before; something new gets 488 and the call goes on")
    func renegotiation() throws {
        var run = try incoming(tlsLine())
        run.call.accept(localMedia(), now: now)
        run.call.receive(try invite(nil, toTag: "bob", method: .ack), token: nil, now: now)
        run.drain()
        let answer = try #require(run.responses.last).body
        run.call.receive(try invite(tlsLine(), cSeq: 2, toTag: "bob"), token: 1, now: now)
        run.call.receive(try invite(nil, cSeq: 3, toTag: "bob", method: .update), token: 2, now: now)
        run.call.receive(try invite(plainLine(), cSeq: 4, toTag: "bob"), token: 3, now: now)
        run.call.receive(try invite(nil, cSeq: 3, toTag: "bob", method: .info), token: 4, now: now)
        run.call.receive(try invite(nil, cSeq: 9, toTag: "else", method: .bye), token: 5, now: now)
        run.drain()
        #expect(run.responses.suffix(5).map(\.status) == [200, 200, 488, 500, 481])
        #expect(run.responses.suffix(5).first?.body == answer)
        #expect(run.call.state == .confirmed && run.ending == nil && run.plans.count == 1)
    }

    @Test("media-security 4.3: a refresh that offers actpass again is answered with the role that stands")
    func refresh() throws {
        var run = try outgoing()
        let first = try #require(run.sent.first)
        let answer = text(try description(tlsLine("a=setup:passive\n")))
        run.call.receive(inviteResponse: try response(200, to: first, body: answer), now: now)
        var refresh = try invite(tlsLine("a=setup:actpass\n"), cSeq: 7, toTag: "alice")
        refresh.headers.set(.callID, to: "c1")
        refresh.headers.set(.from, to: "<sip:bob@ims.lab>;tag=bob")
        run.call.receive(refresh, token: 1, now: now)
        run.drain()
        #expect(run.responses.last?.status == 200)
        let body = try #require(run.responses.last).body
        let line = try #require(try SessionDescription(octets: body).messageMedia(at: 0))
        #expect(line.setup == .active && line.threeGE2AE == nil && line.isTLS)
        // Another address is a change.
        var moved = try invite(tlsLine("a=setup:actpass\n", port: 6009), cSeq: 8, toTag: "alice")
        moved.headers.set(.callID, to: "c1")
        moved.headers.set(.from, to: "<sip:bob@ims.lab>;tag=bob")
        run.call.receive(moved, token: 2, now: now)
        run.drain()
        #expect(run.responses.last?.status == 488)
    }

    @Test("RFC 3261 9.2: a CANCEL before the answer: 487; a caller's BYE while it rings ends it too")
    func cancelled() throws {
        var run = try incoming(tlsLine())
        run.call.cancelled()
        run.drain()
        #expect(run.responses.last?.status == 487 && run.ending != nil)
        var busy = try incoming(tlsLine())
        busy.call.refuse(486, "busy")
        busy.drain()
        #expect(busy.responses.last?.status == 486)
    }
}
