import MediaSecurity
import NIOCore
import SDP
import Testing
import WireSyntax

private func digest(_ hash: String, _ octets: Int) -> String {
    "a=fingerprint:\(hash) " + Array(repeating: "AB", count: octets).joined(separator: ":")
}

private let usable = digest("SHA-256", 32)
private let sha1 = digest("SHA-1", 20)
private let short = "a=fingerprint:SHA-256 AB:CD"
private let md5 = digest("MD5", 16)
private let requested = "a=3ge2ae:requested"
private let mikey = "a=key-mgmt:mikey AAAA"

private typealias Row = (proto: String, attributes: [String], kind: OfferKind)

private let fromUserEquipment: [Row] = [
    ("TCP/MSRP", [], .plain), ("tcp/msrp", [usable, mikey], .plain),
    ("TCP/TLS/MSRP", [usable, requested], .endToAccessEdge), ("TCP/TLS/MSRP", [usable], .fingerprintOnly),
    ("TCP/TLS/MSRP", [usable, "a=3ge2ae:applied"], .fingerprintOnly),
    ("TCP/TLS/MSRP", [usable, "a=3ge2ae:wish"], .fingerprintOnly), ("TCP/TLS/MSRP", [mikey], .endToEnd),
    ("TCP/TLS/MSRP", [usable, mikey], .endToEnd), ("TCP/TLS/MSRP", ["a=key-mgmt:other AAAA"], .tlsByName),
    ("TCP/TLS/MSRP", ["a=key-mgmt:mikey !"], .endToEnd), ("TCP/MSRP", [requested], .contradictory),
    ("TCP/MSRP", [usable, requested], .contradictory), ("TCP/TLS/MSRP", [requested], .contradictory),
    ("TCP/TLS/MSRP", [short, requested], .contradictory), ("TCP/TLS/MSRP", [md5, requested], .contradictory),
    ("TCP/TLS/MSRP", [sha1, requested], .contradictory),
    ("TCP/TLS/MSRP", [usable, requested, mikey], .contradictory), ("TCP/TLS/MSRP", [], .tlsByName),
    ("TCP/TLS/MSRP", [md5, short], .tlsByName), ("TCP/TLS/MSRP", [md5, usable], .fingerprintOnly),
]

@Suite struct ClassificationTests {
    static func kind(
        _ proto: String, _ media: [String], session: [String] = [], from side: OfferSide = .ue, allowsSHA1: Bool = false
    ) throws -> OfferKind {
        let lines =
            ["v=0", "o=- 1 1 IN IP4 192.0.2.7", "s=-", "c=IN IP4 192.0.2.7", "t=0 0"] + session
            + ["m=message 9 \(proto) *"] + media
        let description = try SessionDescription(octets: ByteBuffer(string: lines.map { $0 + "\r\n" }.joined()))
        return classify(
            MSRPMedia(description.media[0], in: description), from: side,
            policy: FingerprintPolicy(allowsSHA1: allowsSHA1))
    }

    // RFC 4975 14.2: TLS by the name of the peer is what a line over TLS without a usable fingerprint asks for.
    @Test("media-security 4: the kinds of a line from the UE", arguments: fromUserEquipment)
    func fromUE(_ proto: String, _ attributes: [String], _ kind: OfferKind) throws {
        #expect(try Self.kind(proto, attributes) == kind)
    }

    @Test("media-security 4: 3ge2ae of the core does not count, so K2 and K5 do not occur")
    func fromCore() throws {
        #expect(try Self.kind("TCP/TLS/MSRP", [usable, requested], from: .core) == .fingerprintOnly)
        #expect(try Self.kind("TCP/TLS/MSRP", [usable, requested, mikey], from: .core) == .endToEnd)
        #expect(try Self.kind("TCP/MSRP", [requested], from: .core) == .plain)
    }

    @Test("media-security 4: the session level counts for fingerprints, and for key-mgmt where nothing else is there")
    func sessionLevel() throws {
        let tls = "TCP/TLS/MSRP"
        #expect(try Self.kind(tls, [requested], session: [usable]) == .endToAccessEdge)
        #expect(try Self.kind(tls, [md5, requested], session: [usable]) == .contradictory)
        #expect(try Self.kind(tls, [], session: [mikey]) == .endToEnd)
        #expect(try Self.kind(tls, [usable], session: [mikey]) == .fingerprintOnly)
        #expect(try Self.kind(tls, [usable, requested], session: [mikey]) == .endToAccessEdge)
        #expect(try Self.kind("TCP/MSRP", [], session: [mikey, usable]) == .plain)
    }

    @Test("media-security 7: SHA-1 counts by policy only")
    func allowsSHA1() throws {
        #expect(try Self.kind("TCP/TLS/MSRP", [sha1, requested], allowsSHA1: true) == .endToAccessEdge)
    }
}
