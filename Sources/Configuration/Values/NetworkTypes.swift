import WireSyntax

/// A transport and where it is served or reached: `udp:127.0.0.1:2944`.
package struct TransportEndpoint: Hashable, Sendable, CustomStringConvertible {
    package enum Transport: String, CaseIterable, Hashable, Sendable { case udp, tcp, tls }

    package var transport: Transport
    package var endpoint: Endpoint

    package init(_ transport: Transport, _ endpoint: Endpoint) {
        self.transport = transport
        self.endpoint = endpoint
    }

    package init?(_ text: some StringProtocol) {
        guard let colon = text.firstIndex(of: ":"), let transport = Transport(rawValue: String(text[..<colon])),
            let endpoint = Endpoint(text[text.index(after: colon)...])
        else { return nil }
        self.init(transport, endpoint)
    }

    package var description: String { "\(transport.rawValue):\(endpoint)" }
}

extension ValueType where Value == Endpoint {
    /// Port 0 leaves the choice to the kernel; `.listening` events tell it.
    package static var endpoint: Self {
        .init(scalar: "ADDRESS:PORT, such as 127.0.0.1:0 or [::1]:5060", parse: { Endpoint($0) }, show: \.description)
    }
}

extension ValueType where Value == TransportEndpoint {
    package static var transportEndpoint: Self {
        .init(
            scalar: "TRANSPORT:ADDRESS:PORT with udp, tcp or tls, such as udp:127.0.0.1:2944",
            parse: { TransportEndpoint($0) }, show: \.description)
    }
}

extension ValueType where Value == IPAddress {
    package static var address: Self {
        .init(scalar: "an IPv4 or IPv6 address without a port", parse: { IPAddress($0) }, show: \.description)
    }
}

extension ValueType where Value == HostPort {
    package static var hostPort: Self {
        .init(scalar: "HOST or HOST:PORT", parse: { HostPort($0) }, show: \.description)
    }
}

extension ValueType where Value == ClosedRange<UInt16> {
    /// `40000-49999`; `0` lets the kernel choose each port (0...0).
    package static var portRange: Self {
        .init(
            scalar: "LOW-HIGH, ports from 1 to 65535, or 0 for ports of the kernel's choice",
            parse: { text in
                if text == "0" { return 0...0 }
                let parts = text.split(separator: "-", omittingEmptySubsequences: false)
                guard parts.count == 2, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
                    let low = UInt16(parts[0]), let high = UInt16(parts[1]), low > 0, low <= high
                else { return nil }
                return low...high
            },
            show: { $0 == 0...0 ? "0" : "\($0.lowerBound)-\($0.upperBound)" })
    }
}
