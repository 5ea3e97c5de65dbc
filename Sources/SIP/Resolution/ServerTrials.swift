/// The failover of RFC 3263 §4.3: one target after the other, until one answers.
///
/// ```
///   targets ──▶ current ── sent ──▶ answered ──▶ done
///                  ▲                   │ 503, transport failure, time out without any response
///                  └────── next ◀──────┘   a new transaction: the same request with another branch
/// ```
public struct ServerTrials: Hashable, Sendable {
    /// How a client transaction to a target ended, or that a connection to it was not made.
    public enum Outcome: Hashable, Sendable {
        /// A final response.
        case response(Int)
        case transportFailed
        /// Timer B or F, or no final response to a cancelled INVITE.
        case timedOut(hadResponse: Bool)

        /// RFC 3263 §4.3: whether another server is to be tried.
        public var isFailure: Bool {
            switch self {
            case .response(let status): status == 503
            case .transportFailed: true
            case .timedOut(let hadResponse): !hadResponse
            }
        }
    }

    private var rest: ArraySlice<ServerSelection.Target>

    public init(_ targets: [ServerSelection.Target]) { rest = targets[...] }

    /// Where the request goes now; nil when all have failed.
    public var current: ServerSelection.Target? { rest.first }

    /// - Returns: the target to try next; nil if the outcome is no failure of the server, or none is left: the outcome then stands.
    public mutating func next(after outcome: Outcome) -> ServerSelection.Target? {
        guard outcome.isFailure, !rest.isEmpty else { return nil }
        rest.removeFirst()
        return rest.first
    }
}
