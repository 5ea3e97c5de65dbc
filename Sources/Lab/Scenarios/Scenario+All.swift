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
            "active-passive", "the caller connects (a=setup:active), the callee waits and the gateway connects to it",
            caller: .secure(Setting("media.setup", "active")), callee: .secure(Setting("media.setup", "passive")),
            proofs: [.roles]),
        Scenario(
            "ipv6", "e2ae-both over IPv6: all functions share ::1 and differ by port", network: .ipv6, caller: .secure,
            callee: .secure, proofs: [.version6]),
    ]

    package static func named(_ name: String) -> Scenario? { all.first { $0.name == name } }
}
