import MediaSecurity
import Testing

@Suite struct RCS51PolicyTests {
    @Test(
        "RFC 3261 20.41: a class is a glob over User-Agent, in any case",
        arguments: [
            ("*", nil, true), ("*", "", true), ("?*", nil, false), ("*", "any/1.0", true),
            ("RCS*", "rcs-client/5.1", true),
            ("rcs*", "MyRCS/5.1", false), ("*rcs*", "MyRCS/5.1", true), ("a?c", "abc", true), ("a?c", "ac", false),
            ("a?c", "aüc", true), ("a*b*c", "a--b--b--c", true), ("a*b*c", "a--b--b--", false), ("a**", "a", true),
            ("abc", "abcd", false), ("*d", "abcd", true), ("*/5.?", "x/5.1", true), ("*/5.?", "x/5.10", false),
        ] as [(String, String?, Bool)])
    func patterns(_ pattern: String, _ userAgent: String?, _ matches: Bool) throws {
        #expect(try #require(UserAgentPattern(pattern)).matches(userAgent) == matches)
    }

    @Test("a pattern is bounded, and so is the work on it")
    func bounded() throws {
        #expect(UserAgentPattern("") == nil && UserAgentPattern("a\nb") == nil)
        #expect(UserAgentPattern(String(repeating: "a", count: UserAgentPattern.maximumLength + 1)) == nil)
        let hard = try #require(UserAgentPattern(String(repeating: "a*", count: UserAgentPattern.maximumLength / 2)))
        #expect(!hard.matches(String(repeating: "a", count: 100) + String(repeating: "b", count: 100_000)))
    }

    @Test("media-security 4: R by realm and UE class, the first rule that matches")
    func rules() throws {
        let old = try #require(UserAgentPattern("*RCS/5.0*"))
        let policy = RCS51Policy(
            option: .originating,
            rules: [
                .init(userAgent: old, option: .off), .init(userAgent: .any, realm: "wifi", option: .both),
                .init(userAgent: .any, realm: "wifi", option: .off),
            ])
        #expect(policy.option(userAgent: "x RCS/5.0", realm: "wifi") == .off)
        #expect(policy.option(userAgent: "x RCS/5.1", realm: "wifi") == .both)
        #expect(policy.option(userAgent: nil, realm: "wifi") == .both)
        #expect(policy.option(userAgent: nil, realm: "access") == .originating)
        #expect(RCS51Policy().option(userAgent: "RCS", realm: "access") == .off && !RCS51Policy().allowsFallback)
    }

    @Test("R is of a direction")
    func directions() {
        let table = RCS51Option.allCases.map { [$0.applies(to: .originating), $0.applies(to: .terminating)] }
        #expect(table == [[false, false], [true, false], [false, true], [true, true]])
    }
}
