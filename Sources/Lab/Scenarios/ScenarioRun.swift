import Observability
import WireSyntax

/// What the user wants sent.
package struct LabContent: Sendable {
    package var message: String
    package var messageDigest: String
    /// The file of file-transfer, with its size and digest.
    package var file: String
    package var fileSent: SentContent

    func sent(_ content: Scenario.Content) -> SentContent {
        switch content {
        case .message: SentContent(bytes: message.utf8.count, digest: messageDigest)
        case .file: fileSent
        }
    }
}

/// One scenario on a network that is up: two UEs come, one calls the other, and the events tell how it went.
struct ScenarioRun {
    /// From the call to its last event, for a file of the usual size.
    static let patience = Duration.seconds(60)
    /// How long events may straggle after the caller has gone.
    static let settling = Duration.seconds(4)
    private static let step = Duration.milliseconds(40)

    let scenario: Scenario
    let network: LabNetwork
    let content: LabContent

    struct Outcome {
        var result: ScenarioResult
        var findings: [Checks.Finding]
        var events: [FlowEvent]
        var start: Int64
    }

    func run() async -> Outcome {
        let collector = network.collector
        let files = network.files
        let sent = [content.sent(scenario.content)] + scenario.furtherMessages.map(LabContent.sent)
        _ = collector.take()
        let clock = ContinuousClock()
        let began = clock.now
        let start = WallClock.nanoseconds()
        var trouble: String?
        var answering: [ChildProcess] = []
        do {
            for (node, file, party) in devices {
                answering.append(
                    try await network.startChild(
                        ["ue", "answer", "--config", files.folder.file(file)] + settings(party), node: node))
            }
            for (device, child) in zip(devices, answering) { try await waitForRegistration(device.node, child) }
            try await call(files)
        } catch {
            trouble = "\(error)"
        }
        await settle(collector, sent)
        for child in answering { await network.stop(child) }
        let seconds = Double((clock.now - began).inMilliseconds) / 1000
        // What an earlier scenario said late is not of this one.
        let events = collector.take().filter { $0.time >= start }
        let checks = Checks(scenario, events: events, map: files.plan.map, sent: sent)
        let passed = trouble == nil && checks.passed
        let attempts = events.reduce(0) { count, event in
            guard event.node == NodeName.callingUE, case .milestone(let milestone) = event.what else { return count }
            return count + (milestone.name == .messageSent ? 1 : 0)
        }
        let result = ScenarioResult(
            name: scenario.name, passed: passed,
            detail: trouble ?? checks.detail,
            seconds: seconds, legs: checks.legs, messagesSent: attempts, messagesDelivered: checks.delivered,
            callIDs: checks.callIDs)
        return Outcome(result: result, findings: checks.findings, events: events, start: start)
    }

    /// Who waits to be called.
    private var devices: [(node: String, file: String, party: Scenario.Party)] {
        [(NodeName.calledUE, NetworkFiles.calledUE, scenario.callee)]
            + (scenario.secondDevice.map { [(NodeName.secondDevice, NetworkFiles.secondDevice, $0)] } ?? [])
    }

    /// What this scenario changes in a UE's configuration file.
    private func settings(_ party: Scenario.Party) -> [String] {
        let basic = [
            Setting("pcscf", network.files.plan.gm(party.gm)), Setting("security.indicate", "\(party.indicates)"),
        ]
        return (basic + party.settings).flatMap(\.arguments)
    }

    private func waitForRegistration(_ node: String, _ child: ChildProcess) async throws {
        let event = try await network.wait(for: "its registration", from: child) { event in
            guard event.node == node, case .milestone(let milestone) = event.what else { return false }
            return milestone.name == .registered || milestone.name == .registrationFailed
        }
        guard case .milestone(let milestone) = event.what, milestone.name == .registered else {
            throw await network.failure("\(node) did not register", child)
        }
    }

    /// The caller is a process that calls, sends, hangs up and ends.
    private func call(_ files: NetworkFiles) async throws {
        let file = scenario.caller.usesAKA ? NetworkFiles.akaUE : NetworkFiles.callingUE
        var arguments = ["ue", "call", files.calledIdentity, "--config", files.folder.file(file)]
        switch scenario.content {
        case .message: arguments += ["--message", content.message]
        case .file: arguments += ["--file", content.file]
        }
        for action in scenario.actions { arguments += ["--then", action] }
        let caller = try await network.startChild(arguments + settings(scenario.caller), node: NodeName.callingUE)
        let guardian = Task {
            try await Task.sleep(for: Self.patience)
            await caller.stop()
        }
        let code = await caller.exitCode()
        guardian.cancel()
        let expectsSuccess = scenario.outcome == .delivered
        guard (code == 0) == expectsSuccess else {
            let what =
                expectsSuccess ? "\(NodeName.callingUE) failed (exit \(code))" : "\(NodeName.callingUE) succeeded"
            throw await network.failure(what, caller)
        }
    }

    /// Processes tell of one thing at different times: wait until the checks are content, or for the whole of `settling`.
    private func settle(_ collector: EventCollector, _ sent: [SentContent]) async {
        for _ in 0..<Int(Self.settling / Self.step) {
            if Checks(scenario, events: collector.all, map: network.files.plan.map, sent: sent).passed { return }
            if Task.isCancelled { return }
            try? await Task.sleep(for: Self.step)
        }
    }
}

extension Duration {
    var inMilliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
