import NIOCore
import WireSyntax

extension SocketAddress {
    /// The socket address of an endpoint. Never fails: every value of `Endpoint` has one.
    package init(_ endpoint: Endpoint) {
        // NIO throws only for a length other than 4 and 16, and `octets` has one of the two.
        // swift-format-ignore: NeverUseForceTry
        self = try! SocketAddress(
            packedIPAddress: ByteBuffer(bytes: endpoint.address.octets), port: Int(endpoint.port))
    }
}

extension Endpoint {
    /// Nil for a unix socket. An IPv4-mapped address (from a dual-stack socket) becomes the IPv4 address that it is.
    package init?(_ address: SocketAddress) {
        switch address {
        case .v4(let address):
            self = withUnsafeBytes(of: address.address) { octets in
                Endpoint(
                    .v4(UInt32(bigEndian: octets.loadUnaligned(fromByteOffset: 4, as: UInt32.self))),
                    UInt16(bigEndian: octets.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            }
        case .v6(let address):
            self = withUnsafeBytes(of: address.address) { octets in
                let value = IPAddress.v6(
                    high: UInt64(bigEndian: octets.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                    low: UInt64(bigEndian: octets.loadUnaligned(fromByteOffset: 16, as: UInt64.self)))
                return Endpoint(
                    value.unmapped, UInt16(bigEndian: octets.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            }
        case .unixDomainSocket: return nil
        }
    }
}

extension Channel {
    package var localEndpoint: Endpoint? { localAddress.flatMap { Endpoint($0) } }
    package var remoteEndpoint: Endpoint? { remoteAddress.flatMap { Endpoint($0) } }
}
