import NIOCore
import NIOEmbedded
import SIP
import Testing
import WireSyntax

@testable import Transport

/// Answers when the test says so.
// Used on the test's thread only.
private final class PlayedNames: NameSource, @unchecked Sendable {
    var asked: [(question: DNSQuestion, completion: @Sendable (NameReply) -> Void)] = []
    var isStopped = false

    func ask(_ question: DNSQuestion, _ completion: @escaping @Sendable (NameReply) -> Void) {
        asked.append((question, completion))
    }

    func stop() { isStopped = true }
}

@Suite("RFC 3263: the resolver")
struct SIPResolverTests {
    private let loop = EmbeddedEventLoop()
    private let names = PlayedNames()
    private let resolver: SIPResolver

    init() {
        var limits = NameLimits()
        limits.queries = 4
        resolver = SIPResolver(
            eventLoop: loop, source: names, abilities: .init(transports: [.udp, .tcp]), limits: limits)
    }

    /// Where a resolution ends; nil while it runs.
    private final class Outcome {
        var result: Result<[ServerSelection.Target], any Error>?
        var text: String? {
            switch result {
            case .success(let targets): targets.map(\.description).joined(separator: " ")
            case .failure(let error): "\(error)"
            case nil: nil
            }
        }
    }

    private func resolve(_ uri: String) throws -> Outcome {
        let outcome = Outcome()
        resolver.resolve(try SIPURI(uri)).assumeIsolated().whenComplete { outcome.result = $0 }
        loop.run()
        return outcome
    }

    private func answer(_ index: Int, _ answer: DNSAnswer, _ seconds: UInt32 = 60) {
        names.asked[index].completion(NameReply(answer, timeToLive: seconds))
        loop.run()
    }

    private static func addresses(_ last: UInt32...) -> DNSAnswer { .addresses(last.map { .v4(0x7F00_0000 + $0) }) }

    @Test("a number asks nobody")
    func numeric() throws {
        #expect(try resolve("sip:192.0.2.1").text == "udp:192.0.2.1:5060")
        #expect(names.asked.isEmpty)
    }

    @Test("an answer is used again for its time to live; equal questions that run are asked once")
    func kept() throws {
        let (one, two) = (try resolve("sip:a.lab:5060"), try resolve("sip:a.lab:5061;transport=tcp"))
        #expect(names.asked.map(\.question.description) == ["A/AAAA a.lab"])
        answer(0, Self.addresses(1))
        #expect(one.text == "udp:127.0.0.1:5060")
        #expect(two.text == "tcp:127.0.0.1:5061")
        #expect(try resolve("sip:a.lab:5060").text == "udp:127.0.0.1:5060")
        #expect(names.asked.count == 1)
        loop.advanceTime(by: .seconds(61))
        #expect(try resolve("sip:a.lab:5060").text == nil)
        #expect(names.asked.count == 2)
    }

    @Test("NAPTR, SRV and addresses, one after the other")
    func steps() throws {
        let outcome = try resolve("sip:a.lab")
        answer(
            0,
            .naptr([
                NAPTRRecord(order: 1, preference: 1, flags: "s", service: "SIP+D2T", replacement: "_sip._tcp.a.lab")
            ]))
        answer(1, .srv([SRVRecord(priority: 1, weight: 1, port: 5070, target: "s.a.lab")]))
        #expect(outcome.text == nil)
        answer(2, Self.addresses(7))
        #expect(outcome.text == "tcp:127.0.0.7:5070")
        #expect(resolver.counts.running == 0)
    }

    @Test("A13: a DNS that never answers: the selection ends in its time, and an answer that is late hurts nobody")
    func silence() throws {
        let outcome = try resolve("sip:a.lab:5060")
        loop.advanceTime(by: resolver.limits.selectionTime - .milliseconds(1))
        #expect(outcome.text == nil)
        loop.advanceTime(by: .milliseconds(1))
        #expect(outcome.text == "no answer from the DNS for A/AAAA a.lab")
        answer(0, Self.addresses(1))
        #expect(try resolve("sip:a.lab:5060").text == "udp:127.0.0.1:5060")
    }

    @Test("A13: no more questions at a time than the limit; one more fails, and later ones are asked again")
    func limit() throws {
        for index in 0..<4 { #expect(try resolve("sip:h\(index).lab:5060").text == nil) }
        #expect(try resolve("sip:h9.lab:5060").text == "no answer from the DNS for A/AAAA h9.lab")
        #expect(names.asked.count == 4)
        answer(0, Self.addresses(1))
        #expect(try resolve("sip:h9.lab:5060").text == nil)
        #expect(names.asked.count == 5)
    }

    @Test("RFC 3263 4.3: what failed comes last for a while")
    func aside() throws {
        let outcome = try resolve("sip:a.lab:5060")
        answer(0, Self.addresses(1, 2), 3600)
        guard case .success(let targets) = outcome.result else { return }
        resolver.setAside(targets[0])
        #expect(try resolve("sip:a.lab:5060").text == "udp:127.0.0.2:5060 udp:127.0.0.1:5060")
        loop.advanceTime(by: resolver.limits.asideTime)
        #expect(try resolve("sip:a.lab:5060").text == "udp:127.0.0.1:5060 udp:127.0.0.2:5060")
    }

    @Test("stopped: nothing is asked any more")
    func stopped() throws {
        resolver.stop()
        #expect(names.isStopped)
        #expect(try resolve("sip:a.lab:5060").text == "no answer from the DNS for A/AAAA a.lab")
        #expect(try resolve("sip:192.0.2.1").text == "udp:192.0.2.1:5060")
    }
}
