import H248
import WireSyntax

/// Whoever stands above an `H248Endpoint`: the agent of a gateway, or the controller. All calls come on the endpoint's event loop and never from inside a call of
/// the endpoint.
package protocol H248User: AnyObject {
    /// Execute this and call `reply(_:to:)` once, now or later. `version` stood in the message's header.
    func h248Endpoint(
        _ endpoint: H248Endpoint, received request: TransactionRequest, as transaction: IncomingTransaction,
        version: UInt8)

    /// The final reply to an own request.
    func h248Endpoint(
        _ endpoint: H248Endpoint, received reply: TransactionReply.Body, to transaction: OutgoingTransaction)

    /// No reply in T-MAX.
    func h248Endpoint(_ endpoint: H248Endpoint, timedOut transaction: OutgoingTransaction)

    /// A request took too long and was answered with error 506; its reply, when it comes, is dropped.
    func h248Endpoint(_ endpoint: H248Endpoint, abandoned transaction: IncomingTransaction)

    /// The peer answered with an error for a whole message.
    func h248Endpoint(_ endpoint: H248Endpoint, received error: ErrorDescriptor, from peer: Endpoint)
}

extension H248User {
    package func h248Endpoint(_ endpoint: H248Endpoint, abandoned transaction: IncomingTransaction) {}
    package func h248Endpoint(_ endpoint: H248Endpoint, received error: ErrorDescriptor, from peer: Endpoint) {}
}
