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
    /// What is preferred where there is a choice.
    var setup: SDP.Setup
    var cema: Bool
    var acceptTypes: [String]
    var maximumSize: UInt64
    var policy: EndToAccessEdgePolicy
    /// UE and network have both indicated `msrp-tls`.
    var isAgreed: Bool
    var fingerprintPolicy: FingerprintPolicy
    var style = MediaStyle.ims
    /// A line over TLS is answered with 488.
    var refusesTLS = false
    /// Against the rules, for tests of a network: a line over TLS is answered by one without.
    var answersPlain = false
    /// Addresses of the names that stand in descriptions of the peer.
    var names = HostNames()
    /// What this end wants; `inactive` while it holds.
    var direction = MediaDirection.sendrecv

    /// RFC 6135 §4.2.2: stands where an active end has no port.
    static let discardPort: UInt16 = 9

    /// What an offer asks for.
    var offeredLeg: SecurityInfo.Leg {
        switch (style, policy) {
        case (.plain, _), (.ims, .never): .plain
        case (.rcs, _): .tls
        case (.ims, .automatic): isAgreed ? .e2ae : .plain
        case (.ims, .always): .e2ae
        }
    }

    func uri(isTLS: Bool, setup: SDP.Setup) -> MSRPURI {
        MSRPURI(isSecure: isTLS, host: .address(address), port: port(setup), sessionID: sessionID)
    }

    private func port(_ setup: SDP.Setup) -> UInt16 {
        setup == .active ? Self.discardPort : port ?? Self.discardPort
    }

    // MARK: Offer

    /// - Parameter leg: of the call that goes on; a first offer asks for what the style says.
    func offer(as leg: SecurityInfo.Leg? = nil) -> SessionDescription {
        let leg = leg ?? offeredLeg
        // RFC 6135 §4.2.2: never passive in an offer.
        var line = self.line(
            isTLS: leg != .plain, setup: port == nil || setup == .active ? .active : .actpass, proposing: cema,
            in: empty)
        if leg == .e2ae { line.threeGE2AE = .requested }
        if style == .rcs || direction != .sendrecv { line.direction = direction }
        var description = empty
        description.media = [line.media]
        return description
    }

    /// What the answer to `offer` settles for one of its lines.
    func plan(
        offer: SessionDescription, answer: SessionDescription, line index: Int = 0
    ) throws(MediaRefusal) -> MediaPlan {
        do throws(SyntaxError) { try answer.checkAnswers(offer) } catch { throw MediaRefusal("answer: \(error)") }
        guard let line = answer.messageMedia(at: index), let mine = offer.messageMedia(at: index) else {
            throw MediaRefusal("the answer's line is not MSRP")
        }
        guard !line.media.isRejected else { throw MediaRefusal("the message line was refused") }
        guard line.isTLS == mine.isTLS else {
            // Never a silent downgrade.
            throw MediaRefusal(
                mine.isTLS
                    ? "TLS was asked for, and the answer is without it" : "the answer has TLS, the offer had not")
        }
        let isActive: Bool
        switch (line.setup, mine.setup) {
        case (.active, .active): throw MediaRefusal("both ends want to open the connection")
        case (.active, _): isActive = false
        // RFC 4975 §5.4: without a role in the answer the offerer is active; what else may not stand in an answer counts as none.
        default: isActive = true
        }
        let leg: SecurityInfo.Leg = mine.isTLS ? (mine.threeGE2AE == .requested ? .e2ae : .tls) : .plain
        guard let own = mine.paths.last.flatMap({ try? MSRPURI($0) }) else { throw MediaRefusal("no path of our own") }
        let rule = connection(offered: mine, answered: line, isActive: isActive)
        var plan = try settle(
            line, isActive: isActive, leg: leg, byConnectionLine: rule == .connectionLine, index: index)
        plan.own = own
        plan.ownFingerprints = mine.fingerprints
        plan.needsOfferWithoutCEMA = rule == .offerWithoutCEMA
        plan.direction = mine.direction.limited(to: line.direction.reversed)
        return plan
    }

    private enum Rule { case path, connectionLine, offerWithoutCEMA }

    /// RFC 6714 §4.2, for an offerer without a relay: which address information of the answer counts.
    private func connection(offered mine: MSRPMedia, answered line: MSRPMedia, isActive: Bool) -> Rule {
        guard mine.hasCEMA else { return style == .rcs ? .connectionLine : .path }
        guard !line.hasCEMA else { return .connectionLine }
        let isMatch = names.match(line)
        guard isActive else { return isMatch ? .path : .offerWithoutCEMA }
        // More than one URI: the answerer is behind a relay.
        guard line.paths.count > 1 else { return .connectionLine }
        return isMatch ? .path : .offerWithoutCEMA
    }

    // MARK: Both

    func settle(
        _ line: MSRPMedia, isActive: Bool, leg: SecurityInfo.Leg, byConnectionLine: Bool, index: Int
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
            let host = byConnectionLine ? line.address : first.host
            let port = byConnectionLine ? line.port : first.port
            guard let host, let port, port != 0 else { throw MediaRefusal("no address to connect to") }
            target = HostPort(host: host, port: port)
        }
        return MediaPlan(
            isActive: isActive, leg: leg, target: target,
            own: uri(isTLS: line.isTLS, setup: isActive ? .active : .passive), peer: peer,
            peerFingerprints: fingerprints, peerAcceptTypes: line.acceptTypes ?? ["*"], peerMaximumSize: line.maxSize,
            line: index, byConnectionLine: byConnectionLine, ownFingerprints: fingerprintsShown(line.isTLS))
    }

    private func fingerprintsShown(_ isTLS: Bool) -> [Fingerprint] { isTLS ? self.fingerprints : [] }

    var empty: SessionDescription {
        SessionDescription(
            origin: Origin(sessionID: descriptionID, address: address), connection: ConnectionData(address))
    }

    func line(
        isTLS: Bool, setup: SDP.Setup, proposing cema: Bool, in description: SessionDescription
    ) -> MSRPMedia {
        let media = MediaDescription(
            media: "message", port: Int(port(setup)), proto: isTLS ? "TCP/TLS/MSRP" : "TCP/MSRP", formats: ["*"])
        var view = MSRPMedia(media, in: description)
        view.acceptTypes = acceptTypes
        if acceptTypes.contains("message/cpim") { view.acceptWrappedTypes = style == .rcs ? ["*"] : ["text/plain"] }
        view.maxSize = maximumSize
        view.paths = [uri(isTLS: isTLS, setup: setup).description]
        view.setup = setup
        if isTLS { view.fingerprints = fingerprints }
        if cema { view.hasCEMA = true }
        return view
    }
}
