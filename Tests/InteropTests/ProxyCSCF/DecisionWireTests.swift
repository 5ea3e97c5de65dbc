import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

/// media-security.md 4 on the wire: what the hand-written table says of an offer is what becomes of it between Gm and Mw, and its reason is in the event
/// stream. The table is the one of the unit tests of `MediaSecurity`; the function under test is not asked.
@Suite("The decision tables on the wire", .timeLimit(.minutes(3)))
struct DecisionWireTests {
    struct Policy: Sendable, CustomTestStringConvertible {
        let rcs51: Bool
        let strict: Bool
        let u4: UnhonouredRequest
        var testDescription: String { "R=\(rcs51 ? 1 : 0) strict=\(strict ? 1 : 0) U4=\(u4)" }

        func apply(to settings: inout ProxyCSCFSettings) {
            settings.rcs51 = RCS51Policy(option: rcs51 ? .both : .off)
            settings.strict = strict
            settings.unhonouredRequest = u4
        }

        func input(
            _ direction: OfferDirection, _ u: Bool, _ n: Bool, capable: Bool, _ kind: OfferKind,
            existing: LineMode? = nil
        ) -> DecisionInput {
            DecisionInput(
                direction: direction, ueIndicated: u, networkIndicated: n, rcs51: rcs51, gatewayCapable: capable,
                strict: strict, unhonouredRequest: u4, kind: kind, existing: existing)
        }
    }

    static let policies: [Policy] = [false, true].flatMap { r in
        [false, true].flatMap { strict in UnhonouredRequest.allCases.map { Policy(rcs51: r, strict: strict, u4: $0) } }
    }

    /// What the table says: one row.
    static func expected(_ input: DecisionInput) throws -> String {
        let rows = decisionTable.filter { $0.applies(to: input) }
        try #require(rows.count == 1)
        return String(rows[0].outcome)
    }

    /// A line of this kind, as a UE or the core offers it. What a UE alone may say is left out for the core.
    static func offer(_ kind: OfferKind, from side: OfferSide, _ address: String, port: Int = 7000) -> String {
        Played.sdp(line(kind, from: side, address, port: port), address)
    }

    static func line(_ kind: OfferKind, from side: OfferSide, _ address: String, port: Int = 7000) -> [String] {
        let isTLS = kind != .plain && kind != .contradictory
        var lines = [
            "m=message \(port) \(isTLS ? "TCP/TLS/MSRP" : "TCP/MSRP") *", "a=accept-types:text/plain",
            "a=path:\(isTLS ? "msrps" : "msrp")://\(address):\(port)/s;tcp", "a=setup:actpass",
        ]
        switch kind {
        case .plain, .tlsByName: break
        case .endToAccessEdge: lines += ["a=fingerprint:\(Played.fingerprint)", "a=3ge2ae:requested"]
        case .fingerprintOnly: lines += ["a=fingerprint:\(Played.fingerprint)"]
        case .endToEnd: lines += ["a=key-mgmt:mikey AAAA"]
        case .contradictory: lines += ["a=3ge2ae:requested"]
        }
        return lines
    }

    /// 3ge2ae of the core is removed before anybody looks.
    static func kinds(from side: OfferSide) -> [OfferKind] {
        OfferKind.allCases.filter { side == .ue || $0 != .endToAccessEdge && $0 != .contradictory }
    }

    static func mode(_ outcome: String) -> LineMode? {
        switch outcome {
        case "e2ae": .e2ae
        case "plain", "plain!": .plain
        case "tls": .transparent
        case "tls4": .transparentByU4
        default: nil
        }
    }

    /// What was seen on the wire, held against what the table says.
    static func check(
        _ offered: WireCall.Offered, _ outcome: String, _ kind: OfferKind, from side: OfferSide, saysApplied: Bool,
        _ row: String
    ) {
        let decision = offered.decisions.first
        #expect(decision?.reason.isEmpty == false && decision?.clause.isEmpty == false, "\(row)")
        guard let mode = mode(outcome) else {
            #expect("\(offered.status)" == outcome && offered.request == nil, "\(row): \(offered.status)")
            #expect(decision?.outcome == "refuse", "\(row)")
            #expect((offered.response.headers[.retryAfter] != nil) == (outcome == "503"), "\(row)")
            return
        }
        guard offered.status == 200 else {
            Issue.record("\(row): \(offered.status), \(offered.response.headers.values(.warning))")
            return
        }
        #expect(!offered.sent.contains("3ge2ae:requested"), "\(row)")
        let (toUE, toCore) = side == .ue ? (offered.answer, offered.sent) : (offered.sent, offered.answer)
        switch mode {
        case .e2ae:
            #expect(decision?.outcome == "e2ae", "\(row)")
            #expect(toUE.contains("TCP/TLS/MSRP") && toUE.contains(PlayedGateways.fingerprint), "\(row)")
            #expect(toUE.contains("a=3ge2ae:applied") == saysApplied, "\(row)")
            #expect(toCore.contains(" TCP/MSRP") && !toCore.contains("fingerprint"), "\(row)")
            #expect(!toCore.contains("3ge2ae") && toCore.contains("127.3.0.2"), "\(row)")
        case .plain:
            #expect(decision?.outcome == "plain", "\(row)")
            for text in [toUE, toCore] {
                #expect(
                    text.contains(" TCP/MSRP") && !text.contains("fingerprint") && !text.contains("3ge2ae"), "\(row)")
            }
        case .transparent, .transparentByU4:
            #expect(decision?.outcome == "transparent", "\(row)")
            for text in [toUE, toCore] { #expect(text.contains("TCP/TLS/MSRP") && !text.contains("3ge2ae"), "\(row)") }
            #expect(!offered.sent.contains(PlayedGateways.fingerprint), "\(row)")
            let hasFingerprint = kind == .endToAccessEdge || kind == .fingerprintOnly
            #expect(offered.sent.contains(Played.fingerprint) == hasFingerprint, "\(row)")
            #expect(offered.sent.contains("key-mgmt:mikey AAAA") == (kind == .endToEnd), "\(row)")
        case .off: break
        }
    }

    static func address(_ side: OfferSide, _ ue: WireUE) -> String { side == .ue ? "\(ue.address)" : "127.78.0.1" }

    @Test(
        "media-security 4.1, 4.2: every first offer is what its row says, and its reason is seen", arguments: policies)
    func firstOffers(policy: Policy) async throws {
        let network = try await WireNetwork("", policy.apply)
        for bits in 0..<4 {
            let (u, n) = (bits & 1 == 1, bits & 2 == 2)
            let ue = try await network.ue(u, n)
            for capable in [true, false] {
                try await network.onProxy { $1.hasCapableGateway = capable }
                for direction in OfferDirection.allCases {
                    let side: OfferSide = direction == .originating ? .ue : .core
                    for kind in Self.kinds(from: side) {
                        let input = policy.input(direction, u, n, capable: capable, kind)
                        let outcome = try Self.expected(input)
                        let call = try network.call(direction, ue)
                        let offered = try await call.offer(Self.offer(kind, from: side, Self.address(side, ue)))
                        Self.check(
                            offered, outcome, kind, from: side,
                            saysApplied: side == .ue ? kind == .endToAccessEdge : u && n, "\(input): \(outcome)")
                        try await call.end()
                    }
                }
            }
        }
        #expect(try await network.held() == [0, 0, 0])
        await network.stop()
    }

    @Test(
        "media-security 4.3, A11: every later offer is what its row says, and one that is refused changes nothing",
        arguments: policies.filter { !$0.strict }, [SIP.Method.invite, .update])
    func laterOffers(policy: Policy, method: SIP.Method) async throws {
        let network = try await WireNetwork("", policy.apply)
        for bits in 0..<4 {
            let (u, n) = (bits & 1 == 1, bits & 2 == 2)
            let ue = try await network.ue(u, n)
            for direction in OfferDirection.allCases {
                let first: OfferSide = direction == .originating ? .ue : .core
                for firstKind in Self.kinds(from: first) {
                    let before = try Self.expected(policy.input(direction, u, n, capable: true, firstKind))
                    guard var mode = Self.mode(before) else { continue }
                    let call = try network.call(direction, ue)
                    let start = Self.offer(firstKind, from: first, Self.address(first, ue))
                    #expect(try await call.offer(start).status == 200)
                    for side in [OfferSide.core, .ue] {
                        for kind in Self.kinds(from: side) {
                            let input = policy.input(
                                OfferDirection(from: side), u, n, capable: true, kind, existing: mode)
                            let outcome = try Self.expected(input)
                            let offered = try await call.offer(
                                Self.offer(kind, from: side, Self.address(side, ue)), from: side, method: method)
                            Self.check(
                                offered, outcome, kind, from: side,
                                saysApplied: side == .ue ? kind == .endToAccessEdge : u && n,
                                "\(direction) \(firstKind), then \(method) of \(input): \(outcome)")
                            mode = Self.mode(outcome) ?? mode
                        }
                    }
                    try await call.end()
                }
            }
        }
        #expect(try await network.held() == [0, 0, 0])
        await network.stop()
    }
}
