import ApplicationLevelGateway
import Testing

@Suite struct MediaTransportTests {
    @Test("TS 23.334 5.16, 5.19: the four transports", arguments: ["TCP", "TCP/TLS", "TCP/MSRP", "TCP/TLS/MSRP"])
    func known(_ proto: String) {
        #expect(MediaTransport(proto: proto.lowercased())?.proto == proto)
    }

    @Test("others are none", arguments: ["", "UDP", "TCP/MSRP/TLS", "TLS/MSRP", "RTP/AVP"])
    func unknown(_ proto: String) { #expect(MediaTransport(proto: proto) == nil) }
}
