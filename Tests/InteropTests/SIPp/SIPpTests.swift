import SIP
import Testing
import WireSyntax

@testable import ProxyCSCF

/// A UE and a core that are not ours, with scenarios that check what arrives: every ereg of them is an expectation.
@Suite("SIPp at both ends of the P-CSCF", .serialized, .timeLimit(.minutes(3)))
struct SIPpTests {
    @Test(
        "RFC 3329 2.3.1: indications on 401 and 200, echoed and taken back by de-registration", .foreign("sipp"))
    func registration() async throws {
        try await SIPpNetwork.with { network in
            try await network.register("alice")
            let stored = try #require(try await network.registrations().first)
            #expect(stored.indications == Indications(ue: true, network: true))
            #expect("\(stored.addressOfRecord)" == "sip:alice@ims.lab")
            try await network.register("alice")
            #expect(try await network.registrations().count == 1)
            try await network.register("alice", expires: 0)
            #expect(try await network.registrations().isEmpty)
        }
    }

    @Test("A2: a Security-Verify that is not what was sent gets 494 with the list", .foreign("sipp"))
    func wrongEcho() async throws {
        try await SIPpNetwork.with { network in
            try await network.register("alice", "register-wrong-echo")
            #expect(try await network.refusals("securityVerify") == 1)
            #expect(try await network.registrations().count == 1)
        }
    }

    @Test("e2ae on both access legs; the contexts of twenty calls are gone after them", .foreign("sipp"))
    func endToAccessEdge() async throws {
        try await SIPpNetwork.with { network in
            try await network.register("alice")
            try await network.register("bob")
            try await network.call("caller-e2ae", "callee-e2ae", calls: 20)
            try await network.expectIdle()
        }
    }

    @Test("a UE that indicated nothing is offered plain MSRP while its caller has e2ae", .foreign("sipp"))
    func plainCallee() async throws {
        try await SIPpNetwork.with { network in
            try await network.register("alice")
            try await network.register("bob", "register-plain")
            try await network.call("caller-e2ae", "callee-plain")
            try await network.expectIdle()
        }
    }

    @Test("RFC 3327 5.2, TS 33.328: a core sees Path and plain MSRP, and no trace of the agreement", .foreign("sipp"))
    func core() async throws {
        try await SIPpNetwork.with(playsCore: true) { network in
            func core(_ scenario: String) -> SIPp {
                SIPp(scenario: scenario, local: network.core, transport: "t1", user: "bob")
            }
            let registrar = try await core("core-register").start(in: network.folder)
            defer { registrar.kill() }
            try await network.register("alice")
            try await registrar.finish()
            let stored = try #require(try await network.registrations().first)

            let called = try await core("core-answer").start(in: network.folder)
            defer { called.kill() }
            var alice = try network.ue("alice", "caller-e2ae")
            alice.keys["callee"] = "bob"
            try await alice.run(in: network.folder)
            try await called.finish()

            let answering = try await network.ue("alice", "callee-e2ae").start(in: network.folder)
            defer { answering.kill() }
            var calling = core("core-call")
            calling.remote = network.proxy.own.mw
            calling.keys = [
                "path": "sip:\(stored.token)@\(network.proxy.own.mw);transport=tcp",
                "contact": "\(stored.contacts[0].uri)",
            ]
            try await calling.run(in: network.folder)
            try await answering.finish()
            try await network.expectIdle()
        }
    }

    @Test("RCS 5.1, originating: TLS with a fingerprint and no indication becomes e2ae, by policy", .foreign("sipp"))
    func rcsOriginating() async throws {
        try await SIPpNetwork.with(["mediaSecurity.rcs51: originating"]) { network in
            try await network.register("alice", "register-plain")
            try await network.register("bob", "register-plain")
            try await network.call("caller-rcs", "callee-plain")
            try await network.expectIdle()
        }
    }

    @Test("RCS 5.1, terminating: TLS is offered without an indication, and without 3ge2ae, by policy", .foreign("sipp"))
    func rcsTerminating() async throws {
        let classes = #"mediaSecurity.rcs51-classes: [{user-agent: "IM-client/*rcs51*", rcs51: terminating}]"#
        try await SIPpNetwork.with([classes]) { network in
            try await network.register("alice")
            try await network.register("bob", "register-plain")
            try await network.call("caller-e2ae", "callee-rcs")
            try await network.expectIdle()
        }
    }

    @Test("RCS 5.1, terminating: who refuses TLS gets no call where policy allows no fall-back", .foreign("sipp"))
    func rcsRefused() async throws {
        try await SIPpNetwork.with(["mediaSecurity.rcs51: terminating"]) { network in
            try await network.register("alice")
            try await network.register("bob", "register-plain")
            try await network.call("caller-refused", "callee-rcs-refuses")
            try await network.expectIdle()
        }
    }

    @Test(
        "RCS 5.1, terminating: who refuses TLS gets one plain offer where policy allows it", .foreign("sipp"))
    func rcsFallback() async throws {
        let policy = ["mediaSecurity.rcs51: terminating", "mediaSecurity.rcs51-fallback: true"]
        try await SIPpNetwork.with(policy) { network in
            try await network.register("alice")
            try await network.register("bob", "register-plain")
            try await network.call("caller-e2ae", "callee-rcs-fallback")
            try await network.expectIdle()
        }
    }

    @Test("RFC 3261 9.1, 16.10: CANCEL while it rings ends both legs and their contexts", .foreign("sipp"))
    func cancel() async throws {
        try await SIPpNetwork.with { network in
            try await network.register("alice")
            try await network.register("bob")
            try await network.call("caller-cancel", "callee-cancel", calls: 10)
            try await network.expectIdle()
        }
    }

    @Test(
        "RFC 3261 17: under 5 % loss on both Gm every call succeeds, and no leg, context, transaction or timer stays",
        .foreign("sipp"))
    func loss() async throws {
        try await SIPpNetwork.with { network in
            try await network.register("alice")
            try await network.register("bob")
            // What stays however many calls there were: the end of the registrations, quiet connections on Mw, the last replies on Iq.
            try await network.call("caller-e2ae", "callee-e2ae", calls: 1)
            try await network.expectIdle()
            try await network.expectNoTransactions()
            let before = try await network.deadlines()
            try await network.call("caller-e2ae", "callee-e2ae", calls: 50, loss: 5, pause: 100, seconds: 40)
            try await network.expectIdle()
            try await network.expectNoTransactions()
            let after = try await network.deadlines()
            #expect(after <= before, "\(before) before, \(after) after")
        }
    }
}
