import Crypto
import Foundation
import Testing

/// The capture of `e2ae-both`, read by a program that is not ours: what the access legs hide, what the core shows, and that the report tells the truth.
@Suite("The lab's capture, read by tshark", .serialized)
struct LabCaptureTests {
    static let text = "the quick brown fox crosses the edge"

    @Test("TLS on both access legs hides the text, the core shows it, and the key log opens it", .foreign("tshark"))
    func capture() async throws {
        let sallyport = try Sallyport.program()
        let tshark = try ForeignProgram("tshark")
        try await withTemporaryFolder { folder in
            let capture = "\(folder)/both.pcapng"
            let keyLog = "\(folder)/keys"
            let report = "\(folder)/report.json"
            let run = try await sallyport.run(
                [
                    "lab", "--scenario", "e2ae-both", "--message", Self.text, "--capture", capture, "--keylog", keyLog,
                    "--report", report,
                ], timeout: .seconds(120))
            try #require(run.status == 0, "\(run.output)\(run.errors)")
            for path in [capture, keyLog, report] {
                let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
                #expect(mode == 0o600, "\(path)")
            }
            let scenario = try #require(LabReport(reading: report).scenarios.first)
            let access = scenario.legs.filter { $0.transport == "TCP/TLS" }
            let core = scenario.legs.filter { $0.transport == "TCP" }
            try #require(access.count == 2)
            #expect(!core.isEmpty)

            /// Lines that tshark prints for a filter.
            func fields(_ filter: String, _ fields: [String], _ options: [String] = []) async throws -> [String] {
                let result = try await tshark.run(
                    ["-r", capture] + options + ["-Y", filter, "-T", "fields"] + fields.flatMap { ["-e", $0] })
                try #require(result.status == 0, "\(result.errors)")
                return result.output.split(separator: "\n").map(String.init)
            }
            func octets(_ hex: String) -> [UInt8] {
                stride(from: 0, to: hex.count - 1, by: 2).compactMap { offset in
                    UInt8(hex.dropFirst(offset).prefix(2), radix: 16)
                }
            }

            let shown = Set(try await fields("tcp.payload contains \"\(Self.text)\"", ["tcp.stream"]))
            #expect(!shown.isEmpty, "the core leg carries the text in clear")
            for leg in access {
                let random = try #require(leg.clientRandom)
                let spaced = stride(from: 0, to: random.count, by: 2)
                    .map { String(random.dropFirst($0).prefix(2)) }.joined(separator: ":")
                let streams = Set(
                    try await fields("tls.handshake.type == 1 && tls.handshake.random == \(spaced)", ["tcp.stream"]))
                let stream = try #require(streams.first, "a ClientHello with the random of the report")
                #expect(streams.count == 1)
                #expect(!shown.contains(stream), "the text is not to be read on an access leg")

                // tshark 4.0 has no way to name MSRP as the protocol within TLS: it decrypts the stream, and we read what it shows.
                let opened = try await tshark.run([
                    "-r", capture, "-o", "tls.keylog_file:\(keyLog)", "-q", "-z", "follow,tls,ascii,\(stream)",
                ])
                #expect(opened.output.contains("To-Path: msrps://"))
                #expect(opened.output.contains(Self.text), "the key log opens the leg")

                let certificates = try await fields(
                    "tcp.stream == \(stream) && tls.handshake.certificate", ["tls.handshake.certificate"],
                    ["-o", "tls.keylog_file:\(keyLog)"])
                let digests = certificates.flatMap { $0.split(separator: ",") }.map { certificate in
                    "SHA-256 "
                        + SHA256.hash(data: octets(String(certificate)))
                        .map { String(format: "%02X", $0) }.joined(separator: ":")
                }
                let reported = try #require(leg.fingerprintInTLS)
                #expect(digests.contains(reported), "\(digests)")
                #expect(leg.fingerprintInSDP == reported)
            }

            // Nothing in it is malformed.
            let malformed = try await fields("_ws.malformed", ["frame.number", "_ws.col.Info"])
            #expect(malformed.isEmpty, "\(malformed)")
        }
    }
}
