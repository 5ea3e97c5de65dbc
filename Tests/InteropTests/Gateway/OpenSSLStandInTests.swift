import ApplicationLevelGateway
import Foundation
import NIOCore
import Observability
import SDP
import Testing
import WireSyntax

/// `openssl s_client` stands in for the UE's end of TLS at the gateway's access leg. Who is let in, and who is not, decides whether a message is safe.
@Suite(.foreign("openssl"), .timeLimit(.minutes(3))) struct OpenSSLStandInTests {
    typealias Version = OpenSSLPeer.Version

    /// A gateway, a UE, and a core peer that listens.
    private func withParties(
        _ body: (PlaneUnderTest, OpenSSLPeer, PlainPeer, String) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let core = try await PlainPeer.listening(at: Party.corePeer)
            defer { core.close() }
            try await body(PlaneUnderTest(), OpenSSLPeer("ue", in: folder), core, folder)
        }
    }

    /// One line each way, once.
    private func exchange(
        _ client: ForeignProgram.Running, _ core: PlainPeer, up: String = "hello gateway", down: String = "hello ue"
    ) async {
        client.write(up + "\n")
        #expect(await core.received.wait(for: up + "\n"), "\(client.printed)")
        core.send(down + "\n")
        #expect(await client.waitFor(down), "\(client.printed)")
    }

    // MARK: The certificate decides

    @Test("the right certificate from the UE's address: octets pass, once", arguments: Version.allCases)
    func right(version: Version) async throws {
        try await withParties { gateway, ue, core, _ in
            let session = try await gateway.open(
                access: .ue([ue.fingerprint]), core: core.endpoint)
            let client = try ue.connect(to: session.access.endpoint, from: Party.ue, version)
            await exchange(client, core)
            client.kill()
            _ = await client.finish()
            #expect(core.received.text == "hello gateway\n")
            #expect(!session.notified.text.contains("tlsFailed"))
            let handshake = await gateway.events.first { if case .tls = $0 { true } else { false } }
            guard case .tls(let event) = handshake else { return }
            #expect(event.accepted)
            #expect(event.version == (version == .tls12 ? "TLS 1.2" : "TLS 1.3"))
            #expect(event.peerFingerprint == ue.fingerprint.description)
            #expect(event.expectedFingerprints == [ue.fingerprint.description])
            try await session.end()
        }
    }

    @Test("the gateway shows the certificate whose fingerprint it gave")
    func own() async throws {
        try await withParties { gateway, ue, core, _ in
            let session = try await gateway.open(
                access: .ue([ue.fingerprint]), core: core.endpoint)
            let client = try ue.connect(to: session.access.endpoint, from: Party.ue)
            await exchange(client, core)
            client.kill()
            let printed = await client.finish().output
            let begin = try #require(printed.range(of: "-----BEGIN CERTIFICATE-----"))
            let end = try #require(printed.range(of: "-----END CERTIFICATE-----"))
            let shown = try await ue.program.run(
                ["x509", "-noout", "-fingerprint", "-sha256"],
                input: String(printed[begin.lowerBound..<end.upperBound]) + "\n")
            let given = try #require(session.access.fingerprints.first?.description.dropFirst("SHA-256 ".count))
            #expect(shown.output.contains(given), "\(shown.output)")
            try await session.end()
        }
    }

    // RFC 8122 6.2: the certificate is one that the SDP announced, or the connection ends.
    @Test(
        "another certificate from the UE's address: refused and notified, no octet passes", arguments: Version.allCases)
    func wrong(version: Version) async throws {
        try await withParties { gateway, ue, core, folder in
            let other = try await OpenSSLPeer("other", in: folder)
            let session = try await gateway.open(
                access: .ue([ue.fingerprint]), core: core.endpoint)
            try await expectRefusal(
                other.connect(to: session.access.endpoint, from: Party.ue, version), session, core)
            try await session.end()
        }
    }

    @Test("no certificate from the UE's address: refused and notified, no octet passes", arguments: Version.allCases)
    func none(version: Version) async throws {
        try await withParties { gateway, ue, core, _ in
            let session = try await gateway.open(
                access: .ue([ue.fingerprint]), core: core.endpoint)
            try await expectRefusal(
                ue.connect(
                    to: session.access.endpoint, from: Party.ue, version, showingCertificate: false),
                session, core)
            try await session.end()
        }
    }

    @Test("plain MSRP to the TLS port from the UE's address: closed and notified, no octet passes")
    func notTLS() async throws {
        try await withParties { gateway, ue, core, _ in
            let session = try await gateway.open(
                access: .ue([ue.fingerprint]), core: core.endpoint)
            let plain = try await PlainPeer.connected(to: session.access.endpoint, from: Party.ue)
            plain.send("MSRP d93kswow SEND\r\nTo-Path: msrp://x;tcp\r\n\r\n")
            #expect(await plain.states.wait(for: "closed"))
            #expect(await session.notified.wait(for: "access tlsFailed"))
            #expect(core.received.text == "")
            try await session.end()
        }
    }

    /// The client gets nothing, the core gets nothing, and one failure is notified.
    private func expectRefusal(
        _ client: ForeignProgram.Running, _ session: GatewaySession, _ core: PlainPeer
    ) async throws {
        client.write("secret\n")
        core.send("core secret\n")
        let result = await client.finish()
        #expect(!result.timedOut, "not closed: \(client.printed)")
        #expect(!result.output.contains("core secret"))
        #expect(await session.notified.wait(for: "access tlsFailed"))
        #expect(core.received.text == "")
        #expect(session.notified.text.components(separatedBy: "tlsFailed").count == 2, "\(session.notified.text)")
    }

    #if DEBUG
        @Test(
            "tampered: with the check switched off, another certificate gets octets through, so it is the check that stops it"
        )
        func tampered() async throws {
            try await withParties { _, ue, core, folder in
                let other = try await OpenSSLPeer("other", in: folder)
                let gateway = try PlaneUnderTest(tampered: true)
                let session = try await gateway.open(access: .ue([ue.fingerprint]), core: core.endpoint)
                let client = try other.connect(to: session.access.endpoint, from: Party.ue)
                await exchange(client, core)
                client.kill()
                try await session.end()
            }
        }
    #endif

    // MARK: A3: a stranger first

    @Test("A3: the right certificate from another address is closed without a notification, and the UE still gets in")
    func stranger() async throws {
        try await withParties { gateway, ue, core, _ in
            let session = try await gateway.open(
                access: .ue([ue.fingerprint]), core: core.endpoint)
            let stranger = try ue.connect(to: session.access.endpoint, from: Party.stranger)
            stranger.write("secret\n")
            let result = await stranger.finish()
            #expect(!result.timedOut)
            #expect(gateway.strangers == 1)
            #expect(session.notified.text == "")
            let client = try ue.connect(to: session.access.endpoint, from: Party.ue)
            await exchange(client, core)
            #expect(core.received.text == "hello gateway\n")
            #expect(session.notified.text == "")
            client.kill()
            try await session.end()
        }
    }

    @Test("A3: strangers at the access port, with TLS, without, and silent, keep nobody out")
    func manyStrangers() async throws {
        try await withParties { gateway, ue, core, folder in
            let other = try await OpenSSLPeer("other", in: folder)
            let session = try await gateway.open(
                access: .ue([ue.fingerprint]), core: core.endpoint)
            var peers: [PlainPeer] = []
            for number in 0..<8 {
                let source = IPAddress.v4(0x7F04_0040 + UInt32(number))
                let peer = try await PlainPeer.connected(to: session.access.endpoint, from: source)
                if number % 2 == 0 { peer.send("MSRP x SEND\r\n\r\n") }
                peers.append(peer)
            }
            let wrong = try other.connect(to: session.access.endpoint, from: Party.stranger)
            for peer in peers { #expect(await peer.states.wait(for: "closed")) }
            _ = await wrong.finish()
            let client = try ue.connect(to: session.access.endpoint, from: Party.ue)
            await exchange(client, core)
            #expect(core.received.text == "hello gateway\n")
            for peer in peers { #expect(peer.received.text == "") }
            #expect(session.notified.text == "")
            client.kill()
            try await session.end()
        }
    }

    @Test("A3: a stranger at the core port gets no byte and ends nothing")
    func coreStranger() async throws {
        try await withParties { gateway, ue, _, _ in
            let session = try await gateway.open(access: .ue([ue.fingerprint]), core: nil)
            let stranger = try await PlainPeer.connected(to: session.core.endpoint, from: Party.stranger)
            stranger.send("MSRP x SEND\r\n\r\n")
            #expect(await stranger.states.wait(for: "closed"))
            let core = try await PlainPeer.connected(to: session.core.endpoint, from: Party.corePeer)
            let client = try ue.connect(to: session.access.endpoint, from: Party.ue)
            await exchange(client, core)
            #expect(stranger.received.text == "")
            #expect(core.received.text == "hello gateway\n")
            #expect(session.notified.text == "")
            core.close()
            client.kill()
            try await session.end()
        }
    }

    @Test("the UE's Gm address is as good as the one in its c=")
    func signallingAddress() async throws {
        try await withParties { gateway, ue, core, _ in
            let session = try await gateway.open(
                access: .ue([ue.fingerprint], address: Party.otherUE),
                permitted: [Party.ue], core: core.endpoint)
            let client = try ue.connect(to: session.access.endpoint, from: Party.ue)
            await exchange(client, core)
            client.kill()
            try await session.end()
        }
    }

    // MARK: A4: the ticket or the certificate of another

    @Test("A4: one UE's right certificate on another UE's port is refused", arguments: Version.allCases)
    func certificateOfAnother(version: Version) async throws {
        try await withParties { gateway, ue, core, folder in
            let other = try await OpenSSLPeer("other", in: folder)
            let own = try await gateway.open(access: .ue([other.fingerprint]), core: core.endpoint)
            let session = try await gateway.open(
                access: .ue([ue.fingerprint]), core: core.endpoint)
            // Right where it belongs …
            let right = try other.connect(to: own.access.endpoint, from: Party.ue, version)
            await exchange(right, core)
            right.kill()
            try await own.end()
            // … and wrong here.
            let before = core.received.text
            let client = try other.connect(to: session.access.endpoint, from: Party.ue, version)
            client.write("secret\n")
            let result = await client.finish()
            #expect(!result.timedOut)
            #expect(await session.notified.wait(for: "access tlsFailed"))
            #expect(core.received.text == before)
            try await session.end()
        }
    }

    @Test(
        "A4: one UE's ticket on another UE's port is refused, with a certificate and without",
        arguments: Version.allCases)
    func ticketOfAnother(version: Version) async throws {
        try await withParties { gateway, ue, core, folder in
            let other = try await OpenSSLPeer("other", in: folder)
            let ticket = folder + "/ticket"
            let first = try await gateway.open(
                access: .ue([other.fingerprint]), core: core.endpoint)
            let client = try other.connect(
                to: first.access.endpoint, from: Party.ue, version, ["-sess_out", ticket])
            await exchange(client, core)
            client.kill()
            _ = await client.finish()
            try await first.end()
            try #require(FileManager.default.fileExists(atPath: ticket), "the gateway gave no ticket")

            // The ticket is good: on a session of its own UE it resumes, and the certificate that it stands for is compared.
            let second = try await gateway.open(
                access: .ue([other.fingerprint]), core: core.endpoint)
            let resumed = try other.connect(
                to: second.access.endpoint, from: Party.ue, version, ["-sess_in", ticket])
            await exchange(resumed, core, up: "resumed", down: "so it is")
            #expect(resumed.printed.contains("Reused, "), "\(resumed.printed)")
            resumed.kill()
            _ = await resumed.finish()
            try await second.end()

            let before = core.received.text
            for showsCertificate in [true, false] {
                let session = try await gateway.open(
                    access: .ue([ue.fingerprint]), core: core.endpoint)
                let thief = try other.connect(
                    to: session.access.endpoint, from: Party.ue, version,
                    showingCertificate: showsCertificate, ["-sess_in", ticket])
                thief.write("secret\n")
                let result = await thief.finish()
                #expect(!result.timedOut)
                #expect(await session.notified.wait(for: "access tlsFailed"))
                #expect(core.received.text == before)
                try await session.end()
            }
        }
    }

    // MARK: A5: octets before the verdict

    /// What the gateway may know of the UE when it connects too early.
    enum Known: String, CaseIterable, Sendable {
        case nothing, address

        var remote: RemoteDescription? {
            switch self {
            case .nothing: nil
            case .address: RemoteDescription(address: .address(Party.ue), port: 9, setup: .active)
            }
        }
    }

    @Test(
        "A5: what the UE sends before its fingerprint is known waits, and passes once when it is right",
        arguments: Version.allCases, Known.allCases)
    func held(version: Version, known: Known) async throws {
        try await withParties { gateway, ue, core, _ in
            let session = try await gateway.open(access: known.remote, core: core.endpoint)
            let client = try ue.connect(to: session.access.endpoint, from: Party.ue, version)
            client.write("early bird\n")
            core.send("core is early too\n")
            #expect(await gateway.holds(1))
            // Not a wait for something: the time in which an octet that must not pass would have passed.
            #expect(await !core.received.wait(for: "early", within: .milliseconds(200)))
            #expect(!client.printed.contains("core is early"))
            try await session.configure(.ue([ue.fingerprint]))
            #expect(await core.received.wait(for: "early bird\n"), "\(client.printed)")
            await exchange(client, core)
            #expect(core.received.text == "early bird\nhello gateway\n")
            client.kill()
            try await session.end()
        }
    }

    @Test(
        "A5: what was sent before the verdict never passes when the verdict is no", arguments: Version.allCases,
        Known.allCases)
    func heldInVain(version: Version, known: Known) async throws {
        try await withParties { gateway, ue, core, folder in
            let other = try await OpenSSLPeer("other", in: folder)
            let session = try await gateway.open(access: known.remote, core: core.endpoint)
            let client = try other.connect(to: session.access.endpoint, from: Party.ue, version)
            client.write("early bird\n")
            #expect(await gateway.holds(1))
            #expect(await !core.received.wait(for: "early", within: .milliseconds(200)))
            try await session.configure(.ue([ue.fingerprint]))
            let result = await client.finish()
            #expect(!result.timedOut)
            #expect(await session.notified.wait(for: "access tlsFailed"), "\(result)")
            #expect(core.received.text == "")
            try await session.end()
        }
    }

    @Test("A5: a stranger that came before the UE's address was known is closed, counted and never notified")
    func heldStranger() async throws {
        try await withParties { gateway, ue, core, _ in
            let session = try await gateway.open(access: nil, core: core.endpoint)
            let stranger = try ue.connect(to: session.access.endpoint, from: Party.stranger)
            stranger.write("secret\n")
            #expect(await gateway.holds(1))
            try await session.configure(.ue([ue.fingerprint]))
            #expect(await !stranger.finish().timedOut)
            #expect(gateway.strangers == 1)
            let client = try ue.connect(to: session.access.endpoint, from: Party.ue)
            await exchange(client, core)
            #expect(core.received.text == "hello gateway\n")
            #expect(session.notified.text == "")
            client.kill()
            try await session.end()
        }
    }

    @Test("A5: early data (0-RTT) is not taken")
    func earlyData() async throws {
        try await withParties { gateway, ue, core, folder in
            let ticket = folder + "/ticket"
            let early = folder + "/early"
            try Data("zero round trips\n".utf8).write(to: URL(fileURLWithPath: early))
            let first = try await gateway.open(access: .ue([ue.fingerprint]), core: core.endpoint)
            let client = try ue.connect(
                to: first.access.endpoint, from: Party.ue, .tls13, ["-sess_out", ticket])
            await exchange(client, core)
            client.kill()
            _ = await client.finish()
            try await first.end()
            let second = try await gateway.open(access: .ue([ue.fingerprint]), core: core.endpoint)
            let again = try ue.connect(
                to: second.access.endpoint, from: Party.ue, .tls13,
                ["-sess_in", ticket, "-early_data", early])
            await exchange(again, core, up: "in time", down: "thanks")
            #expect(!again.printed.contains("Early data was accepted"))
            #expect(!core.received.text.contains("zero round trips"))
            again.kill()
            try await second.end()
        }
    }

    // MARK: A6: weak TLS

    @Test(
        "A6: TLS 1.1, and suites without forward secrecy or with SHA-1 alone, are refused",
        arguments: [
            ["-tls1_1", "-cipher", "ALL@SECLEVEL=0"], ["-tls1", "-cipher", "ALL@SECLEVEL=0"],
            ["-tls1_2", "-cipher", "AES128-SHA:AES128-GCM-SHA256:@SECLEVEL=0"],
            ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"],
            ["-tls1_2", "-cipher", "aNULL:eNULL:@SECLEVEL=0"],
        ])
    func weak(arguments: [String]) async throws {
        try await withParties { gateway, ue, core, _ in
            let session = try await gateway.open(
                access: .ue([ue.fingerprint]), core: core.endpoint)
            let client = try ue.program.start(
                [
                    "s_client", "-connect", "\(session.access.endpoint)", "-bind", "\(Party.ue):0", "-cert",
                    ue.certificate, "-key", ue.key, "-nocommands", "-ign_eof",
                ] + arguments)
            client.write("secret\n")
            let result = await client.finish()
            #expect(!result.timedOut)
            #expect(result.status != 0)
            #expect(core.received.text == "")
            try await session.end()
        }
    }

    // MARK: The gateway as TLS client

    @Test("a=setup:passive: the gateway connects, and takes only the right certificate", arguments: Version.allCases)
    func active(version: Version) async throws {
        try await withParties { gateway, ue, core, folder in
            let (server, endpoint) = try await ue.listen(at: Party.ue, version)
            func remote(_ peer: OpenSSLPeer) -> RemoteDescription {
                RemoteDescription(
                    address: .address(endpoint.address), port: endpoint.port, setup: .passive,
                    fingerprints: [peer.fingerprint])
            }
            let other = try await OpenSSLPeer("other", in: folder)
            let wrong = try await gateway.open(access: remote(other), role: .active, core: core.endpoint)
            #expect(await wrong.notified.wait(for: "access tlsFailed"))
            #expect(core.received.text == "")
            try await wrong.end()

            let session = try await gateway.open(access: remote(ue), role: .active, core: core.endpoint)
            await exchange(server, core)
            // It shows its own certificate, whose fingerprint the UE has from the SDP.
            #expect(server.printed.contains("depth=0"), "\(server.printed)")
            server.kill()
            try await session.end()
        }
    }
}
