import NIOCore
import SIP
import Transport

/// A call leg with the transactions that carry its exchanges. On the event loop of its P-CSCF only.
final class CallEntry {
    enum Client {
        /// No flow yet; a CANCEL asked for meanwhile.
        case connecting(cancel: Headers?)
        case sent(TransactionID)
    }

    var leg: CallLeg
    var servers: [Exchange.ID: TransactionID] = [:]
    var clients: [Exchange.ID: Client] = [:]
    /// The client transaction of the first INVITE, after a second one took its place in `clients`.
    var earlier: TransactionID?
    var deadline: DeadlineRegistration?
    /// Its actions are being carried out: what comes from inside one is only put in.
    var isRunning = false
    var isOver = false

    init(_ leg: CallLeg) { self.leg = leg }

    /// Whether `transaction` carries the request of `id` now.
    func isCurrent(_ transaction: TransactionID, of id: Exchange.ID) -> Bool {
        if case .sent(transaction) = clients[id] { true } else { false }
    }

    /// Forgets a transaction that is over: nothing can be said in it any more.
    func terminated(client: TransactionID, of id: Exchange.ID) {
        if isCurrent(client, of: id) { clients[id] = nil }
        if earlier == client { earlier = nil }
    }

    func terminated(server: TransactionID, of id: Exchange.ID) {
        if servers[id] == server { servers[id] = nil }
    }
}
