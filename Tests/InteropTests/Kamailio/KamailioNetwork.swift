import Foundation
import Lab
import Testing
import WireSyntax

/// P-CSCF, gateway and UEs of ours, each a process, around a Kamailio as home network.
actor KamailioNetwork {
    let plan: NetworkPlan
    let kamailio: Kamailio
    private let files: String
    private let sallyport: ForeignProgram
    private var running: [ForeignProgram.Running] = []

    /// Calls `body` with a network that is up, and ends all of it.
    static func with(_ body: (KamailioNetwork) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let network = try await KamailioNetwork(folder: folder)
            do {
                try await network.startFunctions()
                try await body(network)
            } catch {
                Issue.record("\(error)\nKamailio: \(network.kamailio.printed)")
            }
            await network.stop()
        }
    }

    private init(folder: String) async throws {
        sallyport = try Sallyport.program()
        files = "\(folder)/network"
        var random = SystemRandomNumberGenerator()
        let plan = try NetworkPlan(LoopbackBlock(using: &random))
        try NetworkFiles(plan, in: try PrivateFolder.at(files)).write()
        self.plan = plan
        var passwords: [String: String] = [:]
        for (user, file) in [("alice", NetworkFiles.callingUE), ("bob", NetworkFiles.calledUE)] {
            let lines = try String(contentsOfFile: "\(files)/\(file)", encoding: .utf8).split(separator: "\n")
            let line = try #require(lines.first { $0.hasPrefix("password:") })
            passwords[user] = line.dropFirst("password:".count).trimmingCharacters(in: .init(charactersIn: " \"'"))
        }
        kamailio = try await Kamailio.start(plan, in: folder, passwords: passwords)
    }

    private func startFunctions() async throws {
        try await start(["pcscf"], NetworkFiles.proxy, ready: "listening")
        try await start(["agw"], NetworkFiles.gateway, ready: "associated")
    }

    @discardableResult
    private func start(_ command: [String], _ file: String, _ settings: [String] = [], ready: String) async throws
        -> ForeignProgram.Running
    {
        let program = try sallyport.start(
            command + ["--config", "\(files)/\(file)", "--log-level", "info", "--lifeline"]
                + settings.flatMap { ["--set", $0] })
        running.append(program)
        try #require(await program.waitFor(ready, within: .seconds(20)), "\(command): \(program.printed)")
        return program
    }

    // MARK: UEs

    /// bob, who answers everything.
    func answering(_ settings: [String] = []) async throws -> ForeignProgram.Running {
        try await start(["ue", "answer"], NetworkFiles.calledUE, settings, ready: "* registered as")
    }

    /// alice calls bob, sends the texts, and hangs up.
    func call(_ texts: [String], _ settings: [String] = []) async throws -> ForeignProgram.Result {
        try await sallyport.run(
            ["ue", "call", "sip:bob@\(plan.domain)", "--config", "\(files)/\(NetworkFiles.callingUE)"]
                + texts.flatMap { ["--message", $0] } + settings.flatMap { ["--set", $0] },
            timeout: .seconds(30))
    }

    /// Ends a UE as its user would: it hangs up and gives its registration back.
    func leave(_ ue: ForeignProgram.Running) async -> ForeignProgram.Result {
        running.removeAll { $0 === ue }
        ue.terminate()
        return await ue.finish(within: .seconds(15))
    }

    private func stop() async {
        for program in running.reversed() {
            program.terminate()
            let result = await program.finish(within: .seconds(15))
            #expect(result.status == 0, "\(result.errors)")
        }
        await kamailio.stop()
    }
}
