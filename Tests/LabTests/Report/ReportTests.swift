import Observability
import Testing

@testable import Lab

@Suite("Lab: legs, report and table")
struct ReportTests {
    private func legs(_ name: String) throws -> [Leg] {
        let scenario = try #require(Scenario.named(name))
        return Checks(
            scenario, events: RecordedScenario(scenario).events, map: RecordedScenario.map,
            sent: [RecordedScenario.sent]
        ).legs
    }

    @Test("a leg is what its two ends saw of one connection")
    func legs() throws {
        let legs = try legs("e2ae-originating")
        #expect(
            legs == [
                Leg(
                    from: "UE A", to: "IMS-AGW", transport: "TCP/TLS", tlsVersion: "TLS 1.3",
                    cipher: "TLS_AES_128_GCM_SHA256", clientRandom: "00ff", fingerprintInSDP: "SHA-256 AA:BB",
                    fingerprintInTLS: "SHA-256 AA:BB", bytes: 400),
                Leg(from: "IMS-AGW", to: "IMS-AGW", transport: "TCP", bytes: 0),
                Leg(from: "UE B", to: "IMS-AGW", transport: "TCP", bytes: 400),
            ])
    }

    @Test("the report has the keys of its definition, absent values as null")
    func json() throws {
        let result = ScenarioResult(
            name: "plain", passed: true, detail: "ok", seconds: 0.5,
            legs: [Leg(from: "UE A", to: "IMS-AGW", transport: "TCP", bytes: 12)], messagesSent: 1,
            messagesDelivered: 1, callIDs: ["x@y"])
        let text = String(decoding: try Report([result]).json(), as: UTF8.self)
        let expected = """
            {
              "scenarios" : [
                {
                  "callIDs" : [
                    "x@y"
                  ],
                  "detail" : "ok",
                  "legs" : [
                    {
                      "bytes" : 12,
                      "cipher" : null,
                      "clientRandom" : null,
                      "fingerprintInSDP" : null,
                      "fingerprintInTLS" : null,
                      "from" : "UE A",
                      "tlsVersion" : null,
                      "to" : "IMS-AGW",
                      "transport" : "TCP"
                    }
                  ],
                  "messagesDelivered" : 1,
                  "messagesSent" : 1,
                  "name" : "plain",
                  "passed" : true,
                  "seconds" : 0.5
                }
              ]
            }

            """
        #expect(text == expected)
    }

    @Test("the table has a row a scenario under the titles")
    func table() throws {
        let results = [
            ScenarioResult(
                name: "e2ae-originating", passed: true, detail: "", seconds: 1.234, legs: try legs("e2ae-originating"),
                messagesSent: 1, messagesDelivered: 1),
            ScenarioResult(
                name: "bad-fingerprint", passed: false, detail: "", seconds: 0.05, legs: [], messagesSent: 1,
                messagesDelivered: 0),
        ]
        let lines = ResultTable(results: results, isUnicode: false).lines
        #expect(lines.count == 4)
        #expect(lines[0].hasPrefix("scenario          result  access leg"))
        #expect(lines[2].contains("passed  A TLS, B TCP"))
        #expect(lines[2].contains("TLS 1.3 TLS_AES_128_GCM_SHA256"))
        #expect(lines[2].hasSuffix("1/1    400  1.23 s"))
        #expect(lines[3].contains("FAILED  A none, B none"))
        #expect(lines[3].hasSuffix("0/1      0  0.05 s"))
    }

    @Test(
        "a progress bar from nothing to everything",
        arguments: [
            (0, "[------------------------------]   0 %  0.0 of 5.0 MiB"),
            (2_621_440, "[###############---------------]  50 %  2.5 of 5.0 MiB"),
            (5_242_880, "[##############################] 100 %  5.0 of 5.0 MiB"),
            (9_999_999, "[##############################] 100 %  9.5 of 5.0 MiB"),
        ])
    func progress(_ done: Int, _ text: String) {
        #expect(ProgressBar.text(done, of: 5 << 20, isUnicode: false) == text)
    }
}
