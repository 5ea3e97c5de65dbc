import MSRP
import SDP
import WireSyntax

extension LocalMedia {
    /// The answer to an offer, with the first message line that can be had; other lines are refused (RFC 3264 §6).
    ///
    /// - Parameter only: the line of the call that goes on: no other is taken.
    func answer(
        _ offer: SessionDescription, only: Int? = nil
    ) throws(MediaRefusal) -> (SessionDescription, MediaPlan) {
        var refusal = MediaRefusal("no message line")
        var chosen: (line: MSRPMedia, plan: MediaPlan)?
        var media: [MediaDescription] = []
        for index in offer.media.indices {
            var answered = offer.media[index].rejection
            if chosen == nil, only == nil || only == index, let line = offer.messageMedia(at: index),
                !line.media.isRejected
            {
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

    private func take(_ offered: MSRPMedia, _ index: Int) throws(MediaRefusal) -> (line: MSRPMedia, plan: MediaPlan) {
        var line = offered
        if line.namesKeyManagement("mikey") { throw MediaRefusal("e2e with MIKEY is not implemented") }
        if line.isTLS, refusesTLS { throw MediaRefusal("TLS is refused") }
        let leg: SecurityInfo.Leg
        if line.isTLS, answersPlain {
            line.isTLS = false
            line.paths = line.paths.map { $0.replacing("msrps:", with: "msrp:", maxReplacements: 1) }
            leg = .plain
        } else {
            leg = try self.leg(of: line)
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
        if cema, !line.hasCEMA, !names.match(line) {
            // RFC 6714 §4.3.
            throw MediaRefusal("c= and m= differ from the path, without CEMA")
        }
        // RFC 6714 §4.3: an offerer behind a relay that will be active cannot have CEMA.
        let offererIsActive = line.setup != .actpass && line.setup != .passive
        let usesCEMA = cema && line.hasCEMA && !(line.paths.count > 1 && offererIsActive)
        var plan = try settle(
            line, isActive: isActive, leg: leg, byConnectionLine: usesCEMA || style == .rcs, index: index)
        plan.direction = line.direction.reversed.limited(to: direction)
        var mine = self.line(
            isTLS: line.isTLS, setup: isActive ? .active : .passive, proposing: usesCEMA, in: empty)
        if style == .rcs || plan.direction != .sendrecv { mine.direction = plan.direction }
        return (mine, plan)
    }

    private func leg(of line: MSRPMedia) throws(MediaRefusal) -> SecurityInfo.Leg {
        if line.isTLS { return line.threeGE2AE == .applied ? .e2ae : .tls }
        if line.threeGE2AE == .applied { throw MediaRefusal("3ge2ae:applied on a line without TLS") }
        if policy == .automatic, isAgreed, style != .plain {
            throw MediaRefusal("both sides indicated e2ae, and the offer is without TLS")
        }
        return .plain
    }
}
