import NIOCore
import Observability
import SDP
import SIP
import WireSyntax

/// What is changed in calls that stand.
extension UserAgent {
    /// Changes a call and tells when it stands, with its connection where it has a new one.
    ///
    /// - Parameter completion: nil, or why it did not come about.
    func change(_ change: CallChange, of callID: String, _ completion: @escaping (String?) -> Void) {
        eventLoop.preconditionInEventLoop()
        guard let active = calls[callID] else { return completion("the call is over") }
        guard change == .newPort || change == .newCertificate else {
            active.changing.append((change, completion))
            active.call.change(change, byUpdate: settings.changesByUpdate, now: eventLoop.now)
            return perform(active)
        }
        guard active.next == nil else { return completion("another change is under way") }
        let identity = change == .newCertificate ? try? media.makeIdentity() : active.leg.identity
        guard let identity else { return completion("no new certificate") }
        let leg = MediaLeg(media, callID: callID, identity: identity)
        // A new certificate changes nothing else: port and session stay, and with CEMA the other UE sees nothing of it.
        let isPortWanted = change == .newPort && settings.setup != .active
        reservePort(leg, isWanted: isPortWanted) { port in
            guard case .success(let port) = port, self.calls[callID] === active, active.next == nil else {
                leg.close("not wanted any more")
                return completion("no port for the media")
            }
            var local = self.localMedia(port: port, leg)
            if change == .newCertificate, let present = active.call.media {
                local.port = present.port
                local.sessionID = present.sessionID
            }
            active.next = (leg, local.sessionID, local.fingerprints)
            active.changing.append((change, completion))
            active.call.change(
                change, media: local, byUpdate: self.settings.changesByUpdate, now: self.eventLoop.now)
            self.perform(active)
        }
    }

    func changed(_ kind: Call.Change.Kind, _ outcome: ChangeOutcome, _ active: ActiveCall) {
        let callID = active.call.callID
        milestone(.changed, callID: callID, detail: "by this end: \(kind.text): \(outcome.text)")
        guard case .wanted(let change) = kind else { return }
        if case .failed = outcome, change == .newPort || change == .newCertificate {
            active.next?.leg.close("the change did not come about")
            active.next = nil
        }
        guard let index = active.changing.firstIndex(where: { $0.change == change }) else { return }
        let completion = active.changing.remove(at: index).completion
        switch outcome {
        case .settled(newConnection: true): active.connecting.append(completion)
        case .settled(newConnection: false): completion(nil)
        case .failed: completion(outcome.text)
        }
        if case .settled = outcome { tell(.changed(callID: callID, detail: "\(change.rawValue): \(outcome.text)")) }
    }

    func changedByPeer(_ outcome: ChangeOutcome, _ active: ActiveCall) {
        let callID = active.call.callID
        let direction = active.call.plan.map { ", \($0.direction.rawValue)" } ?? ""
        milestone(.changed, callID: callID, detail: "by the peer: \(outcome.text)\(direction)")
        tell(.changed(callID: callID, detail: "by the peer: \(outcome.text)\(direction)"))
    }
}

extension Call.Change.Kind {
    var text: String {
        switch self {
        case .wanted(let change): change.rawValue
        case .withoutCEMA: "offer without CEMA"
        case .sessionRefresh: "session refresh"
        }
    }
}

extension ChangeOutcome {
    var text: String {
        switch self {
        case .settled(newConnection: true): "new connection"
        case .settled(newConnection: false): "same connection"
        case .failed(0, let reason): reason
        case .failed(let status, let reason): "\(status) \(reason)"
        }
    }
}
