import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import SDP
import Testing
import WireSyntax

/// Descriptions with one octet changed: what still reads goes through the ALG, and what leaves it is looked at.
@Suite struct DamagedDescriptionTests {
    static let octets: [UInt8] = [0x00, 0x0A, 0x20, 0x3A, 0x5C, 0x7D, 0xFF, 0x39]

    static func variants(of description: SessionDescription) -> [SessionDescription] {
        let whole = description.octets
        return (0..<whole.readableBytes).flatMap { index in
            octets.compactMap { octet in
                var changed = whole
                changed.setInteger(octet, at: index)
                return try? SessionDescription(octets: changed)
            }
        }
    }

    /// Nothing that a gateway is told can end a descriptor, or is more than it says.
    static func check(_ remote: RemoteDescription?) {
        guard let remote else { return }
        for path in remote.paths {
            #expect(path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"{}\\\"".utf8.contains($0) })
        }
        if case .name(let name)? = remote.address {
            #expect(name.utf8.allSatisfy { !"{}\\\" ".utf8.contains($0) && $0 < 0x7F })
        }
        #expect(remote.fingerprints.allSatisfy { $0.octets.count <= Fingerprint.maximumOctets })
    }

    @Test(
        "A7, A11: a damaged offer of an indicating UE is e2ae, passed as TLS, refused, or not MSRP",
        arguments: [false, true])
    func offers(_ cema: Bool) throws {
        let offer = try description(
            Section.requested(more: cema ? ["a=msrp-cema"] : []), session: ["a=fingerprint:\(coreFingerprint)"])
        for variant in Self.variants(of: offer) {
            var call = Call()
            call.offer(variant, from: .ue)
            for request in call.requests.flatMap({ $0 }) { Self.check(request.remote) }
            RandomEventsTests.check(cema ? nil : call.last(to: .core), to: .core)
            guard let sent = call.last(to: .core), let line = sent.messageMedia(at: 0), !line.media.isRejected else {
                continue
            }
            let decision = try #require(call.decisions.last)
            #expect(line.isTLS == (decision.outcome == .transparent))
            // A request that lost its value is none, and one on TCP is contradictory: never plain from this offer.
            #expect(decision.outcome != .plain)
        }
    }

    @Test("A7, A11: a damaged answer of a UE that was offered e2ae is protected, or ends the call")
    func answers() throws {
        let answer = try description(Section.tls(setup: "active", port: 9))
        for variant in Self.variants(of: answer) {
            var call = Call()
            call.offer(try description(Section.plain()), from: .core)
            call.answer(variant, from: .ue)
            for change in call.changes { Self.check(change.1.remote) }
            if call.failures.isEmpty, let sent = call.last(to: .core), !sent.media[0].isRejected {
                #expect(variant.messageMedia(at: 0)?.isTLS == true)
                #expect(
                    variant.messageMedia(at: 0).map { FingerprintPolicy.standard.usable($0.fingerprints).isEmpty }
                        == false)
                RandomEventsTests.check(sent, to: .core)
            } else {
                #expect(call.released == call.reserved)
            }
        }
    }
}
