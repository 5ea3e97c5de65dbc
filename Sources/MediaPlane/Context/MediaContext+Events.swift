import ApplicationLevelGateway
import MediaSecurity
import Observability
import SDP
import Transport
import WireSyntax

/// What a context says in the event stream. Nothing is built while nobody listens.
extension MediaContext {
    private func leg(_ termination: String) -> String { machine[termination]?.realm.rawValue ?? "" }

    private func connection(
        _ state: FlowEvent.Connection.State, _ leg: LegHandler, bytes: Bool = false, reason: String? = nil
    ) {
        guard plane.events.isEnabled else { return }
        plane.events.emit(
            .connection(
                .init(
                    state: state, local: leg.local?.description ?? "", remote: leg.remote?.description ?? "",
                    leg: self.leg(leg.termination), context: id, termination: leg.termination,
                    bytesReceived: bytes ? leg.octetsReceived : nil, bytesSent: bytes ? leg.octetsSent : nil,
                    reason: reason)))
    }

    /// A connection that belongs to the session, once.
    func announce(_ leg: LegHandler, _ state: FlowEvent.Connection.State) {
        guard !leg.isAnnounced else { return }
        leg.isAnnounced = true
        leg.learnEndpoints()
        connection(state, leg)
    }

    func ended(_ leg: LegHandler) {
        if leg.isAnnounced { connection(.closed, leg, bytes: true, reason: leg.reason) }
    }

    func connecting(_ leg: LegHandler, from local: IPAddress, to remote: Endpoint) {
        guard plane.events.isEnabled else { return }
        plane.events.emit(
            .connection(
                .init(
                    state: .connecting, local: local.bracketed, remote: remote.description,
                    leg: self.leg(leg.termination), context: id, termination: leg.termination)))
    }

    func connectFailed(_ leg: LegHandler, from local: IPAddress, to remote: Endpoint, _ reason: String) {
        guard plane.events.isEnabled else { return }
        plane.events.emit(
            .connection(
                .init(
                    state: .failed, local: local.bracketed, remote: remote.description,
                    leg: self.leg(leg.termination), context: id, termination: leg.termination, reason: reason)))
    }

    func tlsEnded(_ outcome: HandshakeOutcome, on leg: LegHandler, expected: [Fingerprint]) {
        // A handshake that Subtract cut short failed nobody.
        guard plane.events.isEnabled, machine[leg.termination] != nil else { return }
        let (report, failure): (HandshakeReport, HandshakeFailure?) =
            switch outcome {
            case .accepted(let report): (report, nil)
            case .refused(let report, let failure): (report, failure)
            }
        // In the function that decides, so that the two can be compared by eye.
        let hash = plane.settings.fingerprints.preferredHash(among: expected) ?? .sha256
        plane.events.emit(
            .tls(
                .init(
                    role: report.role == .client ? .client : .server, accepted: failure == nil,
                    local: leg.local?.description ?? "", remote: leg.remote?.description ?? "",
                    leg: self.leg(leg.termination), version: report.parameters.version,
                    cipher: report.parameters.cipher, clientRandom: report.parameters.clientRandom,
                    expectedFingerprints: expected.map(\.description),
                    peerFingerprint: report.peerCertificate.flatMap {
                        CertificateDigest.fingerprint(of: $0, hash: hash)?.description
                    },
                    ownFingerprint: ownFingerprint(leg.termination)?.description, context: id,
                    termination: leg.termination,
                    // Where the gateway closed, it knows better than the engine why.
                    reason: failure?.kind == .closed ? leg.reason ?? failure?.reason : failure?.reason)))
    }

    func refused(_ termination: String, _ source: Endpoint, _ reason: String, isStranger: Bool) {
        let count = plane.countRefusal(isStranger: isStranger)
        guard plane.events.isEnabled else { return }
        plane.events.emit(
            .refused(
                .init(
                    kind: isStranger ? "stranger" : "limit", remote: source.description,
                    local: localEndpoint(termination)?.description, reason: reason, count: count)))
    }

    func report(_ message: PassedMessage, from: LegHandler, to: LegHandler) {
        guard plane.events.isEnabled else { return }
        func emit(_ direction: FlowEvent.Direction, _ leg: LegHandler, _ paths: (to: String, from: String)) {
            plane.events.emit(
                .msrp(
                    .init(
                        direction: direction, local: leg.local?.description ?? "",
                        remote: leg.remote?.description ?? "", summary: message.summary,
                        transactionID: message.transactionID, messageID: message.messageID,
                        byteRange: message.byteRange, bytes: message.bytes, toPath: paths.to, fromPath: paths.from,
                        contentType: message.contentType, leg: self.leg(leg.termination), context: id)))
        }
        emit(.received, from, message.received)
        if let sent = message.sent { emit(.sent, to, sent) }
    }
}
