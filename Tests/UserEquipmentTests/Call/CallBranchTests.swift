import NIOCore
import SDP
import SIP
import Testing
import WireSyntax

@testable import UserEquipment

/// Forking, reliable provisional responses, late offers, anonymity.
@Suite struct CallBranchTests {
    func reliable(_ number: Int, to invite: Request, tag: String = "bob", lines: String? = nil) throws -> Response {
        var response = try response(183, to: invite, tag: tag, body: try lines.map { text(try description($0)) } ?? "")
        response.headers.append(.require, "100rel")
        response.headers.append(.rSeq, "\(number)")
        return response
    }

    @Test("RFC 3261 12.1.2, RFC 3262 4, 7.2: each reliable response gets one PRACK in its own early dialog, in order")
    func prack() throws {
        var run = try outgoing()
        let invite = run.sent[0]
        #expect(invite.headers.tokens(.supported).contains("100rel"))
        for (number, tag) in [(7, "b1"), (7, "b1"), (9, "b1"), (8, "b1"), (3, "b2")] {
            run.call.receive(inviteResponse: try reliable(number, to: invite, tag: tag), now: now)
        }
        run.drain()
        let pracks = run.sent.filter { $0.method == .prack }
        #expect(pracks.map { $0.headers[.rAck] } == ["7 1 INVITE", "8 1 INVITE", "3 1 INVITE"])
        #expect(try pracks.map { try $0.headers.to().tag } == ["b1", "b1", "b2"])
        #expect(try pracks.map { try $0.headers.cSeq().number } == [2, 3, 2])
    }

    @Test("RFC 3262 5: an early answer holds; the 200 needs none, and the media begins with it and not before")
    func earlyAnswer() throws {
        var run = try outgoing()
        let invite = run.sent[0]
        run.call.receive(
            inviteResponse: try reliable(1, to: invite, lines: tlsLine("a=setup:passive\n")), now: now)
        run.drain()
        #expect(run.plans.isEmpty && run.sent.last?.method == .prack)
        run.call.receive(inviteResponse: try response(200, to: invite), now: now)
        run.drain()
        #expect(run.plans.count == 1 && run.call.state == .confirmed && run.acknowledged.count == 1)
        // RFC 3261 13.2.1: the first description is the answer, whatever the 200 says.
        let answer = tlsLine("a=setup:passive\n")
        var other = try outgoing()
        other.call.receive(inviteResponse: try reliable(1, to: other.sent[0], lines: answer), now: now)
        let moved = text(try description(answer.replacing("6000/peer", with: "6500/other")))
        other.call.receive(inviteResponse: try response(200, to: other.sent[0], body: moved), now: now)
        other.drain()
        #expect(other.plans.map(\.target) == [HostPort("127.0.0.5:6000")])
    }

    @Test("A11: an early answer that gives less than was asked for: PRACK, CANCEL, and the call ends")
    func earlyDowngrade() throws {
        var run = try outgoing()
        run.call.receive(
            inviteResponse: try reliable(1, to: run.sent[0], lines: plainLine("a=setup:passive\n")), now: now)
        run.drain()
        #expect(run.sent.last?.method == .prack && run.actions.contains(.cancel))
    }

    @Test("RFC 3261 13.2.2.4: the first 2xx of several branches decides, with the early answer of its own branch")
    func forks() throws {
        var run = try outgoing()
        let invite = run.sent[0]
        let one = tlsLine("a=setup:passive\n")
        let two = one.replacing("6000/peer", with: "6500/other")
        run.call.receive(inviteResponse: try reliable(1, to: invite, tag: "b1", lines: one), now: now)
        run.call.receive(inviteResponse: try reliable(1, to: invite, tag: "b2", lines: two), now: now)
        run.call.receive(inviteResponse: try response(180, to: invite, tag: "b3"), now: now)
        run.call.receive(inviteResponse: try response(200, to: invite, tag: "b2"), now: now)
        run.call.receive(inviteResponse: try response(200, to: invite, tag: "b1"), now: now)
        run.drain()
        #expect(run.plans.count == 1 && run.plans[0].target == HostPort("127.0.0.5:6500"))
        #expect(run.acknowledged.count == 2 && run.sent.last?.method == .bye)
        #expect(try run.sent.last?.headers.to().tag == "b1")
        // RFC 3261 12.2.1.1: CSeq goes on from the PRACK of that dialog.
        run.call.change(.refresh, now: now)
        run.drain()
        #expect(try run.sent.last?.headers.cSeq().number == 3)
    }

    @Test("branches without end are not followed without end")
    func bounded() throws {
        var run = try outgoing()
        for tag in 0..<100 {
            run.call.receive(inviteResponse: try response(180, to: run.sent[0], tag: "t\(tag)"), now: now)
        }
        #expect(run.call.branches.count == Call.maximumBranches)
    }

    @Test("RFC 3261 13.2.1: without an offer in the INVITE it comes in the 200, and the answer goes in the ACK")
    func lateOffer() throws {
        var run = try outgoing(localMedia(), options: .init(offersLate: true))
        #expect(run.sent[0].body.readableBytes == 0 && !run.sent[0].headers.contains(.contentType))
        let offer = text(try description(tlsLine("a=setup:actpass\na=3ge2ae:applied\n")))
        run.call.receive(inviteResponse: try response(200, to: run.sent[0], body: offer), now: now)
        run.drain()
        let answer = try #require(run.line(run.acknowledged.last.map { .request($0) }))
        #expect(answer.setup == .active && answer.isTLS && run.plans.first?.leg == .e2ae)
        // What cannot be taken is refused in the ACK; then BYE.
        var refused = try outgoing(localMedia(), options: .init(offersLate: true))
        refused.call.receive(
            inviteResponse: try response(200, to: refused.sent[0], body: text(try description(plainLine()))), now: now)
        refused.drain()
        #expect(refused.line(refused.acknowledged.last.map { .request($0) })?.port == 0)
        #expect(refused.sent.last?.method == .bye && refused.plans.isEmpty)
    }

    @Test("RFC 3262 5: a late offer in a reliable 183 is answered in the PRACK")
    func offerInProvisional() throws {
        var run = try outgoing(localMedia(), options: .init(offersLate: true))
        run.call.receive(inviteResponse: try reliable(1, to: run.sent[0], lines: tlsLine()), now: now)
        run.drain()
        #expect(run.offered?.setup == .active && run.sent.last?.method == .prack)
        run.call.receive(inviteResponse: try response(200, to: run.sent[0]), now: now)
        run.drain()
        #expect(run.plans.count == 1 && run.acknowledged.last?.body.readableBytes == 0)
    }

    @Test("RFC 3323 4.1, RFC 3325 7, 10: an anonymous call names nobody in From and Contact, and asks for privacy")
    func anonymous() throws {
        let run = try outgoing(localMedia(), options: .init(isAnonymous: true))
        let headers = run.sent[0].headers
        #expect(headers[.from] == "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=alice")
        #expect(headers[.privacy] == "id" && headers[.pPreferredIdentity] == "<sip:alice@ims.lab>")
        #expect(try SessionDescription(octets: run.sent[0].body).origin.username == "-")
        #expect(try outgoing().sent[0].headers.contains(.privacy) == false)
    }

    // MARK: As callee

    func ringing(_ lines: String?, requires: Bool = false, options: Call.Options = .init()) throws -> Run {
        var request = try invite(lines)
        request.headers.append(requires ? .require : .supported, "100rel")
        var run = Run(
            call: Call(
                ringing: request, token: 0, localTag: "bob", contact: "<sip:bob@127.0.0.10>", options: options, now: now
            ))
        run.drain()
        return run
    }

    func prack(_ rAck: String, cSeq: Int = 2, lines: String? = nil) throws -> Request {
        var request = try invite(lines, cSeq: cSeq, toTag: "bob", method: .prack)
        request.headers.append(.rAck, rAck)
        return request
    }

    @Test(
        "RFC 3262 3: reliable where the caller requires it, or both want it",
        arguments: [(true, false, true), (false, true, true), (false, false, false)])
    func isReliable(_ requires: Bool, _ wants: Bool, _ expected: Bool) throws {
        let run = try ringing(tlsLine(), requires: requires, options: .init(isReliable: wants, firstRSeq: 40))
        #expect(run.responses[0].headers.tokens(.require).contains("100rel") == expected)
        #expect(run.responses[0].headers[.rSeq] == (expected ? "40" : nil))
    }

    @Test("RFC 3262 3: repeated after T1, 2 T1, 4 T1 without a bound, until the PRACK that matches; others get 481")
    func repeated() throws {
        var run = try ringing(tlsLine(), requires: true)
        var time = now
        for pause in [500, 1000, 2000, 4000, 8000] {
            time = time + .milliseconds(Int64(pause))
            #expect(run.call.nextDeadline == time)
            run.call.timersDue(now: time)
        }
        run.drain()
        #expect(run.responses.filter { $0.status == 180 }.count == 6 && Set(run.responses).count == 1)
        run.receive(try prack("2 1 INVITE"))
        #expect(run.responses.last?.status == 481)
        run.receive(try prack("1 1 INVITE", cSeq: 3))
        #expect(run.responses.last?.status == 200 && run.call.nextDeadline == nil)
        run.receive(try prack("1 1 INVITE", cSeq: 4))
        #expect(run.responses.last?.status == 481)
    }

    @Test("RFC 3262 3: without a PRACK for 64 T1 the INVITE is refused")
    func noPRACK() throws {
        var run = try ringing(tlsLine(), requires: true)
        run.call.timersDue(now: now + .seconds(32))
        run.drain()
        #expect(run.responses.last?.status == 504 && run.ending != nil)
    }

    @Test("RFC 3262 3, 5: the answer in a reliable 183; the 200 waits for its PRACK and carries none")
    func answersEarly() throws {
        var run = try ringing(tlsLine(), options: .init(answersEarly: true))
        #expect(run.responses.isEmpty)
        run.call.offerMedia(localMedia(), now: now)
        run.call.accept(localMedia(), now: now)
        run.drain()
        #expect(run.responses.map(\.status) == [183] && run.answered?.setup == .active)
        run.receive(try prack("1 1 INVITE"))
        #expect(run.responses.map(\.status) == [183, 200, 200])
        #expect(run.responses.last?.headers[.cSeq] == "1 INVITE" && run.responses.last?.body.readableBytes == 0)
        run.receive(try invite(nil, toTag: "bob", method: .ack), token: nil)
        #expect(run.plans.count == 1)
    }

    @Test("RFC 3262 5: an offer of ours in a reliable 183 is answered in the PRACK")
    func offersEarly() throws {
        var run = try ringing(nil, options: .init(answersEarly: true))
        run.call.accept(localMedia(), now: now)
        run.drain()
        #expect(run.answered?.threeGE2AE == .requested)
        run.receive(try prack("1 1 INVITE", lines: tlsLine("a=setup:passive\n")))
        #expect(run.responses.suffix(2).map(\.status) == [200, 200])
        run.receive(try invite(nil, toTag: "bob", method: .ack), token: nil)
        #expect(run.plans.first?.leg == .e2ae)
    }
}
