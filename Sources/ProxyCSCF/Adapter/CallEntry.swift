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
    var deadline: DeadlineRegistration?
    /// Its actions are being carried out: what comes from inside one is only put in.
    var isRunning = false
    var isOver = false

    init(_ leg: CallLeg) { self.leg = leg }
}
