import SDP
import Testing
import WireSyntax

@Suite struct MSRPMediaTests {
    static func line(_ attributes: [String], session: [String] = [], proto: String = "TCP/TLS/MSRP") throws -> MSRPMedia
    {
        let description = try parse(head + session + ["m=message 7654 \(proto) *"] + attributes)
        return MSRPMedia(description.media[0], in: description)
    }

    @Test("RFC 4975 8.1, 8.2, 8.6, RFC 8866 6.7: the attributes of an MSRP line")
    func attributes() throws {
        let line = try Self.line([
            "a=path:msrps://relay.example:2855/a;tcp msrps://192.0.2.7:7654/b;tcp", "a=accept-types:message/cpim *",
            "a=accept-wrapped-types:text/plain", "a=max-size:18446744073709551615", "a=msrp-cema", "a=setup:ActPass",
            "a=3ge2ae:requested", "a=sendonly",
        ])
        #expect(line.isMSRP && line.isTLS)
        #expect(line.paths == ["msrps://relay.example:2855/a;tcp", "msrps://192.0.2.7:7654/b;tcp"])
        #expect(line.acceptTypes == ["message/cpim", "*"])
        #expect(line.acceptWrappedTypes == ["text/plain"])
        #expect(line.maxSize == .max)
        #expect(line.hasCEMA)
        #expect(line.setup == .actpass)
        #expect(line.threeGE2AE == .requested)
        #expect(line.direction == .sendonly)
        #expect(line.address == Host("192.0.2.7"))
        #expect(line.port == 7654)
    }

    @Test("RFC 8122 5: fingerprints of the line override those of the session")
    func fingerprintLevels() throws {
        let session = ["a=fingerprint:sha-1 01", "a=fingerprint:sha-256 02"]
        #expect(try Self.line([], session: session).fingerprints.map(\.description) == ["SHA-1 01", "SHA-256 02"])
        let own = try Self.line(["a=fingerprint:sha-256 03", "a=fingerprint:bad"], session: session)
        #expect(own.fingerprints.map(\.description) == ["SHA-256 03"])
        #expect(try Self.line(["a=Fingerprint:bad"], session: session).fingerprints.isEmpty)
    }

    @Test("TS 24.229 7.5.2: other indicators are known to be others, and the session level does not count")
    func indicator() throws {
        #expect(try Self.line(["a=3ge2ae:applied"]).threeGE2AE == .applied)
        #expect(try Self.line(["a=3ge2ae:wish"]).threeGE2AE == .other("wish"))
        #expect(try Self.line([], session: ["a=3ge2ae:requested"]).threeGE2AE == nil)
    }

    @Test("RFC 8866 5.13: setters edit in place and leave what they do not know where it was")
    func setters() throws {
        var line = try Self.line([
            "a=x:1", "a=fingerprint:sha-1 01", "a=y", "a=fingerprint:sha-256 02", "a=setup:active", "a=z",
        ])
        line.fingerprints = [Fingerprint(hash: .sha256, octets: [0xAB])]
        line.setup = .passive
        line.isTLS = false
        line.setEndpoint(Endpoint(.v4(0x7F00_0001), 4000))
        #expect(
            line.media.attributes
                == [
                    Attribute("x", "1"), Attribute("fingerprint", "SHA-256 AB"), Attribute("y"),
                    Attribute("setup", "passive"), Attribute("z"),
                ])
        #expect(line.media.proto == "TCP/MSRP")
        #expect(line.media.connection == ConnectionData(.v4(0x7F00_0001)))
        line.fingerprints = []
        line.setup = nil
        #expect(line.media.attributes.map(\.name) == ["x", "y", "z"])
    }

    @Test(
        "RFC 4567 3.1: key-mgmt of the line and of the session",
        arguments: [
            ("mikey AAAA", true), (" MIKEY AQ==", true), ("mikey A", false), ("mikey", false), ("mikey  AAAA", false),
        ])
    func keyManagement(_ value: String, _ valid: Bool) throws {
        let line = try Self.line(["a=key-mgmt:\(value)"])
        #expect(line.keyManagement.count == (valid ? 1 : 0))
        // A rule that looks for it must not miss it for its data.
        #expect(line.namesKeyManagement("mikey"))
        #expect(!line.sessionNamesKeyManagement("mikey"))
        let both = try Self.line(["a=key-mgmt:mikey AAAA"], session: ["a=key-mgmt:mikey AQ=="])
        #expect(both.keyManagement.map(\.data) == ["AAAA"])
    }

    @Test(
        "RFC 8866 5.7: an address of the wrong family, of another network or with a TTL is none",
        arguments: ["IN IP4 ::1", "IN IP6 192.0.2.1", "ATM NSAP 1", "IN IP4 224.2.1.1/127", "IN IP4 192.0.2.8/2"])
    func address(_ connection: String) throws {
        let description = try parse(head + ["m=message 9 TCP/MSRP *", "c=\(connection)"])
        #expect(MSRPMedia(description.media[0], in: description).address == nil)
    }
}
