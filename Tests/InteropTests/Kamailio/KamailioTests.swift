import Foundation
import Lab
import Testing

/// A registrar and S-CSCF that is not ours behind our P-CSCF: what we send to the core is what others understand, and what others send us we do.
@Suite("Kamailio as registrar and S-CSCF", .serialized, .timeLimit(.minutes(2)))
struct KamailioTests {
    @Test(
        "RFC 3327 5.2, RFC 3608 5: two UEs register through Path, call each other with e2ae on both sides, and leave",
        .foreign("kamailio"))
    func callAndLeave() async throws {
        try await KamailioNetwork.with { network in
            let bob = try await network.answering()
            #expect(await network.kamailio.says("registered: sip:bob@ims.lab path <sip:"))
            #expect(network.kamailio.printed.contains("@\(network.plan.mw);transport=tcp;lr>"))

            let texts = ["first through Kamailio", "second through Kamailio"]
            let call = try await network.call(texts)
            #expect(call.status == 0, "\(call.output)\(call.errors)")
            #expect(call.output.contains("2 of 2 confirmed"), "\(call.output)")
            #expect(call.output.contains("leg:      e2ae"), "\(call.output)")
            for text in texts { #expect(await bob.waitFor(text), "\(bob.printed)") }
            #expect(bob.printed.contains("to the access edge"), "\(bob.printed)")

            // TS 33.328: the core sees neither TLS nor fingerprint nor 3ge2ae, in the offer or in the answer.
            #expect(await network.kamailio.says("answer plain: "))
            #expect(await network.kamailio.says("offer plain: "))
            #expect(!network.kamailio.printed.contains("protected: "), "\(network.kamailio.printed)")

            // alice has gone back with her call; bob goes now.
            #expect(await network.kamailio.says("gone: sip:alice@ims.lab"))
            let left = await network.leave(bob)
            #expect(left.status == 0, "\(left.errors)")
            #expect(await network.kamailio.says("gone: sip:bob@ims.lab"))

            let late = try await network.call(["nobody reads this"])
            #expect(late.status == 1, "\(late.output)\(late.errors)")
            #expect("\(late.output)\(late.errors)".contains("480"), "\(late.output)\(late.errors)")
            #expect(await network.kamailio.says("nobody: INVITE to sip:bob@ims.lab"))
            #expect(!network.kamailio.printed.contains("refused: "), "\(network.kamailio.printed)")
        }
    }

    @Test(
        "a UE without indication gets a plain leg through Kamailio, and its peer e2ae all the same",
        .foreign("kamailio"))
    func oneSide() async throws {
        try await KamailioNetwork.with { network in
            let bob = try await network.answering(["security.indicate=false"])
            let call = try await network.call(["half protected"])
            #expect(call.status == 0, "\(call.output)\(call.errors)")
            #expect(call.output.contains("leg:      e2ae"), "\(call.output)")
            #expect(await bob.waitFor("half protected"), "\(bob.printed)")
            #expect(bob.printed.contains("plain MSRP over TCP"), "\(bob.printed)")
        }
    }

    @Test(
        "RFC 3261 16.7: Kamailio forks to two contacts of one identity; one of them has the call, the other hears of it",
        .foreign("kamailio"))
    func forked() async throws {
        try await KamailioNetwork.with { network in
            let phones = [try await network.answering(), try await network.answering()]
            let call = try await network.call(["to one of two"])
            #expect(call.status == 0, "\(call.output)\(call.errors)")
            #expect(call.output.contains("leg:      e2ae"), "\(call.output)")
            let got = phones.filter { $0.printed.contains(": to one of two") }
            #expect(got.count == 1, "\(phones.map(\.printed))")
            for phone in phones { #expect(await phone.waitFor("* ringing"), "\(phone.printed)") }
            // The next call finds both again, and the second time as well.
            let again = try await network.call(["once more"])
            #expect(again.status == 0, "\(again.output)\(again.errors)")
            let total = phones.reduce(0) { $0 + $1.printed.components(separatedBy: ": once more").count - 1 }
            #expect(total == 1, "\(phones.map(\.printed))")
        }
    }

    @Test("RFC 3261 22.2: a wrong password registers nobody, and no call comes of it", .foreign("kamailio"))
    func wrongPassword() async throws {
        try await KamailioNetwork.with { network in
            let call = try await network.call(["never sent"], ["password=guessed"])
            #expect(call.status == 1, "\(call.output)\(call.errors)")
            #expect("\(call.output)\(call.errors)".contains("401"), "\(call.output)\(call.errors)")
            #expect(!network.kamailio.printed.contains("registered: "), "\(network.kamailio.printed)")
            #expect(!network.kamailio.printed.contains("INVITE"), "\(network.kamailio.printed)")
        }
    }
}
