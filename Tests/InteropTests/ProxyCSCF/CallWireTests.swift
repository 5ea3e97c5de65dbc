import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

/// Races and attacks of a call against the running P-CSCF.
@Suite("Calls against the running P-CSCF", .timeLimit(.minutes(1)))
struct CallWireTests {
    private static func secure(_ ue: WireUE, _ setup: String = "actpass") -> String {
        DecisionWireTests.offer(.endToAccessEdge, from: .ue, "\(ue.address)").replacing("actpass", with: setup)
    }

    private static func plain(_ address: String = "127.78.0.1") -> String {
        DecisionWireTests.offer(.plain, from: .core, address)
    }

    /// Events of a call that was released or refused.
    private static func causes(_ network: WireNetwork) -> [String] {
        network.events.all.compactMap {
            if case .milestone(let milestone) = $0 { milestone.detail } else { nil }
        }
    }

    @Test(
        "RFC 3261 9.2: CANCEL while the gateway is asked: 200 and 487, nothing goes on, and the context that comes late goes back"
    )
    func cancelDuringReserve() async throws {
        let network = try await WireNetwork()
        let ue = try await network.ue(true, true)
        let call = try network.call(.originating, ue)
        try await network.onProxy { $1.isHeld = true }
        let invite = try await call.begin(Self.secure(ue))
        while try await network.onProxy({ $1.reservations.count }) == 0 { await Task.yield() }
        try await call.cancel(invite)
        #expect(try await call.response(to: "1 INVITE", at: .ue).status == 487)
        try await network.onProxy { $1.answer() }
        #expect(try await network.held() == [0, 0, 0])
        await network.stop()
    }

    @Test("RFC 3261 9.1, 16.10: CANCEL goes on once the far side has shown itself; its 487 comes back")
    func cancel() async throws {
        let network = try await WireNetwork()
        let ue = try await network.ue(true, true)
        let call = try network.call(.originating, ue)
        let invite = try await call.begin(Self.secure(ue))
        let (seen, server) = try await call.request(.invite, at: .core)
        try await network.home.respond(.make(180, nil, to: seen, toTag: "callee"), to: server)
        _ = try await call.provisional(180, at: .ue)
        try await call.cancel(invite)
        let (cancel, its, at) = try await call.cancelled(at: .core)
        #expect(cancel.headers[.cSeq] == "1 CANCEL" && at == server)
        try await network.home.respond(.make(200, nil, to: cancel, toTag: "callee"), to: its)
        try await network.home.respond(.make(487, nil, to: seen, toTag: "callee"), to: server)
        #expect(try await call.response(to: "1 INVITE", at: .ue).status == 487)
        #expect(try await network.held() == [0, 0, 0])
        await network.stop()
    }

    @Test("RFC 3261 9.1: a 200 that crosses the CANCEL makes the call; it ends by BYE")
    func cancelCrosses200() async throws {
        let network = try await WireNetwork()
        let ue = try await network.ue(true, true)
        let call = try network.call(.originating, ue)
        let invite = try await call.begin(Self.secure(ue))
        let (seen, server) = try await call.request(.invite, at: .core)
        try await network.home.respond(.make(180, nil, to: seen, toTag: "callee"), to: server)
        _ = try await call.provisional(180, at: .ue)
        try await call.cancel(invite)
        _ = try await call.cancelled(at: .core)
        try await call.accept(seen, server, at: .core)
        let success = try await call.response(to: "1 INVITE", at: .ue)
        #expect(success.status == 200)
        try await call.establish(success)
        try await call.end()
        #expect(try await network.held() == [0, 0, 0])
        await network.stop()
    }

    @Test("RFC 3261 16.3: Max-Forwards 0 gets 483")
    func maxForwards() async throws {
        let network = try await WireNetwork()
        let ue = try await network.ue(true, true)
        let over = try network.call(.originating, ue)
        #expect(try await over.offer(Self.secure(ue), headers: [(.maxForwards, "0")]).status == 483)
        #expect(try await network.held() == [0, 0, 0])
        await network.stop()
    }

    @Test(
        "media-security 4.2, 6: a UE without indication refuses TLS: with the policy one further INVITE, without it 488 to the core; never for one that indicated",
        arguments: [true, false], [true, false])
    func fallback(isAllowed: Bool, isIndicated: Bool) async throws {
        let network = try await WireNetwork(
            "mediaSecurity.rcs51: terminating\nmediaSecurity.rcs51-fallback: \(isAllowed)\n")
        let ue = try await network.ue(isIndicated, true)
        let call = try network.call(.terminating, ue)
        _ = try await call.begin(Self.plain())
        let (first, server) = try await call.request(.invite, at: .ue)
        #expect(String(buffer: first.body).contains("TCP/TLS/MSRP"))
        try await ue.peer.respond(.make(488, nil, to: first, toTag: "first"), to: server)
        guard isAllowed, !isIndicated else {
            #expect(try await call.response(to: "1 INVITE", at: .core).status == 488)
            #expect(try await network.held() == [0, 0, 0])
            return await network.stop()
        }
        let (second, again) = try await call.request(.invite, at: .ue)
        #expect(second.headers[.cSeq] == "2 INVITE" && second.headers.callID == first.headers.callID)
        #expect(try second.headers.topVia().branch != first.headers.topVia().branch)
        let offer = String(buffer: second.body)
        #expect(offer.contains(" TCP/MSRP") && !offer.contains("fingerprint"))
        try await call.accept(second, again, at: .ue)
        let success = try await call.response(to: "1 INVITE", at: .core)
        #expect(success.status == 200)
        try await call.establish(success)
        try await call.end()
        #expect(try await network.held() == [0, 0, 0])
        let reasons = network.events.all.compactMap {
            if case .decision(let decision) = $0 { decision.outcome } else { nil }
        }
        #expect(reasons == ["e2ae", "plain"])
        await network.stop()
    }

    @Test(
        "RFC 4028 8.1: a session interval below the minimum gets 422 with Min-SE on the wire; one that is asked for is inserted"
    )
    func sessionTimer() async throws {
        let network = try await WireNetwork("policy.session-interval: 600s\npolicy.session-minimum: 120s\n")
        let ue = try await network.ue(true, true)
        let small = try await network.call(.originating, ue).offer(
            Self.secure(ue), headers: [(.supported, "timer"), (.sessionExpires, "100")])
        #expect(small.status == 422 && small.response.headers[.minSE] == "120")
        let call = try network.call(.originating, ue)
        let asked = try await call.offer(Self.secure(ue), headers: [(.supported, "timer")])
        #expect(asked.request?.headers[.sessionExpires] == "600")
        #expect(asked.response.headers[.sessionExpires] == "600;refresher=uac")
        try await call.end()
        #expect(try await network.held() == [0, 0, 0])
        await network.stop()
    }

    @Test("A13: requests in a call leave nothing behind once their transactions are over")
    func transactionsGo() async throws {
        let network = try await WireNetwork()
        let ue = try await network.ue(true, true)
        let call = try network.call(.originating, ue)
        #expect(try await call.offer(Self.secure(ue)).status == 200)
        for _ in 1...6 {
            for side in OfferSide.allCases {
                #expect(try await call.offer("", from: side, method: .info).status == 200)
            }
        }
        // The INVITE, and what has just been answered.
        let kept = try await network.onProxy { proxy, _ in
            proxy.calls.values.map { max($0.servers.count, $0.clients.count) }
        }
        #expect(kept.count == 1 && kept.allSatisfy { $0 <= 2 })
        try await call.end()
        #expect(try await network.held() == [0, 0, 0])
        await network.stop()
    }

    @Test("A11: plain SDP hidden in multipart takes e2ae off no line, on the wire; the session goes on")
    func multipart() async throws {
        let network = try await WireNetwork()
        let ue = try await network.ue(true, true)
        let call = try network.call(.originating, ue)
        #expect(try await call.offer(Self.secure(ue)).status == 200)
        let body =
            "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: application/sdp\r\n\r\n"
            + Self.plain("\(ue.address)") + "\r\n--b--\r\n"
        let refused = try await call.offer(body, from: .ue, type: "multipart/mixed;boundary=b")
        #expect(refused.status == 488 && refused.request == nil)
        #expect(refused.decisions.map(\.outcome) == ["refuse"])
        #expect(try await call.offer(Self.secure(ue), from: .ue, method: .update).status == 200)
        try await call.end()
        #expect(try await network.held() == [0, 0, 0])
        await network.stop()
    }

    enum Bad: String, CaseIterable, Sendable { case plain, noFingerprint, md5, sha1, short }

    private static func answer(_ bad: Bad, _ ue: WireUE) -> String {
        let good = secure(ue, "active").replacing("a=3ge2ae:requested\r\n", with: "")
        let line = "a=fingerprint:\(Played.fingerprint)\r\n"
        return switch bad {
        case .plain: plain("\(ue.address)").replacing("actpass", with: "active")
        case .noFingerprint: good.replacing(line, with: "")
        case .md5:
            good.replacing(
                line, with: "a=fingerprint:MD5 " + Array(repeating: "A1", count: 16).joined(separator: ":") + "\r\n")
        case .sha1:
            good.replacing(
                line, with: "a=fingerprint:SHA-1 " + Array(repeating: "A1", count: 20).joined(separator: ":") + "\r\n")
        case .short: good.replacing(line, with: "a=fingerprint:SHA-256 A1:A1\r\n")
        }
    }

    @Test(
        "A11, media-security 6: an answer in the 2xx without e2ae: ACK and BYE to the UE with the cause, 488 to the core, on the wire",
        arguments: Bad.allCases)
    func badAnswer(bad: Bad) async throws {
        let network = try await WireNetwork()
        let ue = try await network.ue(true, true)
        let call = try network.call(.terminating, ue)
        _ = try await call.begin(Self.plain())
        let (seen, server) = try await call.request(.invite, at: .ue)
        #expect(String(buffer: seen.body).contains("a=3ge2ae:applied"))
        try await ue.peer.respond(
            Played.accept(200, seen, tag: "callee", contact: ue.contact, body: Self.answer(bad, ue)), to: server)
        #expect(try await call.response(to: "1 INVITE", at: .core).status == 488)
        _ = try await call.request(.ack, at: .ue)
        let (bye, its) = try await call.request(.bye, at: .ue)
        #expect(bye.headers["Reason"]?.hasPrefix("SIP ;cause=488") == true)
        try await ue.peer.respond(.make(200, nil, to: bye, toTag: nil), to: its)
        #expect(try await network.held() == [0, 0, 0])
        #expect(Self.causes(network).contains { $0.contains("did not accept e2ae") })
        await network.stop()
    }

    @Test("media-security 6, 7: SHA-1 counts only where policy allows it", arguments: [true, false])
    func sha1(isAllowed: Bool) async throws {
        let network = try await WireNetwork("policy.allow-sha1: \(isAllowed)\n")
        let ue = try await network.ue(true, true)
        let call = try network.call(.originating, ue)
        let weak = Array(repeating: "A1", count: 20).joined(separator: ":")
        let offered = try await call.offer(Self.secure(ue).replacing(Played.fingerprint, with: "SHA-1 \(weak)"))
        #expect(offered.status == (isAllowed ? 200 : 488))
        #expect(offered.decisions.first?.outcome == (isAllowed ? "e2ae" : "refuse"))
        try await call.end()
        #expect(try await network.held() == [0, 0, 0])
        await network.stop()
    }

    @Test("media-security 6: TLS that fails after the 200 ends the call with BYE both ways, the cause in Reason")
    func failsLater() async throws {
        let network = try await WireNetwork()
        let ue = try await network.ue(true, true)
        let call = try network.call(.originating, ue)
        #expect(try await call.offer(Self.secure(ue)).status == 200)
        try await network.onProxy { proxy, gateways in
            guard let context = gateways.held.first, let entry = proxy.contexts[context] else { return }
            proxy.run(entry) {
                $0.gatewayNotified(
                    TerminationHandle(context: context, name: "access"), .tlsFailed(reason: "fingerprint mismatch"),
                    now: proxy.eventLoop.now)
            }
        }
        for side in [OfferSide.ue, .core] {
            let (bye, server) = try await call.request(.bye, at: side)
            #expect(bye.headers["Reason"]?.hasPrefix("SIP ;cause=488 ;text=\"TLS failed") == true)
            try await call.peer(side).respond(.make(200, nil, to: bye, toTag: nil), to: server)
        }
        #expect(try await network.held() == [0, 0, 0])
        await network.stop()
    }

    @Test("RFC 3323 5.1, 5.3: an anonymous call shows the core neither name nor address of the UE, and goes on")
    func anonymous() async throws {
        let network = try await WireNetwork()
        let ue = try await network.ue(true, true)
        let call = try network.call(.originating, ue)
        let offered = try await call.offer(Self.secure(ue), headers: [(.privacy, "user;header")])
        let invite = try #require(offered.request)
        #expect(try invite.headers.from().uri.sip?.user == "anonymous")
        for name in [.from, .contact, .via] as [HeaderName] {
            for value in invite.headers.values(name) { #expect(!value.contains("\(ue.address)"), "\(name): \(value)") }
        }
        #expect(try offered.response.headers.from().uri == URI(ue.identity))
        try await call.end()
        #expect(try await network.held() == [0, 0, 0])
        await network.stop()
    }
}
