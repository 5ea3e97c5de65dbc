import Configuration
import Foundation
import HomeNetwork
import Logging
import Observability
import Testing
import Transport
import UserEquipment
import WireSyntax

/// UE and home network on loopback sockets, without a P-CSCF between them: AKAv1-MD5 on the wire.
@Suite(.timeLimit(.minutes(1))) struct AKASocketTests {
    static let k = "465b5ce8b199b49faa5f0a2ee238a6bc"
    static let op = "cdc202d5123e20f62b6d676ac72cb318"
    static let opc = "cd63cb71954a9f4e48a5994e37a02baf"

    static func home() async throws -> (HomeNetwork, Endpoint, RecordedEvents) {
        let events = RecordedEvents()
        let yaml = """
            mw.listen: ["tcp:127.4.1.1:0"]
            users:
              - {private-id: alice@ims.lab, aka: {k: "\(k)", opc: "\(opc)"}, public-ids: ["sip:alice@ims.lab"]}
            """
        let home = HomeNetwork(
            settings: try HomeNetworkSettings(Configuration(HomeNetworkSettings.schema, yaml: yaml)),
            environment: FunctionEnvironment(logger: Logger(label: "home"), events: events, node: "S-CSCF"))
        let listening = try await home.start()
        return (home, try #require(listening.first.flatMap { Endpoint($0.local) }), events)
    }

    static func ue(_ home: Endpoint, k: String, file: String) throws -> UserEquipment {
        let yaml = """
            identity: sip:alice@ims.lab
            address: 127.4.1.2
            pcscf: tcp:\(home)
            aka: {k: "\(k)", op: "\(op)", amf: "8000", sqn-file: "\(file)"}
            """
        return UserEquipment(
            settings: try UserEquipmentSettings(Configuration(UserEquipmentSettings.schema, yaml: yaml)),
            environment: FunctionEnvironment(logger: Logger(label: "ue"), node: "UE"))
    }

    @Test(
        "RFC 3310 3.3, 3.4: registers by AKA with OP on one side and OPc on the other, and again with a home network that has lost its numbers"
    )
    func resynchronised() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/sqn"
            for round in 1...2 {
                let (home, address, events) = try await Self.home()
                let ue = try Self.ue(address, k: Self.k, file: file)
                _ = try await ue.start()
                try await ue.register()
                await ue.stop()
                await home.stop()
                _ = await events.first { $0.isMilestone(.deregistered) }
                let attributes = try FileManager.default.attributesOfItem(atPath: file)
                #expect(attributes[.posixPermissions] as? Int == 0o600)
                #expect(try String(contentsOfFile: file, encoding: .utf8).hasPrefix("SEQ "), "round \(round)")
            }
        }
    }

    @Test("RFC 3310 3.3: a UE with another key does not answer the challenge, and both sides say why")
    func otherKey() async throws {
        try await withTemporaryFolder { folder in
            let (home, address, events) = try await Self.home()
            let ue = try Self.ue(address, k: String(repeating: "0", count: 32), file: folder + "/sqn")
            _ = try await ue.start()
            do {
                try await ue.register()
                Issue.record("registered")
            } catch {
                #expect("\(error)".contains("the challenge was not the home network's"))
            }
            _ = await events.first { $0.isMilestone(.registrationFailed) }
            #expect(!FileManager.default.fileExists(atPath: folder + "/sqn"))
            await ue.stop()
            await home.stop()
        }
    }
}

extension FlowEvent.What {
    fileprivate func isMilestone(_ name: FlowEvent.Milestone.Name) -> Bool {
        if case .milestone(let milestone) = self { milestone.name == name } else { false }
    }
}
