/// What `--report` says of one scenario.
package struct ScenarioResult: Hashable, Sendable, Codable {
    package var name: String
    package var passed: Bool
    /// What was seen, or the first thing that was not.
    package var detail: String
    package var seconds: Double
    package var legs: [Leg]
    package var messagesSent: Int
    package var messagesDelivered: Int
    /// Call-ID of every INVITE, so that a capture can be searched for them.
    package var callIDs: [String] = []

    /// A scenario whose network did not start.
    static func notRun(_ name: String, _ detail: String) -> ScenarioResult {
        ScenarioResult(
            name: name, passed: false, detail: detail, seconds: 0, legs: [], messagesSent: 0, messagesDelivered: 0)
    }
}

/// The file of `--report`: `{"scenarios": […]}`.
package struct Report: Hashable, Sendable, Codable {
    package var scenarios: [ScenarioResult]
    package init(_ scenarios: [ScenarioResult]) { self.scenarios = scenarios }
}
