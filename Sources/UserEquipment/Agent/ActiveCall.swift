import NIOCore
import SIP
import Transport

/// A call with what belongs to it outside of its machine. Confined to the agent's event loop.
final class ActiveCall {
    var call: Call
    let leg: MediaLeg
    let flow: Flow
    var session: MessageSession?
    var deadline: DeadlineRegistration?
    var invite: TransactionID?
    /// Server transactions by the tokens that the machine knows.
    var transactions: [Call.Token: TransactionID] = [:]
    var security: SecurityInfo?
    /// Who waits for the media to stand.
    var standing: [(Result<CallHandle, UserEquipmentError>) -> Void] = []
    /// Who waits for the call to end.
    var ending: [(Call.Ending) -> Void] = []
    var isIncoming: Bool { invite == nil }

    init(_ call: Call, leg: MediaLeg, flow: Flow) {
        self.call = call
        self.leg = leg
        self.flow = flow
    }
}
