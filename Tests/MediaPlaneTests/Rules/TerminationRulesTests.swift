import ApplicationLevelGateway
import MediaSecurity
import SDP
import Testing
import WireSyntax

@testable import MediaPlane

@Suite("iq-h248.md 9, 10: what an Add or a Modify must satisfy")
struct TerminationRulesTests {
    private static let short = Fingerprint(hash: .sha256, octets: [1, 2, 3])
    private static let md5 = Fingerprint(hash: .md5, octets: [UInt8](repeating: 1, count: 16))

    @Test("441, 449, 474, 510: the code of what is wrong")
    func codes() throws {
        let rows: [(Int?, TerminationRequest)] = [
            (nil, try ContextDriver.request(.access, "TCP/TLS", remote: nil)),
            (nil, try ContextDriver.request(.access, "TCP/TLS", remote: ContextDriver.remote("192.0.2.1"))),
            (441, try ContextDriver.request(.access, "TCP/TLS", .active, remote: ContextDriver.remote("192.0.2.1"))),
            (
                449,
                try ContextDriver.request(
                    .access, "TCP/TLS",
                    remote: ContextDriver.remote("192.0.2.1", fingerprints: [Self.short, Self.md5]))
            ),
            (
                nil,
                try ContextDriver.request(
                    .access, "TCP/TLS",
                    remote: ContextDriver.remote("192.0.2.1", fingerprints: [Self.md5, ContextDriver.fingerprint]))
            ),
            (449, try ContextDriver.request(.access, "TCP", latch: true)),
            (nil, try ContextDriver.request(.access, "TCP/TLS", latch: true)),
            (474, try ContextDriver.request(.core, "TCP/MSRP", remote: ContextDriver.remote("192.0.2.1", path: "x"))),
            (
                510,
                try ContextDriver.request(
                    .core, "TCP/MSRP",
                    remote: RemoteDescription(
                        port: 9, paths: [String](repeating: "msrp://a.example:1/x;tcp", count: 9)))
            ),
        ]
        for (code, request) in rows {
            do throws(GatewayFailure) {
                try TerminationRules.check(request, policy: .standard)
                #expect(code == nil)
            } catch {
                #expect(error.code == code)
            }
        }
    }

    @Test("433, 434, 449: a name twice, a third termination, one side aware and the other not")
    func context() throws {
        var driver = ContextDriver()
        try driver.add("a", ContextDriver.request(.access, "TCP"))
        #expect(throws: GatewayFailure(code: 433, text: "already in the context")) {
            try driver.add("a", ContextDriver.request(.access, "TCP"))
        }
        #expect(throws: GatewayFailure.self) { try driver.add("b", ContextDriver.request(.core, "TCP/MSRP")) }
        try driver.add("b", ContextDriver.request(.core, "TCP"))
        #expect(throws: GatewayFailure(code: 434, text: "a context has two terminations")) {
            try driver.add("c", ContextDriver.request(.core, "TCP"))
        }
        #expect(throws: GatewayFailure(code: 430, text: "unknown termination")) {
            try driver.modify("x", TerminationChange(mode: .inactive))
        }
    }

    @Test("A Modify that fails has changed nothing")
    func failedModify() throws {
        var driver = ContextDriver()
        try driver.add("a", ContextDriver.request(.access, "TCP/TLS", remote: ContextDriver.remote("192.0.2.1")))
        let before = try #require(driver.machine["a"])
        #expect(throws: GatewayFailure.self) {
            try driver.modify(
                "a",
                TerminationChange(
                    remote: ContextDriver.remote("192.0.2.2", fingerprints: [Self.md5]), mode: .inactive, role: .active,
                    permittedSources: []))
        }
        let after = try #require(driver.machine["a"])
        #expect(after.remote == before.remote && after.mode == before.mode && after.role == before.role)
    }
}

@Suite("A10: where the gateway connects to")
struct AddressPolicyTests {
    @Test(
        "Never to itself, to everybody, or to loopback from outside",
        arguments: [
            ("192.0.2.1", "198.51.100.1:5000", true), ("192.0.2.1", "127.0.0.1:5000", false),
            ("127.0.0.2", "127.0.0.1:5000", true), ("192.0.2.1", "0.0.0.0:5000", false),
            ("192.0.2.1", "224.0.0.5:5000", false), ("192.0.2.1", "255.255.255.255:5000", false),
            ("192.0.2.1", "169.254.169.254:80", false), ("192.0.2.1", "198.51.100.1:9", false),
            ("192.0.2.1", "198.51.100.1:0", false), ("192.0.2.1", "10.0.0.1:2944", false),
            ("192.0.2.1", "[2001:db8::1]:5000", false), ("2001:db8::2", "[2001:db8::1]:5000", true),
            ("2001:db8::2", "[::1]:5000", false), ("192.0.2.1", "[::ffff:127.0.0.1]:5000", false),
            ("192.0.2.1", "[::ffff:10.0.0.1]:5000", false),
        ])
    func rule(_ local: String, _ remote: String, _ isAllowed: Bool) throws {
        let policy = AddressPolicy(
            local: try #require(IPAddress(local)), forbidden: [try #require(IPAddress("10.0.0.1"))])
        #expect((policy.refusal(of: try #require(Endpoint(remote))) == nil) == isAllowed)
    }
}
