import Observability
import Testing

@testable import Lab

@Suite("Lab: the ladder")
struct LadderTests {
    private static let map = RecordedScenario.map.without([NodeName.secondDevice])
    private let ascii = Ladder(map: Self.map, isUnicode: false, width: 120)

    private func event(_ node: String, _ what: FlowEvent.What, at milliseconds: Int64 = 0) -> FlowEvent {
        FlowEvent(time: milliseconds * 1_000_000, node: node, what: what)
    }

    private func sip(
        _ direction: FlowEvent.Direction, _ local: String, _ remote: String, _ line: String, _ lines: [String]
    )
        -> FlowEvent.What
    {
        .sip(
            .init(
                direction: direction, transport: "tls", local: local, remote: remote, startLine: line, callID: "1",
                fromTag: nil, toTag: nil, cSeq: "1 INVITE", lines: lines))
    }

    @Test("a message is drawn once, at its sender, with its addresses and the lines that decided")
    func message() {
        let lines = ascii.render(
            [
                event(
                    NodeName.callingUE,
                    sip(
                        .sent, "127.9.9.101:4000", "127.9.9.20:5061", "INVITE sip:b@ims.lab SIP/2.0",
                        ["Contact: <x>", "m=message 9 TCP/TLS/MSRP *"]), at: 12),
                event(
                    NodeName.proxy,
                    sip(.received, "127.9.9.20:5061", "127.9.9.101:4000", "INVITE sip:b@ims.lab SIP/2.0", []), at: 13),
            ], since: 0)
        #expect(
            lines == [
                "  time   UE A      P-CSCF    S-CSCF    IMS-AGW   UE B      ",
                "  0.012  |-------->|         |         |         |  INVITE sip:b@ims.lab   "
                    + "tls 127.9.9.101:4000 -> 127.9.9.20:5061",
                "         |         |         |         |         |    m=message 9 TCP/TLS/MSRP *",
            ])
    }

    @Test("a response points back and names its method; unicode where the terminal can")
    func response() {
        let ladder = Ladder(map: Self.map, isUnicode: true, width: 120)
        let lines = ladder.render(
            [event(NodeName.calledUE, sip(.sent, "127.9.9.102:1", "127.9.9.20:2", "SIP/2.0 200 OK", []))], since: 0)
        #expect(
            lines[1] == "  0.000  │         │◀────────────────────────────│  200 OK (INVITE)   "
                + "tls 127.9.9.102:1 → 127.9.9.20:2")
    }

    @Test("a peer's control characters are escaped, and long lines are cut")
    func hostile() {
        let lines = ascii.render(
            [
                event(
                    NodeName.callingUE,
                    sip(
                        .sent, "127.9.9.101:1", "127.9.9.20:2", "INVITE sip:\u{1B}[2J@x SIP/2.0",
                        [String(repeating: "m", count: 500) + "\u{7}"])),
                event("\u{1B}]0;x\u{7}", .warning("a\nb")),
            ], since: 0)
        #expect(lines.allSatisfy { line in line.count <= 120 && !line.unicodeScalars.contains { $0.value < 0x20 } })
        #expect(lines.contains { $0.contains("INVITE sip:\\u{1b}[2J@x") })
        #expect(lines.contains { $0.hasSuffix("a\\nb") })
    }

    @Test("a handshake that both ends accepted is drawn once; a refusal is marked with its reason")
    func handshakes() throws {
        let good = ascii.render(RecordedScenario(try #require(Scenario.named("e2ae-originating"))).events, since: 0)
        #expect(good.filter { $0.contains("TLS 1.3 TLS_AES_128_GCM_SHA256") }.count == 1)
        #expect(good.contains { $0.contains("|============================>|") })
        let bad = ascii.render(RecordedScenario(try #require(Scenario.named("bad-fingerprint"))).events, since: 0)
        #expect(bad.contains { $0.contains("TLS refused by IMS-AGW: the certificate is not the one announced") })
        #expect(bad.contains { $0.contains("==x==") || $0.contains("=x=") })
    }

    @Test("a run of chunks is folded")
    func chunks() {
        let events = (0..<2500).map { index in
            event(
                NodeName.callingUE,
                .msrp(
                    .init(
                        direction: .sent, local: "127.9.9.101:1", remote: "127.9.9.31:2", summary: "SEND",
                        transactionID: "t\(index)", messageID: "m", byteRange: "\(index)-*/*", bytes: 2048,
                        leg: "msrp")), at: Int64(index))
        }
        let lines = ascii.render(events, since: 0)
        #expect(lines.count < 12)
        #expect(lines.last?.hasSuffix("... 2498 more like it") == true)
    }

    @Test("events of several processes are put into the order of time")
    func order() {
        let lines = ascii.render(
            [
                event(NodeName.calledUE, .milestone(.init(.ended)), at: 9),
                event(NodeName.callingUE, .milestone(.init(.registered)), at: 3),
            ], since: 0)
        #expect(lines[1].hasSuffix("registered"))
        #expect(lines[2].hasSuffix("ended"))
    }
}
