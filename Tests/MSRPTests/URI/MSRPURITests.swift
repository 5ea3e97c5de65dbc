import Testing
import WireSyntax

@testable import MSRP

@Suite struct MSRPURITests {
    @Test("RFC 4975 6: the parts of a URI")
    func parts() throws {
        let uri = try MSRPURI("msrps://alice@[2001:db8::1]:8493/as/fd34+=.~;TCP;a=b;c")
        #expect(uri.isSecure)
        #expect(uri.userInfo == "alice")
        #expect(uri.host == Host("2001:db8::1"))
        #expect(uri.port == 8493)
        #expect(uri.sessionID == "as/fd34+=.~")
        #expect(uri.transport == "tcp")
        #expect(uri.parameters == "a=b;c")
        #expect(uri.description == "msrps://alice@[2001:db8::1]:8493/as/fd34+=.~;TCP;a=b;c")
    }

    @Test(
        // RFC 3986 6.2.2.2: escapes of unreserved characters, and the case of their digits, make no difference.
        "RFC 4975 6.1: URIs that are equivalent",
        arguments: [
            ("msrp://host.example.com:8493/asfd34;tcp", "MSRP://HOST.example.COM:8493/asfd34;TCP"),
            ("msrp://host:1/a;tcp", "msrp://user@host:1/a;tcp"),
            ("msrp://host:1/a;tcp", "msrp://host:1/a;tcp;x=y"),
            ("msrp://h%6Fst:1/a;tcp", "msrp://host:1/a;tcp"),
            ("msrp://[2001:db8:0:0::1]:1/a;tcp", "msrp://[2001:DB8::1]:1/a;tcp"),
            ("msrp://host:0080/a;tcp", "msrp://host:80/a;tcp"),
            ("msrp://host/a;tcp", "msrp://host/a;tcp"),
            ("msrp://h%2fst/a;tcp", "msrp://h%2Fst/a;tcp"),
        ])
    func equivalent(_ left: String, _ right: String) throws {
        #expect(try MSRPURI(left) == MSRPURI(right))
        #expect(try MSRPURI(left).hashValue == MSRPURI(right).hashValue)
    }

    @Test(
        "RFC 4975 6.1: URIs that are not",
        arguments: [
            ("msrp://host:1/a;tcp", "msrps://host:1/a;tcp"),
            ("msrp://host:1/a;tcp", "msrp://host:1/A;tcp"),
            ("msrp://host:1/a;tcp", "msrp://host:2/a;tcp"),
            ("msrp://host:1/a;tcp", "msrp://host/a;tcp"),
            ("msrp://host:1/a;tcp", "msrp://host:1;tcp"),
            ("msrp://host:1/a;tcp", "msrp://host:1/a;sctp"),
            ("msrp://host:1/a;tcp", "msrp://other:1/a;tcp"),
            ("msrp://127.0.0.1:1/a;tcp", "msrp://127.0.0.2:1/a;tcp"),
        ])
    func different(_ left: String, _ right: String) throws {
        #expect(try MSRPURI(left) != MSRPURI(right))
    }

    @Test(
        "RFC 4975 9: what is not an MSRP URI",
        arguments: [
            "", "msrp", "sip:a@b", "msrp:/host:1/a;tcp", "msrp://", "msrp://;tcp", "msrp://host:1/a",
            "msrp://host:1/a;",
            "msrp://host:1/;tcp", "msrp://host:99999/a;tcp", "msrp://host:/a;tcp", "msrp://host:-1/a;tcp",
            "msrp://127.0.0.1/a;tcp", "msrp://[::1]/a;tcp", "msrp://host:1/a b;tcp", "msrp://host:1/a%20;tcp",
            "msrp://ho st:1/a;tcp", "msrp://host:1/a;tcp;", "msrp://host:1/a;tcp;=x", "msrp://host:1/a;t-cp",
            "msrp://h%2:1/a;tcp", "msrp://[::1:1/a;tcp", "msrp://host:1/a;tcp\r\nTo-Path: x",
        ])
    func malformed(_ text: String) {
        #expect(throws: SyntaxError.self) { try MSRPURI(text) }
    }
}
