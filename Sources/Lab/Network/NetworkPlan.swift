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

    /// Octets of the last part of each address: a function a ten.
    private enum Part {
        static let home: UInt8 = 10
        static let proxy: UInt8 = 20
        static let gateway: UInt8 = 30
        static let access: UInt8 = 31
        static let core: UInt8 = 32
        static let callingUE: UInt8 = 101
        static let calledUE: UInt8 = 102
    }

    /// - Parameter outside: the address at which UEs from outside the machine reach Gm and the access realm; nil keeps everything on loopback.
    package init(_ block: LoopbackBlock, outside: IPAddress? = nil) throws {
        let edge = outside ?? block.address(Part.proxy)
        home = try PortReservation.port(at: block.address(Part.home), .tcp)
        gm = try PortReservation.port(at: edge, .both)
        gmTLS = try PortReservation.port(at: edge, .tcp)
        mw = try PortReservation.port(at: block.address(Part.proxy), .tcp)
        controller = try PortReservation.port(at: block.address(Part.proxy), .udp)
        gateway = try PortReservation.port(at: block.address(Part.gateway), .udp)
        access = outside ?? block.address(Part.access)
        core = block.address(Part.core)
        callingUE = block.address(Part.callingUE)
        calledUE = block.address(Part.calledUE)
    }

    package func gm(_ transport: Scenario.GmTransport) -> String {
        switch transport {
        case .udp: "udp:\(gm)"
        case .tcp: "tcp:\(gm)"
        case .tls: "tls:\(gmTLS)"
        }
    }

    /// The columns of a ladder, from one UE to the other.
    package var map: NetworkMap {
        NetworkMap([
            .init(NodeName.callingUE, ["\(callingUE)"]),
            .init(NodeName.proxy, Array(Set(["\(mw.address)", "\(gm.address)"])).sorted()),
            .init(NodeName.serving, ["\(home.address)"]),
            .init(NodeName.gateway, ["\(gateway.address)", "\(access)", "\(core)"]),
            .init(NodeName.calledUE, ["\(calledUE)"]),
        ])
    }
}
