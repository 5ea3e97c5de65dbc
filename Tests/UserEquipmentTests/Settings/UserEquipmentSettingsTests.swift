import Configuration
import SDP
import Testing

@testable import UserEquipment

@Suite struct UserEquipmentSettingsTests {
    static let minimum = "identity: sip:alice@ims.lab\npassword: x\npcscf: tcp:127.0.0.2:5060\n"

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
