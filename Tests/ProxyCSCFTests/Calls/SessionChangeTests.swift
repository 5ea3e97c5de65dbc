import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

/// A session that is changed while it goes on: by either side, by re-INVITE (RFC 3261 14) and by UPDATE (RFC 3311 5).
@Suite("Changes of a session")
struct SessionChangeTests {
    enum Change: String, CaseIterable, Sendable {
        case unchanged, newPort, hold, resume, newCertificate, addedLine, removedLine
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let direction: OfferDirection
        let side: OfferSide
        let method: SIP.Method
        let change: Change
        var testDescription: String { "\(direction): \(change) by \(method) of the \(side)" }
    }

    static let rows: [Row] = OfferDirection.allCases.flatMap { direction in
        [OfferSide.ue, .core].flatMap { side in
            [SIP.Method.invite, .update].flatMap { method in
                Change.allCases.compactMap { change in
                    // The core has no certificate on an e2ae line.
                    side == .core && change == .newCertificate
                        ? nil : Row(direction: direction, side: side, method: method, change: change)
                }
            }
        }
    }

    /// As this side's description stands after the call was made: in the role that it has.
    private static func standing(_ side: OfferSide) -> String {
        side == .ue ? Fixtures.secure(setup: "active") : Fixtures.plain(setup: "passive")
    }

    private static func second(_ side: OfferSide) -> String {
        let text = side == .ue ? Fixtures.secure() : Fixtures.plain()
        let lines = text.split(separator: "\r\n").drop { !$0.hasPrefix("m=") }
        return lines.joined(separator: "\r\n").replacing("7000", with: "7002").replacing("4000", with: "4002") + "\r\n"
    }

    private static func offer(_ change: Change, _ side: OfferSide) -> String {
        let text = standing(side)
        return switch change {
        case .unchanged, .resume: text
        case .newPort: text.replacing("7000", with: "7001").replacing("4000", with: "4001")
        case .hold: text + "a=inactive\r\n"
        case .newCertificate: text.replacing("A1", with: "B2")
        case .addedLine: text + second(side)
        case .removedLine:
            text.replacing("message 7000", with: "message 0").replacing("message 4000", with: "message 0")
        }
    }

    private static func answer(_ change: Change, _ side: OfferSide) -> String {
        let text = standing(side)
        return switch change {
        case .unchanged, .resume, .newPort, .newCertificate: text
        case .hold: text + "a=inactive\r\n"
        case .addedLine: text + second(side).replacing("actpass", with: side == .ue ? "active" : "passive")
        case .removedLine:
            text.replacing("message 7000", with: "message 0").replacing("message 4000", with: "message 0")
        }
    }

    /// What is asked of the gateway for it.
    private static func procedures(_ row: Row) -> [String] {
        let own = row.side == .ue ? "configure access" : "configure core"
        let other = row.side == .ue ? "configure core" : "configure access"
        return switch row.change {
        case .unchanged, .hold, .resume: []
        case .newPort, .newCertificate: [own]
        // The offerer's side is known with the Add; the answerer's comes by the Modify.
        case .addedLine: ["reserve", other]
        case .removedLine: ["release"]
        }
    }

    @Test("RFC 3261 14, RFC 3311 5, media-security 4.3: what the gateway is asked for, and no more", arguments: rows)
    func change(row: Row) throws {
        var call = LegHarness(
            row.direction, body: row.direction == .originating ? Self.standing(.ue) : Fixtures.plain())
        call.respond(
            200,
            body: row.direction == .originating
                ? Self.standing(.core) : Fixtures.secure(setup: "active", requested: false))
        call.request(.ack, from: call.caller, cSeq: 1)
        if row.change == .resume {
            let held = try call.asking(.invite, from: row.side, cSeq: 4, body: Self.offer(.hold, row.side))
            call.respond(200, to: held, body: Self.answer(.hold, row.side.other))
            call.request(.ack, from: row.side, cSeq: 4)
        }
        // The first change of a terminating call fixes the core's role, which its first offer left open.
        if row.direction == .terminating {
            let settled = try call.asking(.update, from: row.side, cSeq: 8, body: Self.standing(row.side))
            call.respond(200, to: settled, body: Self.standing(row.side.other))
        }
        _ = call.take()
        let before = call.changes.count
        let id = try call.asking(row.method, from: row.side, cSeq: 9, body: Self.offer(row.change, row.side))
        let passed = call.passed(id)
        #expect(passed.contains(row.side == .ue ? " TCP/MSRP *" : "TCP/TLS/MSRP *"))
        #expect(passed.contains("a=inactive") == (row.change == .hold))
        #expect(!passed.contains(row.side == .ue ? "127.4.0.1:7" : "127.5.0.1:4"))
        call.respond(200, to: id, body: Self.answer(row.change, row.side.other))
        let back = call.answered(id)
        #expect(call.finals[id]?.map(\.status) == [200])
        #expect(back.contains("message 0 ") == (row.change == .removedLine))
        #expect(back.contains("a=inactive") == (row.change == .hold))
        if row.method == .invite { call.request(.ack, from: row.side, cSeq: 9) }
        let log = call.take().filter { !$0.contains(" > ") }
        #expect(log == Self.procedures(row))
        // No handshake without a reason: only a changed address, certificate or role is told to the gateway.
        for (_, change) in call.changes.dropFirst(before) where row.change != .addedLine {
            #expect(change.role == nil && change.remote != nil)
            if row.change == .newCertificate {
                #expect(change.remote?.fingerprints.first?.octets.first == 0xB2)
            }
        }
        #expect(call.leg.phase == .confirmed)
        let bye = try call.asking(.bye, from: call.caller, cSeq: 10)
        call.respond(200, to: bye)
        #expect(call.ended == 1 && Set(call.released) == call.reserved)
    }

    @Test(
        "RFC 3261 14.1: a change that is refused leaves the session as it was: what was reserved for it goes, and nothing else",
        arguments: [SIP.Method.invite, .update], [488, 491, 500])
    func refused(method: SIP.Method, status: Int) throws {
        var call = CallLegTests.confirmed(.originating)
        let contexts = call.reserved
        _ = call.take()
        let id = try call.asking(method, from: .ue, cSeq: 2, body: Self.offer(.addedLine, .ue))
        call.respond(status, to: id)
        #expect(call.finals[id]?.map(\.status) == [status])
        #expect(Set(call.released) == call.reserved.subtracting(contexts) && call.released.count == 1)
        #expect(call.leg.phase == .confirmed)
        let again = try call.asking(.update, from: .ue, cSeq: 3, body: Fixtures.secure())
        call.respond(200, to: again, body: Fixtures.plain(setup: "passive"))
        #expect(call.finals[again]?.map(\.status) == [200])
    }

    @Test(
        "RFC 3261 14.1, RFC 3264 4: a later INVITE without SDP: the offer in its 200, the answer in the ACK",
        arguments: [OfferSide.ue, .core])
    func laterWithoutOffer(side: OfferSide) throws {
        var call = CallLegTests.confirmed(.originating)
        _ = call.take()
        let id = try call.asking(.invite, from: side, cSeq: 2)
        call.respond(200, to: id, body: Self.standing(side.other))
        #expect(call.answered(id).contains(side == .ue ? "TCP/TLS/MSRP *" : " TCP/MSRP *"))
        call.request(.ack, from: side, cSeq: 2, body: Self.standing(side))
        #expect(
            call.alone.last.map { LegHarness.sdp($0.request.body) }?.contains(
                side == .ue ? " TCP/MSRP *" : "TCP/TLS/MSRP *") == true)
        #expect(call.leg.phase == .confirmed && call.released.isEmpty && call.reserved.count == 1)
        #expect(!call.take().contains("reserve"))
    }

    // MARK: Reliable provisional responses

    static let reliable: [(HeaderName, String)] = [(.require, "100rel"), (.rSeq, "1")]

    @Test("RFC 3262 5: the answer in a reliable 183, PRACK without SDP, and a 200 without: the answer of the 183 holds")
    func answerInProvisional() throws {
        var call = LegHarness(.originating)
        call.respond(183, body: Fixtures.plain(setup: "passive"), headers: Self.reliable)
        #expect(call.provisionals.last?.headers[.rSeq] == "1")
        #expect(call.provisionals.last.map { LegHarness.sdp($0.body) }?.contains("TCP/TLS/MSRP *") == true)
        let prack = try call.asking(.prack, from: .ue, cSeq: 2, headers: [(.rAck, "1 1 INVITE")])
        #expect(call.sent[prack]?.headers[.rAck] == "1 1 INVITE")
        call.respond(200, to: prack)
        _ = call.take()
        call.respond(200)
        #expect(call.take() == ["configure core", "200 > ue"])
        call.request(.ack, from: .ue, cSeq: 1)
        #expect(call.leg.phase == .confirmed)
    }

    @Test("RFC 3262 5: a second offer in PRACK, answered by its 200; the context stays the one it was")
    func offerInPRACK() throws {
        var call = LegHarness(.originating)
        call.respond(183, body: Fixtures.plain(setup: "passive"), headers: Self.reliable)
        let prack = try call.asking(
            .prack, from: .ue, cSeq: 2, body: Fixtures.secure(setup: "active").replacing("7000", with: "7001"))
        #expect(call.passed(prack).contains(" TCP/MSRP *") && !call.passed(prack).contains("fingerprint"))
        call.respond(200, to: prack, body: Fixtures.plain(setup: "passive"))
        #expect(call.answered(prack).contains("TCP/TLS/MSRP *"))
        call.respond(200)
        #expect(call.finals[CallLeg.first]?.map(\.status) == [200])
        #expect(call.reserved.count == 1 && call.leg.phase == .confirmed)
        #expect(call.changes.contains { $0.change.remote?.port == 7001 })
    }

    @Test("RFC 3311 5.1: an offer in an UPDATE before the 200, by either side", arguments: [OfferSide.ue, .core])
    func earlyUpdate(side: OfferSide) throws {
        var call = LegHarness(.originating)
        call.respond(183, body: Fixtures.plain(setup: "passive"), headers: Self.reliable)
        let prack = try call.asking(.prack, from: .ue, cSeq: 2)
        call.respond(200, to: prack)
        let update = try call.asking(.update, from: side, cSeq: 3, body: Self.standing(side))
        call.respond(200, to: update, body: Self.standing(side.other))
        #expect(call.finals[update]?.map(\.status) == [200])
        call.respond(200)
        call.request(.ack, from: .ue, cSeq: 1)
        #expect(call.leg.phase == .confirmed && call.reserved.count == 1)
    }

    // MARK: A11

    /// Every carrier of a later offer.
    enum Carrier: String, CaseIterable, Sendable { case invite, update, prack, success, multipart }

    @Test(
        "A11: a later offer that takes e2ae off is not passed on, in whatever it comes", arguments: Carrier.allCases,
        OfferDirection.allCases)
    func downgradeByOffer(carrier: Carrier, direction: OfferDirection) throws {
        let plain = Fixtures.plain(address: "127.4.0.1")
        if carrier == .prack {
            // The caller's second offer; a UE that is called sends no PRACK.
            guard direction == .originating else { return }
            var call = LegHarness(.originating)
            call.respond(183, body: Fixtures.plain(setup: "passive"), headers: Self.reliable)
            let id = try call.asking(.prack, from: .ue, cSeq: 2, body: plain)
            #expect(call.finals[id]?.map(\.status) == [488] && call.sent[id] == nil)
            #expect(call.finals[CallLeg.first] == nil && call.released.isEmpty)
            return
        }
        var call = CallLegTests.confirmed(direction)
        let event = { (call: LegHarness) in
            call.events.contains {
                if case .decision(let decision) = $0 { decision.outcome == "refuse" } else { false }
            }
        }
        switch carrier {
        case .invite, .update:
            let id = try call.asking(carrier == .invite ? .invite : .update, from: .ue, cSeq: 5, body: plain)
            #expect(call.finals[id]?.map(\.status) == [488] && call.sent[id] == nil)
        case .multipart:
            let body =
                "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: application/sdp\r\n\r\n\(plain)\r\n--b--\r\n"
            let made = call.request(.invite, from: .ue, cSeq: 5, body: body, type: "multipart/mixed;boundary=b")
            let id = try #require(made)
            #expect(call.finals[id]?.map(\.status) == [488] && call.sent[id] == nil)
        case .success:
            // The core asks the UE for an offer: the line is kept as it was.
            let id = try call.asking(.invite, from: .core, cSeq: 5)
            call.respond(200, to: id, body: plain)
            #expect(call.answered(id).contains(" TCP/MSRP *") && !call.answered(id).contains("c=IN IP4 127.4.0.1"))
            call.request(.ack, from: .core, cSeq: 5, body: Fixtures.plain(setup: "passive"))
            let ack = try #require(call.alone.last)
            #expect(ack.request.method == .ack && LegHarness.sdp(ack.request.body).contains("TCP/TLS/MSRP *"))
        case .prack: break
        }
        #expect(event(call))
        #expect(call.leg.phase == .confirmed && call.released.isEmpty && call.reserved.count == 1)
    }

    @Test(
        "A11: an early answer without e2ae is no answer, and what came before it does not count", arguments: [183, 180])
    func downgradeByEarlyAnswer(status: Int) {
        var call = LegHarness(.terminating)
        call.respond(183, body: Fixtures.secure(setup: "active", requested: false), headers: Self.reliable)
        _ = call.take()
        call.respond(
            status, body: Fixtures.plain(setup: "active", address: "127.4.0.1"),
            headers: [(.require, "100rel"), (.rSeq, "2")])
        #expect(call.finals[CallLeg.first]?.map(\.status) == [488])
        #expect(call.cancelled == [CallLeg.first] && !call.take().contains("\(status) > core"))
    }
}
