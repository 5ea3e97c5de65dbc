import Configuration
import MediaSecurity

/// The keys of what parties may say of their messages (RFC 4975 §8.4, §8.6; media-security.md 3.2).
enum ContentKeys {
    static let maximumSize = OptionalKey(
        "policy.max-size", .size(in: 1...(1 << 40)), help: "Upper bound on a=max-size that crosses the P-CSCF")
    static let allowed = Key(
        "policy.accept-types", .list(of: .mediaTypePattern), default: [],
        help: "Types of a=accept-types that may cross (type/subtype or type/*); empty: all")
    static let denied = Key(
        "policy.deny-types", .list(of: .mediaTypePattern), default: [],
        help: "Types of a=accept-types that are taken out")

    static let all: [any SchemaEntry] = [maximumSize, allowed, denied]

    static func policy(_ configuration: Configuration) -> ContentPolicy {
        ContentPolicy(
            maximumSize: configuration[maximumSize].map(UInt64.init), allowedTypes: configuration[allowed],
            deniedTypes: configuration[denied])
    }
}

extension ValueType where Value == String {
    fileprivate static var mediaTypePattern: Self {
        .init(
            scalar: "a media type: type/subtype or type/*",
            parse: { text in
                let parts = text.split(separator: "/", omittingEmptySubsequences: false)
                let isRight =
                    parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
                    && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\",;".utf8.contains($0) } && parts[0] != "*"
                return isRight ? text : nil
            }, show: { $0 })
    }
}
