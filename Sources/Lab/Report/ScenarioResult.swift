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
}

/// The file of `--report`: `{"scenarios": […]}`.
package struct Report: Hashable, Sendable, Codable {
    package var scenarios: [ScenarioResult]
    package init(_ scenarios: [ScenarioResult]) { self.scenarios = scenarios }
}
