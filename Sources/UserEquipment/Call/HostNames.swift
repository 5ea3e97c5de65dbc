import MSRP
import SDP
import WireSyntax

/// What the names in descriptions of a peer stand for, as far as somebody looked them up. A name that nobody looked up is only equal to itself.
struct HostNames: Hashable, Sendable {
    /// Names of one description that are looked up; the others stay names.
    static let maximum = 8
    /// Names that are known in one call; the others stay names.
    static let maximumKnown = 64

    /// By the name in lower case.
    private(set) var addresses: [String: [IPAddress]] = [:]

    mutating func note(_ name: String, _ found: [IPAddress]) {
        let name = name.lowercased()
        guard addresses[name] != nil || addresses.count < Self.maximumKnown else { return }
        addresses[name] = found
    }

    /// RFC 6714 §4.4: c= and m= of the line say what one of its path URIs says. Of several records of a name one is enough.
    func match(_ line: MSRPMedia) -> Bool {
        guard let address = line.address, let port = line.port else { return false }
        return line.paths.contains { path in
            guard let uri = try? MSRPURI(path), uri.port == port else { return false }
            return isSame(uri.host, address)
        }
    }

    func isSame(_ one: Host, _ other: Host) -> Bool {
        if case .name(let a) = one, case .name(let b) = other, a.lowercased() == b.lowercased() { return true }
        return !candidates(one).isDisjoint(with: candidates(other))
    }

    private func candidates(_ host: Host) -> Set<IPAddress> {
        switch host {
        case .address(let address): [address]
        case .name(let name): Set(addresses[name.lowercased()] ?? [])
        }
    }

    /// The names in message lines of a description, each once.
    static func names(in description: SessionDescription) -> [String] {
        var names: [String] = []
        for index in description.messageMediaIndices {
            guard let line = description.messageMedia(at: index) else { continue }
            let hosts = line.paths.compactMap { (try? MSRPURI($0))?.host } + [line.address].compactMap { $0 }
            for case .name(let name) in hosts where !names.contains(name.lowercased()) && names.count < maximum {
                names.append(name.lowercased())
            }
        }
        return names
    }
}
