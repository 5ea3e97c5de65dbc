import Foundation
import Testing

/// One run of all scenarios: they pass, and a program that is not ours reads what was on the wire.
@Suite("Every lab scenario, read by tshark", .serialized)
struct EveryScenarioTests {
    /// What `--list` names: issue 10's scenarios among them.
    private func names(_ sallyport: ForeignProgram) async throws -> [String] {
        let listed = try await sallyport.run(["lab", "--list"])
        return listed.output.split(separator: "\n").map { line in String(line.prefix { $0 != ":" }) }
    }

    @Test(
        "all pass, and tshark finds each one's call and marks no SIP, H.248, MSRP or TLS packet malformed",
        .foreign("tshark"))
    func capture() async throws {
        let sallyport = try Sallyport.program()
        let tshark = try ForeignProgram("tshark")
        try await withTemporaryFolder { folder in
            let capture = "\(folder)/all.pcapng"
            let run = try await sallyport.run(
                [
                    "lab", "--capture", capture, "--keylog", "\(folder)/keys", "--report", "\(folder)/report.json",
                ], timeout: .seconds(240))
            #expect(run.status == 0, "\(run.output.suffix(4000))\(run.errors)")
            let report = try LabReport(reading: "\(folder)/report.json").scenarios
            #expect(try await names(sallyport) == report.map(\.name))
            #expect(report.filter { !$0.passed }.map(\.name) == [])

            var options = ["-o", "tls.keylog_file:\(folder)/keys"]
            func fields(_ filter: String, _ names: [String]) async throws -> [String] {
                let result = try await tshark.run(
                    ["-r", capture] + options + ["-Y", filter, "-T", "fields"] + names.flatMap { ["-e", $0] },
                    timeout: .seconds(120))
                try #require(result.status == 0, "\(result.errors)")
                return result.output.split(whereSeparator: \.isNewline).map(String.init)
            }
            // All ports are the kernel's choice: H.248 text says what it is, and Gm is where a ClientHello asks for the P-CSCF.
            let iq = Set(
                try await fields("udp contains \"MEGACO/\"", ["udp.srcport", "udp.dstport"])
                    .flatMap { $0.split(separator: "\t") })
            let gm = Set(
                try await fields(
                    "tls.handshake.extensions_server_name == \"pcscf.ims.lab\"", ["tcp.dstport"]))
            options += iq.sorted().flatMap { ["-d", "udp.port==\($0),megaco"] }
            options += gm.sorted().flatMap { ["-d", "tls.port==\($0),sip"] }

            let invites = Set(try await fields("sip.Method == \"INVITE\"", ["sip.Call-ID"]))
            for scenario in report {
                #expect(!scenario.callIDs.isEmpty && invites.isSuperset(of: scenario.callIDs), "\(scenario.name)")
            }
            for name in ["sip", "megaco", "msrp", "tls"] {
                #expect(try await !fields(name, ["frame.number"]).isEmpty, "\(name) is among them")
            }
            let malformed = try await fields("_ws.malformed", ["frame.number", "_ws.col.Protocol", "_ws.col.Info"])
            #expect(malformed.isEmpty, "\(malformed)")
        }
    }
}
