import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import SDP
import Testing
import WireSyntax

/// Who connects, what `a=path` shows and which attributes cross: {offerer, answerer with CEMA or not} x {setup} x {e2ae, plain, transparent} x {side}.
@Suite struct ConnectionTableTests {
    struct Row: Sendable, CustomStringConvertible {
        var from: OfferSide, mode: LineMode, offerCEMA: Bool, answerCEMA: Bool, setup: String?, answer: String?
        var description: String {
            "\(from) \(mode) \(offerCEMA) \(answerCEMA) \(setup ?? "none") \(answer ?? "none")"
        }
    }

    static let rows: [Row] = {
        var result: [Row] = []
        for from in OfferSide.allCases {
            for mode in [LineMode.e2ae, .plain, .transparent] {
                for cema in 0..<4 {
                    for setup in ["active", "passive", "actpass", "holdconn", nil] {
                        for answer in ["active", "passive", nil] {
                            // Legal answers to what was offered end to end (RFC 4145 4.1).
                            if mode == .transparent, setup == "active" || setup == "passive", setup == answer {
                                continue
                            }
                            result.append(
                                Row(
                                    from: from, mode: mode, offerCEMA: cema & 1 == 1, answerCEMA: cema & 2 == 2,
                                    setup: setup, answer: answer))
                        }
                    }
                }
            }
        }
        return result
    }()

    static func section(_ side: OfferSide, _ mode: LineMode, cema: Bool, setup: String?, isOffer: Bool) -> [String] {
        let more = ["a=connection:new"] + (cema ? ["a=msrp-cema"] : [])
        let path = side == .ue ? uePath : corePath
        switch mode {
        case .e2ae where side == .ue:
            return Section.tls(path, setup: setup, more: more + (isOffer ? ["a=3ge2ae:requested"] : []))
        case .transparent: return Section.tls(path, setup: setup, fingerprint: nil, more: more)
        default: return Section.plain(path, setup: setup, more: more)
        }
    }

    @Test("RFC 6714 4.2, 4.3, 6.2, RFC 6135 4.2, RFC 4145 4.1: every combination", arguments: rows)
    func row(_ row: Row) throws {
        let bothIndicated = row.mode == .e2ae
        var call = Call(u: bothIndicated, n: bothIndicated)
        let other = row.from.other
        call.offer(
            try description(Self.section(row.from, row.mode, cema: row.offerCEMA, setup: row.setup, isOffer: true)),
            from: row.from)
        let isTransparent = row.mode == .transparent
        let isAware = !isTransparent && !row.offerCEMA
        #expect(call.requests.count == 1 && call.requests[0].allSatisfy { $0.transport.isAware == isAware })
        let offer = try call.line(to: other)
        // RFC 6714 6.2: an MSRP B2BUA never forwards the attribute; an agnostic middlebox changes c= and m= only.
        #expect(offer.hasCEMA == (row.offerCEMA && !isAware))
        let host = other == .ue ? "203.0.113.1" : "203.0.113.129"
        let scheme = row.mode == .e2ae && other == .ue ? "msrps" : "msrp"
        let ownPath = row.from == .ue ? uePath : corePath
        #expect(offer.paths == [isAware ? "\(scheme)://\(host):20001/gw1;tcp" : ownPath])
        #expect(offer.media.attributes.contains("connection") == isTransparent)
        #expect(offer.setup == (isTransparent ? row.setup.flatMap { Setup(parsing: $0) } : .actpass))

        call.answer(
            try description(Self.section(other, row.mode, cema: row.answerCEMA, setup: row.answer, isOffer: false)),
            from: other)
        #expect(call.failures.isEmpty)
        let answer = try call.line(to: row.from)
        #expect(answer.hasCEMA == (row.answerCEMA && !isAware))
        #expect(answer.media.attributes.contains("connection") == isTransparent)
        let waits = row.setup != "passive"
        // RFC 6714 4.2: the answerer goes past the gateway, and the offerer has to know it.
        let mustFallBack = !isAware && row.setup == "actpass" && !row.answerCEMA && row.answer == "active"
        if isTransparent {
            #expect(answer.setup == row.answer.flatMap { Setup(parsing: $0) })
        } else {
            // RFC 6135 4.2.1: always said; the complement of what was offered; holdconn and none count as active.
            #expect(answer.setup == (waits && !mustFallBack ? .passive : .active))
            #expect(answer.port == (waits && !mustFallBack ? 20_001 : 9))
        }
        // Roles at the gateway: towards the offerer by its setup, towards the answerer by its own.
        let changed = { (side: OfferSide) in
            call.changes.last { $0.0.name.contains(side.realm.rawValue) }?.1.role
                ?? call.requests[0][side == .ue ? 0 : 1].local.role
        }
        let answererConnects = row.answer == "active"
        #expect(changed(other) == (answererConnects ? .passive : .active))
        if !isTransparent {
            #expect(changed(row.from) == (waits ? .passive : .active))
        } else if row.setup == "actpass" {
            #expect(changed(row.from) == (answererConnects ? .active : .passive))
        }
    }

    @Test("RFC 6714 4.2: an offerer that falls back offers again without the attribute, and the gateway becomes aware")
    func fallsBack() throws {
        var call = Call()
        call.offer(try description(Section.requested(more: ["a=msrp-cema"])), from: .ue)
        call.answer(try description(Section.plain(setup: "active")), from: .core)
        let answer = try call.line(to: .ue)
        #expect(!answer.hasCEMA && answer.setup == .active && answer.address == gatewayAccess)
        #expect(answer.paths == [corePath] && answer.isTLS)
        // The gateway waits: nothing is connected before the next offer.
        #expect(!call.changes.contains { $0.1.role == .active })
        call.offer(try description(Section.requested()), from: .ue)
        #expect(call.reserved.count == 2 && call.released.isEmpty)
        #expect(try call.line(to: .core).paths == ["msrp://203.0.113.129:20002/gw2;tcp"])
        call.answer(try description(Section.plain(setup: "active")), from: .core)
        #expect(call.released == [call.reserved[0]] && call.media.modes == [.e2ae] && call.failures.isEmpty)
    }

    @Test("RFC 6714 4.2: both passages of a P-CSCF tell the offerer that it has to fall back, and then show own paths")
    func fallsBackThroughTwo() throws {
        var (originating, terminating) = (Call(), Call())
        func pass(_ offered: SessionDescription) throws -> (callee: MSRPMedia, caller: MSRPMedia) {
            originating.offer(offered, from: .ue)
            terminating.offer(try #require(originating.last(to: .core)), from: .core)
            let callee = try terminating.line(to: .ue)
            terminating.answer(try description(Section.tls(setup: "active", port: 9)), from: .ue)
            originating.answer(try #require(terminating.last(to: .core)), from: .core)
            return (callee, try originating.line(to: .ue))
        }
        let first = try pass(try description(Section.requested(more: ["a=msrp-cema"])))
        #expect(first.callee.hasCEMA && first.callee.paths == [uePath])
        #expect(first.caller.setup == .active && !first.caller.hasCEMA)
        let second = try pass(try description(Section.requested()))
        #expect(second.callee.paths == ["msrps://203.0.113.1:20002/gw2;tcp"] && second.callee.port == 20_002)
        #expect(second.caller.paths == ["msrps://203.0.113.1:20002/gw2;tcp"] && second.caller.port == 20_002)
        #expect(second.caller.setup == .passive)
        for call in [originating, terminating] {
            #expect(call.failures.isEmpty && call.refused.isEmpty && call.media.modes == [.e2ae])
            #expect(call.released == [call.reserved[0]])
        }
    }

    @Test("RFC 4145 4.1: active answered with active, or passive with passive, where TLS passes, ends the call")
    func sameRoles() throws {
        for setup in ["active", "passive"] {
            var call = Call(u: false)
            call.offer(try description(Section.tls(setup: setup)), from: .ue)
            call.answer(try description(Section.tls(corePath, setup: setup)), from: .core)
            #expect(call.failures.map(\.status) == [488] && call.released == call.reserved)
        }
    }

    @Test("RFC 4975 6: IPv6 towards the UE and IPv4 towards the core: c=, addrtype and brackets on each leg")
    func families() throws {
        var settings = CallMediaSettings(
            ueIndicated: true, networkIndicated: true, ueSource: IPAddress("2001:db8::7"))
        settings.coreFamily = .v4
        var media = CallMedia(settings: settings)
        let offer = try SessionDescription(
            octets: .init(
                string: ["v=0", "o=- 1 1 IN IP6 2001:db8::7", "s=-", "c=IN IP6 2001:db8::7", "t=0 0"]
                    .map { $0 + "\r\n" }.joined()
                    + Section.requested().map { $0 + "\r\n" }.joined()))
        media.offer(offer, from: .ue, token: 1)
        var sent: SessionDescription?
        while let action = media.nextAction() {
            switch action {
            case .reserve(let id, let requests):
                #expect(requests.map(\.local.family) == [.v6, .v4])
                let context = ContextHandle(gateway: "agw", context: 1)
                let addresses = [IPAddress("2001:db8:1::1"), IPAddress("203.0.113.129")].compactMap { $0 }
                media.gatewayReplied(
                    id,
                    .success(
                        zip(requests, addresses).map { request, address in
                            ReservedTermination(
                                handle: TerminationHandle(context: context, name: request.realm.rawValue),
                                local: LocalDescription(
                                    endpoint: Endpoint(address, 20_001), role: .passive,
                                    path: "msrp://\(Endpoint(address, 20_001))/g;tcp",
                                    fingerprints: request.transport.isTLS ? [gatewayFingerprint] : []))
                        }))
            case .forward(let description, _, _): sent = description
            case .configure(let id, _, _): media.gatewayReplied(id, .success([]))
            default: break
            }
        }
        let core = String(buffer: try #require(sent).octets)
        #expect(core.contains("c=IN IP4 203.0.113.129\r\n") && core.contains("a=path:msrp://203.0.113.129:20001/g;tcp"))
        #expect(!core.contains("c=IN IP6"))
        media.answer(
            try description(Section.plain(setup: "passive")), from: .core, branch: "b", isFinal: true, token: 2)
        while let action = media.nextAction() {
            switch action {
            case .forward(let description, _, _): sent = description
            case .configure(let id, _, _): media.gatewayReplied(id, .success([]))
            default: break
            }
        }
        let access = String(buffer: try #require(sent).octets)
        #expect(
            access.contains("c=IN IP6 2001:db8:1::1\r\n") && access.contains("a=path:msrp://[2001:db8:1::1]:20001/g"))
    }
}
