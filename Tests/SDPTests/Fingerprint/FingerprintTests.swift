import SDP
import Testing
import WireSyntax

@Suite struct FingerprintTests {
    @Test(
        "RFC 8122 5: names and digits in either case, upper case when sent",
        arguments: [
            ("sha-256 ab:CD:0f", HashFunction.sha256, "SHA-256 AB:CD:0F"), ("SHA-1 00", .sha1, "SHA-1 00"),
            ("md5 ff", .md5, "MD5 FF"), ("Md2 ff", .md2, "MD2 FF"), ("sha3-256 01", .other("sha3-256"), "SHA3-256 01"),
        ])
    func wellFormed(_ value: String, _ hash: HashFunction, _ written: String) throws {
        let fingerprint = try Fingerprint(parsing: value)
        #expect(fingerprint.hash == hash)
        #expect(fingerprint.description == written)
        #expect(try Fingerprint(parsing: written) == fingerprint)
    }

    @Test(
        "malformed values are refused",
        arguments: [
            "", "sha-256", "sha-256 ", "sha-256  AB", "sha-256 A", "sha-256 AB:", "sha-256 ABCD", "sha-256 AB;CD",
            "sha-256 GG", " AB", "sha 256 AB", "sha-256 AB CD", "sha-256 AB:CD ",
        ])
    func malformed(_ value: String) {
        #expect(throws: SyntaxError.self) { try Fingerprint(parsing: value) }
    }

    @Test("no digest is longer than the limit")
    func limit() {
        let value = "sha-512 " + Array(repeating: "00", count: Fingerprint.maximumOctets + 1).joined(separator: ":")
        #expect(throws: SyntaxError.self) { try Fingerprint(parsing: value) }
    }

    @Test("the length is the function's, or it is no digest")
    func length() {
        #expect(Fingerprint(hash: .sha256, octets: Array(repeating: 1, count: 32)).hasDigestLength)
        #expect(!Fingerprint(hash: .sha256, octets: Array(repeating: 1, count: 31)).hasDigestLength)
        #expect(!Fingerprint(hash: .other("x"), octets: []).hasDigestLength)
    }
}
