import Authentication
import Configuration
import WireSyntax

/// What a UE proves itself with when it registers: a password, or the keys that an ISIM would hold (TS 33.203 §6.1).
package enum RegistrationCredential: Sendable {
    case password(Secret)
    case aka(AKASettings)
}

package struct AKASettings: Sendable {
    static let k = OptionalKey(
        "aka.k", .secret,
        help: "Key K of the subscriber, 32 hexadecimal digits: AKA (AKAv1-MD5) in the place of a password")
    static let opc = OptionalKey("aka.opc", .secret, help: "OPc, 32 hexadecimal digits")
    static let op = OptionalKey("aka.op", .secret, help: "OP, 32 hexadecimal digits, where OPc is not known")
    static let amf = OptionalKey(
        "aka.amf", .string, help: "AMF that challenges must carry, 4 hexadecimal digits; any unless given")
    static let sequenceFile = OptionalKey(
        "aka.sqn-file", .path,
        help: "File (made with mode 0600) that keeps the sequence numbers used; without it a restart forgets them")

    package var keys: AKAKeys
    package var sequenceFile: String?

    package static let entries: [any SchemaEntry] = [k, opc, op, amf, sequenceFile]
}

extension RegistrationCredential {
    /// - Parameter password: the key of the same schema.
    init(_ configuration: Configuration, password: OptionalKey<Secret>) throws(ConfigurationError) {
        switch (configuration[password], configuration[AKASettings.k]) {
        case (let secret?, nil):
            for entry in AKASettings.entries where configuration.isSet(entry) {
                throw configuration.problem(
                    entry, "is set although the UE has a password", remedy: "Set aka.k, or remove \(entry.name).")
            }
            self = .password(secret)
        case (nil, let k?):
            do throws(AKAKeys.Problem) {
                let keys = try AKAKeys(
                    k: k, opc: configuration[AKASettings.opc], op: configuration[AKASettings.op],
                    amf: configuration[AKASettings.amf])
                self = .aka(AKASettings(keys: keys, sequenceFile: configuration[AKASettings.sequenceFile]))
            } catch {
                throw configuration.problem(
                    AKASettings.entry(error.field), error.reason,
                    remedy: "Give aka.k and one of aka.opc and aka.op, each as 32 hexadecimal digits.")
            }
        case (nil, nil):
            throw configuration.problem(
                password, "is missing, and aka.k too", remedy: "Give the digest password, or the keys for AKA.")
        case (_?, _?):
            throw configuration.problem(
                AKASettings.k, "is given beside a password", remedy: "Remove one of the two.")
        }
    }
}

extension AKASettings {
    fileprivate static func entry(_ field: AKAKeys.Problem.Field) -> any SchemaEntry {
        switch field {
        case .k: k
        case .opc: opc
        case .op: op
        case .amf: amf
        }
    }
}
