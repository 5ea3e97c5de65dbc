import ApplicationLevelGateway
import MediaSecurity
import SDP
import Testing
import WireSyntax

@Suite struct OriginatingTests {
    @Test("TS 23.334 6.2.10.3: originating e2ae, aware: TLS with the UE, plain towards the core")
    func endToAccessEdge() throws {
        var call = Call()
        call.offer(try description(Section.requested()), from: .ue)
        let (access, core) = (call.requests[0][0], call.requests[0][1])
        #expect(access.realm == .access && access.transport.proto == "TCP/TLS/MSRP" && access.local.role == .passive)
        #expect(access.remote?.fingerprints == [ueFingerprint] && access.remote?.paths == [uePath])
        #expect(access.remote?.address == Host("192.0.2.7") && access.remote?.port == 7000)
        #expect(access.permittedSources == [IPAddress("192.0.2.99")].compactMap { $0 })
        #expect(access.local.fingerprintHashes == [.sha256])
        #expect(core.realm == .core && core.transport.proto == "TCP/MSRP" && core.remote == nil)
        #expect(core.permittedSources.isEmpty && core.local.fingerprintHashes.isEmpty)

        let offer = try call.line(to: .core)
        #expect(!offer.isTLS && offer.fingerprints.isEmpty && offer.threeGE2AE == nil && offer.setup == .actpass)
        #expect(offer.paths == ["msrp://203.0.113.129:20001/gw1;tcp"])
        #expect(offer.address == gatewayCore && offer.port == 20_001)
        #expect(offer.acceptTypes == ["message/cpim", "text/plain"])
        #expect(call.last(to: .core)?.connection?.host == gatewayCore)

        call.answer(try description(Section.plain(setup: "passive"), address: "198.51.100.9"), from: .core)
        #expect(call.changes.count == 1)
        let change = call.changes[0].1
        #expect(change.role == .active && change.remote?.paths == [corePath] && change.remote?.port == 4000)
        #expect(call.changes[0].0.name.contains("core"))
        let answer = try call.line(to: .ue)
        #expect(answer.isTLS && answer.fingerprints == [gatewayFingerprint] && answer.threeGE2AE == .applied)
        #expect(answer.setup == .passive && answer.address == gatewayAccess)
        #expect(answer.paths == ["msrps://203.0.113.1:20001/gw1;tcp"])

        call.end()
        #expect(call.released == call.reserved && call.media.isIdle && call.failures.isEmpty)
    }

    @Test(
        "media-security 3.3: the UE's setup decides our role, and the answer says it",
        arguments: [
            ("active", ConnectionRole.passive, Setup.passive), ("actpass", .passive, .passive),
            ("passive", .active, .active),
            ("holdconn", .passive, .passive),
        ])
    func roles(_ setup: String, _ role: ConnectionRole, _ said: Setup) throws {
        var call = Call()
        call.offer(try description(Section.requested(setup: setup)), from: .ue)
        #expect(call.requests[0][0].local.role == role)
        call.answer(try description(Section.plain(setup: "active")), from: .core)
        #expect(try call.line(to: .ue).setup == said)
        // The core connects: nothing changes in our role there.
        #expect(call.changes.map(\.1.role) == [nil])
    }

    @Test("U2: whether the answer says applied is configured")
    func appliedInAnswers() throws {
        var call = Call { $0.appliedInAnswers = false }
        call.offer(try description(Section.requested()), from: .ue)
        call.answer(try description(Section.plain()), from: .core)
        #expect(try call.line(to: .ue).threeGE2AE == nil)
    }

    @Test("RFC 6714: with a=msrp-cema the gateway is agnostic, and a=path stays byte for byte")
    func cema() throws {
        var call = Call()
        let path = "msrps://[2001:DB8::7]:9/Ue%41;tcp"
        call.offer(
            try description([
                "m=message 9 TCP/TLS/MSRP *", "a=path:\(path)", "a=setup:active", "a=msrp-cema", "a=3ge2ae:requested",
                "a=fingerprint:\(ueFingerprint)",
            ]), from: .ue)
        #expect(call.requests[0].map(\.transport.proto) == ["TCP/TLS", "TCP"])
        #expect(call.requests[0][0].remote?.paths == [])
        let offer = try call.line(to: .core)
        #expect(offer.paths == [path] && offer.hasCEMA && !offer.isTLS && offer.address == gatewayCore)
        call.answer(try description(Section.plain(more: ["a=msrp-cema"])), from: .core)
        let answer = try call.line(to: .ue)
        #expect(answer.paths == [corePath] && answer.hasCEMA && answer.isTLS && answer.address == gatewayAccess)
    }

    @Test("media-security 4.1: a UE without indications stays plain, with the gateway in the path")
    func plain() throws {
        var call = Call(u: false)
        call.offer(
            try description(
                Section.plain(
                    "msrp://192.0.2.7:9/ue;tcp", more: ["a=fingerprint:\(ueFingerprint)", "a=key-mgmt:mikey AAAA"])),
            from: .ue)
        #expect(call.requests[0].map(\.transport.proto) == ["TCP/MSRP", "TCP/MSRP"])
        let offer = try call.line(to: .core)
        #expect(offer.fingerprints.isEmpty && offer.keyManagement.isEmpty && offer.setup == .actpass)
        call.answer(try description(Section.plain()), from: .core)
        #expect(try !call.line(to: .ue).isTLS)
    }

    @Test("media-security 4.5: e2e passes; only the addresses of c= and m= change")
    func endToEnd() throws {
        var call = Call()
        let sent = try description(Section.endToEnd)
        call.offer(sent, from: .ue)
        #expect(call.requests[0].map(\.transport.proto) == ["TCP", "TCP"])
        var expected = sent
        var line = try #require(expected.messageMedia(at: 0))
        line.setEndpoint(Endpoint(.v4(0xCB00_7181), 20_001))
        expected.media[0] = line.media
        expected.connection = line.media.connection
        #expect(call.last(to: .core) == expected)
        call.answer(
            try description(Section.tls(corePath, setup: "active", fingerprint: nil, more: ["a=key-mgmt:mikey AQEB"])),
            from: .core)
        let answer = try call.line(to: .ue)
        #expect(answer.keyManagement.first?.data == "AQEB" && answer.setup == .active && answer.paths == [corePath])
        // The far end connects: we accept there and connect to the UE.
        #expect(call.changes.map(\.1.role) == [.active, nil])
    }

    @Test("U4: an unhonoured request goes on as TLS, without 3ge2ae, or is refused")
    func unhonoured() throws {
        var call = Call(n: false)
        call.offer(try description(Section.requested()), from: .ue)
        let offer = try call.line(to: .core)
        #expect(offer.isTLS && offer.fingerprints == [ueFingerprint] && offer.threeGE2AE == nil)
        #expect(call.media.modes.isEmpty)
        call.answer(try description(Section.tls(corePath, setup: "passive", fingerprint: coreFingerprint)), from: .core)
        #expect(call.media.modes == [.transparentByU4])

        var strict = Call(n: false) { $0.unhonouredRequest = .reject }
        strict.offer(try description(Section.requested()), from: .ue)
        #expect(strict.refused.map(\.status) == [488] && strict.reserved.isEmpty && strict.forwarded.isEmpty)
    }

    @Test("media-security 6: where both indicated, no gateway means 503 with Retry-After, another fault 488")
    func gatewayRefuses() throws {
        for (failure, status) in [
            (GatewayFailure.noGateway, 503), (GatewayFailure(code: 510, text: ""), 503),
            (GatewayFailure(code: 449, text: ""), 488),
        ] {
            var call = Call()
            call.nextReservations = [failure]
            call.offer(try description(Section.requested()), from: .ue)
            #expect(call.refused.map(\.status) == [status])
            #expect((call.refused.first?.retryAfter != nil) == (status == 503))
            #expect(call.forwarded.isEmpty && call.media.isIdle)
        }
        var incapable = Call()
        incapable.media.gatewayCapable = false
        incapable.offer(try description(Section.requested()), from: .ue)
        #expect(incapable.refused.map(\.status) == [503] && incapable.requests.isEmpty)
    }

    @Test("media-security 6: without both indications K2 falls back by U4, and K3 to TLS passed through")
    func fallback() throws {
        for section in [Section.requested(), Section.tls()] {
            var call = Call(n: false) { $0.rcs51 = .originating }
            call.nextReservations = [GatewayFailure(code: 449, text: "")]
            call.offer(try description(section), from: .ue)
            #expect(
                call.requests.map { $0.map(\.transport.proto) } == [["TCP/TLS/MSRP", "TCP/MSRP"], ["TCP", "TCP"]])
            #expect(try call.line(to: .core).isTLS)
            call.end()
            #expect(call.released == call.reserved)
        }
    }

    @Test("a reply without what was asked for is refused, and its context released")
    func incompleteReply() throws {
        var call = Call()
        call.answersAtOnce = false
        call.offer(try description(Section.requested()), from: .ue)
        guard case .reserve(let id, _)? = call.open.first else { return #expect(Bool(false)) }
        let handle = TerminationHandle(context: ContextHandle(gateway: "agw", context: 5), name: "t")
        let local = LocalDescription(endpoint: Endpoint(.v4(1), 1), role: .passive)
        call.media.gatewayReplied(
            id,
            .success([
                ReservedTermination(handle: handle, local: local), ReservedTermination(handle: handle, local: local),
            ]))
        call.run()
        #expect(call.released == [handle.context] && call.refused.map(\.status) == [488])
    }

    @Test("several lines: a context each, K5 gets port 0 where others stand, other media pass untouched")
    func severalLines() throws {
        var call = Call()
        call.offer(
            try description(
                Section.requested(), Section.audio, ["m=message 9 TCP/MSRP *", "a=3ge2ae:requested"], Section.endToEnd,
                Section.plain(), session: ["a=fingerprint:\(ueFingerprint)"]),
            from: .ue)
        #expect(call.reserved.count == 3)
        let offer = try #require(call.last(to: .core))
        #expect(offer.media.map(\.port) == [20_001, 49170, 0, 20_002, 20_003])
        #expect(offer.media[1] == (try description(Section.audio)).media[0])
        // The e2e line has no fingerprint of its own, so the session's stays for it.
        #expect(offer.attributes.contains("fingerprint"))
        #expect(offer.connection?.host == Host("192.0.2.7"))
        var answer = try description(
            Section.plain(), Section.audio, Section.plain(port: 0), Section.tls(corePath, fingerprint: nil),
            Section.plain())
        answer.media[2] = answer.media[2].rejection
        call.answer(answer, from: .core)
        #expect(call.failures.isEmpty)
        #expect(call.last(to: .ue)?.media.map(\.port) == [20_001, 49170, 0, 20_002, 20_003])
        #expect(
            call.last(to: .ue)?.media.map(\.proto) == [
                "TCP/TLS/MSRP", "RTP/AVP", "TCP/MSRP", "TCP/TLS/MSRP", "TCP/MSRP",
            ])
        call.end()
        #expect(Set(call.released) == Set(call.reserved) && call.released.count == 3)
    }

    @Test(
        "bad lines are refused and nothing is reserved (A7: a peer's values enter only when they are what they say)",
        arguments: [
            ["m=message 9 TCP/MSRP *"], ["m=message 9 TCP/MSRP *", "a=path:http://x"],
            ["m=message 9 TCP/MSRP *", "a=path:msrp://x:1/a;tcp } , Remote {"],
            ["m=message 9 TCP/MSRP *", "a=path:msrp://x:1/a\\;tcp"],
            ["m=message 9 TCP/MSRP *", "a=path:msrp://x:1/é;tcp"],
            [
                "m=message 9 TCP/MSRP *",
                "a=path:" + Array(repeating: "msrp://x:1/a;tcp", count: 9).joined(separator: " "),
            ],
            ["m=message 9 TCP/MSRP *", "c=IN IP4 224.0.0.1", "a=path:msrp://x:1/a;tcp"],
            ["m=message 9 TCP/MSRP *", "c=ATM NSAP x}y", "a=path:msrp://x:1/a;tcp"],
            ["m=message 9 TCP/TLS/MSRP *", "c=IN IP4 a}b", "a=path:msrp://x:1/a;tcp"],
        ])
    func badLines(_ section: [String]) throws {
        var call = Call()
        call.offer(try description(section), from: .ue)
        #expect(call.refused.map(\.status) == [488] && call.requests.isEmpty && call.forwarded.isEmpty)
    }

    @Test("more MSRP lines than a call may have get port 0")
    func tooManyLines() throws {
        var call = Call(u: false)
        var offer = try description(Section.plain())
        offer.media = Array(repeating: offer.media[0], count: CallMedia.maximumMessageLines + 1)
        call.offer(offer, from: .ue)
        #expect(call.reserved.count == CallMedia.maximumMessageLines)
        #expect(call.last(to: .core)?.media.last?.port == 0)
    }
}
