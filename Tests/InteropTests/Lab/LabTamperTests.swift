import Foundation
import Testing

/// A check that could not fail would prove nothing: with a gateway that accepts any certificate `bad-fingerprint` must fail.
@Suite("Tampering on purpose", .serialized)
struct LabTamperTests {
    @Test(
        "bad-fingerprint passes with the check in place, and fails where the gateway is told to accept any certificate")
    func tamper() async throws {
        let sallyport = try Sallyport.program()
        try await withTemporaryFolder { folder in
            let honest = try await sallyport.run(
                ["lab", "--scenario", "bad-fingerprint", "--report", "\(folder)/honest.json"], timeout: .seconds(120))
            #expect(honest.status == 0, "\(honest.output)\(honest.errors)")
            let first = try #require(LabReport(reading: "\(folder)/honest.json").scenarios.first)
            #expect(first.passed)
            #expect(first.messagesDelivered == 0)

            let blind = try await sallyport.run(
                [
                    "lab", "--scenario", "bad-fingerprint", "--tamper", "accept-any-certificate", "--report",
                    "\(folder)/blind.json",
                ], timeout: .seconds(120))
            #expect(blind.status == 1, "\(blind.output)\(blind.errors)")
            let second = try #require(LabReport(reading: "\(folder)/blind.json").scenarios.first)
            #expect(!second.passed, "the scenario must notice a blind gateway")
        }
    }
}
