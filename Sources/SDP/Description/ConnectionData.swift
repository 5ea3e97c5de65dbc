import WireSyntax

/// `c=<nettype> <addrtype> <connection-address>` (RFC 8866 §5.7).
public struct ConnectionData: Hashable, Sendable {
    public var networkType: String
    public var addressType: String
    /// As it came, with the TTL and the count of a multicast address.
    public var address: OctetText

    public init(_ address: IPAddress) {
        self.init(networkType: "IN", addressType: address.isV6 ? "IP6" : "IP4", address: OctetText(address.description))
    }

    public init(networkType: String, addressType: String, address: OctetText) {
        self.networkType = networkType
        self.addressType = addressType
        self.address = address
    }

    /// The address or name of an Internet connection; nil for other networks and for what is neither (multicast with a TTL, say).
    ///
    /// An IPv4 address under `IP6`, or the other way round, counts as neither.
    public var host: Host? {
        guard networkType.uppercased() == "IN", let host = Host(address.string) else { return nil }
        switch (addressType.uppercased(), host) {
        case ("IP4", .address(let address)): return address.isV6 ? nil : host
        case ("IP6", .address(let address)): return address.isV6 ? host : nil
        case ("IP4", .name), ("IP6", .name): return host
        default: return nil
        }
    }
}
