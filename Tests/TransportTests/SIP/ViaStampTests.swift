import NIOCore
import SIP
import Testing
import WireSyntax

@testable import Transport

@Suite struct ViaStampTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let via: String
        let source: String
        let stamped: String
        let target: String
        var testDescription: String { "\(via) from \(source)" }
    }

    static let rows = [
        // RFC 3261 §18.2.1: nothing to add where sent-by is the source address.
        Row(
            via: "192.0.2.1:5070;branch=z9hG4bK1", source: "192.0.2.1:9999", stamped: ";branch=z9hG4bK1",
            target: "192.0.2.1:5070"),
        Row(
            via: "192.0.2.1;branch=z9hG4bK1", source: "192.0.2.1:9999", stamped: ";branch=z9hG4bK1",
            target: "192.0.2.1:5060"),
        Row(
            via: "192.0.2.9:5070;branch=z9hG4bK1", source: "192.0.2.1:9999",
            stamped: ";branch=z9hG4bK1;received=192.0.2.1", target: "192.0.2.1:5070"),
        Row(
            via: "ue.example:5070;branch=z9hG4bK1", source: "192.0.2.1:9999",
            stamped: ";branch=z9hG4bK1;received=192.0.2.1", target: "192.0.2.1:5070"),
        // RFC 3581 §4: both, even if the address is the same.
        Row(
            via: "192.0.2.1:5070;branch=z9hG4bK1;rport", source: "192.0.2.1:9999",
            stamped: ";branch=z9hG4bK1;rport=9999;received=192.0.2.1", target: "192.0.2.1:9999"),
        // What the peer claims for itself is replaced.
        Row(
            via: "192.0.2.1:5070;received=198.51.100.7;branch=z9hG4bK1", source: "192.0.2.1:9999",
            stamped: ";branch=z9hG4bK1", target: "192.0.2.1:5070"),
        Row(
            via: "192.0.2.1:5070;rport=25;branch=z9hG4bK1", source: "192.0.2.1:9999",
            stamped: ";rport=9999;branch=z9hG4bK1;received=192.0.2.1", target: "192.0.2.1:9999"),
        // maddr does not choose whom the response hits.
        Row(
            via: "192.0.2.1:5070;maddr=198.51.100.7;branch=z9hG4bK1", source: "192.0.2.1:9999",
            stamped: ";maddr=198.51.100.7;branch=z9hG4bK1", target: "192.0.2.1:5070"),
        Row(
            via: "[2001:db8::1]:5070;branch=z9hG4bK1;rport", source: "[2001:db8::2]:7",
            stamped: ";branch=z9hG4bK1;rport=7;received=2001:db8::2", target: "[2001:db8::2]:7"),
    ]

    @Test("RFC 3261 18.2.1, 18.2.2, RFC 3581 4: received, rport, and where the response goes", arguments: rows)
    func stamps(row: Row) throws {
        var via = try Via("SIP/2.0/UDP \(row.via)")
        let source = try #require(Endpoint(row.source))
        ViaStamp.stamp(&via, source: source)
        #expect(via.parameters.description == row.stamped)
        let flow = Flow(transport: .udp, local: Endpoint(.v4(1), 1), remote: source)
        #expect(ViaStamp.responseTarget(via, over: flow).description == row.target)
    }
}

@Suite struct TokenBucketTests {
    @Test("a burst, then so many a second")
    func limits() {
        var bucket = TokenBucket(burst: 3, rate: 2)
        let start = NIODeadline.uptimeNanoseconds(1_000)
        var taken = (0..<5).map { _ in bucket.take(now: start) }
        #expect(taken == [true, true, true, false, false])
        taken = (0..<4).map { _ in bucket.take(now: start + .milliseconds(1_000)) }
        #expect(taken == [true, true, false, false])
        taken = (0..<5).map { _ in bucket.take(now: start + .hours(1)) }
        #expect(taken == [true, true, true, false, false])
    }
}
