import FoundationEssentials
import NIOCore
import NIOEmbedded
import SIP
import Testing
import WireSyntax

@testable import Transport

/// What an endpoint does with each message of RFC 4475: who is answered with what, what is dropped, and what reaches the user.
@Suite("RFC 4475: reactions of the transport")
struct TortureReactionTests {
    static func octets(_ name: String, from file: String = #filePath) throws -> ByteBuffer {
        let folder = URL(filePath: file).deletingLastPathComponent()
            .appending(path: "../../SIPTests/Fixtures/rfc4475").standardized
        return ByteBuffer(bytes: Array(try Data(contentsOf: folder.appending(path: name + ".dat"))))
    }

    /// Name, section, and what comes of it: the status of an answer, `-` for silence, otherwise what the user is told.
    static let reactions: [(String, String, String)] = [
        ("wsinv", "3.1.1.1", "INVITE mw"),
        ("intmeth", "3.1.1.2", "!interesting-Method0123456789_*+`.%indeed'~ mw"),
        ("esc01", "3.1.1.3", "INVITE mw"), ("escnull", "3.1.1.4", "REGISTER mw"),
        ("esc02", "3.1.1.5", "RE%47IST%45R mw"), ("lwsdisp", "3.1.1.6", "OPTIONS mw"),
        ("longreq", "3.1.1.7", "INVITE mw"), ("dblreq", "3.1.1.8", "REGISTER mw"),
        ("semiuri", "3.1.1.9", "OPTIONS mw"), ("transports", "3.1.1.10", "OPTIONS mw"),
        ("mpart01", "3.1.1.11", "MESSAGE mw"), ("unreason", "3.1.1.12", "200 stray"),
        ("noreason", "3.1.1.13", "100 stray"), ("badinv01", "3.1.2.1", "400"), ("clerr", "3.1.2.2", "400"),
        ("ncl", "3.1.2.3", "400"), ("scalar02", "3.1.2.4", "400"), ("scalarlg", "3.1.2.5", "-"),
        ("quotbal", "3.1.2.6", "400"), ("ltgtruri", "3.1.2.7", "400"), ("lwsruri", "3.1.2.8", "400"),
        ("lwsstart", "3.1.2.9", "400"), ("trws", "3.1.2.10", "400"), ("escruri", "3.1.2.11", "400"),
        ("baddate", "3.1.2.12", "400"), ("regbadct", "3.1.2.13", "400"), ("badaspec", "3.1.2.14", "400"),
        ("baddn", "3.1.2.15", "400"), ("badvers", "3.1.2.16", "505"), ("mismatch01", "3.1.2.17", "400"),
        ("mismatch02", "3.1.2.18", "400"), ("bigcode", "3.1.2.19", "-"), ("badbranch", "3.2.1", "OPTIONS mw"),
        ("insuf", "3.3.1", "400"), ("unkscm", "3.3.2", "OPTIONS mw"), ("novelsc", "3.3.3", "OPTIONS mw"),
        ("unksm2", "3.3.4", "REGISTER mw"), ("bext01", "3.3.5", "OPTIONS mw"), ("invut", "3.3.6", "INVITE mw"),
        ("regaut01", "3.3.7", "REGISTER mw"), ("multi01", "3.3.8", "400"), ("mcl01", "3.3.9", "400"),
        ("bcast", "3.3.10", "200 stray"), ("zeromf", "3.3.11", "OPTIONS mw"), ("cparam01", "3.3.12", "REGISTER mw"),
        ("cparam02", "3.3.13", "REGISTER mw"), ("regescrt", "3.3.14", "REGISTER mw"), ("sdp01", "3.3.15", "INVITE mw"),
        ("inv2543", "3.4.1", "INVITE mw"),
    ]

    @Test("all 49 messages of RFC 4475 are here")
    func complete() { #expect(Set(Self.reactions.map(\.0)).count == 49) }

    @Test("over UDP: answered with the located reason, dropped, or handed up", arguments: reactions)
    func datagram(name: String, section: String, reaction: String) throws {
        let harness = SIPHarness()
        let flow = Flow(transport: .udp, local: SIPHarness.local, remote: SIPHarness.peer)
        harness.endpoint.receive(datagram: try Self.octets(name), over: flow)
        harness.loop.run()
        let sent = try harness.sent()
        if reaction == "-" {
            #expect(sent.isEmpty && harness.log.isEmpty)
        } else if let status = Int(reaction) {
            #expect(harness.log.isEmpty)
            #expect(sent.count == 1)
            let line = sent.first?.text.prefix { $0 != "\r\n" } ?? ""
            #expect(line.hasPrefix(status == 400 ? "SIP/2.0 400 Bad Request (" : "SIP/2.0 \(status) "), "\(line)")
            // It goes to the source, whatever sent-by says.
            #expect(sent.first?.to?.address == SIPHarness.peer.address)
        } else {
            #expect(harness.log == [reaction])
            #expect(sent.isEmpty)
        }
    }

    /// Over a connection the frame counts as well: without a usable Content-Length the stream ends there.
    static let unframed: Set<String> = ["ncl", "mcl01", "inv2543"]

    @Test("over TCP: the next request on the connection is served, or the connection is closed", arguments: reactions)
    func stream(name: String, section: String, reaction: String) throws {
        let harness = SIPHarness()
        let channel = try harness.accept()
        try channel.writeInbound(try Self.octets(name))
        harness.loop.run()
        if Self.unframed.contains(name) { #expect(!channel.isActive, "\(section)") }
        harness.log = []
        if channel.isActive {
            let next = SIPHarness.options(via: SIPConnectionTests.tcp, callID: "next")
            try channel.writeInbound(ByteBuffer(string: next))
            harness.loop.run()
        }
        // Swallowed by a message that is not whole: closed when its time is out.
        if !harness.log.contains("OPTIONS gm") {
            harness.loop.advanceTime(by: harness.endpoint.limits.messageTime + .seconds(1))
            #expect(!channel.isActive, "\(section)")
        }
        harness.log = []
        let other = try harness.accept()
        try other.writeInbound(ByteBuffer(string: SIPHarness.options(via: SIPConnectionTests.tcp + "2")))
        harness.loop.run()
        #expect(harness.log.contains("OPTIONS gm"))
    }

    @Test("RFC 4475 3.2.1: a branch that is only the cookie is matched as RFC 2543 did")
    func emptyBranch() throws {
        let harness = SIPHarness()
        let text = String(buffer: try Self.octets("badbranch"))
        harness.receive(text)
        harness.receive(text)
        harness.receive(text.replacing("Call-ID: badbranch", with: "Call-ID: other"))
        #expect(harness.log == ["OPTIONS mw", "OPTIONS mw"])
    }
}
