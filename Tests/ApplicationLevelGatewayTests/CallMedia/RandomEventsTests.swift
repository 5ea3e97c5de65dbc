import ApplicationLevelGateway
import MediaSecurity
import SDP
import Testing
import WireSyntax

/// SplitMix64: the same events for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct RandomEventsTests {
    @Test(
        "A11: whatever happens in whatever order, all is released, and no e2ae line shows the wrong face",
        arguments: 0..<40)
    func everyPathReleases(_ seed: UInt64) throws {
        var (sent, reserved, failures) = (0, 0, 0)
        for round in UInt64(0)..<50 {
            var random = SeededGenerator(state: seed << 32 | round)
            var call = Call(u: Bool.random(using: &random), n: .random(using: &random)) {
                $0.rcs51 = RCS51Option.allCases.randomElement(using: &random) ?? .off
                $0.allowsFallback = .random(using: &random)
                $0.unhonouredRequest = .random(using: &random) ? .transparent : .reject
                $0.strict = .random(using: &random)
            }
            call.answersAtOnce = false
            var seen = 0
            for _ in 0..<Int.random(in: 1...60, using: &random) {
                try Self.step(&call, &random)
                for sent in call.forwarded[seen...] { Self.check(sent.description, to: sent.side) }
                seen = call.forwarded.count
            }
            call.end()
            while !call.open.isEmpty { call.reply(Int.random(in: call.open.indices, using: &random)) }
            call.run()
            #expect(call.media.isIdle)
            #expect(Set(call.released) == Set(call.reserved), "seed \(seed), round \(round)")
            #expect(call.released.count == call.reserved.count, "a context is released once")
            #expect(call.failures.count <= 1)
            sent += call.forwarded.count
            reserved += call.reserved.count
            failures += call.failures.count
        }
        // The walk reaches what it is about.
        #expect(sent > 100 && reserved > 60 && failures > 2, "\(sent) sent, \(reserved) reserved, \(failures) failed")
    }

    static func section(_ random: inout SeededGenerator) -> [String] {
        let setup = ["active", "passive", "actpass"].randomElement(using: &random)
        let port = [0, 9, 7000, 7001].randomElement(using: &random) ?? 9
        return switch Int.random(in: 0..<7, using: &random) {
        case 0, 1: Section.requested(setup: setup ?? "", port: port)
        case 2: Section.tls(setup: setup, port: port)
        case 3: Section.plain(setup: setup, port: port)
        case 4: Section.endToEnd
        case 5: Section.tls(setup: setup, fingerprint: nil, port: port)
        default: Section.plain(setup: setup, port: port, more: ["a=3ge2ae:requested"])
        }
    }

    static func step(_ call: inout Call, _ random: inout SeededGenerator) throws {
        let side = Bool.random(using: &random) ? OfferSide.ue : .core
        let branch = ["x", "x", "x", "y"].randomElement(using: &random) ?? "x"
        let sections = (0..<Int.random(in: 1...3, using: &random)).map { _ in section(&random) }
        let body = try description(sections.flatMap { $0 })
        switch Int.random(in: 0..<16, using: &random) {
        case 0...2: call.offer(body, from: side, isInResponse: .random(using: &random))
        case 3:
            // Any answer at all; most of these end the call, so they are rare.
            guard Int.random(in: 0..<8, using: &random) == 0 else { return }
            call.answer(body, from: side, branch: branch, early: .random(using: &random))
        case 4...7:
            // An answer that fits: the sections that were offered, as this side would answer them.
            guard let sent = call.forwarded.last, let offer = sent.description else { return }
            let answer = try description(
                offer.media.flatMap { media -> [String] in
                    let port = media.isRejected || .random(using: &random) && .random(using: &random) ? 0 : 4000
                    return media.proto == "TCP/MSRP"
                        ? Section.plain(setup: "passive", port: port)
                        : Section.tls(setup: "active", fingerprint: ueFingerprint, port: port)
                })
            call.answer(answer, from: sent.side, branch: branch, early: .random(using: &random))
        case 8:
            guard !call.media.modes.isEmpty || Int.random(in: 0..<8, using: &random) == 0 else { return }
            call.accepted(from: side, branch: branch)
        case 9:
            guard call.media.canFallBack, .random(using: &random) else { return call.offerFailed() }
            call.fallBack()
        case 10...13:
            if Int.random(in: 0..<8, using: &random) == 0 {
                call.nextReservations = [
                    GatewayFailure(code: [0, 449, 510].randomElement(using: &random) ?? 0, text: "no")
                ]
            }
            if !call.open.isEmpty { call.reply(Int.random(in: call.open.indices, using: &random)) }
        case 14:
            guard Int.random(in: 0..<4, using: &random) == 0, let change = call.changes.last else { return }
            call.notify(change.0, .tlsFailed(reason: "certificate"))
        default:
            guard Int.random(in: 0..<6, using: &random) == 0 else { return }
            call.media.gatewayLost("agw")
            call.run()
        }
    }

    /// What may be seen on each side. The gateway's fingerprint marks the lines that are e2ae.
    static func check(_ description: SessionDescription?, to side: OfferSide) {
        guard let description else { return }
        for index in description.media.indices {
            guard let line = description.messageMedia(at: index), !line.media.isRejected else { continue }
            #expect(line.address == (side == .ue ? gatewayAccess : gatewayCore), "media passes the gateway")
            switch side {
            case .core:
                #expect(line.threeGE2AE == nil)
                guard !line.isTLS else { continue }
                #expect(line.media.attributes.values("fingerprint").isEmpty && line.keyManagement.isEmpty)
                #expect(line.paths.allSatisfy { $0.hasPrefix("msrp://203.0.113.129") })
            case .ue:
                let isOurs = line.fingerprints == [gatewayFingerprint]
                #expect(isOurs || line.threeGE2AE == nil)
                #expect(line.isTLS || !isOurs)
                if line.media.attributes.values("path").first?.hasPrefix("msrps://203") == true {
                    #expect(line.isTLS && isOurs)
                }
            }
        }
    }
}
