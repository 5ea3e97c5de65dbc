import Crypto
import Foundation
import Lab
import Testing
import WireSyntax

/// Kamailio with the configuration that stands beside this file, in the foreground, with a runtime folder of its own.
struct Kamailio: Sendable {
    let running: ForeignProgram.Running

    /// - Parameters:
    ///   - folder: for its process id file and whatever else it leaves.
    ///   - passwords: of alice and bob, by user name.
    static func start(_ plan: NetworkPlan, in folder: String, passwords: [String: String]) async throws -> Kamailio {
        let configuration = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("kamailio.cfg").path
        var environment = [
            "HOME_LISTEN": "tcp:\(plan.home)", "HOME_ROUTE": "\(plan.home);transport=tcp", "HOME_DOMAIN": plan.domain,
            "HOME_PEER": "\(plan.mw.address)",
        ]
        for (user, password) in passwords {
            environment["\(user.uppercased())_HA1"] = ha1(user, plan.domain, password)
        }
        let running = try ForeignProgram("kamailio").startWithLifeline(
            ["-f", configuration, "-DD", "-E", "-Y", folder, "-w", folder, "-P", "\(folder)/kamailio.pid"],
            environment: environment)
        guard await running.waitFor("ready\n") else {
            running.terminate()
            throw NotReady(printed: running.printed)
        }
        return Kamailio(running: running)
    }

    struct NotReady: Error, CustomStringConvertible {
        let printed: String
        var description: String { "Kamailio did not start: \(printed)" }
    }

    /// RFC 7616 §3.4.2, as Kamailio's credential store has it: the private identity is user@domain.
    private static func ha1(_ user: String, _ domain: String, _ password: String) -> String {
        Insecure.MD5.hash(data: Data("\(user)@\(domain):\(domain):\(password)".utf8)).map { octet in
            (octet < 16 ? "0" : "") + String(octet, radix: 16)
        }.joined()
    }

    /// What its xlog lines say.
    var printed: String { running.printed }

    func says(_ text: String, within timeout: Duration = .seconds(10)) async -> Bool {
        await running.waitFor(text, within: timeout)
    }

    func stop() async {
        running.terminate()
        let result = await running.finish()
        #expect(!result.timedOut, "Kamailio does not end: \(result.errors)")
    }
}
