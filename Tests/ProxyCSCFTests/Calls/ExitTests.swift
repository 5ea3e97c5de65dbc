import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import SDP
import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

/// Every way out of a call at every step of it: whatever happens, each request gets one final response, each context that was reserved is released, a
/// 2xx that nobody wants is acknowledged and ended, and the leg ends once.
@Suite("Every way out gives every resource back")
struct ExitTests {
    enum Step: String, CaseIterable, Sendable {
        case reserving, invited, ringing, early, answering, answered, confirmed, reInviteReserving, reInvited, updating
    }

    enum Exit: String, CaseIterable, Sendable {
        case cancel, byeOfCaller, byeOfCallee, refusal, serverError, busyEverywhere, timeout, transportFailure, ueGone
        case registrationLost, notifyTLS, notifyTCP, gatewayLost, gatewayRefuses, sessionLimit, timerC, callerLost
        case unreadableAnswer, stopping
    }

    /// What a cancelled INVITE ends with.
    enum Last: String, CaseIterable, Sendable { case terminated, accepted, silent }

    struct Row: Sendable, CustomTestStringConvertible {
        let direction: OfferDirection
        let step: Step
        let exit: Exit
        let last: Last
        var testDescription: String { "\(direction) \(step) \(exit) \(last)" }
    }

    static let rows: [Row] = [OfferDirection.originating, .terminating].flatMap { direction in
        Step.allCases.flatMap { step in
            Exit.allCases.flatMap { exit in
                Last.allCases.map { Row(direction: direction, step: step, exit: exit, last: $0) }
            }
        }
    }

    @Test("A13: a call whose requests take every place in it can still be ended by BYE")
    func byeFindsRoom() throws {
        var settings = CallSettings()
        settings.exchangeLimit = 3
        var call = LegHarness(.originating, settings: settings)
        call.respond(200, body: Fixtures.plain(setup: "passive"))
        call.request(.ack, from: .ue, cSeq: 1)
        for cSeq in 2...3 { #expect(try call.sent[call.asking(.info, from: .ue, cSeq: cSeq)] != nil) }
        let full = try call.asking(.info, from: .ue, cSeq: 4)
        #expect(call.finals[full]?.map(\.status) == [503])
        let bye = try call.asking(.bye, from: .ue, cSeq: 5)
        #expect(call.sent[bye] != nil && call.finals[bye] == nil)
        call.respond(200, to: bye)
        #expect(call.finals[bye]?.map(\.status) == [200] && Set(call.released) == call.reserved)
    }

    @Test("stores are empty after each", arguments: rows)
    func exit(row: Row) {
        var call = LegHarness(row.direction, isPrompt: false)
        reach(row.step, &call)
        leave(row.exit, &call)
        finish(row.last, &call)

        #expect(call.ended == 1)
        #expect(call.leg.exchanges.isEmpty && call.leg.nextDeadline == nil)
        #expect(call.leg.media.isIdle)
        #expect(call.released.count == Set(call.released).count && Set(call.released) == call.reserved)
        for (id, request) in call.received where request.method != .ack {
            let statuses = Set(call.finals[id]?.map(\.status) ?? [])
            // Whoever cannot be reached gets none; everybody else exactly one kind.
            #expect(statuses.count == 1 || row.exit == .callerLost, "\(request.method) got \(statuses)")
        }
        for (id, tag) in call.accepted where call.finals[id]?.contains(where: { $0.status < 300 }) != true {
            // The caller does not know of it: acknowledged by us, and ended.
            let side = (call.sides[id] ?? call.caller).other
            guard !(row.exit == .ueGone && side == .ue) else { continue }
            let own = call.alone.filter { $0.side == side }.map(\.request)
            #expect(own.contains { $0.method == .ack && $0.headers.toTag == tag })
            #expect((own + call.sent.values).contains { $0.method == .bye })
        }
        for side in [OfferSide.ue, .core] {
            #expect(call.alone.filter { $0.side == side && $0.request.method == .bye }.count <= 1)
        }
    }

    private func secureAnswer(_ call: LegHarness) -> String {
        call.callee == .core ? Fixtures.plain(setup: "passive") : Fixtures.secure(setup: "active", requested: false)
    }

    private func offer(_ call: LegHarness) -> String { call.caller == .ue ? Fixtures.secure() : Fixtures.plain() }

    private func reach(_ step: Step, _ call: inout LegHarness) {
        if step == .reserving { return }
        call.replyAll()
        if step == .invited { return }
        call.respond(180)
        if step == .ringing { return }
        call.respond(183, body: secureAnswer(call))
        call.replyAll()
        if step == .early { return }
        call.respond(200, body: secureAnswer(call))
        if step == .answering { return }
        call.replyAll()
        if step == .answered { return }
        call.request(.ack, from: call.caller, cSeq: 1)
        if step == .confirmed { return }
        if step == .updating {
            call.request(.update, from: call.caller, cSeq: 2, body: offer(call))
            return
        }
        call.request(.invite, from: call.caller, cSeq: 2, body: offer(call))
        if step == .reInvited { call.replyAll() }
    }

    private func leave(_ exit: Exit, _ call: inout LegHarness) {
        let newest = call.received.keys.max { $0.number < $1.number } ?? CallLeg.first
        switch exit {
        case .cancel: call.cancel(newest)
        case .byeOfCaller: call.request(.bye, from: call.caller, cSeq: 9)
        case .byeOfCallee: call.request(.bye, from: call.callee, cSeq: 9)
        case .refusal: call.respond(486, to: newest)
        case .serverError: call.respond(500, to: newest)
        case .busyEverywhere: call.respond(600, to: newest)
        case .timeout: call.fail(newest, timedOut: true)
        case .transportFailure: call.fail(newest, timedOut: false)
        case .ueGone:
            // The transport tells of failed transactions first.
            for (id, client) in call.openClients where client.side == .ue { call.fail(id, timedOut: false) }
            call.end(.flowClosed)
        case .registrationLost: call.end(.registrationLost)
        case .notifyTLS: call.notify(.tlsFailed(reason: "no certificate"))
        case .notifyTCP: call.notify(.tcpFailed(reason: "timed out"), on: .core)
        case .gatewayLost:
            call.leg.gatewayLost("gw", now: call.now)
            call.drain()
        case .gatewayRefuses:
            call.nextFailure = GatewayFailure(code: 510, text: "insufficient resources")
            call.replyAll()
        case .sessionLimit: call.advance(.hours(13))
        case .timerC: call.advance(.seconds(190))
        case .callerLost:
            call.leg.serverFailed(newest, now: call.now)
            call.drain()
        case .unreadableAnswer: call.respond(200, to: newest, body: "v=0\r\nrubbish\r\n")
        case .stopping: call.end(.stopping)
        }
    }

    /// The rest of the world goes on as it must: the gateway replies, peers answer BYE, and an INVITE that was cancelled ends in one of three ways. What is
    /// still alive then is ended by a BYE.
    private func finish(_ last: Last, _ call: inout LegHarness) {
        for round in 0..<6 where call.ended == 0 {
            call.replyAll()
            for (id, client) in call.openClients {
                let isInvite = client.request.method == .invite
                if isInvite, call.cancelled.contains(id) {
                    switch last {
                    case .terminated: call.respond(487, to: id)
                    case .accepted: call.respond(200, to: id, tag: "callee", body: secureAnswer(call))
                    case .silent: call.fail(id, timedOut: true)
                    }
                    call.openClients[id] = nil
                } else if isInvite, id != CallLeg.first || call.finals[id] == nil {
                    call.respond(200, to: id, body: secureAnswer(call))
                    call.openClients[id] = nil
                } else {
                    call.respond(200, to: id, body: client.request.method == .update ? secureAnswer(call) : "")
                    call.openClients[id] = nil
                }
                call.replyAll()
            }
            if round == 2, call.ended == 0, !call.leg.isEnding { call.request(.bye, from: call.caller, cSeq: 20) }
            if round == 4 { call.advance(.seconds(70)) }
        }
        call.replyAll()
    }

    @Test("A call that nobody ends is ended at the session limit, towards both sides")
    func sessionLimit() {
        var settings = CallSettings()
        settings.sessionLimit = .minutes(10)
        var call = CallLegTests.confirmed(.terminating, settings: settings)
        call.advance(.minutes(11))
        #expect(call.alone.filter { $0.request.method == .bye }.map(\.side) == [.ue, .core])
        #expect(call.ended == 1 && Set(call.released) == call.reserved)
    }

    @Test("A13: a 2xx of one branch too many: ACK and BYE to it, 500 to the caller")
    func tooManyBranches() {
        var settings = CallSettings()
        settings.dialogLimit = 2
        var call = LegHarness(.originating, settings: settings)
        for tag in ["one", "two", "three"] { call.respond(180, tag: tag) }
        _ = call.take()
        call.respond(200, tag: "three", body: Fixtures.plain(setup: "passive"))
        #expect(call.finals[CallLeg.first]?.map(\.status) == [500])
        #expect(call.alone.map(\.request.method) == [.ack, .bye])
        #expect(call.ended == 1 && Set(call.released) == call.reserved)
    }

    @Test("A13: a final response passes though the queue is full; another branch's 2xx is acknowledged and ended")
    func fullQueue() throws {
        var settings = CallSettings()
        settings.queueLimit = 1
        var call = LegHarness(.originating, settings: settings, isPrompt: false)
        call.reply()
        call.respond(183, body: Fixtures.plain(setup: "passive"))
        let info = try call.asking(.info, from: .ue, cSeq: 2)
        // Waits for the gateway, and its copy fills the queue.
        call.respond(200, body: Fixtures.plain(setup: "passive"))
        call.respond(200, body: Fixtures.plain(setup: "passive"))
        _ = call.take()
        call.respond(200, to: info)
        #expect(call.take().isEmpty)
        call.respond(200, tag: "other", body: Fixtures.plain(setup: "passive"))
        #expect(call.take() == ["ACK > core", "BYE > core"])
        call.replyAll()
        #expect(call.finals[info]?.map(\.status) == [200])
        #expect(call.finals[CallLeg.first]?.map(\.status) == [200, 200] && call.leg.phase == .confirmed)
    }

    @Test("RFC 3261 16.8: provisional responses do not put timer C off for ever")
    func endlessRinging() {
        var call = LegHarness(.originating)
        for _ in 0..<5 {
            call.respond(180)
            call.advance(.seconds(100))
        }
        #expect(call.cancelled.isEmpty)
        call.respond(180)
        call.advance(.seconds(101))
        #expect(call.cancelled == [CallLeg.first])
        call.respond(487)
        #expect(call.ended == 1)
    }

    @Test("A13: calls of one registration are counted, and given back")
    func shares() {
        var shares = CallShares(limit: 2)
        shares.add("a")
        shares.add("a")
        #expect(!shares.hasRoom("a") && shares.hasRoom("b"))
        shares.remove("a")
        #expect(shares.hasRoom("a"))
        shares.remove("a")
        shares.remove("a")
        #expect(shares.counts.isEmpty)
    }

    @Test("RFC 3261 13.2.2.4: a 2xx that crosses the CANCEL of our own is acknowledged and ended")
    func crossing() {
        var call = LegHarness(.terminating)
        call.respond(180)
        call.end(.gatewayLost)
        #expect(call.finals[CallLeg.first]?.map(\.status) == [503])
        #expect(call.cancelled == [CallLeg.first] && call.ended == 0)
        call.respond(200, body: Fixtures.secure(setup: "active", requested: false))
        #expect(call.alone.map(\.request.method) == [.ack, .bye])
        #expect(call.ended == 1)
    }
}
