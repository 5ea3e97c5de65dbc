import ApplicationLevelGateway
import NIOCore
import SDP
import WireSyntax

@testable import ProxyCSCF

/// Gateways that a test plays: they answer at once, as the test wants, and keep books.
// Used on the event loop of the P-CSCF only.
final class PlayedGateways: GatewayPool, @unchecked Sendable {
    var hasCapableGateway = true
    /// What the next procedure meets, instead of being granted.
    var failure: GatewayFailure?
    /// Replies are kept back until `answer()`.
    var isHeld = false
    private(set) var held: Set<ContextHandle> = []
    private(set) var reservations: [[TerminationRequest]] = []
    private(set) var changes: [(TerminationHandle, TerminationChange)] = []
    private var waiting: [() -> Void] = []
    private var last: UInt32 = 0

    static let fingerprint = "SHA-256 " + Array(repeating: "66", count: 32).joined(separator: ":")

    func reserve(
        _ terminations: [TerminationRequest],
        _ completion: @escaping (Result<[ReservedTermination], GatewayFailure>) -> Void
    ) {
        reservations.append(terminations)
        reply {
            if let failure = self.failure {
                self.failure = nil
                return completion(.failure(failure))
            }
            self.last += 1
            let context = ContextHandle(gateway: "gw", context: self.last)
            self.held.insert(context)
            completion(.success(terminations.map { Self.made($0, context) }))
        }
    }

    private static func made(_ request: TerminationRequest, _ context: ContextHandle) -> ReservedTermination {
        let endpoint = Endpoint(
            IPAddress(request.realm == .access ? "127.3.0.1" : "127.3.0.2")!, 9000 + UInt16(context.context % 1000))
        return ReservedTermination(
            handle: TerminationHandle(context: context, name: request.realm.rawValue),
            local: LocalDescription(
                endpoint: endpoint, role: request.local.role,
                path: request.transport.isAware
                    ? "\(request.transport.isTLS ? "msrps" : "msrp")://\(endpoint)/gw;tcp" : nil,
                fingerprints: request.transport.isTLS
                    ? [Fingerprint(hash: .sha256, octets: Array(repeating: 0x66, count: 32))] : []))
    }

    func configure(
        _ termination: TerminationHandle, _ change: TerminationChange,
        _ completion: @escaping (Result<[ReservedTermination], GatewayFailure>) -> Void
    ) {
        changes.append((termination, change))
        reply {
            let failure = self.failure
            self.failure = nil
            completion(failure.map { .failure($0) } ?? .success([]))
        }
    }

    func release(_ context: ContextHandle) { held.remove(context) }

    private func reply(_ body: @escaping () -> Void) {
        if isHeld {
            waiting.append(body)
        } else {
            body()
        }
    }

    /// Gives the replies that were kept back, and no longer keeps any.
    func answer() {
        isHeld = false
        let replies = waiting
        waiting = []
        for reply in replies { reply() }
    }
}
