import NIOCore
import NIOPosix
import SIP
import Testing
import WireSyntax

@testable import Transport

/// What we write as a capture is what Wireshark reads.
@Suite(.timeLimit(.minutes(2))) struct CaptureTsharkTests {
    static let invite = """
        INVITE sip:b@ims.lab SIP/2.0\r
        Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKtest1\r
        Max-Forwards: 70\r
        From: <sip:a@ims.lab>;tag=1\r
        To: <sip:b@ims.lab>\r
        Call-ID: capture-test\r
        CSeq: 1 INVITE\r
        Contact: <sip:a@127.0.0.1:5070>\r
        Content-Length: 0\r
        \r

        """

    static let megaco = """
        MEGACO/2 [127.0.0.3]:2944
        Transaction = 17 { Context = - { ServiceChange = ROOT { Services { Method = Restart, Reason = "901 Cold Boot" } } } }
        """

    static let msrp = """
        MSRP a786hjs2 SEND\r
        To-Path: msrp://127.0.0.2:7000/kjhd37s2s20w2a;tcp\r
        From-Path: msrp://127.0.0.1:7001/jshA7weztas;tcp\r
        Message-ID: 87652491\r
        Byte-Range: 1-5/5\r
        Content-Type: text/plain\r
        \r
        hello\r
        -------a786hjs2$\r

        """

    @Test("tshark finds SIP, MEGACO and MSRP in a capture, and nothing malformed", .foreign("tshark"))
    func dissects() async throws {
        let tshark = try ForeignProgram("tshark")
        try await withTemporaryFolder { folder in
            let path = folder + "/capture.pcapng"
            let capture = try Capture(path: path, node: "UE A")
            let one = IPAddress.v4(0x7F00_0001)
            let other = IPAddress.v4(0x7F00_0002)
            capture.datagram(from: Endpoint(one, 5070), to: Endpoint(other, 5060), ByteBuffer(string: Self.invite))
            capture.datagram(from: Endpoint(other, 2944), to: Endpoint(one, 2944), ByteBuffer(string: Self.megaco))
            var stream = CaptureStream(local: Endpoint(one, 7001), remote: Endpoint(other, 2855))
            capture.packets(stream.open(by: .local))
            let octets = ByteBuffer(string: Self.msrp)
            // In two pieces: sequence numbers must hold them together.
            let half = octets.readableBytes / 2
            for (start, length) in [(0, half), (half, octets.readableBytes - half)] {
                if let piece = octets.getSlice(at: start, length: length) { capture.packets(stream.sent(piece)) }
            }
            capture.packets(stream.received(ByteBuffer(repeating: 0x58, count: 100_000)))
            capture.packets(stream.close())
            try await capture.close()

            let merged = folder + "/merged.pcapng"
            try CaptureMerge.merge([path, folder + "/absent.pcapng"], into: merged)
            for file in [path, merged] {
                let listing = try await tshark.run([
                    "-r", file, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o",
                    "udp.check_checksum:TRUE", "-T", "fields", "-e", "frame.protocols", "-e", "_ws.col.Info",
                ])
                #expect(listing.status == 0, "\(listing.errors)")
                #expect(listing.output.contains("sip"), "\(listing.output)")
                #expect(listing.output.contains("megaco"), "\(listing.output)")
                #expect(listing.output.contains("msrp"), "\(listing.output)")
                let wrong = try await tshark.run([
                    "-r", file, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o",
                    "udp.check_checksum:TRUE", "-Y",
                    "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 "
                        + "|| tcp.analysis.lost_segment || tcp.analysis.retransmission || tcp.analysis.out_of_order",
                ])
                #expect(wrong.status == 0, "\(wrong.errors)")
                #expect(wrong.output.isEmpty, "\(wrong.output)")
            }
            let comment = try await tshark.run(["-r", path, "-c", "1", "-T", "fields", "-e", "frame.interface_name"])
            #expect(comment.output.contains("UE A"))
        }
    }

    @Test("with the key log inside, tshark reads the SIP of Gm; without it, nothing", .foreign("tshark"))
    func decrypts() async throws {
        typealias Node = SIPEndpointSocketTests.Node
        let tshark = try ForeignProgram("tshark")
        try await withTemporaryFolder { folder in
            let captures = try ["ue", "pcscf"].map { try Capture(path: "\(folder)/\($0).pcapng", node: $0) }
            let log = try KeyLog(path: folder + "/keys", capture: captures[0])
            let (ue, pcscf) = (Node(11, capture: captures[0]), Node(12, capture: captures[1]))
            let authority = try CertificateAuthority()
            let identity = try authority.issue(for: [.name("pcscf.ims.lab")])
            let target = try await pcscf.listen("gm", .tls, tls: try TLSServerSettings(identity: identity))
            let flow = try await ue.flow(
                target, .tls, from: "gm",
                tls: try TLSClientSettings(
                    trusting: [authority.identity.certificate], serverName: "pcscf.ims.lab", keyLog: log))
            try await ue.send(over: flow)
            await ue.told("response 200")
            try await ue.endpoint.stop().get()
            await pcscf.told("closed")
            try await pcscf.endpoint.stop().get()
            for capture in captures { try await capture.close() }

            let merged = folder + "/merged.pcapng"
            try CaptureMerge.merge(["\(folder)/ue.pcapng", "\(folder)/pcscf.pcapng"], into: merged)
            func lines(_ file: String) async throws -> String {
                let result = try await tshark.run([
                    "-r", file, "-d", "tls.port==\(target.port),sip", "-Y", "sip", "-T", "fields", "-e",
                    "sip.Request-Line", "-e", "sip.Status-Line",
                ])
                return result.output
            }
            let clear = try await lines(merged)
            #expect(clear.contains("OPTIONS sip:x@ims.lab SIP/2.0"), "\(clear)")
            #expect(clear.contains("SIP/2.0 200 OK"), "\(clear)")
            #expect(clear.split(separator: "\n").count == 2, "\(clear)")
            let closed = try await lines("\(folder)/pcscf.pcapng")
            #expect(closed.isEmpty, "\(closed)")
        }
    }
}
