import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import SDP
import Testing
import Transport
import WireSyntax

@testable import MediaPlane

/// Drives a `ContextMachine` without sockets: events in by name, actions out.
struct ContextDriver {
    static let fingerprint = Fingerprint(hash: .sha256, octets: [UInt8](repeating: 7, count: 32))
    static let ue = "192.0.2.7"
    static let peer = "198.51.100.9"

    var machine = ContextMachine(timers: MediaTimers(), policy: .standard, pendingLimit: 4)
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private var identifiers: [String: ConnectionID] = [:]

    static func remote(
        _ address: String, port: UInt16 = 9, path: String? = nil, fingerprints: [Fingerprint] = []
    ) -> RemoteDescription {
        RemoteDescription(
            address: Host(address), port: port, paths: path.map { [$0] } ?? [], fingerprints: fingerprints)
    }

    static func request(
        _ realm: Realm, _ proto: String, _ role: ConnectionRole = .passive, remote: RemoteDescription? = nil,
        permitted: [String] = [], latch: Bool = false
    ) throws -> TerminationRequest {
        TerminationRequest(
            realm: realm, transport: try #require(MediaTransport(proto: proto)),
            local: LocalRequest(family: .v4, role: role), remote: remote,
            permittedSources: permitted.compactMap { IPAddress($0) }, latch: latch)
    }

    mutating func add(_ name: String, _ request: TerminationRequest) throws {
        try machine.add(request, name: name, now: now)
    }

    mutating func modify(_ name: String, _ change: TerminationChange) throws {
        try machine.modify(name, change, now: now)
    }

    /// Somebody connects; `label` names the connection in what follows.
    mutating func accept(_ label: String, on name: String, from address: String) throws {
        let connection = machine.makeConnectionID()
        identifiers[label] = connection
        machine.accepted(
            connection, on: name, from: Endpoint(try #require(IPAddress(address)), 40_000), now: now)
    }

    func id(_ label: String) throws -> ConnectionID { try #require(identifiers[label]) }

    mutating func advance(_ time: TimeAmount) {
        now = now + time
        machine.timersDue(now: now)
    }

    /// All actions since the last call, as short words: `close x`, `handshake x`, `first x`, `connect c`, `attach x`, `refused x`, `notify a …`.
    mutating func actions() -> [String] {
        var words: [String] = []
        while let action = machine.nextAction() {
            switch action {
            case .close(let connection, _): words.append("close \(label(connection))")
            case .finish(let connection): words.append("finish \(label(connection))")
            case .handshake(let connection, _): words.append("handshake \(label(connection))")
            case .readFirstRequest(let connection, _): words.append("first \(label(connection))")
            case .connect(let connection, let name, let endpoint):
                identifiers[name] = connection
                words.append("connect \(name) \(endpoint)")
            case .attach(let connection, let name): words.append("attach \(label(connection)) \(name)")
            case .recouple: break
            case .notify(let name, let event):
                let what =
                    switch event {
                    case .tlsFailed: "tlsFailed"
                    case .tcpFailed: "tcpFailed"
                    case .released: "released"
                    case .heartbeat: "heartbeat"
                    }
                words.append("notify \(name) \(what)")
            case .refused(let connection, _, _, _, let isStranger):
                words.append("\(isStranger ? "stranger" : "refused") \(label(connection))")
            }
        }
        return words
    }

    private func label(_ connection: ConnectionID) -> String {
        identifiers.first { $0.value == connection }?.key ?? "\(connection.value)"
    }
}
