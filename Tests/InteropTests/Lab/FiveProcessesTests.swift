import Foundation
import Testing

/// What the README tells a newcomer to do by hand: the configuration of each function, and five processes started with it.
@Suite("Five processes by hand", .serialized)
struct FiveProcessesTests {
    @Test("home, pcscf, agw and two UEs, each with the file that the lab wrote, pass a message and stop cleanly")
    func byHand() async throws {
        let sallyport = try Sallyport.program()
        try await withTemporaryFolder { folder in
            let files = "\(folder)/network"
            let written = try await sallyport.run(["lab", "--write-config", files])
            try #require(written.status == 0, "\(written.output)\(written.errors)")
            for name in try FileManager.default.contentsOfDirectory(atPath: files) {
                var isFolder: ObjCBool = false
                _ = FileManager.default.fileExists(atPath: "\(files)/\(name)", isDirectory: &isFolder)
                let mode =
                    try FileManager.default.attributesOfItem(atPath: "\(files)/\(name)")[.posixPermissions] as? Int
                #expect(mode == (isFolder.boolValue ? 0o700 : 0o600), "\(name)")
            }
            var running: [ForeignProgram.Running] = []
            defer { for program in running { program.kill() } }
            for (function, file, ready) in [
                (["home"], "home.yaml", "listening"), (["pcscf"], "pcscf.yaml", "listening"),
                (["agw"], "agw.yaml", "associated"), (["ue", "answer"], "ue-b.yaml", "registered"),
            ] {
                let program = try sallyport.start(function + ["--config", "\(files)/\(file)", "--log-level", "info"])
                running.append(program)
                try #require(await program.waitFor(ready, within: .seconds(20)), "\(function): \(program.printed)")
            }
            let call = try await sallyport.run(
                ["ue", "call", "sip:bob@ims.lab", "--config", "\(files)/ue-a.yaml", "--message", "by hand"],
                timeout: .seconds(30))
            #expect(call.status == 0, "\(call.output)\(call.errors)")
            #expect(await running[3].waitFor("by hand", within: .seconds(10)), "\(running[3].printed)")
            for program in running.reversed() {
                program.terminate()
                let result = await program.finish(within: .seconds(15))
                #expect(result.status == 0, "\(result.errors)")
            }
        }
    }
}
