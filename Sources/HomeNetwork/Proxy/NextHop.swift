import SIP
import WireSyntax

/// Where a request is sent: an address, a port and a transport. Names are resolved by nobody here: Mw is configured with addresses.
package struct NextHop: Hashable, Sendable {
    package var endpoint: Endpoint
    package var transport: Flow.Transport

    package init(endpoint: Endpoint, transport: Flow.Transport) {
        self.endpoint = endpoint
        self.transport = transport
    }

    /// RFC 3263 §4.1 and §4.2 for a numeric host. nil where the host is a name or the transport is unknown.
    package init?(_ uri: SIPURI) {
        guard let address = (uri.parameters.value("maddr").flatMap { Host($0) } ?? uri.host).address else { return nil }
        let transport: Flow.Transport
        switch (uri.transport, uri.isSecure) {
        case (nil, false), ("udp", false): transport = .udp
        case ("tcp", false): transport = .tcp
        case (nil, true), ("tcp", true), ("tls", _): transport = .tls
        default: return nil
        }
        self.init(endpoint: Endpoint(address, uri.port ?? (transport == .tls ? 5061 : 5060)), transport: transport)
    }
}
