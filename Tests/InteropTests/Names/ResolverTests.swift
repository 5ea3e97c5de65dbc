import NIOCore
import NIOPosix
import SIP
import Testing
import WireSyntax

@testable import Transport

/// The resolver against a DNS server that this project did not write.
@Suite(.timeLimit(.minutes(1)))
struct ResolverTests {
    let loop = MultiThreadedEventLoopGroup.singleton.next()

    func resolver(
        _ servers: [Endpoint], _ transports: [Flow.Transport] = [.udp, .tcp], limits: NameLimits = NameLimits()
    ) throws -> SIPResolver {
        try SIPResolver(eventLoop: loop, servers: servers, abilities: .init(transports: transports), limits: limits)
    }

    func resolve(_ uri: String, _ resolver: SIPResolver) async -> [String] {
        do {
            let uri = try SIPURI(uri)
            return try await loop.flatSubmit { resolver.resolve(uri) }.get().map(\.description)
        } catch { return ["\(error)"] }
    }

    static let rows: [(String, [Flow.Transport], [String])] = [
        ("sips:ims.lab", [.udp, .tcp, .tls], ["tls:[2001:db8::1]:5081", "tls:192.0.2.1:5081"]),
        ("sip:ims.lab", [.udp, .tcp, .tls], ["tls:[2001:db8::1]:5081", "tls:192.0.2.1:5081"]),
        ("sip:ims.lab", [.udp, .tcp], ["tcp:[2001:db8::1]:5071", "tcp:192.0.2.1:5071", "tcp:192.0.2.2:5072"]),
        ("sip:ims.lab", [.udp], ["udp:192.0.2.2:5070"]),
        (
            "sip:ims.lab;transport=tcp", [.udp, .tcp],
            ["tcp:[2001:db8::1]:5071", "tcp:192.0.2.1:5071", "tcp:192.0.2.2:5072"]
        ),
        ("sip:two.ims.lab", [.udp, .tcp], ["udp:192.0.2.2:5060"]),
        ("sip:one.ims.lab:5999;transport=tcp", [.tcp], ["tcp:[2001:db8::1]:5999", "tcp:192.0.2.1:5999"]),
        ("sip:nobody.ims.lab", [.udp, .tcp], ["no SIP server found for nobody.ims.lab"]),
    ]

    @Test("RFC 3263 4: NAPTR, SRV, A and AAAA of dnsmasq; a name that does not exist", .foreign("dnsmasq"))
    func selection() async throws {
        let names = try await ForeignDNS()
        for (uri, transports, expected) in Self.rows {
            let resolver = try resolver([names.endpoint], transports)
            #expect(await resolve(uri, resolver) == expected, "\(uri) over \(transports)")
        }
        withExtendedLifetime(names) {}
    }

    @Test("RFC 2782: a hundred resolutions in proportion to the weights, with one question each", .foreign("dnsmasq"))
    func weights() async throws {
        let names = try await ForeignDNS([
            "--srv-host=_sip._tcp.w.lab,a.w.lab,5060,1,90", "--srv-host=_sip._tcp.w.lab,b.w.lab,5060,1,10",
            "--host-record=a.w.lab,192.0.2.1", "--host-record=b.w.lab,192.0.2.2",
        ])
        let resolver = try resolver([names.endpoint])
        var first = 0
        for _ in 0..<100 {
            let targets = await resolve("sip:w.lab;transport=tcp", resolver)
            #expect(Set(targets) == ["tcp:192.0.2.1:5060", "tcp:192.0.2.2:5060"])
            if targets.first == "tcp:192.0.2.1:5060" { first += 1 }
        }
        #expect((70...99).contains(first))
        #expect(try await loop.submit { resolver.counts.kept }.get() == 3)
    }

    @Test("an answer that no datagram of 512 octets holds comes over TCP", .foreign("dnsmasq"))
    func truncated() async throws {
        let names = try await ForeignDNS(
            (1...40).flatMap {
                [
                    "--srv-host=_sip._tcp.big.lab,a-rather-long-name-of-server-\($0).big.lab,\(5000 + $0),\($0),1",
                    "--host-record=a-rather-long-name-of-server-\($0).big.lab,192.0.2.\($0)",
                ]
            })
        let targets = await resolve("sip:big.lab;transport=tcp", try resolver([names.endpoint]))
        #expect(targets == (1...ServerSelection.maximumServers).map { "tcp:192.0.2.\($0):\(5000 + $0)" })
    }

    /// A UDP socket that says nothing.
    func silentServer() async throws -> (any Channel, Endpoint) {
        let channel = try await DatagramBootstrap(group: loop).bind(host: "127.0.0.1", port: 0).get()
        return (channel, try #require(channel.localEndpoint))
    }

    @Test("A13: a DNS server that does not answer: the resolution fails in its time, and says so")
    func silence() async throws {
        let (channel, silent) = try await silentServer()
        var limits = NameLimits()
        limits.queryTime = .milliseconds(100)
        let resolver = try resolver([silent], limits: limits)
        let start = ContinuousClock.now
        #expect(await resolve("sip:ims.lab", resolver) == ["no answer from the DNS for NAPTR ims.lab"])
        #expect(ContinuousClock.now - start < .seconds(5))
        try await channel.close().get()
    }

    @Test("the next DNS server is asked where the first does not answer", .foreign("dnsmasq"))
    func nextServer() async throws {
        let (channel, silent) = try await silentServer()
        let names = try await ForeignDNS()
        var limits = NameLimits()
        limits.queryTime = .milliseconds(100)
        let resolver = try resolver([silent, names.endpoint], [.udp], limits: limits)
        #expect(await resolve("sip:ims.lab", resolver) == ["udp:192.0.2.2:5070"])
        try await channel.close().get()
    }

    @Test("stopped while it asks: what runs fails at once")
    func stop() async throws {
        let (channel, silent) = try await silentServer()
        let resolver = try resolver([silent])
        let uri = try SIPURI("sip:ims.lab")
        let running = try await loop.submit { resolver.resolve(uri) }.get()
        try await loop.submit { resolver.stop() }.get()
        await #expect(throws: ServerSelection.Failure.self) { try await running.get() }
        try await channel.close().get()
    }
}
