import Authentication
import Configuration
import SDP
import Testing

@testable import UserEquipment

@Suite struct UserEquipmentSettingsTests {
    static let minimum = "identity: sip:alice@ims.lab\npassword: x\npcscf: tcp:127.0.0.2:5060\n"

    static let withoutPassword = "identity: sip:alice@ims.lab\npcscf: tcp:127.0.0.2:5060\n"
    static let key = "465b5ce8b199b49faa5f0a2ee238a6bc"

    @Test("keys for AKA in the place of a password; they are masked")
    func keys() throws {
        let yaml = "\(Self.withoutPassword)aka: {k: \"\(Self.key)\", op: \"\(Self.key)\", amf: \"8000\", sqn-file: s}\n"
        let configuration = try Configuration(UserEquipmentSettings.schema, yaml: yaml)
        guard case .aka(let aka) = try UserEquipmentSettings(configuration).credential else {
            Issue.record("no keys")
            return
        }
        #expect(aka.keys.amf == 0x8000 && aka.sequenceFile == "s")
        #expect(!configuration.yaml.contains(Self.key))
    }

    func settings(_ yaml: String) throws -> UserEquipmentSettings {
        try UserEquipmentSettings(Configuration(UserEquipmentSettings.schema, yaml: yaml))
    }

    @Test("the least that a UE needs, and what holds then")
    func defaults() throws {
        let settings = try settings(Self.minimum)
        #expect(settings.privateIdentity == "alice@ims.lab" && settings.expires == 600 && settings.indicate)
        #expect(settings.e2ae == .automatic && settings.fingerprints == [.sha256] && settings.setup == .actpass)
        #expect(!settings.cema && !settings.wrongCertificate && settings.folder == nil && settings.maximumCalls == 4)
    }

    @Test("what a UE offers, and its ways of refusing, are keys; an RCS client is active unless it is told otherwise")
    func media() throws {
        let standard = try settings(Self.minimum)
        #expect(standard.style == .ims && !standard.refuseTLS && !standard.answerPlain)
        let rcs = try settings(Self.minimum + "media: {style: rcs, cema: true, refuse-tls: true}\n")
        #expect(rcs.style == .rcs && rcs.setup == .active && rcs.cema && rcs.refuseTLS)
        let told = try settings(
            Self.minimum + "media: {style: rcs, setup: passive}\nmisbehave: {answer-plain: true}\n")
        #expect(told.setup == .passive && told.answerPlain)
    }

    @Test(
        "what is refused, with the key",
        arguments: [
            ("identity: bob\npassword: x\npcscf: tcp:127.0.0.2:5060\n", "identity"),
            ("identity: sip:ims.lab\npassword: x\npcscf: tcp:127.0.0.2:5060\n", "identity"),
            ("identity: sip:a@ims.lab\npassword: x\npcscf: tls:127.0.0.2:5061\n", "tls.authorities"),
            ("\(minimum)security: {e2ae: perhaps}\n", "security.e2ae"),
            ("\(minimum)security: {fingerprints: [md5]}\n", "security.fingerprints"),
            ("\(minimum)registration: {expires: 1 s}\n", "registration.expires"),
            ("identity: sip:a@ims.lab\npcscf: tcp:127.0.0.2:5060\n", "password"),
            ("\(minimum)user-agent: \"a\\r\\nb\"\n", "user-agent"),
            ("\(minimum)aka: {k: \"\(key)\", opc: \"\(key)\"}\n", "aka.k"),
            ("\(minimum)aka: {sqn-file: x}\n", "aka.sqn-file"), ("\(withoutPassword)aka: {k: \"\(key)\"}\n", "aka.opc"),
            ("\(withoutPassword)aka: {k: \"\(key)\", op: \"\(key)\", opc: \"\(key)\"}\n", "aka.op"),
            ("\(withoutPassword)aka: {k: \"\(key)0\", op: \"\(key)\"}\n", "aka.k"),
            ("\(withoutPassword)aka: {k: \"\(key)\", op: \"\(key)\", amf: \"xyz\"}\n", "aka.amf"),
        ])
    func refused(_ yaml: String, _ key: String) {
        do {
            _ = try settings(yaml)
            Issue.record("accepted")
        } catch {
            #expect("\(error)".contains(key), "\(error)")
        }
    }
}
