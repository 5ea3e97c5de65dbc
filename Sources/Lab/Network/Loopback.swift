import Glibc
import WireSyntax

/// The addresses of one run: a random /24 of 127.0.0.0/8, an address a function, so that sources can be told apart and two labs do not meet.
package struct LoopbackBlock: Hashable, Sendable {
    /// The first three octets.
    package var prefix: UInt32

    package init(using random: inout some RandomNumberGenerator) {
        // 127.0.0.0/24 belongs to everybody; 127.255.255.0/24 holds the broadcast address.
        let a = UInt32.random(in: 1...254, using: &random)
        let b = UInt32.random(in: 0...255, using: &random)
        prefix = 127 << 16 | a << 8 | b
    }

    package func address(_ last: UInt8) -> IPAddress { .v4(prefix << 8 | UInt32(last)) }
}

/// Asks the kernel for free ports, and lets them go again for whoever is configured with them.
package enum PortReservation {
    package struct ReservationError: Error, CustomStringConvertible {
        package var description: String
    }

    package enum Kind: Sendable { case udp, tcp, both }

    /// Where all functions share an address.
    package static let loopbackV6 = IPAddress.v6(high: 0, low: 1)

    /// A port that is free at this address now. `both`: for UDP and TCP.
    ///
    /// - Parameter taken: ports that were given to somebody before, who has not bound them yet.
    package static func port(at address: IPAddress, _ kind: Kind, except taken: Set<UInt16> = []) throws -> Endpoint {
        for _ in 0..<20 {
            let first = try bound(address, kind == .tcp ? SOCK_STREAM : SOCK_DGRAM, port: 0)
            defer { close(first.descriptor) }
            guard !taken.contains(first.port) else { continue }
            guard kind == .both else { return Endpoint(address, first.port) }
            guard let second = try? bound(address, SOCK_STREAM, port: first.port) else { continue }
            close(second.descriptor)
            return Endpoint(address, first.port)
        }
        throw ReservationError(description: "\(address): no port is free for UDP and TCP")
    }

    private static func bound(_ address: IPAddress, _ type: __socket_type, port: UInt16) throws -> (
        descriptor: CInt, port: UInt16
    ) {
        let family = address.isV6 ? AF_INET6 : AF_INET
        let descriptor = socket(family, CInt(type.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure(address, port, errno) }
        let (result, number) =
            switch address {
            case .v4(let value): bind(descriptor, v4(value, port), \.sin_port)
            case .v6: bind(descriptor, v6(address, port), \.sin6_port)
            }
        guard result == 0 else {
            let code = errno
            close(descriptor)
            throw failure(address, port, code)
        }
        return (descriptor, number)
    }

    private static func v4(_ value: UInt32, _ port: UInt16) -> sockaddr_in {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = value.bigEndian
        return name
    }

    private static func v6(_ address: IPAddress, _ port: UInt16) -> sockaddr_in6 {
        var name = sockaddr_in6()
        name.sin6_family = sa_family_t(AF_INET6)
        name.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &name.sin6_addr) { $0.copyBytes(from: address.octets) }
        return name
    }

    /// - Returns: what `bind` said, and the port that it gave.
    private static func bind<Name>(_ descriptor: CInt, _ wanted: Name, _ port: KeyPath<Name, in_port_t>) -> (
        CInt, UInt16
    ) {
        var name = wanted
        var length = socklen_t(MemoryLayout<Name>.size)
        let result = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                Glibc.bind(descriptor, generic, length) == 0 ? getsockname(descriptor, generic, &length) : -1
            }
        }
        return (result, UInt16(bigEndian: name[keyPath: port]))
    }

    private static func failure(_ address: IPAddress, _ port: UInt16, _ code: CInt) -> ReservationError {
        let place = port == 0 ? "\(address)" : "\(Endpoint(address, port))"
        guard address == loopbackV6, [EADDRNOTAVAIL, EAFNOSUPPORT].contains(code) else {
            return ReservationError(description: "\(place): \(String(cString: strerror(code)))")
        }
        return ReservationError(
            description: "this machine has no ::1 (\(String(cString: strerror(code)))). "
                + "Allow IPv6 on its loopback interface: sysctl net.ipv6.conf.lo.disable_ipv6=0")
    }
}
