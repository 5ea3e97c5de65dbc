import Testing
import WireSyntax

@Suite("Addresses by value")
struct IPAddressTests {
    @Test(
        "RFC 4291 2.2 and RFC 5952 4: every spelling gives one value and one canonical text",
        arguments: [
            ("192.0.2.7", "192.0.2.7"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
            ("::", "::"), ("::1", "::1"), ("2001:DB8::1", "2001:db8::1"), ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
            ("2001:0db8:0001:0000:0001:0001:0001:0001", "2001:db8:1:0:1:1:1:1"), ("1::2:0:0:3", "1::2:0:0:3"),
            ("0:0:1::", "0:0:1::"), ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ])
    func canonical(text: String, expected: String) {
        #expect(IPAddress(text)?.description == expected)
        #expect(IPAddress(expected) == IPAddress(text))
    }

    @Test(
        "RFC 3986 3.2.2: what is no address is refused",
        arguments: [
            "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "1..2.3", ".1.2.3.4", "1.2.3.4.",
            "1.2.3.0004", "1.2.00.4", "0x1.2.3.4", ":", ":::",
            "1::2::3",
            "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "::1.2.3", "1.2.3.4::", "[::1]", "fe80::1%eth0",
            "1:2:3:4:5:6:7:", "::1:", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:6:7:8::",
        ])
    func refused(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("Classes of addresses, mapped ones included")
    func classes() throws {
        #expect(try #require(IPAddress("127.9.9.9")).isLoopback)
        #expect(try #require(IPAddress("::ffff:127.0.0.1")).isLoopback)
        #expect(try #require(IPAddress("::1")).isLoopback)
        #expect(try !#require(IPAddress("128.0.0.1")).isLoopback)
        #expect(try #require(IPAddress("239.1.1.1")).isMulticast)
        #expect(try #require(IPAddress("255.255.255.255")).isMulticast)
        #expect(try #require(IPAddress("ff02::1")).isMulticast)
        #expect(try #require(IPAddress("169.254.0.1")).isLinkLocal)
        #expect(try #require(IPAddress("febf::1")).isLinkLocal)
        #expect(try !#require(IPAddress("fec0::1")).isLinkLocal)
        #expect(try #require(IPAddress("0.0.0.0")).isUnspecified)
        #expect(try #require(IPAddress("192.0.2.1")).octets == [192, 0, 2, 1])
        #expect(
            try #require(IPAddress("2001:db8::1")).octets == [0x20, 1, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [
                1
            ])
    }
}

@Suite("Host and port")
struct HostPortTests {
    @Test(
        "Host, host:port and IPv6 in brackets",
        arguments: [
            ("example.com", "example.com", nil), ("Example.COM.:5060", "example.com", 5060),
            ("192.0.2.1:65535", "192.0.2.1", 65535), ("[2001:DB8::1]:0", "[2001:db8::1]", 0), ("::1", "[::1]", nil),
            ("[::1]", "[::1]", nil), ("7.example_-9.Org.", "7.example_-9.org", nil), ("1.2.3", "1.2.3", nil),
        ] as [(String, String, UInt16?)])
    func parsed(text: String, host: String, port: UInt16?) throws {
        let pair = try #require(HostPort(text))
        #expect(pair.host.description == host)
        #expect(pair.port == port)
    }

    @Test(
        "What is no host and port is refused",
        arguments: [
            "", ":1", "a:", "a:65536", "a:+1", "a:1:2", "a b", "[1.2.3.4]:5", "[::1", "::1]:5", "a..b", ".a",
            "a:000001", "ä.de", "a..", ".", "a.b..",
        ])
    func refused(text: String) {
        #expect(HostPort(text) == nil)
    }

    @Test("An endpoint needs an address and a port")
    func endpoint() {
        #expect(Endpoint("127.0.0.1:5060")?.description == "127.0.0.1:5060")
        #expect(Endpoint("[::1]:5060")?.description == "[::1]:5060")
        #expect(Endpoint("127.0.0.1") == nil)
        #expect(Endpoint("example.com:1") == nil)
    }
}
