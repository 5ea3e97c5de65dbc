import SIP
import WireSyntax

/// What the transport layer does to the top Via of a request, and where it sends the response because of it.
enum ViaStamp {
    /// RFC 3261 §18.1.1: port of a sent-by that names none.
    static func defaultPort(_ transport: Flow.Transport) -> UInt16 { transport == .tls ? 5061 : 5060 }

    /// RFC 3261 §18.2.1 and RFC 3581 §4: `received` where sent-by is not the source address, and always beside `rport`, which gets the source port. Values that the
    /// peer put there itself are replaced or removed.
    static func stamp(_ via: inout Via, source: Endpoint) {
        let asksForPort = via.parameters.has("rport")
        via.parameters.remove("received")
        if asksForPort { via.parameters.set("rport", to: "\(source.port)") }
        if asksForPort || via.sentBy.host.address?.unmapped != source.address.unmapped {
            via.parameters.set("received", to: "\(source.address)")
        }
    }

    /// RFC 3261 §18.2.2, RFC 3581 §4, for UDP: to the source address; to the source port if the client asked for that, otherwise to the port of sent-by. `maddr`
    /// is not followed: it would let a peer choose whom our responses hit.
    static func responseTarget(_ via: Via?, over flow: Flow) -> Endpoint {
        guard let via, !via.parameters.has("rport") else { return flow.remote }
        return Endpoint(flow.remote.address, via.sentBy.port ?? defaultPort(flow.transport))
    }
}
