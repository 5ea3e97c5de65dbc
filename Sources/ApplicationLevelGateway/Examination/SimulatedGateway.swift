import SDP
import WireSyntax

/// A gateway that grants everything, at addresses of RFC 5737, for what is tried without a network.
struct SimulatedGateway {
    static let access = IPAddress.v4(0xCB00_7101)
    static let core = IPAddress.v4(0xCB00_7181)
    static let firstPort: UInt16 = 20_000
    /// Not the hash of anything.
    static let fingerprint = Fingerprint(hash: .sha256, octets: (0..<32).map { UInt8($0) })
    static let peerFingerprint = Fingerprint(hash: .sha256, octets: (0..<32).map { 0xE0 | UInt8($0) })

    private var contexts: UInt32 = 0

    mutating func reserve(_ requests: [TerminationRequest]) -> [ReservedTermination] {
        contexts += 1
        let context = ContextHandle(gateway: "simulated", context: contexts)
        let port = SimulatedGateway.firstPort &+ UInt16(truncatingIfNeeded: contexts)
        return requests.map { request in
            let endpoint = Endpoint(request.realm == .access ? SimulatedGateway.access : SimulatedGateway.core, port)
            let scheme = request.transport.isTLS ? "msrps" : "msrp"
            return ReservedTermination(
                handle: TerminationHandle(context: context, name: "ip/1/\(request.realm.rawValue)/\(contexts)"),
                local: LocalDescription(
                    endpoint: endpoint, role: request.local.role,
                    path: request.transport.isAware ? "\(scheme)://\(endpoint)/simulated\(contexts);tcp" : nil,
                    fingerprints: request.transport.isTLS ? [SimulatedGateway.fingerprint] : []))
        }
    }

    /// The answer of a peer that takes every line as it was offered: it connects where it may, and has a fingerprint where one was offered.
    static func answer(to offer: SessionDescription, from address: IPAddress) -> SessionDescription {
        var answer = SessionDescription(
            origin: Origin(sessionID: 1, address: address), connection: ConnectionData(address))
        for media in offer.media {
            var line = MSRPMedia(media, in: offer)
            guard line.isMSRP, !media.isRejected else {
                answer.media.append(media.isRejected ? media.rejection : media)
                continue
            }
            line.setEndpoint(Endpoint(address, 9))
            line.setup = line.setup == .active ? .passive : .active
            line.threeGE2AE = nil
            if !line.fingerprints.isEmpty { line.fingerprints = [peerFingerprint] }
            if !line.paths.isEmpty {
                line.paths = ["\(line.isTLS ? "msrps" : "msrp")://\(address.bracketed):9/peer;tcp"]
            }
            answer.media.append(line.media)
        }
        return answer
    }
}
