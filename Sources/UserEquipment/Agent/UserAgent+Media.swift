import Configuration
import MSRP
import MediaSecurity
import NIOCore
import Observability
import SDP
import SIP
import Transport
import WireSyntax

/// The media of calls: ports, connections, and what takes their place.
extension UserAgent {
    /// Types that the session takes: files only where there is a folder for them.
    var acceptTypes: [String] {
        if settings.style == .rcs { return ["message/cpim"] }
        return ["message/cpim", "text/plain"] + (settings.folder == nil ? [] : ["*"])
    }

    /// RFC 4975 §14.4: an anonymous call has a certificate of its own.
    func callIdentity() -> MediaIdentity? {
        settings.privacy == .id ? try? media.makeIdentity() : media.identity
    }

    /// Who speaks in a message: nobody in an anonymous call.
    var spokenIdentity: String {
        settings.privacy == .id ? "sip:anonymous@anonymous.invalid" : "\(settings.identity)"
    }

    func localMedia(port: UInt16?, _ leg: MediaLeg) -> LocalMedia {
        LocalMedia(
            address: settings.address, port: port, sessionID: randomText(),
            descriptionID: UInt64.random(in: 0..<(1 << 62)),
            fingerprints: settings.fingerprints.compactMap { leg.identity.announced.fingerprint($0) },
            setup: settings.setup, cema: settings.cema, acceptTypes: acceptTypes,
            maximumSize: UInt64(settings.maximumSize), policy: settings.e2ae,
            isAgreed: registration?.agreement.isAgreed ?? false, fingerprintPolicy: media.fingerprintPolicy,
            style: settings.style, refusesTLS: settings.refuseTLS, answersPlain: settings.answerPlain)
    }

    func reservePort(
        _ leg: MediaLeg, isWanted: Bool, _ then: @escaping (Result<UInt16?, any Error>) -> Void
    ) {
        guard isWanted else { return then(.success(nil)) }
        leg.listen().assumeIsolated().whenComplete { then($0.map { $0 }) }
    }

    /// The call's eyes on its connection.
    func watch(_ leg: MediaLeg, of active: ActiveCall) {
        leg.onEstablished = { [weak self, weak active] info in
            guard let self, let active else { return }
            self.established(info, active)
        }
        leg.onFailed = { [weak self, weak active] reason, failure in
            guard let self, let active else { return }
            switch failure {
            case .byPeer:
                active.call.mediaLost(reason, now: self.eventLoop.now)
                self.perform(active)
            case .unreachable:
                active.call.mediaUnreachable(reason, now: self.eventLoop.now)
                self.perform(active)
            case .other: self.mediaFailed(active, reason)
            }
        }
    }

    private func established(_ info: SecurityInfo, _ active: ActiveCall) {
        let callID = active.call.callID
        let isFirst = active.security == nil
        active.security = info
        milestone(isFirst ? .established : .reestablished, callID: callID, detail: active.call.peer)
        tell(.established(callID: callID, info))
        let handle = CallHandle(self, callID: callID, peer: active.call.peer)
        let standing = active.standing
        active.standing = []
        for completion in standing { completion(.success(handle)) }
        let connecting = active.connecting
        active.connecting = []
        for completion in connecting { completion(nil) }
    }

    private func mediaFailed(_ active: ActiveCall, _ reason: String) {
        active.call.hangUp(reason, isNormal: false, now: eventLoop.now)
        perform(active)
    }

    /// Offer and answer stand: the first connection, or one that takes the place of the one that is there.
    func begin(_ plan: MediaPlan, _ active: ActiveCall) {
        if active.session != nil { replaceLeg(active, with: plan, cause: "another connection takes its place") }
        if let next = active.next, isPlan(plan, of: next), active.leg !== next.leg {
            // The first media stood in an offer that was never answered so.
            active.leg.close("another port takes its place")
            active.leg = next.leg
            active.next = nil
            watch(next.leg, of: active)
        }
        let session = MessageSession(
            media, plan: plan, callID: active.call.callID, peer: active.call.peer, acceptTypes: acceptTypes)
        session.onEvent = { [weak self] event in self?.tell(event) }
        session.onFailed = { [weak self, weak active] reason in
            guard let self, let active else { return }
            self.mediaFailed(active, reason)
        }
        active.session = session
        active.leg.begin(plan, session: session)
    }

    /// The plan is the one for which the leg was reserved: its session, its certificate.
    private func isPlan(
        _ plan: MediaPlan, of next: (leg: MediaLeg, sessionID: String, fingerprints: [Fingerprint])
    ) -> Bool {
        next.sessionID == plan.own.sessionID && (!plan.isTLS || next.fingerprints == plan.ownFingerprints)
    }

    /// media-security 5.4: the old connection is closed after the answer. The new one has the leg that was reserved for it, or the port that is there.
    func replaceLeg(_ active: ActiveCall, with plan: MediaPlan? = nil, cause: String) {
        let old = active.leg
        old.onFailed = nil
        old.onEstablished = nil
        active.session?.onFailed = nil
        active.session = nil
        let leg: MediaLeg
        if let next = active.next, let plan, isPlan(plan, of: next) {
            leg = next.leg
            // Another certificate on the port that is there.
            if !leg.listens { leg.adopt(old.giveListener()) }
            active.next = nil
        } else {
            leg = MediaLeg(media, callID: active.call.callID, identity: old.identity)
            leg.adopt(old.giveListener())
        }
        old.close(cause)
        active.leg = leg
        watch(leg, of: active)
    }
}
