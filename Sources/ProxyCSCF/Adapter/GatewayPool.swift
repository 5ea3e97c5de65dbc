import ApplicationLevelGateway
import NIOCore

/// The gateways as a P-CSCF sees them: one call for each procedure, the reply later on the event loop.
///
/// `GatewayControl` is it; tests have their own.
protocol GatewayPool: AnyObject {
    /// A registered gateway that can do e2ae is there (media-security.md 2).
    var hasCapableGateway: Bool { get }

    /// One context with these terminations, which are given back in the same order.
    func reserve(
        _ terminations: [TerminationRequest],
        _ completion: @escaping (Result<[ReservedTermination], GatewayFailure>) -> Void)

    func configure(
        _ termination: TerminationHandle, _ change: TerminationChange,
        _ completion: @escaping (Result<[ReservedTermination], GatewayFailure>) -> Void)

    /// Subtracts all terminations of the context.
    func release(_ context: ContextHandle)
}
