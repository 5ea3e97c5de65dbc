import NIOCore
import SDP
import SIP
import Transport

/// A call with what belongs to it outside of its machine. Confined to the agent's event loop.
final class ActiveCall {
    var call: Call
    /// The connection of the call, or the one that is to come.
    var leg: MediaLeg
    /// Reserved for a change that is on its way, with the session that it announces.
    var next: (leg: MediaLeg, sessionID: String, fingerprints: [Fingerprint])?
    let flow: Flow
    var session: MessageSession?
    var deadline: DeadlineRegistration?
    /// When a ringing call is taken.
    var ring: DeadlineRegistration?
    var invite: TransactionID?
    /// Server transactions by the tokens that the machine knows.
    var transactions: [Call.Token: TransactionID] = [:]
    var security: SecurityInfo?
    /// Who waits for the media to stand.
    var standing: [(Result<CallHandle, UserEquipmentError>) -> Void] = []
    /// Who waits for a change, in order; nil: it stands.
    var changing: [(change: CallChange, completion: (String?) -> Void)] = []
    /// Who waits for the new connection of a change that stands.
    var connecting: [(String?) -> Void] = []
    /// Who waits for the call to end.
    var ending: [(Call.Ending) -> Void] = []
    var isIncoming: Bool { !call.isOutgoing }

    init(_ call: Call, leg: MediaLeg, flow: Flow) {
        self.call = call
        self.leg = leg
        self.flow = flow
    }
}
