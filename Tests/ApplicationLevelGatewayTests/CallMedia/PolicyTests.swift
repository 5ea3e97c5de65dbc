import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import SDP
import Testing
import WireSyntax

/// Addresses, contents, names and unknown transports.
@Suite struct PolicyTests {
    @Test(
        "A10: an address of the UE that steers the gateway to itself, its neighbours or everybody is refused early",
        arguments: [
            ("IP4 127.0.0.1", "loopback"), ("IP4 0.0.0.0", "no address"), ("IP4 169.254.1.1", "link-local"),
            ("IP4 239.0.0.1", "multicast"), ("IP6 ::1", "loopback"), ("IP6 ::", "no address"),
            ("IP6 fe80::1", "link-local"), ("IP6 ff02::1", "multicast"), ("IP6 ::ffff:127.0.0.1", "loopback"),
            ("IP6 ::ffff:224.0.0.1", "multicast"),
        ])
    func addresses(_ address: String, _ word: String) throws {
        for section in [Section.requested(), Section.plain(uePath), Section.endToEnd] {
            var call = Call()
            call.offer(try description(section), from: .ue)
            #expect(call.refused.isEmpty)
            var bad = Call()
            bad.offer(try description([section[0], "c=IN \(address)"] + section.dropFirst()), from: .ue)
            #expect(bad.refused.map(\.status) == [488] && bad.requests.isEmpty)
            #expect(bad.refused.first?.text.contains(word) == true && bad.decisions.last?.reason.contains(word) == true)
        }
        var answered = Call()
        answered.offer(try description(Section.plain()), from: .core)
        let section = Section.tls(setup: "active")
        answered.answer(try description([section[0], "c=IN \(address)"] + section.dropFirst()), from: .ue)
        #expect(answered.failures.map(\.status) == [488] && answered.released == answered.reserved)
    }

    @Test("A10: a UE whose signalling comes from loopback has its media there; the core's own addresses are the core's")
    func loopbackRealm() throws {
        var call = Call { $0.ueSource = IPAddress("127.4.0.1") }
        call.offer(try description(Section.requested(), address: "127.4.0.1"), from: .ue)
        #expect(call.refused.isEmpty)
        var core = Call()
        core.offer(try description(Section.plain(), address: "127.2.0.1"), from: .core)
        #expect(core.refused.isEmpty)
    }

    @Test("A11: MSRP over a transport that nobody here reads does not pass for a UE with both indications")
    func unknownTransport() throws {
        for section in [["m=message 9 TCP/WSS/MSRP *"], ["m=message 9 UDP/X *"], ["m=application 9 tcp/ws/msrp *"]] {
            for side in OfferSide.allCases {
                var call = Call()
                call.offer(try description(section), from: side)
                #expect(call.refused.map(\.status) == [488] && call.forwarded.isEmpty)
                #expect(call.decisions.last?.reason.contains("e2ae is not defined") == true)
                var mixed = Call()
                mixed.offer(try description(section, Section.audio), from: side)
                #expect(mixed.last(to: side.other)?.media.map(\.port) == [0, 49170])
                var other = Call(u: false)
                other.offer(try description(section), from: side)
                #expect(other.last(to: side.other)?.media[0].port == 9)
            }
        }
    }

    @Test("A11, RFC 3264 6: what was offered as another medium is not answered as MSRP")
    func turnsIntoMSRP() throws {
        var call = Call(u: false)
        call.offer(try description(["m=message 9 TCP/WSS/MSRP *"]), from: .core)
        call.answer(try description(Section.plain(uePath)), from: .ue)
        #expect(call.failures.map(\.status) == [488])
    }

    @Test(
        "A11, RFC 3264 6: nor as session messages over another transport that is not read",
        arguments: [
            ("m=application 9 TCP/BFCP *", "m=application 9 TCP/WSS/MSRP *", false),
            ("m=message 9 TCP/WSS/MSRP *", "m=message 9 UDP/X *", false),
            ("m=message 9 TCP/WSS/MSRP *", "m=message 9 tcp/wss/msrp *", true),
            ("m=application 9 TCP/BFCP *", "m=application 9 TCP/TLS/BFCP *", true),
        ])
    func turnsIntoUnread(offered: String, answered: String, passes: Bool) throws {
        var call = Call(u: false, n: false)
        call.offer(try description([offered]), from: .core)
        call.answer(try description([answered]), from: .ue)
        #expect(call.failures.map(\.status) == (passes ? [] : [488]))
        #expect((call.last(to: .core) != nil) == passes)
    }

    @Test("RFC 4975 8.4, 8.6: max-size has an upper bound, accept-types a list; transparent lines are left alone")
    func content() throws {
        let set: (inout CallMediaSettings) -> Void = {
            $0.content = ContentPolicy(
                maximumSize: 1_000, allowedTypes: ["message/CPIM", "text/*"], deniedTypes: ["text/html"])
        }
        let more = ["a=max-size:5000", "a=accept-wrapped-types:text/html", "a=file-selector:name:\"a\" size:9"]
        var call = Call(set)
        var section = Section.requested(more: more)
        section[1] = "a=accept-types:message/cpim text/plain text/html image/png"
        call.offer(try description(section), from: .ue)
        let line = try call.line(to: .core)
        #expect(line.maxSize == 1_000 && line.acceptTypes == ["message/cpim", "text/plain"])
        #expect(line.acceptWrappedTypes == nil)
        #expect(line.media.attributes.values("file-selector") == ["name:\"a\" size:9"])
        var answer = Section.plain(setup: "passive", more: ["a=max-size:10"])
        answer[1] = "a=accept-types:*"
        call.answer(try description(answer), from: .core)
        #expect(try call.line(to: .ue).maxSize == 10)
        #expect(try call.line(to: .ue).acceptTypes == ["message/cpim", "text/*"])

        var none = Call(set)
        section[1] = "a=accept-types:image/png"
        none.offer(try description(section), from: .ue)
        #expect(none.refused.map(\.status) == [488] && none.refused[0].text.contains("accept-types"))
        var transparent = Call(set)
        transparent.offer(try description(Section.tls(more: more)), from: .ue)
        #expect(try transparent.line(to: .core).maxSize == 5_000)
        var off = Call()
        off.offer(try description(Section.requested(more: more)), from: .ue)
        #expect(try off.line(to: .core).maxSize == 5_000)
    }

    @Test("RFC 3323 4, RFC 4975 14.4: an anonymous party's description has no user part in path, and no names")
    func anonymous() throws {
        for cema in [true, false] {
            var call = Call()
            call.media.anonymous = [.ue]
            var offer = try description(
                Section.tls(
                    "msrps://alice@192.0.2.7:9/u@e;tcp", more: ["a=3ge2ae:requested"] + (cema ? ["a=msrp-cema"] : [])))
            offer.origin.username = "alice"
            offer.name = "Alice"
            offer.emails = ["alice@example.org"]
            call.offer(offer, from: .ue)
            let text = String(buffer: try #require(call.last(to: .core)).octets)
            #expect(!text.lowercased().contains("alice"))
            if cema { #expect(try call.line(to: .core).paths == ["msrps://192.0.2.7:9/u@e;tcp"]) }
            call.answer(
                try description(Section.plain("msrp://bob@198.51.100.9:1/x;tcp", setup: "passive")), from: .core)
            if cema { #expect(try call.line(to: .ue).paths == ["msrp://bob@198.51.100.9:1/x;tcp"]) }
        }
    }

    @Test("RFC 8122 5: more fingerprints than are handed on refuse the line, since the best of them decide")
    func manyFingerprints() throws {
        let many = Array(repeating: "a=fingerprint:\(ueFingerprint)", count: CallMedia.maximumFingerprints)
        var call = Call()
        call.offer(try description(Section.requested(more: Array(many.dropLast()))), from: .ue)
        #expect(call.requests[0][0].remote?.fingerprints.count == CallMedia.maximumFingerprints)
        var over = Call()
        over.offer(try description(Section.requested(more: many)), from: .ue)
        #expect(over.refused.map(\.status) == [488] && over.requests.isEmpty)
    }
}
