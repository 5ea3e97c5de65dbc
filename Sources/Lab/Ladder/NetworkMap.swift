/// Which node of the lab an address belongs to: every function has loopback addresses of its own.
package struct NetworkMap: Hashable, Sendable {
    package struct Node: Hashable, Sendable {
        package var name: String
        /// Addresses without ports.
        package var addresses: [String]
        package init(_ name: String, _ addresses: [String]) {
            self.name = name
            self.addresses = addresses
        }
    }

    /// In the order of the ladder's columns.
    package var nodes: [Node]

    package init(_ nodes: [Node]) { self.nodes = nodes }

    package func index(ofNode name: String) -> Int? { nodes.firstIndex { $0.name == name } }

    /// - Parameter endpoint: `127.1.2.3:5060`, or `[::1]:5060`.
    package func index(ofEndpoint endpoint: String) -> Int? {
        var host = endpoint[...]
        if let colon = endpoint.lastIndex(of: ":") { host = endpoint[..<colon] }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return nodes.firstIndex { $0.addresses.contains { $0 == host } }
    }

    package func name(ofEndpoint endpoint: String) -> String {
        index(ofEndpoint: endpoint).map { nodes[$0].name } ?? endpoint
    }
}

/// The names of the lab's nodes, as events carry them.
package enum NodeName {
    package static let callingUE = "UE A"
    package static let calledUE = "UE B"
    package static let proxy = "P-CSCF"
    package static let serving = "S-CSCF"
    package static let gateway = "IMS-AGW"
}
