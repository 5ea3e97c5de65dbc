import WireSyntax

/// To which addresses the gateway connects when an SDP asks it to (A10): a UE must not make it speak to itself, to Iq or to everybody.
struct AddressPolicy: Hashable {
    /// The realm's own address, from which the connection goes.
    var local: IPAddress
    /// Iq, the other realm's own address, and what the operator adds.
    var forbidden: [IPAddress]

    /// Why not, or nil where the address is allowed.
    func refusal(of remote: Endpoint) -> String? {
        let address = remote.address.unmapped
        if address.isUnspecified { return "no address to connect to" }
        if address.isMulticast { return "a multicast address" }
        if remote.port == 0 || remote.port == 9 { return "no port to connect to" }
        if address.isV6 != local.unmapped.isV6 { return "another address family than the termination's" }
        if address.isLoopback && !local.isLoopback { return "a loopback address" }
        if address.isLinkLocal && !local.isLinkLocal { return "a link-local address" }
        // Where everything runs on one loopback address, addresses tell nothing apart.
        if address == local.unmapped && local.isLoopback { return nil }
        if forbidden.contains(where: { $0.unmapped == address }) { return "an address of the gateway itself" }
        return nil
    }
}
