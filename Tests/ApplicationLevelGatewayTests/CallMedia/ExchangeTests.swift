import ApplicationLevelGateway
import MediaSecurity
import SDP
import Testing
import WireSyntax

/// Early answers, forks, later offers, and what the gateway says in between.
@Suite struct ExchangeTests {
    static func established() throws -> Call {
        var call = Call()
        call.offer(try description(Section.requested()), from: .ue)
        call.answer(try description(Section.plain(setup: "passive")), from: .core)
        return call
    }

    @Test("Iq: an early answer is kept; the gateway gets it with the 2xx")
    func earlyAnswer() throws {
        var call = Call()
        call.offer(try description(Section.requested()), from: .ue)
        call.answer(try description(Section.plain(setup: "passive")), from: .core, early: true)
        #expect(call.changes.isEmpty)
        #expect(try call.line(to: .ue).isTLS)
        call.answersAtOnce = false
        call.accepted(from: .core)
        #expect(call.changes.count == 1 && call.forwarded.count == 2)
        call.reply()
        #expect(call.forwarded.count == 3 && call.forwarded[2].description == nil && call.forwarded[2].side == .ue)
    }

    @Test("media-security 5.4: a fork has one context; the branch of the first 2xx is configured, the next is refused")
    func fork() throws {
        var call = Call()
        call.offer(try description(Section.requested()), from: .ue)
        for (branch, port) in [("x", 4001), ("y", 4002)] {
            call.answer(try description(Section.plain(port: port)), from: .core, branch: branch, early: true)
        }
        call.answer(try description(Section.plain(port: 4001)), from: .core, branch: "x")
        call.answer(try description(Section.plain(port: 4002)), from: .core, branch: "y")
        #expect(call.reserved.count == 1)
        #expect(call.changes.map(\.1.remote?.port) == [4001])
        #expect(call.refused.count == 1)
    }

    @Test("a repeated 2xx gives the same SDP and no procedure")
    func repeatedAnswer() throws {
        var call = try Self.established()
        let first = call.last(to: .ue)
        call.answer(try description(Section.plain(setup: "passive")), from: .core)
        #expect(call.forwarded.count == 3 && call.last(to: .ue) == first && call.changes.count == 1)
    }

    @Test("media-security 4.3: an unchanged offer makes no procedure, and is rewritten the same")
    func unchanged() throws {
        var call = try Self.established()
        let sent = try call.line(to: .core)
        call.offer(try description(Section.requested()), from: .ue)
        var again = try call.line(to: .core)
        #expect(again.setup == .active)
        again.setup = sent.setup
        #expect(again == sent)
        call.answer(try description(Section.plain(setup: "passive")), from: .core)
        #expect(call.requests.count == 1 && call.changes.count == 1 && call.failures.isEmpty)
        // The far end may offer as well.
        call.offer(try description(Section.plain(setup: "actpass")), from: .core)
        call.answer(try description(Section.tls(setup: "active")), from: .ue)
        #expect(call.requests.count == 1 && call.changes.count == 1 && call.failures.isEmpty)
        #expect(try call.line(to: .core).setup == .active)
    }

    @Test("Iq: another address, port or fingerprint is given to the gateway with the answer")
    func changedRemote() throws {
        var call = try Self.established()
        call.offer(try description(Section.requested(), address: "192.0.2.8"), from: .ue)
        #expect(call.changes.count == 1)
        call.answer(try description(Section.plain(setup: "passive", port: 4400)), from: .core)
        #expect(call.requests.count == 1 && call.changes.count == 3)
        #expect(call.changes[1].1.remote?.address == Host("192.0.2.8"))
        #expect(call.changes[2].1.remote?.port == 4400 && call.changes[2].1.role == nil)
    }

    @Test("media-security 4.3: a later offer that would take e2ae off the line gets 488, and the session goes on")
    func refusedLater() throws {
        for section in [Section.plain(uePath), Section.tls(), Section.endToEnd, ["m=audio 9 RTP/AVP 0"]] {
            var call = try Self.established()
            call.offer(try description(section), from: .ue)
            #expect(call.refused.map(\.status) == [488] && call.released.isEmpty)
            call.offer(try description(Section.requested()), from: .ue)
            #expect(call.refused.count == 1 && call.forwarded.count == 3)
        }
        var call = try Self.established()
        call.offer(try description(Section.tls(corePath)), from: .core)
        #expect(call.refused.map(\.status) == [488])
    }

    @Test("RFC 3264 8.2: port 0 in an offer or an answer releases the line's context")
    func portZero() throws {
        var call = try Self.established()
        call.offer(try description(Section.requested(port: 0), Section.requested()), from: .ue)
        #expect(call.reserved.count == 2 && call.released.isEmpty)
        #expect(call.last(to: .core)?.media.map(\.proto) == ["TCP/MSRP", "TCP/MSRP"])
        #expect(call.last(to: .core)?.media[0].attributes.isEmpty == true)
        call.answer(try description(Section.plain(port: 0), Section.plain()), from: .core)
        #expect(call.released == [call.reserved[0]])
        #expect(call.media.modes == [.off, .e2ae])
        call.end()
        #expect(Set(call.released) == Set(call.reserved) && call.released.count == 2)
    }

    @Test("media-security 4.3: the UE's K2 starts e2ae on a plain line, in a new context")
    func startsLater() throws {
        var call = Call()
        call.offer(try description(Section.plain("msrp://192.0.2.7:9/ue;tcp")), from: .ue)
        call.answer(try description(Section.plain()), from: .core)
        call.offer(try description(Section.requested()), from: .ue)
        #expect(call.reserved.count == 2 && call.released.isEmpty)
        call.answer(try description(Section.plain()), from: .core)
        #expect(call.released == [call.reserved[0]] && call.media.modes == [.e2ae])
        #expect(try call.line(to: .ue).isTLS)
    }

    @Test("a failed later offer leaves the session as it was, and releases what was reserved for it")
    func offerFailed() throws {
        var call = try Self.established()
        call.offer(try description(Section.requested(), Section.requested()), from: .ue)
        call.offerFailed()
        #expect(call.released == [call.reserved[1]] && call.media.modes == [.e2ae])
        call.offer(try description(Section.requested()), from: .ue)
        #expect(call.refused.isEmpty)
    }

    @Test("INVITE without SDP: an offer to the UE in a response, its answer in ACK")
    func offerInResponse() throws {
        var call = Call()
        call.offer(try description(Section.plain(), address: "198.51.100.9"), from: .core)
        #expect(try call.line(to: .ue).threeGE2AE == .applied)
        call.answer(try description(Section.tls(setup: "active")), from: .ue)
        #expect(try call.line(to: .core).setup == .passive)
        #expect(call.changes.count == 1)
    }

    @Test("RFC 3261 14.1: an offer while one is under way gets 491")
    func glare() throws {
        var call = Call()
        call.offer(try description(Section.requested()), from: .ue)
        call.offer(try description(Section.plain()), from: .core)
        #expect(call.refused.map(\.status) == [491])
    }

    @Test("an offer after an early answer is a later one; the 2xx configures what was agreed last")
    func updateBeforeAnswer() throws {
        var call = Call()
        call.offer(try description(Section.requested()), from: .ue)
        call.answer(try description(Section.plain(setup: "passive")), from: .core, early: true)
        call.offer(try description(Section.requested()), from: .ue)
        call.answer(try description(Section.plain(setup: "passive", port: 4444)), from: .core, early: true)
        #expect(call.reserved.count == 1 && call.changes.isEmpty)
        call.accepted(from: .core)
        #expect(call.changes.map(\.1.remote?.port) == [4444])
    }

    @Test(
        "media-security 6: what the gateway notifies ends the call on both sides, once",
        arguments: [
            (TerminationEvent.tlsFailed(reason: "certificate"), 488), (.tcpFailed(reason: "timeout"), 480),
            (.released(reason: "FT"), 480),
        ])
    func notifications(_ event: TerminationEvent, _ status: Int) throws {
        var call = try Self.established()
        let termination = call.changes[0].0
        call.notify(
            TerminationHandle(context: ContextHandle(gateway: "other", context: 1), name: termination.name), event)
        call.notify(termination, .heartbeat)
        #expect(call.failures.isEmpty)
        call.notify(termination, event)
        call.notify(termination, event)
        #expect(call.failures.map(\.status) == [status])
        #expect(call.released == call.reserved)
    }

    @Test("a gateway that is lost ends the calls that it serves")
    func gatewayLost() throws {
        var call = try Self.established()
        call.media.gatewayLost("another")
        call.run()
        #expect(call.failures.isEmpty)
        call.media.gatewayLost("agw")
        call.run()
        #expect(call.failures == [.gatewayLost] && call.media.isIdle)
    }

    @Test("a gateway that refuses the answer ends the call")
    func configureRefused() throws {
        var call = Call()
        call.nextConfiguration = GatewayFailure(code: 449, text: "fingerprint")
        call.offer(try description(Section.requested()), from: .ue)
        call.answer(try description(Section.plain()), from: .core)
        #expect(call.failures.map(\.status) == [488] && call.released == call.reserved)
        #expect(call.last(to: .ue) == nil)
    }

    @Test("CANCEL while the gateway is asked: what it reserves afterwards is released")
    func releasedWhileReserving() throws {
        var call = Call()
        call.answersAtOnce = false
        call.offer(try description(Section.requested()), from: .ue)
        call.end()
        #expect(call.released.isEmpty && !call.media.isIdle)
        call.reply()
        #expect(call.released == call.reserved && call.media.isIdle && call.forwarded.isEmpty)
        call.offer(try description(Section.requested()), from: .ue)
        #expect(call.refused.map(\.status) == [481])
    }

    @Test("messages wait in order while the gateway is asked, up to a limit")
    func waiting() throws {
        var call = Call()
        call.answersAtOnce = false
        call.offer(try description(Section.requested()), from: .ue)
        call.answer(try description(Section.plain()), from: .core)
        #expect(call.forwarded.isEmpty)
        call.reply()
        #expect(call.forwarded.map(\.token) == [1])
        call.reply()
        #expect(call.forwarded.map(\.token) == [1, 2])
        for _ in 0...CallMedia.maximumWaiting { call.offer(try description(Section.plain()), from: .core) }
        call.answersAtOnce = true
        call.end()
        #expect(Set(call.released) == Set(call.reserved))
    }

    @Test("media-security 4.4: an offer in a response cannot be refused: a line that stands is kept as it was")
    func keptInResponse() throws {
        var call = try Self.established()
        let before = try call.line(to: .core)
        call.offer(try description(Section.plain(uePath), Section.audio), from: .ue, isInResponse: true)
        #expect(call.refused.isEmpty)
        let offer = try call.line(to: .core)
        #expect(!offer.isTLS && offer.paths == before.paths && offer.port == before.port)
        call.answer(try description(Section.plain(setup: "passive"), Section.audio), from: .core)
        let answer = try call.line(to: .ue)
        #expect(answer.isTLS && answer.fingerprints == [gatewayFingerprint])
        #expect(call.media.modes == [.e2ae, .off] && call.changes.count == 1 && call.failures.isEmpty)

        var first = Call()
        first.offer(try description(Section.plain(more: ["a=3ge2ae:requested"])), from: .ue, isInResponse: true)
        #expect(first.refused.map(\.status) == [488])
    }

    @Test("a branch is a side's own: the far end's tag says nothing about ours")
    func branchesOfBothSides() throws {
        var call = try Self.established()
        for _ in 0..<2 {
            call.offer(try description(Section.plain(setup: "actpass")), from: .core)
            call.answer(try description(Section.tls(setup: "active")), from: .ue, branch: "a")
            call.answer(try description(Section.tls(setup: "active")), from: .ue, branch: "a")
        }
        #expect(call.refused.isEmpty && call.failures.isEmpty)
        // The 2xx of a branch that lost is no answer to the re-INVITE that is under way.
        call.offer(try description(Section.requested()), from: .ue)
        call.answer(try description(Section.plain(port: 4999)), from: .core, branch: "lost")
        #expect(call.refused.count == 1)
        call.answer(try description(Section.plain(setup: "passive")), from: .core)
        #expect(call.changes.count == 1)
    }

    @Test("RFC 3262 5: INVITE without SDP, an offer in a reliable 183, its answer in PRACK, then the 2xx")
    func answerInPRACK() throws {
        for repeatsSDP in [false, true] {
            var call = Call()
            // The served UE was called without SDP and offers in its 183; the caller answers in PRACK.
            let offer = try description(Section.requested())
            call.offer(offer, from: .ue, isInResponse: true)
            call.answer(try description(Section.plain(setup: "passive")), from: .core, early: true)
            #expect(call.changes.isEmpty)
            if repeatsSDP {
                let sent = call.last(to: .core)
                call.answer(offer, from: .ue)
                #expect(call.forwarded.last?.description == sent)
            } else {
                call.accepted(from: .ue)
            }
            #expect(call.changes.count == 1 && call.failures.isEmpty && call.media.modes == [.e2ae])
        }
    }

    @Test("A11: a description where none belongs does not pass, early or final")
    func answerWithoutOffer() throws {
        for early in [true, false] {
            var call = Call()
            call.answer(try description(Section.plain()), from: .ue, early: early)
            #expect(call.refused.count == 1 && call.forwarded.isEmpty)
        }
    }
}
