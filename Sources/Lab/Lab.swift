import Glibc
import Observability
import Transport
import WireSyntax

/// The whole network on loopback: starts it, runs scenarios, prints each ladder and one table.
package struct Lab: Sendable {
    package struct Options: Sendable {
        package var scenarios: [Scenario] = Scenario.all
        package var message: String?
        package var file: String?
        package var report: String?
        package var capture: String?
        package var keyLog: String?
        package var logLevel = "notice"
        /// Further arguments of the gateway: the tamper switch of a debug build.
        package var gatewayArguments: [String] = []
        /// For UEs from outside the machine, with `--serve`.
        package var outside: IPAddress?
        /// This program.
        package var executable: String

        package init(executable: String) { self.executable = executable }
    }

    private let options: Options
    private let output: Terminal
    private let live: LiveLine
    private let environment: [String: String]

    package init(_ options: Options, environment: [String: String]) {
        self.options = options
        self.environment = environment
        output = .standardOutput(environment)
        live = LiveLine(output)
    }

    /// - Returns: whether every scenario passed.
    package func run() async throws -> Bool {
        let folder = try PrivateFolder.temporary(environment)
        var keepsFolder = false
        defer { if !keepsFolder { folder.remove() } }
        let content = try LabContent.make(message: options.message, file: options.file, in: folder)
        let networks = NetworkSet { variant in
            try makeNetwork(PrivateFolder.at(folder.file(variant.name)), variant)
        }
        var results: [ScenarioResult] = []
        do {
            // Ctrl-C ends the children first, and everything that waits for them.
            results = try await withTaskCancellationHandler {
                try await runAll(networks, content)
            } onCancel: {
                Task { await networks.stop() }
            }
        } catch {
            live.clear()
            await networks.stop()
            keepsFolder = !(error is CancellationError)
            throw error
        }
        await networks.stop()
        try await finish(networks, results)
        let failed = results.filter { !$0.passed }.count
        if failed > 0 {
            keepsFolder = true
            output.line("The logs of all processes are in \(folder.path).")
        }
        output.line("\(results.count - failed) passed, \(failed) failed")
        return failed == 0
    }

    /// The scenarios of one network after the other; the next network starts meanwhile.
    private func runAll(_ networks: NetworkSet, _ content: LabContent) async throws -> [ScenarioResult] {
        var variants: [NetworkVariant] = []
        for scenario in options.scenarios where !variants.contains(scenario.network) {
            variants.append(scenario.network)
        }
        var results: [ScenarioResult] = []
        for (index, variant) in variants.enumerated() {
            let scenarios = options.scenarios.filter { $0.network == variant }
            live.show("starting the network")
            do {
                let network = try await networks.network(variant)
                live.clear()
                show(network)
                if index + 1 < variants.count { await networks.prepare(variants[index + 1]) }
                for scenario in scenarios {
                    let result = await run(scenario, network, content)
                    try Task.checkCancellation()
                    results.append(result)
                }
            } catch {
                live.clear()
                try Task.checkCancellation()
                // The other networks may be well.
                output.line("")
                output.line("== network \(variant.name) did not start: \(error)")
                results += scenarios.map { .notRun($0.name, "its network did not start: \(error)") }
            }
            await networks.retire(variant)
        }
        return results
    }

    private func show(_ network: LabNetwork) {
        output.line("")
        output.line("== network \(network.files.variant.name): the gateway registers with the P-CSCF over Iq")
        let events = network.collector.take()
        let map = network.files.plan.map.without([NodeName.secondDevice])
        output.line("  " + describe(map))
        for setting in network.files.variant.proxy {
            output.line("  \(NodeName.proxy) --set \(setting.key)=\(setting.value)")
        }
        printLadder(events, map, since: events.map(\.time).min() ?? 0)
    }

    /// Keeps the network up until the task is cancelled, and says how two terminals can talk across it.
    package func serve() async throws {
        let folder = try PrivateFolder.temporary(environment)
        defer { folder.remove() }
        let network = try makeNetwork(folder, .base)
        live.show("starting the network")
        do {
            try await network.start()
            live.end()
            for line in ServeText.lines(network.files, executable: options.executable, outside: options.outside) {
                output.line(line)
            }
            // Cancelled by Ctrl-C.
            while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
        } catch {
            live.clear()
            await network.stop()
            throw error
        }
        await network.stop()
    }

    /// Writes the configuration of each function to a folder, and says how to start them by hand.
    package func writeConfiguration(to path: String) throws {
        let files = NetworkFiles(try plan(.base), in: try PrivateFolder.at(path))
        try files.write()
        for line in ServeText.commands(files, executable: options.executable) { output.line(line) }
    }

    // MARK: - Parts

    private func plan(_ variant: NetworkVariant) throws -> NetworkPlan {
        var random = SystemRandomNumberGenerator()
        return try NetworkPlan(LoopbackBlock(using: &random), family: variant.family, outside: options.outside)
    }

    private func makeNetwork(_ folder: PrivateFolder, _ variant: NetworkVariant) throws -> LabNetwork {
        let files = NetworkFiles(try plan(variant), variant, in: folder)
        try files.write()
        let live = live
        let collector = EventCollector { event in
            guard case .milestone(let milestone) = event.what else { return }
            if milestone.name == .messageConfirmed, let bytes = milestone.bytes, bytes >= 1 << 20 {
                live.progress("file", bytes, of: bytes)
            }
            guard milestone.name == .progress else {
                return live.show("\(event.node): \(LadderRows.words(milestone.name))")
            }
            guard event.node == NodeName.callingUE, let bytes = milestone.bytes, let total = milestone.total else {
                return
            }
            live.progress("file", bytes, of: total)
        }
        // The key log is a file of the run's own when only the capture is to hold the keys of this run; the user's file otherwise.
        let launch = LabNetwork.Launch(
            executable: options.executable, logLevel: options.logLevel, captures: options.capture != nil,
            keyLog: options.keyLog, gatewayArguments: options.gatewayArguments)
        return LabNetwork(files, launch, collector: collector)
    }

    private func run(_ scenario: Scenario, _ network: LabNetwork, _ content: LabContent) async -> ScenarioResult {
        output.line("")
        output.line("== \(scenario.name): \(scenario.summary)")
        live.show("\(scenario.name) …")
        let outcome = await ScenarioRun(scenario: scenario, network: network, content: content).run()
        live.clear()
        let map = network.files.plan.map.without(scenario.secondDevice == nil ? [NodeName.secondDevice] : [])
        printLadder(outcome.events, map, since: outcome.start)
        for finding in outcome.findings where !finding.passed {
            output.line("  FAILED: \(displayEscaped(finding.name)): \(displayEscaped(finding.detail))")
        }
        let word = outcome.result.passed ? "passed" : "FAILED"
        // The detail may hold the end of a log, whose lines were escaped one by one.
        output.line("-- \(scenario.name) \(word): \(outcome.result.detail)")
        return outcome.result
    }

    private func printLadder(_ events: [FlowEvent], _ map: NetworkMap, since start: Int64) {
        let ladder = Ladder(map: map.learning(from: events), isUnicode: output.isUnicode, width: output.columns)
        for line in ladder.render(events, since: start) { output.line(line) }
    }

    private func finish(_ networks: NetworkSet, _ results: [ScenarioResult]) async throws {
        output.line("")
        for line in ResultTable(results: results, isUnicode: output.isUnicode).lines {
            output.line(displayEscaped(line))
        }
        output.line("")
        if let capture = options.capture {
            let packets = try CaptureMerge.merge(await networks.captures, keyLog: options.keyLog, into: capture)
            output.line("Capture: \(capture) (\(packets) synthetic packets made from the octets at each socket, 0600)")
        }
        if let keyLog = options.keyLog { output.line("Key log: \(keyLog) (0600): whoever has it can read the traffic") }
        if let report = options.report {
            try Report(results).write(to: report)
            output.line("Report: \(report)")
        }
    }

    private func describe(_ map: NetworkMap) -> String {
        map.nodes.filter { !$0.places.isEmpty }.map { "\($0.name) \($0.places)" }.joined(separator: "   ")
    }
}
