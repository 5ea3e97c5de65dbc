import Transport
import WireSyntax

/// Who sits where: the addresses and ports of one lab, all of the kernel's choice.
package struct NetworkPlan: Hashable, Sendable {
    package var domain = "ims.lab"
    package var home: Endpoint
    /// Gm over UDP and TCP share a port.
    package var gm: Endpoint
    package var gmTLS: Endpoint
    package var mw: Endpoint
    /// Iq: the controller's end and the gateway's.
    package var controller: Endpoint
    package var gateway: Endpoint
    /// The gateway's addresses in its two realms.
    package var access: IPAddress
    package var core: IPAddress
    package var callingUE: IPAddress
    package var calledUE: IPAddress
    /// A second device of the called user.
    package var secondDevice: IPAddress

    /// Octets of the last part of each address: a function a ten.
    private enum Part {
        static let home: UInt8 = 10
        static let proxy: UInt8 = 20
        static let gateway: UInt8 = 30
        static let access: UInt8 = 31
        static let core: UInt8 = 32
        static let callingUE: UInt8 = 101
        static let calledUE: UInt8 = 102
        static let secondDevice: UInt8 = 103
    }

    /// - Parameters:
    ///   - block: not used with IPv6.
    ///   - outside: the address at which UEs from outside the machine reach Gm and the access realm; nil keeps everything on loopback.
    package init(_ block: LoopbackBlock, family: NetworkVariant.Family = .v4, outside: IPAddress? = nil) throws {
        var taken: Set<UInt16> = []
        func address(_ part: UInt8) -> IPAddress { family == .v6 ? PortReservation.loopbackV6 : block.address(part) }
        func port(at address: IPAddress, _ kind: PortReservation.Kind) throws -> Endpoint {
            let endpoint = try PortReservation.port(at: address, kind, except: taken)
            taken.insert(endpoint.port)
            return endpoint
        }
        let edge = outside ?? address(Part.proxy)
        home = try port(at: address(Part.home), .tcp)
        gm = try port(at: edge, .both)
        gmTLS = try port(at: edge, .tcp)
        mw = try port(at: address(Part.proxy), .tcp)
        controller = try port(at: address(Part.proxy), .udp)
        gateway = try port(at: address(Part.gateway), .udp)
        access = outside ?? address(Part.access)
        core = address(Part.core)
        callingUE = address(Part.callingUE)
        calledUE = address(Part.calledUE)
        secondDevice = address(Part.secondDevice)
    }

    package func gm(_ transport: Scenario.GmTransport) -> String {
        switch transport {
        case .udp: "udp:\(gm)"
        case .tcp: "tcp:\(gm)"
        case .tls: "tls:\(gmTLS)"
        }
    }

    /// The columns of a ladder, from one UE to the others. Where an address is shared, ports tell the functions apart.
    package var map: NetworkMap {
        let proxy = [gm, gmTLS, mw, controller]
        let addresses: [(String, [IPAddress], [Endpoint])] = [
            (NodeName.callingUE, [callingUE], []), (NodeName.proxy, proxy.map(\.address), proxy),
            (NodeName.serving, [home.address], [home]),
            (NodeName.gateway, [gateway.address, access, core], [gateway]),
            (NodeName.calledUE, [calledUE], []), (NodeName.secondDevice, [secondDevice], []),
        ]
        var owners: [IPAddress: Set<String>] = [:]
        for (name, own, _) in addresses { for address in own { owners[address, default: []].insert(name) } }
        return NetworkMap(
            addresses.map { name, own, endpoints in
                NetworkMap.Node(
                    name, Set(own).filter { owners[$0]?.count == 1 }.map(\.description).sorted(),
                    endpoints: endpoints.map(\.description))
            })
    }
}
