import MediaSecurity
import NIOCore
import SDP
import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

/// RFC 3323, RFC 3325 7: what a caller who asks for privacy shows, and that both parties go on with the names that they know.
@Suite("Privacy of a call")
struct PrivacyTests {
    static func call(_ direction: OfferDirection, _ privacy: String, _ more: [(HeaderName, String)] = []) -> LegHarness
    {
        LegHarness(direction, headers: [(.privacy, privacy)] + more)
    }

    @Test(
        "RFC 3323 4.1.1.3, 5.3: user: From is anonymous with its tag, what tells of the user goes, Contact has no user part"
    )
    func user() throws {
        let call = Self.call(
            .originating, "user",
            [(.subject, "dinner"), ("Organization", "ACME"), (.userAgent, "A's phone/1"), ("Call-Info", "<http://a>")])
        let invite = try #require(call.sent[CallLeg.first])
        #expect(try invite.headers.from().uri == Fixtures.uri("sip:anonymous@anonymous.invalid"))
        #expect(try invite.headers.from().tag == "caller")
        for name in [.subject, "Organization", .userAgent, "Call-Info", .privacy] as [HeaderName] {
            #expect(!invite.headers.contains(name), "\(name)")
        }
        #expect(try invite.headers.contacts().first?.uri.sip?.user == nil)
        // The trust domain still knows who it is (RFC 3325 5).
        #expect(invite.headers["P-Asserted-Identity"] == "<sip:a@ims.lab>")
    }

    @Test(
        "RFC 3323 5.1: header: Contact names the P-CSCF, no Via of the UE goes on, and the responses find their way all the same"
    )
    func header() throws {
        var call = Self.call(.originating, "header")
        let invite = try #require(call.sent[CallLeg.first])
        #expect(try invite.headers.contacts().map { "\($0.uri)" } == ["sip:127.1.0.1:6000;transport=tcp"])
        #expect(!invite.headers.contains(.via) && !invite.headers.contains(.privacy))
        #expect(!Message.request(invite).text.contains("127.4.0.1:40000"))
        call.respond(180)
        let ringing = try #require(call.provisionals.last)
        #expect(ringing.headers.values(.via) == call.received[CallLeg.first]?.headers.values(.via))
    }

    @Test(
        "RFC 3323 5.1, 5.3: what was taken out is put back in everything that the caller gets, and stays out in what the callee gets",
        arguments: OfferDirection.allCases)
    func restored(direction: OfferDirection) throws {
        var call = Self.call(direction, "user;header")
        let original = try #require(call.received[CallLeg.first])
        let concealed = try #require(call.sent[CallLeg.first])
        #expect(try concealed.headers.from().uri == Fixtures.uri("sip:anonymous@anonymous.invalid"))
        call.respond(
            200,
            body: direction == .originating
                ? Fixtures.plain(setup: "passive") : Fixtures.secure(setup: "active", requested: false))
        let success = try #require(call.finals[CallLeg.first]?.first)
        #expect(success.headers[.from] == original.headers[.from])
        #expect(success.headers.values(.via) == original.headers.values(.via))
        call.request(.ack, from: call.caller, cSeq: 1)
        let ack = try #require(call.alone.last?.request)
        #expect(try ack.headers.from().uri == concealed.headers.from().uri && ack.headers.from().tag == "caller")

        // A request of the callee, as it knows the caller.
        let request = Fixtures.request(
            .info, uri: "sip:127.1.0.1:6000;transport=tcp", from: "<sip:b@ims.lab>;tag=callee",
            to: "\(CallLeg.anonymous);tag=caller", cSeq: 1)
        let made = call.leg.receive(request, from: call.callee, now: call.now)
        let id = try #require(made)
        call.received[id] = request
        call.sides[id] = call.callee
        call.drain()
        let seen = try #require(call.sent[id])
        #expect(seen.headers[.to] == original.headers[.from])
        #expect(try seen.uri == original.headers.contacts().first?.uri)
        call.respond(200, to: id, tag: "caller")
        #expect(call.finals[id]?.first?.headers[.to] == request.headers[.to])
        #expect(call.finals[id]?.first?.headers[.from] == request.headers[.from])
    }

    @Test("RFC 3323 5: a BYE of our own has the name that each side knows")
    func release() throws {
        var call = LegHarness(.originating, headers: [(.privacy, "user;header")])
        call.respond(200, body: Fixtures.plain(setup: "passive"))
        call.request(.ack, from: .ue, cSeq: 1)
        call.end(.gatewayLost)
        for (bye, side) in call.alone.filter({ $0.request.method == .bye }) {
            let caller = try side == .ue ? bye.headers.to() : bye.headers.from()
            #expect(caller.tag == "caller")
            #expect(caller.uri == Fixtures.uri(side == .ue ? "sip:a@ims.lab" : "sip:anonymous@anonymous.invalid"))
            if side == .ue { #expect("\(bye.uri)" == "sip:u@127.4.0.1:40000;transport=tls") }
        }
    }

    @Test(
        "RFC 3325 7, 9.3: id: the asserted identity stays inside the trust domain, and goes no further than the P-CSCF of the called UE"
    )
    func identity() throws {
        let inside = Self.call(.originating, "id")
        let invite = try #require(inside.sent[CallLeg.first])
        #expect(invite.headers["P-Asserted-Identity"] == "<sip:a@ims.lab>" && invite.headers[.privacy] == "id")
        let outside = Self.call(
            .terminating, "id", [("P-Asserted-Identity", "<sip:a@ims.lab>"), ("P-Asserted-Identity", "<tel:+1>")])
        let toUE = try #require(outside.sent[CallLeg.first])
        #expect(!toUE.headers.contains("P-Asserted-Identity") && !toUE.headers.contains(.privacy))
        let shown = Self.call(.terminating, "none", [("P-Asserted-Identity", "<sip:a@ims.lab>")])
        #expect(shown.sent[CallLeg.first]?.headers["P-Asserted-Identity"] == "<sip:a@ims.lab>")
    }

    @Test("RFC 3325 7: id in a response of the core: the UE does not see whom it reached")
    func identityOfCallee() throws {
        var call = LegHarness(.originating)
        call.respond(
            200, body: Fixtures.plain(setup: "passive"),
            headers: [("P-Asserted-Identity", "<sip:b@ims.lab>"), (.privacy, "id")])
        #expect(call.finals[CallLeg.first]?.first?.headers.contains("P-Asserted-Identity") == false)
    }

    @Test("RFC 3323 5: none: nothing is done, and the header stays")
    func none() throws {
        let call = Self.call(.originating, "none", [(.subject, "dinner")])
        let invite = try #require(call.sent[CallLeg.first])
        #expect(try invite.headers.from().uri == Fixtures.uri("sip:a@ims.lab"))
        #expect(invite.headers[.privacy] == "none" && invite.headers[.subject] == "dinner")
    }

    @Test(
        "RFC 3323 4.2, 5: critical: what cannot be done fails the request with 500 and is named; what can be done passes",
        arguments: [
            ("session;critical", "Privacy failure: session"), ("user;history;critical", "Privacy failure: history"),
        ])
    func critical(value: String, reason: String) throws {
        let refused = Self.call(.originating, value)
        #expect(refused.finals[CallLeg.first]?.first?.status == 500)
        #expect(refused.finals[CallLeg.first]?.first?.reason == reason)
        #expect(refused.sent.isEmpty && refused.reserved.isEmpty && refused.ended == 1)
        let done = Self.call(.originating, "user;header;critical", [(.proxyRequire, "privacy")])
        let invite = try #require(done.sent[CallLeg.first])
        #expect(!invite.headers.contains(.privacy) && !invite.headers.contains(.proxyRequire))
        let rest = Self.call(.originating, "user;id;critical", [(.proxyRequire, "privacy")])
        #expect(rest.sent[CallLeg.first]?.headers[.privacy] == "id;critical")
        // Without critical what cannot be done goes on to whoever can.
        #expect(Self.call(.originating, "session").sent[CallLeg.first]?.headers[.privacy] == "session")
    }

    @Test("RFC 3323 5.1: header in the callee's response: its Contact names the P-CSCF, and requests for it get there")
    func callee() throws {
        var call = LegHarness(.terminating)
        call.respond(
            200, body: Fixtures.secure(setup: "active", requested: false), headers: [(.privacy, "header")])
        let success = try #require(call.finals[CallLeg.first]?.first)
        #expect(try success.headers.contacts().map { "\($0.uri)" } == ["sip:127.1.0.1:6000;transport=tcp"])
        call.request(.ack, from: .core, cSeq: 1)
        #expect(call.alone.last.map { "\($0.request.uri)" } == "sip:u@127.4.0.1:40000")
    }
}
