/// What a scenario must show beyond delivery, decisions and released contexts.
package enum Proof: Hashable, Sendable, CaseIterable {
    /// CEMA on both sides (RFC 6714): each UE gets the other's own path, and the gateway relays without reading MSRP.
    case untouchedPaths
    /// RFC 6135: the caller's end is active and stands at port 9; the callee's is passive, and the gateway is the TLS client there.
    case roles
    /// Every address is ::1, in SIP, H.248, SDP and in the connections.
    case version6
}
