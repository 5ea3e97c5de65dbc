import NIOCore
import Testing
import WireSyntax

@testable import Transport

@Suite struct SocketAddressTests {
    @Test(
        "an endpoint survives the way through a socket address",
        arguments: [
            "127.1.2.3:5060", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:5061", "[2001:db8::17]:1",
        ])
    func roundTrip(text: String) throws {
        let endpoint = try #require(Endpoint(text))
        let address = SocketAddress(endpoint)
        #expect(Endpoint(address) == endpoint)
        #expect(address.port == Int(endpoint.port))
        #expect(address.ipAddress == endpoint.address.description)
    }

    @Test("an IPv4-mapped address is the IPv4 address")
    func mapped() throws {
        let address = try SocketAddress(ipAddress: "::ffff:127.0.0.9", port: 9)
        #expect(Endpoint(address)?.description == "127.0.0.9:9")
    }

    @Test("a unix socket is no endpoint")
    func unix() throws {
        #expect(Endpoint(try SocketAddress(unixDomainSocketPath: "/tmp/x")) == nil)
    }
}
