import ApplicationLevelGateway
import Foundation
import NIOCore
import Observability
import SDP
import Testing
import WireSyntax

/// The same peers at a whole gateway: what passes, and what the controller is told over H.248.
@Suite(.foreign("openssl"), .timeLimit(.minutes(3)), .serialized) struct NotifyTests {
    typealias Version = OpenSSLPeer.Version

    private func withParties(
        tampered: Bool = false, _ body: (IqUnderTest, OpenSSLPeer, PlainPeer, String) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let gateway = try await IqUnderTest(tampered: tampered)
            let core = try await PlainPeer.listening(at: Party.corePeer)
            do {
                try await body(gateway, OpenSSLPeer("ue", in: folder), core, folder)
            } catch {
                core.close()
                try? await gateway.stop()
                throw error
            }
            core.close()
            try await gateway.stop()
        }
    }

    private func exchange(_ client: ForeignProgram.Running, _ core: PlainPeer, _ up: String) async {
        client.write(up + "\n")
        #expect(await core.received.wait(for: up + "\n"), "\(client.printed)")
        core.send("got \(up)\n")
        #expect(await client.waitFor("got \(up)"), "\(client.printed)")
    }

    @Test("right: octets pass once; wrong and none: refused, and seen as Notify", arguments: Version.allCases)
    func certificates(version: Version) async throws {
        try await withParties { gateway, ue, core, folder in
            let session = try await gateway.open(access: .ue([ue.fingerprint]), core: core.endpoint)
            let client = try ue.connect(to: session.access.endpoint, from: Party.ue, version)
            await exchange(client, core, "hello")
            #expect(gateway.notifies.isEmpty)
            #expect(core.received.text == "hello\n")
            client.kill()
            try await session.end()

            let other = try await OpenSSLPeer("other", in: folder)
            for (peer, showsCertificate) in [(other, true), (ue, false)] {
                let before = gateway.notifies.count
                let session = try await gateway.open(access: .ue([ue.fingerprint]), core: core.endpoint)
                let client = try peer.connect(
                    to: session.access.endpoint, from: Party.ue, version, showingCertificate: showsCertificate)
                client.write("secret\n")
                #expect(await !client.finish().timedOut)
                #expect(await session.notified.wait(for: "access tlsFailed"))
                #expect(gateway.notifies.count == before + 1, "\(gateway.notifies)")
                #expect(core.received.text == "hello\n")
                try await session.end()
            }
            #expect(await gateway.contexts() == 0)
        }
    }

    @Test("A3: the right certificate from another source is closed without Notify, and the UE still gets in")
    func stranger() async throws {
        try await withParties { gateway, ue, core, _ in
            let session = try await gateway.open(access: .ue([ue.fingerprint]), core: core.endpoint)
            let stranger = try ue.connect(to: session.access.endpoint, from: Party.stranger)
            stranger.write("secret\n")
            #expect(await !stranger.finish().timedOut)
            let client = try ue.connect(to: session.access.endpoint, from: Party.ue)
            await exchange(client, core, "hello")
            #expect(core.received.text == "hello\n")
            #expect(gateway.notifies.isEmpty)
            #expect(gateway.strangers == 1)
            client.kill()
            try await session.end()
        }
    }

    @Test(
        "A4: one UE's ticket, and its right certificate, on another UE's port: refused, and seen as Notify",
        arguments: Version.allCases)
    func ofAnother(version: Version) async throws {
        try await withParties { gateway, ue, core, folder in
            let other = try await OpenSSLPeer("other", in: folder)
            let ticket = folder + "/ticket"
            let own = try await gateway.open(access: .ue([other.fingerprint]), core: core.endpoint)
            let client = try other.connect(
                to: own.access.endpoint, from: Party.ue, version, ["-sess_out", ticket])
            await exchange(client, core, "mine")
            client.kill()
            _ = await client.finish()
            try await own.end()
            try #require(FileManager.default.fileExists(atPath: ticket), "the gateway gave no ticket")
            let text = core.received.text
            for (showsCertificate, arguments) in [
                (true, ["-sess_in", ticket]), (false, ["-sess_in", ticket]), (true, []),
            ] {
                let before = gateway.notifies.count
                let session = try await gateway.open(access: .ue([ue.fingerprint]), core: core.endpoint)
                let thief = try other.connect(
                    to: session.access.endpoint, from: Party.ue, version, showingCertificate: showsCertificate,
                    arguments)
                thief.write("secret\n")
                #expect(await !thief.finish().timedOut)
                #expect(await session.notified.wait(for: "access tlsFailed"))
                #expect(gateway.notifies.filter { $0.contains("Notify") }.count > before)
                #expect(core.received.text == text)
                try await session.end()
            }
        }
    }
}
