import SIP

/// Whoever stands above a `SIPEndpoint`: a proxy, a registrar, a user agent. All calls come on the endpoint's event loop, in the order in which things happened, and
/// never from inside a call of the endpoint.
package protocol SIPUser: AnyObject {
    /// A request. `transaction` is nil for an ACK to a 2xx that belongs to no transaction. The top Via is stamped (RFC 3261 §18.2.1, RFC 3581).
    ///
    /// - Parameter listener: the name under which the socket was opened: `gm`, `mw`.
    func sipEndpoint(
        _ endpoint: SIPEndpoint, received request: Request, transaction: TransactionID?, over flow: Flow,
        listener: String)

    /// A CANCEL, which the user answers; `invite` is the transaction that it cancels, if it is still there.
    func sipEndpoint(
        _ endpoint: SIPEndpoint, cancel request: Request, transaction: TransactionID, of invite: TransactionID?,
        over flow: Flow)

    /// A response. `transaction` is nil for one that matches nothing, such as a retransmitted 2xx to INVITE.
    func sipEndpoint(
        _ endpoint: SIPEndpoint, received response: Response, transaction: TransactionID?, over flow: Flow)

    /// A transaction ended badly: no answer in time, or the transport failed.
    func sipEndpoint(_ endpoint: SIPEndpoint, failed transaction: TransactionID, timedOut: Bool)

    /// The transaction is over and its id will not be heard of again.
    func sipEndpoint(_ endpoint: SIPEndpoint, terminated transaction: TransactionID)

    /// A connection is gone; what ran over it has been reported as failed before.
    func sipEndpoint(_ endpoint: SIPEndpoint, closed flow: Flow)
}

extension SIPUser {
    package func sipEndpoint(_ endpoint: SIPEndpoint, terminated transaction: TransactionID) {}
    package func sipEndpoint(_ endpoint: SIPEndpoint, closed flow: Flow) {}
}
