import ApplicationLevelGateway
import MediaSecurity
import SDP
import Testing

/// 4.3 on standing sessions: every kind of later offer, by either side, in requests and in responses.
@Suite struct LaterOfferTests {
    enum Kind: String, CaseIterable, Sendable {
        case plain, requested, fingerprint, endToEnd, tlsByName, contradictory, off
    }

    static func section(_ kind: Kind, _ side: OfferSide) -> [String] {
        let path = side == .ue ? uePath : corePath
        return switch kind {
        case .plain: Section.plain(path)
        case .requested: Section.tls(path, more: ["a=3ge2ae:requested"])
        case .fingerprint: Section.tls(path)
        case .endToEnd: Section.endToEnd
        case .tlsByName: Section.tls(path, fingerprint: nil)
        case .contradictory: Section.plain(path, more: ["a=3ge2ae:requested"])
        case .off: Section.plain(path, port: 0)
        }
    }

    /// A session of a UE with both indications whose line is of that mode; by U4 without the network's.
    static func session(_ mode: LineMode) throws -> Call {
        var call = Call(n: mode != .transparentByU4)
        let first: Kind = mode == .plain ? .plain : mode == .transparent ? .fingerprint : .requested
        call.offer(try description(section(first, .ue)), from: .ue)
        call.answer(
            try description(
                mode == .e2ae || mode == .plain
                    ? Section.plain(setup: "passive") : Section.tls(corePath, setup: "passive")), from: .core)
        return call
    }

    /// By hand from 4.3: what each side may offer on a line of that mode.
    static func accepted(_ mode: LineMode, _ side: OfferSide) -> Set<Kind> {
        switch (mode, side) {
        case (.e2ae, .ue): [.requested, .off]
        // 3ge2ae of the core says nothing: on TCP/MSRP it is a plain offer.
        case (.e2ae, .core): [.plain, .contradictory, .off]
        case (.plain, .ue): [.plain, .requested, .off]
        case (.plain, .core): [.plain, .contradictory, .off]
        case (.transparent, .ue): [.fingerprint, .endToEnd, .tlsByName, .off]
        case (.transparentByU4, .ue): [.fingerprint, .endToEnd, .tlsByName, .requested, .off]
        case (.transparent, .core), (.transparentByU4, .core): [.fingerprint, .requested, .endToEnd, .tlsByName, .off]
        case (.off, _): []
        }
    }

    @Test(
        "A11: media-security 4.3: what is not accepted gets 488 with a reason, and the session goes on unchanged",
        arguments: [LineMode.e2ae, .plain, .transparent, .transparentByU4], OfferSide.allCases)
    func walk(_ mode: LineMode, _ side: OfferSide) throws {
        for kind in Kind.allCases {
            for isInResponse in [false, true] {
                var call = try Self.session(mode)
                #expect(call.media.modes == [mode] && call.failures.isEmpty)
                let (sent, decided) = (call.forwarded.count, call.decisions.count)
                let procedures = call.requests.count + call.changes.count
                call.offer(try description(Self.section(kind, side)), from: side, isInResponse: isInResponse)
                if Self.accepted(mode, side).contains(kind) {
                    #expect(call.refused.isEmpty && call.forwarded.count == sent + 1, "\(kind)")
                    let isTLS = call.last(to: side.other)?.media[0].proto == "TCP/TLS/MSRP"
                    if mode == .e2ae, kind != .off { #expect(isTLS == (side == .core), "\(kind)") }
                    continue
                }
                #expect(call.decisions.count > decided && call.decisions.last?.reason.isEmpty == false)
                if isInResponse {
                    // Its sender cannot be refused: the line goes on as it was.
                    #expect(call.refused.isEmpty && call.forwarded.count == sent + 1, "\(kind)")
                } else {
                    #expect(call.refused.map(\.status) == [488] && call.forwarded.count == sent, "\(kind)")
                }
                #expect(call.media.modes == [mode] && call.released.isEmpty && call.failures.isEmpty)
                #expect(call.requests.count + call.changes.count == procedures, "no procedure for what is refused")
            }
        }
    }

    @Test("media-security 4.3: an unchanged offer by either side makes no procedure at all", arguments: [true, false])
    func unchanged(_ early: Bool) throws {
        for side in OfferSide.allCases {
            var call = try Self.session(.e2ae)
            let before = call.requests.count + call.changes.count
            let own = side == .ue ? Section.requested() : Section.plain(setup: "actpass")
            let answer = side == .ue ? Section.plain(setup: "passive") : Section.tls(setup: "active")
            for _ in 0..<3 {
                call.offer(try description(own), from: side)
                if early {
                    call.answer(try description(answer), from: side.other, early: true)
                    call.accepted(from: side.other)
                } else {
                    call.answer(try description(answer), from: side.other)
                }
            }
            #expect(call.requests.count + call.changes.count == before && call.failures.isEmpty && call.refused.isEmpty)
        }
    }

    @Test("media-security 4.3: hold and resume by direction alone cross, and the gateway hears nothing")
    func hold() throws {
        var call = try Self.session(.e2ae)
        let before = call.requests.count + call.changes.count
        for direction in ["a=inactive", "a=sendrecv"] {
            call.offer(try description(Section.requested(more: [direction])), from: .ue)
            #expect(call.last(to: .core)?.media[0].attributes.contains(String(direction.dropFirst(2))) == true)
            call.answer(try description(Section.plain(setup: "passive", more: [direction])), from: .core)
        }
        #expect(call.requests.count + call.changes.count == before && call.failures.isEmpty)
    }

    @Test(
        "media-security 5.4: early answers of many branches: one context, the first 2xx decides, the rest are refused")
    func forks() throws {
        var call = Call()
        call.offer(try description(Section.requested()), from: .ue)
        for branch in 0..<CallMedia.maximumBranches {
            call.answer(
                try description(Section.plain(setup: "passive", port: 4_000 + branch)), from: .core,
                branch: "\(branch)",
                early: true)
        }
        #expect(call.reserved.count == 1 && call.changes.isEmpty && call.failures.isEmpty)
        #expect(Set(call.forwarded.dropFirst().map { $0.description?.media[0].port }).count == 1)
        call.accepted(from: .core, branch: "5")
        #expect(call.changes.map(\.1.remote?.port) == [4_005])
        call.accepted(from: .core, branch: "6")
        #expect(call.refused.map(\.status) == [488] && call.changes.count == 1)
        var over = Call()
        over.offer(try description(Section.requested()), from: .ue)
        for branch in 0...CallMedia.maximumBranches {
            over.answer(try description(Section.plain()), from: .core, branch: "\(branch)", early: true)
        }
        #expect(over.failures.map(\.status) == [503] && over.released == over.reserved)
    }
}
