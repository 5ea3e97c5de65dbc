extension Scenario {
    /// In the order in which they run; those of one network stand together.
    package static let all: [Scenario] = [
        Scenario(
            "plain", "nobody indicates e2ae: plain MSRP through the gateway", caller: .plain,
            callee: Party(gm: .tcp, indicates: false)),
        Scenario(
            "e2ae-originating", "the caller's access leg is TLS, the callee's is plain", caller: .secure,
            callee: .plain),
        Scenario(
            "e2ae-terminating", "the callee's access leg is TLS, the caller's is plain", caller: .plain,
            callee: .secure),
        Scenario("e2ae-both", "both access legs are TLS", caller: .secure, callee: .secure),
        Scenario(
            "bad-fingerprint", "the caller shows another certificate than its SDP announced: refused",
            caller: .secure(Setting("security.wrong-certificate", "true")), callee: .secure, outcome: .refused),
        Scenario(
            "file-transfer", "a file in chunks, with reports, over two TLS access legs", caller: .secure,
            callee: .secure, content: .file),
        Scenario(
            "cema", "both UEs use CEMA (RFC 6714): their paths pass untouched, the gateway looks into nothing",
            caller: .secure(Setting("media.cema", "true")), callee: .secure(Setting("media.cema", "true")),
            proofs: [.untouchedPaths]),
        Scenario(
            "no-cema", "the caller uses CEMA, the callee has none: one more offer without, and the gateway's paths",
            caller: .secure(Setting("media.cema", "true")), callee: .secure, proofs: [.ownPaths]),
        Scenario(
            "active-passive", "the caller connects (a=setup:active), the callee waits and the gateway connects to it",
            caller: .secure(Setting("media.setup", "active")), callee: .secure(Setting("media.setup", "passive")),
            proofs: [.roles]),
        Scenario(
            "reinvite", "hold, resume, another port, another certificate; the unchanged offer makes no handshake",
            caller: .secure, callee: .secure,
            actions: [
                "refresh", "hold", "resume", "message:held and resumed", "new-port", "message:through another port",
                "new-certificate", "message:with another certificate",
            ], proofs: [.renewals]),
        Scenario(
            "forking", "two devices of the callee ring: one answers and gets the message, the other is cancelled",
            caller: .secure, callee: .secure(Setting("calls.ring", "300 ms")),
            secondDevice: .secure(Setting("calls.ring", "30 s")), proofs: [.forked]),
        Scenario(
            "aka", "the caller registers by IMS AKA with Milenage, the callee by digest",
            caller: Party(gm: .tls, indicates: true, usesAKA: true), callee: .secure, proofs: [.aka]),
        Scenario(
            "downgrade-refused", "the callee answers TCP/MSRP to an offer of TLS: 488, ACK and BYE, and nothing plain",
            caller: .secure, callee: .secure(Setting("misbehave.answer-plain", "true")), outcome: .rejected),
        Scenario(
            "rcs51-originating", "the caller indicates nothing and offers TLS as RCS 5.1 does: e2ae by policy",
            network: .rcs51Originating, caller: .quiet(Setting("media.style", "rcs")), callee: .plain,
            originating: .tls, proofs: [.offersAsRCS]),
        Scenario(
            "rcs51-terminating", "the callee indicates nothing and is offered TLS all the same: e2ae by policy",
            network: .rcs51Terminating, caller: .plain, callee: .quiet(Setting("media.style", "rcs")),
            terminating: .tls, proofs: [.offeredAsRCS]),
        Scenario(
            "rcs51-fallback", "the callee indicates nothing and refuses TLS: one more offer, over plain TCP",
            network: .rcs51Terminating, caller: .plain, callee: .quiet(Setting("media.refuse-tls", "true")),
            terminating: .tcp, proofs: [.fallback]),
        Scenario(
            "ipv6", "e2ae-both over IPv6: all functions share ::1 and differ by port", network: .ipv6, caller: .secure,
            callee: .secure, proofs: [.version6]),
    ]

    package static func named(_ name: String) -> Scenario? { all.first { $0.name == name } }
}
