import MSRP
import MediaSecurity
import SDP
import WireSyntax

/// What this UE brings to a call, and the offers and answers made of it (RFC 4975 §8, RFC 6135, RFC 6714, TS 33.328; media-security 3 and 4).
///
/// e2ae is asked for on the message line where both sides indicated it, and never where the network did not. Once it was asked for, nothing less is
/// taken: an answer without TLS or without a usable fingerprint ends the call.
struct LocalMedia: Sendable {
    var address: IPAddress
    /// Of the listener; nil: this end does not listen.
    var port: UInt16?
    var sessionID: String
    /// For `o=`.
    var descriptionID: UInt64
    var fingerprints: [Fingerprint]
    var setup: SDP.Setup
    var cema: Bool
    var acceptTypes: [String]
    var maximumSize: UInt64
    var policy: EndToAccessEdgePolicy
    /// UE and network have both indicated `msrp-tls`.
    var isAgreed: Bool
    var fingerprintPolicy: FingerprintPolicy

    /// RFC 6135 §4.2.1: stands where an active end has no port.
    static let discardPort: UInt16 = 9

    var asksForE2AE: Bool {
        switch policy {
        case .automatic: isAgreed
        case .never: false
        case .always: true
        }
    }

    func uri(isTLS: Bool) -> MSRPURI {
        MSRPURI(isSecure: isTLS, host: .address(address), port: port ?? Self.discardPort, sessionID: sessionID)
    }

    // MARK: Offer

    func offer() -> SessionDescription {
        let isTLS = asksForE2AE
        var line = self.line(isTLS: isTLS, setup: port == nil ? .active : setup, proposing: cema, in: empty)
        if isTLS { line.threeGE2AE = .requested }
        var description = empty
        description.media = [line.media]
        return description
    }

    /// What the answer to `offer` settles.
    func plan(offer: SessionDescription, answer: SessionDescription) throws(MediaRefusal) -> MediaPlan {
        do throws(SyntaxError) { try answer.checkAnswers(offer) } catch { throw MediaRefusal("answer: \(error)") }
        guard let line = answer.messageMedia(at: 0), let mine = offer.messageMedia(at: 0) else {
            throw MediaRefusal("the answer's line is not MSRP")
        }
        guard !line.media.isRejected else { throw MediaRefusal("the message line was refused") }
        guard line.isTLS == mine.isTLS else {
            // Never a silent downgrade.
            throw MediaRefusal(
                mine.isTLS
                    ? "e2ae was asked for, and the answer is without TLS" : "the answer has TLS, the offer had not")
        }
        let isActive: Bool
        switch (line.setup, mine.setup) {
        case (.active, .active): throw MediaRefusal("both ends want to open the connection")
        case (.active, _): isActive = false
        case (.passive, .passive): throw MediaRefusal("both ends wait for the connection")
        // RFC 4975 §5.4: without a role in the answer the offerer is active; what else may not stand in an answer counts as none.
        default: isActive = true
        }
        return try settle(
            line, isActive: isActive, leg: mine.isTLS ? .e2ae : .plain, cema: cema && line.hasCEMA, index: 0)
    }

    // MARK: Answer

    /// The answer to an offer, with the first message line that can be had; other lines are refused (RFC 3264 §6).
    func answer(_ offer: SessionDescription) throws(MediaRefusal) -> (SessionDescription, MediaPlan) {
        var refusal = MediaRefusal("no message line")
        var chosen: (line: MSRPMedia, plan: MediaPlan)?
        var media: [MediaDescription] = []
        for index in offer.media.indices {
            var answered = offer.media[index].rejection
            if chosen == nil, let line = offer.messageMedia(at: index), !line.media.isRejected {
                do throws(MediaRefusal) {
                    let taken = try take(line, index)
                    chosen = taken
                    answered = taken.line.media
                } catch {
                    refusal = error
                }
            }
            media.append(answered)
        }
        guard let chosen else { throw refusal }
        var description = empty
        description.media = media
        return (description, chosen.plan)
    }

    private func take(_ line: MSRPMedia, _ index: Int) throws(MediaRefusal) -> (line: MSRPMedia, plan: MediaPlan) {
        if line.namesKeyManagement("mikey") { throw MediaRefusal("e2e with MIKEY is not implemented") }
        let leg: SecurityInfo.Leg
        if line.isTLS {
            leg = line.threeGE2AE == .applied ? .e2ae : .tls
        } else {
            if line.threeGE2AE == .applied { throw MediaRefusal("3ge2ae:applied on a line without TLS") }
            if policy == .automatic, isAgreed {
                throw MediaRefusal("both sides indicated e2ae, and the offer is without TLS")
            }
            leg = .plain
        }
        let isActive: Bool
        switch line.setup {
        case .active?: isActive = false
        case .passive?: isActive = true
        case .actpass?: isActive = setup != .passive || port == nil
        // RFC 4975 §5.4, RFC 6135 §4.2.1: the offerer is active.
        case .holdconn?, nil: isActive = false
        }
        guard isActive || port != nil else { throw MediaRefusal("this end cannot wait for a connection") }
        let usesCEMA = cema && line.hasCEMA
        if cema, !line.hasCEMA, let path = line.paths.first, !matches(path, line) {
            // RFC 6714 §4.3.
            throw MediaRefusal("c= and m= differ from the path, without CEMA")
        }
        let plan = try settle(line, isActive: isActive, leg: leg, cema: usesCEMA, index: index)
        let mine = self.line(
            isTLS: line.isTLS, setup: isActive ? .active : .passive, proposing: usesCEMA, in: empty)
        return (mine, plan)
    }

    // MARK: Both

    private func settle(
        _ line: MSRPMedia, isActive: Bool, leg: SecurityInfo.Leg, cema: Bool, index: Int
    ) throws(MediaRefusal) -> MediaPlan {
        var peer: [MSRPURI] = []
        for path in line.paths {
            do throws(SyntaxError) { peer.append(try MSRPURI(path)) } catch { throw MediaRefusal("path: \(error)") }
        }
        guard let first = peer.first, let last = peer.last else { throw MediaRefusal("the line has no path") }
        guard last.sessionID != nil, first.port != nil else {
            throw MediaRefusal("the path names no session, or no port")
        }
        guard first.isSecure == line.isTLS else { throw MediaRefusal("the scheme of the path is not that of the line") }
        let fingerprints = fingerprintPolicy.usable(line.fingerprints)
        guard !line.isTLS || !fingerprints.isEmpty else { throw MediaRefusal("TLS without a usable fingerprint") }
        var target: HostPort?
        if isActive {
            let host = cema ? line.address : first.host
            let port = cema ? line.port : first.port
            guard let host, let port, port != 0 else { throw MediaRefusal("no address to connect to") }
            target = HostPort(host: host, port: port)
        }
        return MediaPlan(
            isActive: isActive, leg: leg, target: target, own: uri(isTLS: line.isTLS), peer: peer,
            peerFingerprints: fingerprints, peerAcceptTypes: line.acceptTypes ?? ["*"], peerMaximumSize: line.maxSize,
            line: index)
    }

    private func matches(_ path: String, _ line: MSRPMedia) -> Bool {
        guard let uri = try? MSRPURI(path) else { return false }
        return uri.host == line.address && uri.port == line.port
    }

    private var empty: SessionDescription {
        SessionDescription(
            origin: Origin(sessionID: descriptionID, address: address), connection: ConnectionData(address))
    }

    private func line(
        isTLS: Bool, setup: SDP.Setup, proposing cema: Bool, in description: SessionDescription
    ) -> MSRPMedia {
        let media = MediaDescription(
            media: "message", port: Int(port ?? Self.discardPort),
            proto: isTLS ? "TCP/TLS/MSRP" : "TCP/MSRP", formats: ["*"])
        var view = MSRPMedia(media, in: description)
        view.acceptTypes = acceptTypes
        if acceptTypes.contains("message/cpim") { view.acceptWrappedTypes = ["text/plain"] }
        view.maxSize = maximumSize
        view.paths = [uri(isTLS: isTLS).description]
        view.setup = setup
        if isTLS { view.fingerprints = fingerprints }
        if cema { view.hasCEMA = true }
        return view
    }
}
