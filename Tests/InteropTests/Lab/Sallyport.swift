import Foundation
import Testing

/// The executable that stands beside the tests, run as a user runs it.
enum Sallyport {
    struct NotBuilt: Error, CustomStringConvertible {
        var description: String { "no sallyport executable stands beside the tests: swift build" }
    }

    static func program() throws -> ForeignProgram {
        let beside = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..")
        for folder in [beside, root.appendingPathComponent(".build/debug")] {
            let path = folder.appendingPathComponent("sallyport").standardizedFileURL.path
            if FileManager.default.isExecutableFile(atPath: path) {
                return ForeignProgram(name: "sallyport", path: path)
            }
        }
        throw NotBuilt()
    }
}

/// What `--report` writes.
struct LabReport: Decodable {
    struct Leg: Decodable {
        var from: String
        var to: String
        var transport: String
        var tlsVersion: String?
        var cipher: String?
        var clientRandom: String?
        var fingerprintInSDP: String?
        var fingerprintInTLS: String?
        var bytes: Int
    }

    struct Scenario: Decodable {
        var name: String
        var passed: Bool
        var detail: String
        var seconds: Double
        var legs: [Leg]
        var messagesSent: Int
        var messagesDelivered: Int
        var callIDs: [String]
    }

    var scenarios: [Scenario]

    init(reading path: String) throws {
        self = try JSONDecoder().decode(LabReport.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }
}
