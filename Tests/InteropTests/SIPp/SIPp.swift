import Foundation
import Testing
import WireSyntax

/// SIPp with a scenario of ours. Debian's has no TLS, no MSRP, and MD5 alone: its calls carry signalling.
struct SIPp: Sendable {
    var scenario: String
    /// Where it sends from and listens.
    var local: Endpoint
    /// Where it sends to; nil for who waits.
    var remote: Endpoint?
    var transport = "u1"
    var user = "alice"
    var password = "secret"
    var calls = 1
    /// Begun in a second.
    var rate = 20
    /// Percent of what it sends and receives that it loses.
    var loss = 0
    /// Length of a pause in milliseconds.
    var pause = 0
    /// Values of `[name]` in the scenario.
    var keys: [String: String] = [:]

    private static var scenarios: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Scenarios")
    }

    private func arguments(_ folder: String, seconds: Int) -> [String] {
        let name = "\(folder)/\(scenario)-\(local.port)"
        var all = remote.map { ["\($0)"] } ?? []
        all += ["-sf", Self.scenarios.appendingPathComponent(scenario + ".xml").path, "-nostdin"]
        all += ["-i", "\(local.address)", "-p", "\(local.port)", "-bind_local", "-ci", "\(local.address)"]
        all += ["-t", transport, "-s", user, "-au", "\(user)@ims.lab", "-ap", password, "-auth_uri", "ims.lab"]
        all += ["-m", "\(calls)", "-r", "\(rate)", "-d", "\(pause)", "-timeout", "\(seconds)s", "-timeout_error"]
        all += ["-default_behaviors", "all,-bye,-abortunexp", "-recv_timeout", "\(seconds * 1000 - 1000)"]
        all += ["-trace_err", "-error_file", name + ".errors", "-cid_str", "\(scenario)-%u-%p@%s"]
        if loss > 0 { all += ["-lost", "\(loss)"] }
        for (key, value) in keys { all += ["-key", key, value] }
        return all
    }

    private func begin(_ folder: String, _ seconds: Int) throws -> Started {
        Started(
            running: try ForeignProgram("sipp").start(arguments(folder, seconds: seconds)),
            errors: "\(folder)/\(scenario)-\(local.port).errors", seconds: seconds)
    }

    /// Runs it beside the test; returns when it listens.
    func start(in folder: String, seconds: Int = 20) async throws -> Started {
        let started = try begin(folder, seconds)
        let end = ContinuousClock.now + .seconds(5)
        while !isListening {
            guard ContinuousClock.now < end else {
                started.kill()
                try await started.finish()
                throw NotListening(scenario: scenario, local: local)
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        return started
    }

    struct NotListening: Error, Hashable {
        let scenario: String
        let local: Endpoint
    }

    /// SIPp says nothing before its end: the kernel's tables do (proc(5): address as one little-endian word, 0A is LISTEN).
    private var isListening: Bool {
        guard case .v4(let address) = local.address else { return false }
        func hex(_ value: UInt32, _ digits: Int) -> String {
            let text = String(value, radix: 16, uppercase: true)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        let wanted = "\(hex(address.byteSwapped, 8)):\(hex(UInt32(local.port), 4)) "
        let isDatagram = transport.hasPrefix("u")
        let table = (try? String(contentsOfFile: "/proc/net/\(isDatagram ? "udp" : "tcp")", encoding: .utf8)) ?? ""
        return table.split(separator: "\n").contains { line in
            line.contains(" \(wanted)") && (isDatagram || line.contains(" 0A "))
        }
    }

    /// Runs it to its end; a test fails where a call of it does.
    func run(in folder: String, seconds: Int = 20) async throws {
        try await begin(folder, seconds).finish()
    }

    struct Started: Sendable {
        let running: ForeignProgram.Running
        let errors: String
        let seconds: Int

        /// Waits for the end of its calls: every one must have gone as the scenario says.
        func finish(sourceLocation: SourceLocation = #_sourceLocation) async throws {
            let result = await running.finish(within: .seconds(seconds + 5))
            let told = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
            #expect(
                result.status == 0, "\(told)\(told.isEmpty ? result.output.suffix(3000) : "")",
                sourceLocation: sourceLocation)
        }

        func kill() { running.kill() }
    }
}
