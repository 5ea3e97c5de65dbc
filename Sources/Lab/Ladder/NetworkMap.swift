import Observability

/// Which node of the lab an address belongs to: by the address where it is one function's own, by address and port where several share it.
package struct NetworkMap: Hashable, Sendable {
    package struct Node: Hashable, Sendable {
        package var name: String
        /// Addresses without ports that are this node's alone.
        package var addresses: [String]
        /// Addresses with ports, as they were configured.
        package var endpoints: [String]
        package init(_ name: String, _ addresses: [String], endpoints: [String] = []) {
            self.name = name
            self.addresses = addresses
            self.endpoints = endpoints
        }

        /// Where it is to be found, in words.
        package var places: String { (addresses.isEmpty ? endpoints : addresses).joined(separator: " ") }
    }

    /// In the order of the ladder's columns.
    package private(set) var nodes: [Node]
    /// The node of an address with port.
    private var owners: [String: String] = [:]

    package init(_ nodes: [Node]) {
        self.nodes = nodes
        for node in nodes { for endpoint in node.endpoints { owners[endpoint] = node.name } }
    }

    /// The same map that also knows what each function called its own end: ports of the kernel's choice are known from nowhere else.
    package func learning(from events: [FlowEvent]) -> NetworkMap {
        var map = self
        for event in events {
            guard let local = event.what.local, !local.isEmpty else { continue }
            map.owners[local] = event.node
        }
        return map
    }

    /// Without the columns of nodes that take no part.
    package func without(_ names: Set<String>) -> NetworkMap {
        var map = self
        map.nodes.removeAll { names.contains($0.name) }
        return map
    }

    package func index(ofNode name: String) -> Int? { nodes.firstIndex { $0.name == name } }

    /// - Parameter endpoint: `127.1.2.3:5060`, or `[::1]:5060`.
    package func index(ofEndpoint endpoint: String) -> Int? {
        if let owner = owners[endpoint], let index = index(ofNode: owner) { return index }
        var host = endpoint[...]
        if let colon = endpoint.lastIndex(of: ":") { host = endpoint[..<colon] }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return nodes.firstIndex { $0.addresses.contains { $0 == host } }
    }

    package func name(ofEndpoint endpoint: String) -> String {
        index(ofEndpoint: endpoint).map { nodes[$0].name } ?? endpoint
    }
}

extension FlowEvent.What {
    /// The end of a socket that is the function's own.
    fileprivate var local: String? {
        switch self {
        case .listening(let listening): listening.local
        case .sip(let message): message.local
        case .h248(let message): message.local
        case .connection(let connection): connection.local
        case .tls(let handshake): handshake.local
        case .msrp(let message): message.local
        case .decision, .link, .milestone, .refused, .warning: nil
        }
    }
}

/// The names of the lab's nodes, as events carry them.
package enum NodeName {
    package static let callingUE = "UE A"
    package static let calledUE = "UE B"
    /// The second device of the called user.
    package static let secondDevice = "UE B2"
    package static let proxy = "P-CSCF"
    package static let serving = "S-CSCF"
    package static let gateway = "IMS-AGW"
}
