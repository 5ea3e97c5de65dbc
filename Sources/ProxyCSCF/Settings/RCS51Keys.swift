import Configuration
import MediaSecurity

/// The keys of the RCS 5.1 option (media-security.md 4).
///
/// ```yaml
/// mediaSecurity:
///   rcs51: originating
///   rcs51-fallback: false
///   rcs51-classes:
///     - {user-agent: "OldRCS/*", rcs51: off}
///     - {user-agent: "*", realm: wifi, rcs51: both}
/// ```
enum RCS51Keys {
    static let option = Key(
        "mediaSecurity.rcs51", ValueType<RCS51Option>.enumeration, default: .off,
        help: "RCS 5.1 option: e2ae for UEs that signal no support, in offers from them, to them, or both")
    static let fallback = Key(
        "mediaSecurity.rcs51-fallback", .bool, default: false,
        help: "A UE that refuses TLS offered under rcs51 gets one offer over plain TCP; otherwise the call is refused")
    static let classes = Key(
        "mediaSecurity.rcs51-classes", .records(UEClass.schema, in: 0...RCS51Policy.maximumRules, UEClass.rule),
        default: [],
        help: "rcs51 per UE class: maps of user-agent (a pattern with * and ?), rcs51 and realm; first match wins")

    static let all: [any SchemaEntry] = [option, fallback, classes]

    static func policy(_ configuration: Configuration) -> RCS51Policy {
        RCS51Policy(
            option: configuration[option], rules: configuration[classes], allowsFallback: configuration[fallback])
    }

    /// One entry of `rcs51-classes`.
    private enum UEClass {
        static let userAgent = Key(
            "user-agent", .userAgentPattern, default: .any, help: "Pattern over the User-Agent of its REGISTER")
        static let option = Key(
            required: "rcs51", ValueType<RCS51Option>.enumeration, help: "The option of these UEs")
        static let realm = OptionalKey("realm", .string, help: "Only over the Gm listeners of this realm (gm.realm)")
        static let schema = Schema("UE class", [userAgent, option, realm])

        static func rule(_ configuration: Configuration) throws(ConfigurationError) -> RCS51Policy.Rule {
            RCS51Policy.Rule(
                userAgent: configuration[userAgent], realm: configuration[realm], option: configuration[option])
        }
    }
}

extension ValueType where Value == UserAgentPattern {
    static var userAgentPattern: Self {
        .init(
            scalar:
                "a pattern of 1 to \(UserAgentPattern.maximumLength) octets, with * for anything and ? for one character",
            parse: { UserAgentPattern($0) }, show: { $0.text })
    }
}
