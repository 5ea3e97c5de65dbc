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

    /// A port that is free at this address now. `both`: for UDP and TCP.
    package static func port(at address: IPAddress, _ kind: Kind) throws -> Endpoint {
        for _ in 0..<20 {
            let first = try bound(address, kind == .tcp ? SOCK_STREAM : SOCK_DGRAM, port: 0)
            defer { close(first.descriptor) }
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
        guard case .v4(let value) = address else {
            throw ReservationError(description: "\(address): ports are reserved at IPv4 addresses only")
        }
        let descriptor = socket(AF_INET, CInt(type.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw ReservationError(description: String(cString: strerror(errno))) }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = value.bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0 ? getsockname(descriptor, generic, &length) : -1
            }
        }
        guard result == 0 else {
            let code = errno
            close(descriptor)
            throw ReservationError(description: "\(address):\(port): \(String(cString: strerror(code)))")
        }
        return (descriptor, UInt16(bigEndian: name.sin_port))
    }
}
